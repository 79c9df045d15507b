"""`open_browser`: a headless Chromium that looks at a report, for tests and pictures.

Needs the extra `dev`, Chromium and its driver; `musl report` itself needs none of them.
"""

from __future__ import annotations

import base64
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service

from musl.errors import MachineError

FLAGS = (
    "--headless",
    "--no-sandbox",  # as root, as in containers, Chromium's own sandbox does not start; the page is our own
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
)
BROWSERS, DRIVERS = ("chromium", "chromium-browser", "google-chrome"), ("chromedriver",)


@contextmanager
def open_browser() -> Iterator[Chrome]:
    """A Chromium with a fresh profile, ended at the end. MachineError where there is none."""
    browser, driver = _find(BROWSERS), _find(DRIVERS)
    with tempfile.TemporaryDirectory(prefix="musl-chromium-", ignore_cleanup_errors=True) as profile:
        options = ChromeOptions()
        options.binary_location = browser
        for flag in (*FLAGS, f"--user-data-dir={profile}"):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        opened = Chrome(options, Service(driver))
        try:
            yield opened
        finally:
            opened.quit()


def resize(browser: Chrome, width: int, height: int = 900, *, scale: float = 1.0) -> None:
    """The page's own size in CSS pixels (a window cannot be as narrow as a phone)."""
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": height, "deviceScaleFactor": scale, "mobile": False},
    )


def prefer(browser: Chrome, scheme: Literal["light", "dark"]) -> None:
    """Whether the page is to be light or dark."""
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})


def picture(browser: Chrome, path: Path, *, whole: bool = False) -> Path:
    """A picture of what is seen, or of the whole page, as PNG or WebP by the suffix of `path`."""
    kind = {".png": "png", ".webp": "webp"}[path.suffix]
    answer = browser.execute_cdp_cmd(
        "Page.captureScreenshot", {"format": kind, "captureBeyondViewport": whole, **_clip(browser, whole)}
    )
    path.write_bytes(base64.b64decode(answer["data"]))
    return path


def _clip(browser: Chrome, whole: bool) -> dict[str, object]:
    if not whole:
        return {}
    size = browser.execute_cdp_cmd("Page.getLayoutMetrics", {})["cssContentSize"]
    return {"clip": {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}}


def _find(names: tuple[str, ...]) -> str:
    found = next((path for name in names if (path := shutil.which(name))), None)
    if found is None:
        raise MachineError(f"no {names[0]} on this machine (apt-get install chromium chromium-driver)")
    return found
