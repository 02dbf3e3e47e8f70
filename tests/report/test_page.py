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
    assert not re.search(r"(src|href)=[\"'](?!#)|@import|url\((?!#)", text)
    assert "dev &lt;1&gt;" in text
    assert "0.1235" in text
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


def test_curves_draw_every_finite_point_inside_the_frame():
    svg = page.curves(_CURVES)
    tree = ElementTree.fromstring(svg.removeprefix("<figure>").removesuffix("</figure>"))
    left, top, width, height = map(float, tree.attrib["viewBox"].split())
    marks = [
        [(float(use.attrib["x"]), float(use.attrib["y"])) for use in group.iter("use")]
        for group in tree.iter("g")
        if group.attrib.get("clip-path")
    ]
    assert [len(line) for line in marks] == [2, 1]
    for x, y in (point for line in marks for point in line):
        assert left < x < left + width and top < y < top + height
    assert page.curves({"loss": []}) == "<p>No points.</p>"


def test_charts_have_axes_with_ticks_in_the_colours_of_the_page():
    svg = page.curves({"accuracy": [(step, step / 100) for step in range(0, 100, 10)]})
    texts = re.findall(r"<text[^>]*>([^<]*)</text>", svg)
    assert {"step", "accuracy", "0", "20", "40"} <= set(texts)
    assert "var(--soft)" in svg and "var(--line)" in svg


def test_labels_are_not_cut_and_settings_are_folded():
    label = "a label of more than forty characters in one line"
    assert label in page.matrix([label, "no"], [[3, 1], [0, 2]])
    folded = page.folded("config", page.preformatted("<x>"))
    assert folded == "<details><summary>config</summary><pre>&lt;x&gt;</pre></details>"


@pytest.mark.parametrize("count", [1, 41])
def test_a_matrix_of_any_size_is_no_error(count):
    labels = [f"label {index}" for index in range(count)]
    shown = page.matrix(labels, [[1] * count for _ in labels])
    assert ("too many" in shown) == (count > 40)
