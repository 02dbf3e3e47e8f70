"""Pages are one file of well-formed HTML, with nothing from outside and all text escaped."""

import re
import xml.etree.ElementTree as ElementTree

import pytest

from bert_tf.report import page

_CURVES = {"loss": [(10, 0.7), (20, 0.5), (30, float("nan"))], "<eval>": [(30, 0.6)]}


def test_a_page_is_well_formed_and_self_contained(tmp_path):
    sections = [
        ("Scores & more", page.table(["set", "f1"], [["dev <1>", 0.12345], ["test", 3]])),
        ("Curves", page.curves(_CURVES)),
        ("Matrix", page.matrix(["yes", "<no>"], [[3, 1], [0, 2]])),
        ("Config", page.preformatted('{"a": "<b>"}')),
    ]
    page.write_page(str(tmp_path / "report.html"), "A <run>", sections)
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    ElementTree.fromstring(
        text.replace("<!doctype html>", "").replace('<meta charset="utf-8">', "")
    )
    assert not re.search(r"(src|href)=|@import|url\(", text)
    assert "dev &lt;1&gt;" in text
    assert "0.1235" in text
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


def test_curves_draw_every_finite_point_inside_the_frame():
    svg = page.curves(_CURVES)
    lines = re.findall(r'<polyline [^>]*points="([^"]*)"', svg)
    assert [len(line.split()) for line in lines] == [2, 1]
    for line in lines:
        for point in line.split():
            x, y = map(float, point.split(","))
            assert 0 < x < 720
            assert 0 < y < 260
    assert page.curves({"loss": []}) == "<p>No points.</p>"


@pytest.mark.parametrize("count", [1, 41])
def test_a_matrix_of_any_size_is_no_error(count):
    labels = [f"label {index}" for index in range(count)]
    shown = page.matrix(labels, [[1] * count for _ in labels])
    assert ("too many" in shown) == (count > 40)
