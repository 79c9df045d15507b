"""The page in a real browser: it lists, filters, sorts and opens functions with no server and no network."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.select import Select
from synthetic_run import FAILURES, Synthetic, write_synthetic_run

from musl import make_report
from musl.report.browser import prefer

Open = Callable[..., Chrome]
HOSTILE = (
    "</script><script>document.title = 'owned'</script><img src=x onerror=\"document.title = 'owned'\">"
    "\u2028 é\N{GRINNING FACE} x"
)


def find(chromium: Chrome | WebElement, selector: str) -> WebElement:
    return chromium.find_element(By.CSS_SELECTOR, selector)


def texts(chromium: Chrome | WebElement, selector: str) -> list[str]:
    return [str(element.get_property("textContent")) for element in chromium.find_elements(By.CSS_SELECTOR, selector)]


def ids(chromium: Chrome) -> list[str]:
    return texts(chromium, "tr.case .id")


def choose(chromium: Chrome, name: str, value: str) -> None:
    Select(find(chromium, f"[name={name}]")).select_by_value(value)


def messages(chromium: Chrome) -> list[str]:
    return [entry["message"] for entry in chromium.get_log("browser")]


def test_all_functions_are_listed_and_nothing_is_complained_about(visit: Open, two_page: Path) -> None:
    chromium = visit(two_page)
    assert ids(chromium) == [str(number) for number in range(12)]
    assert find(chromium, ".count").text == "12 of 12 functions"
    assert messages(chromium) == []
    fetched = chromium.execute_script("return performance.getEntriesByType('resource').map((entry) => entry.name)")
    assert fetched == []


def test_functions_are_found_by_text(visit: Open, two_page: Path) -> None:
    chromium = visit(two_page)
    find(chromium, "[name=text]").send_keys("_11")
    assert ids(chromium) == ["11"]
    assert find(chromium, ".count").text == "1 of 12 functions"
    find(chromium, "[type=reset]").click()
    chromium.execute_async_script("setTimeout(arguments[0], 20)")
    assert len(ids(chromium)) == 12


def test_functions_are_filtered_by_outcome_and_opened_at_a_sample_that_has_it(visit: Open, two_page: Path) -> None:
    chromium = visit(two_page)
    choose(chromium, "outcome", "i")
    shown = ids(chromium)
    assert "0" in shown
    assert 0 < len(shown) < 12
    assert all("infrastructure" in words for words in texts(chromium, "tr.case .words"))
    find(chromium, "#case-0 button").click()
    assert find(chromium, "#case-0-part .verdict").text.startswith("infrastructure")


def test_functions_are_filtered_by_bad_pairs_and_parameter_lists(visit: Open, two_page: Path) -> None:
    chromium = visit(two_page)
    choose(chromium, "pairs", "b")
    assert ids(chromium) == ["4"]
    choose(chromium, "pairs", "sound")
    assert len(ids(chromium)) == 11
    choose(chromium, "pairs", "d")
    assert ids(chromium) == ["3", "10"]


def test_columns_sort_up_and_down_and_say_so(visit: Open, two_page: Path) -> None:
    chromium = visit(two_page)
    heading = "table.functions thead th:nth-child(3)"
    find(chromium, f"{heading} button").click()
    assert find(chromium, heading).get_attribute("aria-sort") == "descending"
    assert rates(chromium) == sorted(rates(chromium), reverse=True)
    find(chromium, f"{heading} button").click()
    assert find(chromium, heading).get_attribute("aria-sort") == "ascending"
    assert rates(chromium) == sorted(rates(chromium))
    assert len(set(rates(chromium))) > 2


def rates(chromium: Chrome) -> list[float]:
    """The shares of samples that pass, as the third column says them."""
    words = [text.split() for text in texts(chromium, "tr.case td:nth-child(3)")]
    return [int(passed) / int(tried) for passed, _, tried in words]


def test_published_figures_sort_within_their_group(visit: Open, two_page: Path) -> None:
    chromium = visit(two_page)
    find(chromium, "table.figures thead th:nth-child(2) button").click()
    first = find(chromium, "table.figures tbody:nth-of-type(2) tr.published th").text
    assert first.startswith("Llama3-8B-Instruct + MuSL")
    assert len(texts(chromium, "table.figures tbody:nth-of-type(1) tr")) == 4


def test_a_function_shows_both_sides_the_counterexample_and_the_tests(visit: Open, two_page: Path) -> None:
    part = find(visit(two_page, f"#case-0/run-1/sample-{FAILURES.index('wrong')}"), "#case-0-part")
    assert find(part, ".verdict").text.split()[:2] == ["wrong", "different:"]
    source, translation = texts(part, "pre")
    assert source.startswith("void synthetic_")
    assert "\n  for (" in source
    assert translation.startswith("// sample wrong of problem 0\n__global__ void")
    assert "__global__" in texts(part, "pre .k")
    assert "out[3], got" in texts(part, ".differs th")
    assert "-nan" in texts(part, ".differs td")
    assert texts(part, ".evidence td")[:2] == ["float[4] {0, 0, 0, 0}", "float[4] {1, 2, 3, 4}"]
    assert len(texts(part, ".call")) == 5


def test_a_fault_shows_its_place_and_marks_the_line(visit: Open, two_page: Path) -> None:
    part = find(visit(two_page, f"#case-0/run-1/sample-{FAILURES.index('bounds')}"), "#case-0-part")
    assert "candidate.cu:6" in part.text
    assert "thread (4,0,0)" in part.text
    assert texts(part, ".line.fault")[0].strip().startswith("float left")


def test_the_reason_is_said_where_only_the_parameter_list_differs(visit: Open, tmp_path: Path) -> None:
    run = write_synthetic_run(tmp_path / "run", Synthetic(problems=40))
    chromium = visit(make_report([run], tmp_path / "page.html"))
    choose(chromium, "outcome", "+signature")
    assert ids(chromium) and set(ids(chromium)) <= {"3", "10", "17", "24", "31", "38"}
    find(chromium, "tr.case button").click()
    assert "Fails only because of its parameter list. takes (float *, int)" in find(chromium, ".part").text
    assert "fail only because of the parameter list" in find(chromium, "#outcomes").text


def test_samples_and_runs_are_picked_and_the_address_follows(visit: Open, two_page: Path) -> None:
    chromium = visit(two_page, "#case-0")
    assert find(chromium, "#case-0-part .verdict").text.startswith("passed")
    find(chromium, "#case-0-part [data-place='2']").click()
    assert find(chromium, "#case-0-part .verdict").text.startswith("compile")
    assert chromium.current_url.endswith("#case-0/run-1/sample-2")
    assert chromium.switch_to.active_element.text == "2"
    find(chromium, "#case-0-part [data-run='1']").click()
    assert chromium.current_url.endswith("#case-0/run-2")


def test_a_function_is_opened_and_closed_by_keyboard(visit: Open, two_page: Path) -> None:
    chromium = visit(two_page)
    button = find(chromium, "#case-5 button")
    button.send_keys(Keys.ENTER)
    assert button.get_attribute("aria-expanded") == "true"
    assert find(chromium, "#case-5-part").is_displayed()
    button.send_keys(Keys.ENTER)
    assert button.get_attribute("aria-expanded") == "false"
    assert chromium.find_elements(By.CSS_SELECTOR, "#case-5-part") == []


def test_an_address_leads_to_a_function_that_filters_would_hide(visit: Open, two_page: Path) -> None:
    chromium = visit(two_page)
    find(chromium, "[name=text]").send_keys("nothing")
    assert ids(chromium) == []
    chromium.execute_script("location.hash = '#case-7'")
    chromium.execute_async_script("setTimeout(arguments[0], 50)")
    assert find(chromium, "#case-7-part").is_displayed()


def test_hostile_text_is_shown_as_it_is(visit: Open, tmp_path: Path) -> None:
    run = write_synthetic_run(tmp_path / "<i>run", Synthetic(), name=HOSTILE, source=HOSTILE, translation=HOSTILE)
    chromium = visit(make_report([run], tmp_path / "page.html"), "#case-0")
    assert texts(chromium, "#case-0-part pre") == [HOSTILE, HOSTILE]
    assert "owned" not in chromium.title
    assert find(chromium, "h1").text == "<i>run"
    assert chromium.find_elements(By.CSS_SELECTOR, "img, h1 i") == []
    assert messages(chromium) == []


@pytest.mark.parametrize("width", [360, 768, 1200])
def test_no_width_scrolls_the_page_sideways(visit: Open, two_page: Path, width: int) -> None:
    chromium = visit(two_page, "#case-0", width)
    assert chromium.execute_script("return document.documentElement.scrollWidth") <= width
    code = find(chromium, "#case-0-part pre")
    assert chromium.execute_script("return getComputedStyle(arguments[0]).overflowX", code) == "auto"


def test_dark_and_light_are_the_readers_choice(visit: Open, two_page: Path) -> None:
    chromium = visit(two_page)
    colour = "return getComputedStyle(document.body).backgroundColor"
    stroke = "return getComputedStyle(document.querySelector('svg.chart text')).fill"
    light = chromium.execute_script(colour), chromium.execute_script(stroke)
    prefer(chromium, "dark")
    dark = chromium.execute_script(colour), chromium.execute_script(stroke)
    assert light == ("rgb(253, 253, 252)", "rgb(29, 32, 35)")
    assert dark == ("rgb(21, 24, 26)", "rgb(228, 230, 230)")


def test_it_prints_without_controls(visit: Open, two_page: Path) -> None:
    chromium = visit(two_page, "#case-0")
    chromium.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    try:
        shown = [
            find(chromium, selector).is_displayed()
            for selector in (".controls", "nav", "#case-0-part pre", "#headline")
        ]
    finally:
        chromium.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
    assert shown == [False, False, True, True]
    assert base64.b64decode(chromium.execute_cdp_cmd("Page.printToPDF", {})["data"]).startswith(b"%PDF")


def test_runs_over_different_benchmarks_share_a_page(visit: Open, tmp_path: Path, one_run: Path) -> None:
    back = write_synthetic_run(
        tmp_path / "back", Synthetic(problems=3, direction="cuda2c", digest="6" * 64, name="other")
    )
    chromium = visit(make_report([one_run, back], tmp_path / "page.html"))
    assert len(ids(chromium)) == 12
    choose(chromium, "benchmark", "1")
    assert ids(chromium) == ["0", "1", "2"]
    chromium.execute_script("location.hash = '#case-b2-1'")
    chromium.execute_async_script("setTimeout(arguments[0], 50)")
    assert texts(chromium, ".side header strong") == ["CUDA", "C"]
