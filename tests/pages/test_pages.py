"""Every page loads without errors, fits on a desktop and on a phone, and holds nothing foreign."""

import pytest

from tests.pages.browser import PHONE
from tests.pages.checks import check_html, check_shown
from tests.pages.pages import PAGES


@pytest.fixture(scope="module", params=list(PAGES))
def path(request, tmp_path_factory):
    return PAGES[request.param](tmp_path_factory.mktemp(request.param))


def test_the_file_is_well_formed_and_has_all_it_needs(path):
    check_html(path)


def test_it_is_shown_without_errors_and_without_sideways_scrolling(browser, path):
    check_shown(browser, path)


@pytest.mark.parametrize(
    ("html", "message"),
    [
        ("<p>Hello</p><script>undefined_name()</script>", "undefined_name"),
        ("<img src='https://example.org/a.png'/>", "example.org"),
        ("<p style='width: 1000px'>wide</p>", ""),
    ],
)
def test_the_browser_notices(browser, tmp_path, html, message):
    wrong = tmp_path / "wrong.html"
    head = '<meta charset="utf-8"/><meta name="viewport" content="width=device-width"/>'
    wrong.write_text(
        f'<!doctype html><html lang="en"><head>{head}</head><body>{html}</body></html>'
    )
    browser.open(wrong, width=PHONE)
    found = browser.messages()
    assert any(message in one for one in found) if message else browser.overflow() > 0
    with pytest.raises(AssertionError):
        check_shown(browser, wrong)
