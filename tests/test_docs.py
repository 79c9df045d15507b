"""Pages that are written by scripts are up to date, and what the pages name is there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from musl.cli import translate


def test_the_codes_page_is_up_to_date(repository: Path) -> None:
    run = subprocess.run([sys.executable, repository / "scripts" / "write_codes.py", "--check"], check=False)
    assert run.returncode == 0, "run scripts/write_codes.py"


def test_the_readme_names_every_option(repository: Path) -> None:
    hints = translate.__annotations__.values()
    options = {option for hint in hints for option in re.findall(r'"(--?[A-Za-z][\w-]*)"', str(hint))}
    readme = (repository / "README.md").read_text()
    assert len(options) > 15
    assert {option for option in options if option not in readme} == {"--output"}


def test_links_between_pages_lead_somewhere(repository: Path) -> None:
    for page in (repository / "README.md", repository / "CONTRIBUTING.md", *(repository / "docs").glob("*.md")):
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
