"""A headless Chromium that opens the pages of a test, driven by Selenium.

`Browser.find()` says where Chromium and its driver are. Neither is ever downloaded: CI installs
both from Debian (`chromium`, `chromium-driver`). A page can reach nothing outside of the machine.
"""

import base64
import json
import os
import pathlib
import shutil
from typing import Any, Self

DESKTOP, PHONE = 1280, 390  # pixels of a window
_HEIGHT = 900
_CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
_OPTIONS = (
    "--headless=new",
    "--no-sandbox",  # which does not work for root in a container
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--hide-scrollbars",
    "--host-resolver-rules=MAP * ~NOTFOUND",
)
_SEVERE = ("SEVERE", "WARNING")


class Browser:
    """One window of a browser. Use it in a `with` block, or as the fixture `browser`.

    Args:
      chromium, driver: paths of the two programs.
    """

    def __init__(self, chromium: str, driver: str):
        from selenium import webdriver
        from selenium.webdriver.chrome.service import Service

        options = webdriver.ChromeOptions()
        options.binary_location = chromium
        for option in _OPTIONS:
            options.add_argument(option)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self._driver = webdriver.Chrome(options=options, service=Service(driver))
        self._width = DESKTOP

    @staticmethod
    def find() -> tuple[str, str] | None:
        """Where Chromium and its driver are, or None; `BERT_TF_CHROMIUM` names another Chromium."""
        named = os.environ.get("BERT_TF_CHROMIUM")
        found = [shutil.which(name) for name in ([named] if named else _CHROMIUM)]
        chromium, driver = next(filter(None, found), None), shutil.which("chromedriver")
        return (chromium, driver) if chromium and driver else None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error):
        self._driver.quit()

    def open(self, path: str | os.PathLike, *, width: int = DESKTOP, dark: bool = False) -> None:
        """Opens a page of the disk.

        Args:
          path: the HTML file.
          width: of the window, in pixels; below 600 it is that of a phone.
          dark: whether the reader likes dark pages.
        """
        self._width = width
        size = {"width": width, "height": _HEIGHT, "deviceScaleFactor": 1, "mobile": width < 600}
        self._command("Emulation.setDeviceMetricsOverride", size)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._command("Emulation.setEmulatedMedia", {"media": "screen", "features": [scheme]})
        self.messages()  # those of the page before
        self._driver.get(pathlib.Path(path).absolute().as_uri())

    def messages(self) -> list[str]:
        """Errors and warnings of the console since the last call, uncaught exceptions included."""
        entries = self._driver.get_log("browser")
        return [entry["message"] for entry in entries if entry["level"] in _SEVERE]

    def run(self, script: str, *values: Any) -> Any:
        """What the body of a JavaScript function returns; `arguments` are the values."""
        return self._driver.execute_script(script, *values)

    def texts(self, selector: str) -> list[str]:
        """The text of every visible element that a CSS selector finds."""
        return self.run(
            "return [...document.querySelectorAll(arguments[0])]"
            ".filter(one => one.getClientRects().length).map(one => one.innerText.trim())",
            selector,
        )

    def click(self, selector: str, number: int = 0) -> None:
        """Clicks on the element of that number among those that a CSS selector finds."""
        element = self._driver.find_elements("css selector", selector)[number]
        self.run("arguments[0].scrollIntoView({block: 'center'})", element)
        element.click()

    def write(self, selector: str, text: str) -> None:
        """Types into the first field that a CSS selector finds, in place of what it holds."""
        element = self._driver.find_element("css selector", selector)
        element.clear()
        element.send_keys(text)

    def choose(self, selector: str, text: str) -> None:
        """Chooses an option of the first list that a CSS selector finds."""
        from selenium.webdriver.support.select import Select

        Select(self._driver.find_element("css selector", selector)).select_by_visible_text(text)

    def press(self, *keys: str) -> None:
        """Presses keys, such as "TAB", "ENTER" or "a", where the focus is."""
        from selenium.webdriver import ActionChains, Keys

        actions = ActionChains(self._driver)
        for key in keys:
            actions.send_keys(getattr(Keys, key, key))
        actions.perform()

    def overflow(self) -> int:
        """By how many pixels the page is wider than the window; 0: it does not scroll sideways."""
        wide = self.run("return document.documentElement.scrollWidth")
        return max(0, wide - self._width)

    def screenshot(self, path: str | os.PathLike) -> None:
        """Writes the whole page, as it is, as a PNG."""
        found = self._command("Page.captureScreenshot", {"captureBeyondViewport": True})
        pathlib.Path(path).write_bytes(base64.b64decode(found["data"]))

    def printed(self) -> bytes:
        """The page on paper, as a PDF."""
        return base64.b64decode(self._command("Page.printToPDF", {})["data"])

    def embedded(self, selector: str) -> Any:
        """The JSON that stands in an element of the page."""
        return json.loads(
            self.run("return document.querySelector(arguments[0]).textContent", selector)
        )

    def _command(self, name: str, values: dict[str, Any]) -> Any:
        return self._driver.execute_cdp_cmd(name, values)
