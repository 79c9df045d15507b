"""`laid_out`: lines and indentation for what a model wrote without any.

A model whose vocabulary has a token per lexical token (data/tokens/lexical_vocabulary.py) reads and writes no layout.
Its kernel stands in a file that people read, so clang-format lays it out.
"""

from __future__ import annotations

import subprocess
from functools import cache
from pathlib import Path

_STYLE = "{BasedOnStyle: LLVM, IndentWidth: 4, ColumnLimit: 110, PointerAlignment: Right}"
_LONG = 100  # characters in one line that no person writes a function in
_SECONDS = 10.0


def laid_out(text: str) -> str:
    """The text with a layout if it has none, else as it is: a model that knows lines is not corrected. A text that
    clang-format cannot lay out in time stays as it is, too: it is the same program."""
    body = text.strip()
    if "\n" in body or len(body) < _LONG:
        return text
    command = [str(_clang_format()), "--assume-filename=kernel.cu", f"--style={_STYLE}"]
    try:
        done = subprocess.run(command, input=body, capture_output=True, text=True, timeout=_SECONDS, check=True)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
        return text
    return done.stdout


@cache
def _clang_format() -> Path:
    import clang_format

    return Path(clang_format.get_executable("clang-format"))
