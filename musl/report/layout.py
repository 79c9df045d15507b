"""`laid_out`: code that stands on one line, as benchmarks of token sequences have it, broken into lines to be read."""

from __future__ import annotations

import re

WIDTH = 90  # a text of one line that is longer than this is broken
INDENT = "  "
_PIECES = re.compile(
    r""""(?:\\.|[^"\\])*" | '(?:\\.|[^'\\])*' | /\*.*?\*/ | //.* | [{}();] | [^"'/{}();]+ | .""", re.VERBOSE | re.DOTALL
)


def laid_out(text: str) -> str:
    """The text with a line for every statement where it is one long line, else as it is but for its line ends. Only
    white space is changed."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if "\n" in text.strip() or len(text) <= WIDTH or text.lstrip().startswith("#"):
        return text
    lines, line, depth, inner = list[str](), "", 0, 0

    def end() -> None:
        nonlocal line
        if line.strip():
            lines.append(INDENT * depth + line.strip())
        line = ""

    for piece in _PIECES.findall(text):
        inner = max(0, inner + (piece == "(") - (piece == ")"))
        if piece == "}" and not inner:
            end()
            depth = max(0, depth - 1)
        line += piece
        if piece in ("{", "}", ";") and not inner:
            if piece == "{":
                end()
                depth += 1
            else:
                end()
    end()
    return "\n".join(lines) + ("\n" if text.endswith("\n") else "")
