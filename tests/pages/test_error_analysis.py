"""The error page shows the numbers of its JSON, and sorts and filters as its reader asks."""

import pytest

from tests.pages import pages
from tests.pages.browser import PHONE


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    return pages.error_analysis(tmp_path_factory.mktemp("errors")), pages.made_errors()


@pytest.fixture
def opened(browser, shown):
    browser.open(shown[0])
    return browser, shown[1]["sets"]["dev"]


def _rows(browser, table, columns=None):
    """The text of the visible cells of a table, row by row."""
    cells = browser.run(
        "return [...document.querySelector(arguments[0]).tBodies[0].rows]"
        ".filter(row => !row.hidden).map(row => [...row.cells].map(cell => cell.textContent))",
        table,
    )
    return [[row[column] for column in columns] for row in cells] if columns else cells


def test_the_numbers_are_those_of_the_json(opened):
    browser, found = opened
    expected = [
        [one["label"], *(f"{one[key]:.4f}" for key in ("precision", "recall", "f1"))]
        + [str(one["support"]), str(one["answered"])]
        for one in found["labels"]
    ]
    assert _rows(browser, "#labels-dev") == expected
    slices = _rows(browser, "#slices-dev", [0, 1, 2, 3])
    assert slices == [
        [one["by"], one["slice"], f"{one['rows']:,}", f"{one['score']:.4f}"]
        for one in found["slices"]
    ]
    assert f"{found['reliability']['error']:.4f}" in browser.texts(".tiles b")
    assert len(_rows(browser, "#mistakes-dev")) == len(found["mistakes"])


def test_a_click_on_a_heading_sorts_and_a_second_one_turns_it_round(opened):
    browser, found = opened
    for times, reverse in ((1, True), (2, False)):
        browser.click("#labels-dev th:nth-child(4) button")
        f1 = [one["f1"] for one in sorted(found["labels"], key=lambda one: one["f1"])]
        shown = [float(row[3]) for row in _rows(browser, "#labels-dev")]
        assert shown == pytest.approx(sorted(f1, reverse=reverse), abs=1e-4), times
    said = browser.run(
        "return [...document.querySelectorAll('#labels-dev th')].map(one => one.ariaSort)"
    )
    assert said == ["none", "none", "none", "ascending", "none", "none"]


def test_the_keyboard_sorts_too(opened):
    browser, found = opened
    browser.run("document.querySelector('#labels-dev th:nth-child(5) button').focus()")
    browser.press("ENTER")
    support = [int(row[4]) for row in _rows(browser, "#labels-dev")]
    assert support == sorted((one["support"] for one in found["labels"]), reverse=True)


def test_words_and_choices_filter_the_mistakes(opened):
    browser, found = opened
    form = "form[data-table='mistakes-dev']"
    browser.write(f"{form} input", "hardly")
    expected = [one for one in found["mistakes"] if "hardly" in one["text"]]
    assert 0 < len(expected) < len(found["mistakes"])
    assert len(_rows(browser, "#mistakes-dev")) == len(expected)
    browser.choose(f"{form} select", "good")
    expected = [one for one in expected if one["expected"] == "good"]
    assert len(_rows(browser, "#mistakes-dev")) == len(expected)
    (said,) = browser.texts(f"{form} output")
    assert said == f"{len(expected)} of {len(found['mistakes'])} shown"


def test_a_script_in_a_text_is_text(opened):
    browser, found = opened
    texts = [row[-2] for row in _rows(browser, "#mistakes-dev")]
    assert texts == [one["text"] for one in found["mistakes"]]
    assert any("<script>alert('x')</script>" in text for text in texts)
    assert browser.run("return document.scripts.length") == 1


def test_entities_are_marked_in_their_sentence(opened):
    browser, _ = opened
    marked = browser.run(
        "return [...document.querySelectorAll('#mistakes-tags mark')].map(one => one.textContent)"
    )
    assert {"Paris", "Ann Lee", "nobody"} <= set(marked)


def test_on_a_phone_every_mistake_is_a_card_with_the_names_of_its_parts(browser, shown):
    browser.open(shown[0], width=PHONE)
    style = browser.run(
        "const cell = document.querySelector('#mistakes-dev td');"
        "return [getComputedStyle(cell).display, getComputedStyle(cell, '::before').content]"
    )
    assert style == ["block", '"confidence: "']


def test_behaviour_tests_are_sorted_and_their_failures_are_chosen_by_test(browser, tmp_path):
    browser.open(pages.checks(tmp_path))
    results = pages.made_checks()
    shown = _rows(browser, "#checks", [0, 3, 4])
    assert shown == [
        [one["name"], str(one["failures"]), f"{one['failure_rate']:.4f}"] for one in results
    ]
    browser.click("#checks th:nth-child(4) button")
    assert [row[3] for row in _rows(browser, "#checks")] == ["3", "2", "0"]
    browser.choose("form[data-table='failures'] select", "praise <is> good")
    assert [row[0] for row in _rows(browser, "#failures")] == ["praise <is> good"] * 2
