"""Synthetic runs, their pages, and a Chromium to look at them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from selenium.common.exceptions import WebDriverException
from selenium.webdriver import Chrome
from synthetic_run import Synthetic, write_synthetic_run

from musl.errors import MachineError
from musl.report.browser import open_browser, prefer, resize
from musl.report.page import make_report

Open = Callable[..., Chrome]


@pytest.fixture(scope="session")
def one_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a synthetic run."""
    return write_synthetic_run(tmp_path_factory.mktemp("run") / "one", Synthetic(problems=12))


@pytest.fixture(scope="session")
def two_runs(tmp_path_factory: pytest.TempPathFactory, one_run: Path) -> list[Path]:
    """Two runs over the same problems, the second much better."""
    better = Synthetic(problems=12, seed=1, skill=4.0)
    return [one_run, write_synthetic_run(tmp_path_factory.mktemp("run") / "two", better)]


@pytest.fixture(scope="session")
def two_page(tmp_path_factory: pytest.TempPathFactory, two_runs: list[Path]) -> Path:
    """Their report."""
    return make_report(two_runs, tmp_path_factory.mktemp("page") / "two.html")


@pytest.fixture(scope="session")
def chromium() -> Iterator[Chrome]:
    """A headless Chromium, one for all tests; skips where there is none."""
    try:
        with open_browser() as browser:
            yield browser
    except (MachineError, WebDriverException) as error:
        pytest.skip(f"no Chromium can be started: {str(error).splitlines()[0]}")


@pytest.fixture
def visit(chromium: Chrome) -> Open:
    """Opens a page (at a place in it) at a width, light, as if for the first time."""

    def opened(page: Path, place: str = "", width: int = 1200) -> Chrome:
        prefer(chromium, "light")
        resize(chromium, width)
        chromium.get("about:blank")
        chromium.get(page.as_uri() + place)
        return chromium

    return opened
