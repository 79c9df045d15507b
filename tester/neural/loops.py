"""The loops in which long arrays are printed: `make_loop` writes one, `without_loops` puts the elements in its place.

float x[300] = {0.5, 2, -1};                              x[i] repeats after 3 elements
for (int i = 3; i < 300; i++) x[i] = x[i - 3];

int at[300] = {7};                                        at[i] goes up by 2
for (int i = 1; i < 300; i++) at[i] = at[i - 1] + 2;
"""

from __future__ import annotations

import re

import numpy as np

LONGEST_PERIOD = 16
MOST_EXPANDED = 1 << 14
_PRINTED = re.compile(
    r"(?P<head>[^\n;{}]*\b(?P<name>[A-Za-z_]\w*)\s*\[\s*(?P<size>\d{1,9})\s*\]\s*=\s*)\{(?P<listed>[^{}]*)\}\s*;"
    r"\s*for\s*\(\s*int\s+(?P<i>[A-Za-z_]\w*)\s*=\s*(?P<first>\d{1,9})\s*;\s*(?P=i)\s*<\s*(?P<end>\d{1,9})\s*;"
    r"\s*(?:(?P=i)\s*\+\+|\+\+\s*(?P=i))\s*\)\s*(?P=name)\s*\[\s*(?P=i)\s*\]\s*=\s*"
    r"(?P=name)\s*\[\s*(?P=i)\s*-\s*(?P<period>\d{1,9})\s*\]\s*(?:(?P<sign>[+-])\s*(?P<step>\d{1,9}))?\s*;"
)


def make_loop(name: str, values: np.ndarray) -> tuple[np.ndarray, str] | None:
    """The elements that are listed, and the loop that makes the others from them; None where no such loop does."""
    for period in range(1, LONGEST_PERIOD + 1):
        if values[period:].tobytes() == values[:-period].tobytes():
            return values[:period], _statement(name, period, values.size)
    if values.dtype.kind in "iu" and values.dtype.itemsize < 8:
        steps = np.unique(np.diff(values.astype(np.int64)))
        if steps.size == 1:
            step = f" {'-' if steps[0] < 0 else '+'} {abs(int(steps[0]))}"
            return values[:1], _statement(name, 1, values.size, step)
    return None


def _statement(name: str, period: int, size: int, step: str = "") -> str:
    return f"for (int i = {period}; i < {size}; i++) {name}[i] = {name}[i - {period}]{step};"


def without_loops(statements: str) -> str:
    """The statements with whole arrays in the place of such loops; other loops stay. What they compute is the same, and
    the first can be evaluated without a compiler."""
    return _PRINTED.sub(_expanded, statements)


def _expanded(match: re.Match[str]) -> str:
    size, first, end, period = (int(match[name]) for name in ("size", "first", "end", "period"))
    listed = [item.strip() for item in match["listed"].split(",")]
    if not (first == len(listed) >= period >= 1 and size == end <= MOST_EXPANDED and first <= end):
        return match[0]
    if match["step"] is None:
        items = listed + [listed[first - period + index % period] for index in range(end - first)]
    else:
        if first != 1 or not re.fullmatch(r"-?\d{1,9}", listed[0]) or not re.match(r"\s*(?:int|long)\b", match["head"]):
            return match[0]
        step = int(match["sign"] + match["step"])
        items = [str(int(listed[0]) + step * index) for index in range(end)]
        if abs(int(items[-1])) >= 2**31:
            return match[0]
    return f"{match['head']}{{{', '.join(items)}}};"
