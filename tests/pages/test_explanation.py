"""What readers do on the pages of explained answers and of attention."""

import pytest

from tests.pages import made_explanations
from tests.pages.browser import PHONE


@pytest.fixture(scope="module")
def explained(tmp_path_factory):
    return made_explanations.explained(tmp_path_factory.mktemp("explained"))


@pytest.fixture(scope="module")
def attention(tmp_path_factory):
    return made_explanations.attention(tmp_path_factory.mktemp("attention"))


def _numbers(browser):
    return [text.split()[0] for text in browser.texts(".case header")]


def test_answers_are_filtered_and_sorted(browser, explained):
    browser.open(explained)
    assert _numbers(browser) == ["1", "2", "3", "4"]
    assert browser.texts("#shown") == ["4 of 4 answers"]
    browser.choose("#order", "most certain first")
    assert _numbers(browser) == ["4", "3", "2", "1"]
    browser.choose("#answer", "label 0")
    assert _numbers(browser) == ["3", "1"]
    browser.write("#find", "SCRIPT")
    assert _numbers(browser) == ["1"]
    assert browser.texts("#shown") == ["1 of 4 answers"]
    assert browser.messages() == []


def test_another_method_has_other_colours(browser, explained):
    browser.open(explained)
    words = "[...document.querySelectorAll('.case .w')]"
    shares = f"return {words}.map(word => word.style.getPropertyValue('--p'))"
    assert [float(share) for share in browser.run(shares)] == [1.0, -1.0, 1.0, 1.0]
    browser.choose("#method", "attention rollout")
    assert [float(share) for share in browser.run(shares)] == [1.0] * 4
    assert browser.run("return document.querySelectorAll('.case .against').length") == 0


def test_text_with_a_script_is_read_as_text(browser, explained):
    browser.open(explained)
    assert "<script>alert('no')</script>" in browser.texts(".text")[0]


def test_right_to_left_text_begins_on_the_right(browser, explained):
    browser.open(explained)
    direction = (
        "return getComputedStyle(document.querySelectorAll('.text')[arguments[0]]).direction"
    )
    assert [browser.run(direction, number) for number in range(4)] == ["ltr", "ltr", "rtl", "ltr"]


@pytest.mark.parametrize("width", [1280, PHONE])
def test_a_click_on_a_head_shows_it(browser, attention, width):
    browser.open(attention, width=width)
    averages = browser.embedded("#averages")
    assert len(averages) == browser.run("return document.querySelectorAll('#heads button').length")
    browser.click("#heads button", 1)
    (said,) = browser.texts("#said")
    assert said.startswith("Layer 1, head 2: from")
    assert f"distance {averages[1]['distance']:.2f}" in said
    assert "100.0 %" in said  # it attends to itself alone
    assert browser.messages() == []


def test_the_matrix_is_that_of_the_head(browser, attention):
    browser.open(attention)
    browser.click("#heads button", 1)
    alphas = browser.run(
        "const c = document.getElementById('matrix');"
        "const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;"
        "return [c.width, ...Array.from({length: 25}, (_, i) => d[4 * i + 3])]"
    )
    assert alphas[0] == 5
    assert alphas[1:] == [255 if place % 6 == 0 else 0 for place in range(25)]


def test_cells_show_a_statistic_of_the_json(browser, attention):
    browser.open(attention)
    averages = browser.embedded("#averages")
    browser.choose("#cell", "entropy (mean of all texts)")
    assert browser.texts("#heads button") == [f"{one['entropy']:.2f}" for one in averages]


def test_a_long_text_says_what_is_left_out_of_it(browser, attention):
    browser.open(attention)
    assert browser.texts("#kept") == [""] or browser.texts("#kept") == []
    texts = browser.embedded("#texts")
    browser.run("document.getElementById('text').value = 1; arguments[0]", 0)
    browser.run("document.getElementById('text').dispatchEvent(new Event('change'))")
    (said,) = browser.texts("#kept")
    assert said.startswith(f"Of each token the {texts[1]['kept']} largest weights")
    assert browser.messages() == []


def test_arrow_keys_move_from_head_to_head_and_from_token_to_token(browser, attention):
    browser.open(attention)
    browser.click("#heads button", 0)
    browser.press("ARROW_DOWN", "ARROW_RIGHT")
    assert browser.texts("#said")[0].startswith("Layer 2, head 2:")
    browser.press("TAB", "ARROW_DOWN", "ARROW_DOWN", "ARROW_DOWN", "ARROW_DOWN")
    assert "from [SEP]" in browser.texts("#said")[0]
