"""Writes docs/codes.md from the codes themselves; a test checks that the page is up to date."""

from __future__ import annotations

import sys
from pathlib import Path

from compile.emulator.codes import EMULATOR_CODES
from musl.report.codes import REPORT_CODES
from translator.analytic.codes import CODES
from translator.neural.codes import NEURAL_CODES

PAGE = Path(__file__).resolve().parent.parent / "docs" / "codes.md"
HEAD = """# Codes

Every reason in a report has a stable code and a place in the source (file:line:col). This page is written by
`scripts/write_codes.py`.

| code | meaning |
|---|---|
"""


def codes_page() -> str:
    """The page as Markdown."""
    rows = sorted({**CODES, **NEURAL_CODES, **EMULATOR_CODES, **REPORT_CODES}.items())
    return HEAD + "".join(f"| {code} | {meaning} |\n" for code, meaning in rows)


if __name__ == "__main__":
    if sys.argv[1:] == ["--check"]:
        sys.exit(PAGE.read_text() != codes_page())
    PAGE.write_text(codes_page())
