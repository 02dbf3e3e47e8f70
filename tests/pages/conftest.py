"""The browser of the tests of this folder; they are skipped where there is none."""

import pytest

from tests.pages.browser import Browser


@pytest.fixture(scope="session")
def browser():
    """A `Browser`, one for all tests. CI installs Chromium (.ci/run), so there they are run."""
    found = Browser.find()
    if found is None:
        pytest.skip("no chromium with chromedriver here; on Debian: apt install chromium-driver")
    with Browser(*found) as browser:
        yield browser
