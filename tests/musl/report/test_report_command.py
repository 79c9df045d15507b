"""`musl report` on the command line, and the page as a file."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
from synthetic_run import Synthetic, write_synthetic_run

import musl
from musl.errors import UsageError

HOSTILE = "</script><script>document.title = 'owned'</script><img src=x onerror=alert(1)>&amp;\u2028"


def musl_report(*arguments: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    code = "import musl.cli; musl.cli.main()"
    words = [sys.executable, "-c", code, "report", *map(str, arguments)]
    return subprocess.run(words, capture_output=True, text=True, check=False, cwd=cwd)


class Elements(HTMLParser):
    """Counts elements, and keeps whatever would be fetched."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.names: list[str] = []
        self.fetched: list[str] = []
        self.identities: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        for name, value in attrs:
            if name == "id":
                self.identities.append(value or "")
            if name in ("src", "srcset", "action", "data") or (
                name.endswith("href") and not (value or "").startswith("#")
            ):
                self.fetched.append(f"{tag} {name}={value}")


def test_the_page_fetches_nothing(two_page: Path) -> None:
    text = two_page.read_text()
    elements = Elements(text)
    assert elements.fetched == []
    assert not {"link", "iframe", "img", "object"} & set(elements.names)
    assert not re.search(r"@import|url\((?!#)", text)
    assert "default-src 'none'" in html.unescape(text)


def test_no_identity_is_given_twice(two_page: Path) -> None:
    identities = Elements(two_page.read_text()).identities
    assert len(identities) == len(set(identities)) > 50


def test_hostile_code_and_names_stay_text(tmp_path: Path) -> None:
    run = write_synthetic_run(tmp_path / "<b>run", Synthetic(), name=HOSTILE, source=HOSTILE, translation=HOSTILE)
    text = musl.make_report([run], tmp_path / "page.html").read_text()
    names = Elements(text).names
    assert names.count("script") == 3
    assert "img" not in names
    assert "b" not in names
    assert text.count("owned") == 3
    index, details = re.findall(r'<script type="application/json" id="[\w-]+">(.*?)</script>', text, re.DOTALL)
    assert json.loads(index)["benchmarks"][0]["problems"][0][1] == HOSTILE
    assert HOSTILE in [text for text, *_ in json.loads(details)["texts"]]


def test_equal_texts_are_stored_once(tmp_path: Path) -> None:
    run = write_synthetic_run(tmp_path / "run", Synthetic(problems=1, samples=10))
    page = musl.make_report([run, run], tmp_path / "page.html").read_text()
    assert page.count("// sample wrong of problem 0") == 1


def test_the_same_runs_give_the_same_bytes(tmp_path: Path, two_runs: list[Path], two_page: Path) -> None:
    assert musl.make_report(two_runs, tmp_path / "again.html").read_bytes() == two_page.read_bytes()


def test_the_page_says_that_published_problems_are_others(two_page: Path, tmp_path: Path) -> None:
    assert "Not the same problems." in two_page.read_text()
    many = write_synthetic_run(tmp_path / "many", Synthetic(problems=233, samples=1))
    assert "Perhaps not the same problems." in musl.make_report([many], tmp_path / "many.html").read_text()
    back = write_synthetic_run(tmp_path / "back", Synthetic(direction="cuda2c"))
    assert "no published figures for this direction" in musl.make_report([back], tmp_path / "back.html").read_text()


def test_the_command_writes_the_page_and_says_so(tmp_path: Path, one_run: Path) -> None:
    done = musl_report(one_run, "-o", tmp_path / "page.html")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"wrote {tmp_path / 'page.html'}\n", "")
    assert (tmp_path / "page.html").read_text().startswith("<!DOCTYPE html>")
    done = musl_report(one_run, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "wrote report.html\n")


def test_a_table_is_printed_and_no_page_written_unless_asked_for(tmp_path: Path, one_run: Path) -> None:
    done = musl_report(one_run, "--json", cwd=tmp_path)
    assert done.returncode == 0
    assert {row["run"] for row in json.loads(done.stdout)} == {"one"}
    assert list(tmp_path.iterdir()) == []
    done = musl_report(one_run, "--csv", "-o", "page.html", cwd=tmp_path)
    assert done.stdout.startswith("run,benchmark,")
    assert (done.returncode, done.stderr) == (0, "wrote page.html\n")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["."], "holds no run of `musl eval`"),
        (["absent"], "absent: holds no run of `musl eval`"),
        (["RUN", "--csv", "--latex"], "only one of --csv, --json and --latex"),
        (["RUN", "-o", "."], "is a directory"),
        (["RUN", "-o", "absent/page.html"], "cannot be written"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_2(tmp_path: Path, one_run: Path, arguments: list[str], says: str) -> None:
    done = musl_report(*(one_run if word == "RUN" else word for word in arguments), cwd=tmp_path)
    assert done.returncode == 2
    assert says in done.stderr
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


def test_make_report_refuses_a_folder_that_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds no run"):
        musl.make_report([tmp_path], tmp_path / "page.html")
    assert list(tmp_path.iterdir()) == []


def test_tests_that_tell_nothing_are_named(tmp_path: Path, one_run: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(one_run, run)
    items = [json.loads(line) for line in (run / "items.jsonl").read_text().splitlines()]
    silent = {"difficulty": None, "discrimination": None}
    for test, changes in enumerate(({"failed": 0}, {"failed": 10}, {"given": 0, "failed": 0})):
        items[test] |= silent | changes
    (run / "items.jsonl").write_text("".join(f"{json.dumps(item)}\n" for item in items))
    text = musl.make_report([run], tmp_path / "page.html").read_text()
    assert "14 tests tell nothing apart" in text
    assert '<tr><td><a href="#case-0">0</a></td><td>1</td><td>2</td><td>3</td></tr>' in text
