"""Pages that are written by scripts are up to date, and what the pages name is there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path


def test_the_codes_page_is_up_to_date(repository: Path) -> None:
    run = subprocess.run([sys.executable, repository / "scripts" / "write_codes.py", "--check"], check=False)
    assert run.returncode == 0, "run scripts/write_codes.py"


def test_the_readme_names_every_option(repository: Path) -> None:
    code = "from musl.cli import translate_main; translate_main()"
    run = subprocess.run([sys.executable, "-c", code, "--help"], capture_output=True, text=True, check=True)
    options = set(re.findall(r"^  (?:-o, --output|(-\w|--[\w-]+))", run.stdout, re.MULTILINE)) - {"", "-h"}
    readme = (repository / "README.md").read_text()
    assert len(options) > 15
    assert [option for option in options if f"`{option}" not in readme] == []


def test_links_between_pages_lead_somewhere(repository: Path) -> None:
    for page in (repository / "README.md", repository / "CONTRIBUTING.md", *(repository / "docs").glob("*.md")):
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
