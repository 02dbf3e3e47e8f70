"""What holds for every page, with and without a browser."""

import os
import pathlib
import re
import xml.etree.ElementTree as ElementTree

from tests.pages.browser import DESKTOP, PHONE, Browser

_MOST_BYTES = 2 * 2**20
_OUTSIDE = re.compile(r"(?:src|href)=[\"'](?!#|data:)|@import|url\((?!#|data:)")
# Scripts and JSON are no XML: they hold `<` and `&` as they are.
_SCRIPT = re.compile(r"(<script[^>]*>).*?(</script>)", re.DOTALL)
_ENTITIES = {"&nbsp;": " ", "<!doctype html>": ""}
_NAMED = ("aria-label", "aria-labelledby", "title")


def check_html(path: str | os.PathLike) -> None:
    """Checks the file of a page: well-formed, small, nothing from outside, readable aloud."""
    text = pathlib.Path(path).read_text(encoding="utf-8")
    assert len(text.encode()) < _MOST_BYTES
    assert not _OUTSIDE.search(_SCRIPT.sub(r"\1\2", text))
    tree = ElementTree.fromstring(_as_xml(text))
    assert tree.attrib["lang"]
    assert len(list(tree.iter("h1"))) == 1
    identities = [one.attrib["id"] for one in tree.iter() if "id" in one.attrib]
    assert len(identities) == len(set(identities))
    labelled = {one.attrib.get("for") for one in tree.iter("label")}
    inside = {id(one) for label in tree.iter("label") for one in label.iter()}
    for one in tree.iter():
        has_name = any(one.attrib.get(name) for name in _NAMED)
        shown = f"<{one.tag} {one.attrib}>"
        if one.tag in ("input", "select", "textarea"):
            assert has_name or one.attrib.get("id") in labelled or id(one) in inside, shown
        if one.tag == "button":
            assert has_name or "".join(one.itertext()).strip(), shown
        if one.tag == "svg":
            assert has_name or one.attrib.get("aria-hidden"), shown


def _as_xml(text: str) -> str:
    for name, stands_for in _ENTITIES.items():
        text = text.replace(name, stands_for)
    return _SCRIPT.sub(r"\1\2", text)


def check_shown(browser: Browser, path: str | os.PathLike) -> None:
    """Checks a page in the browser: no errors, no sideways scrolling; it can be printed."""
    for width in (DESKTOP, PHONE):
        for dark in (False, True):
            browser.open(path, width=width, dark=dark)
            assert browser.messages() == []
            assert browser.overflow() == 0, f"{path} at {width} pixels"
    assert browser.printed().startswith(b"%PDF")
