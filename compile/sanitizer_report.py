"""Reads the reports of AddressSanitizer and UndefinedBehaviorSanitizer: one line that says what was wrong and where.

Addresses are left out, so that the same fault gives the same line in every run.
"""

from __future__ import annotations

import re

from compile.fault import read_fault

_ASAN = re.compile(r"ERROR: AddressSanitizer: ([\w-]+)([^\n]*)")
_ACCESS = re.compile(r"^(READ|WRITE) of size (\d+)", re.MULTILINE)
_FRAME = re.compile(r"^\s+#\d+ 0x[0-9a-f]+ in (\S+)(?:\([^\n]*?\))? (\S+?):(\d+)", re.MULTILINE)
_PLACE = re.compile(
    r"is located (\d+ bytes (?:to the left of|to the right of|after|before|inside(?: of)?) \d+-byte region)"
)
# compile/emulator/runtime/memory.cpp: an error of the CUDA API, when it happens.
_API_ERROR = re.compile(r"^CUDA error cuda\w+[^\n]*", re.MULTILINE)
_UNDEFINED = re.compile(r"^(\S+?:\d+(?::\d+)?): runtime error: ([^\n]*)", re.MULTILINE)


def summarize_report(stderr: bytes) -> str:
    """The fault of a report, empty where `stderr` holds none.

    --> "ERROR: AddressSanitizer: heap-buffer-overflow: read of 4 bytes in dot (a.c:3), 0 bytes to the right of
    36-byte region" --> "a.c:7:12: runtime error: signed integer overflow: 1 + 2147483647 cannot be represented in
    type 'int'"
    """
    text = stderr.decode("utf-8", "replace")
    fault = read_fault(text)
    if fault is not None:
        return fault.text
    api_error = _API_ERROR.search(text)
    if api_error:
        return api_error.group(0)
    undefined = _UNDEFINED.search(text)
    if undefined:
        place, message = undefined.groups()
        return f"{_short(place)}: runtime error: {re.sub(r' 0x[0-9a-f]{6,}', '', message)}"
    found = _ASAN.search(text)
    return f"ERROR: AddressSanitizer: {_describe(found.group(1), text[found.start() :])}" if found else ""


def _describe(kind: str, report: str) -> str:
    parts = kind if "-" in kind else f"ended by {kind}"
    if kind in ("attempting", "requested"):  # "attempting double-free on", "requested allocation size"
        line = report.splitlines()[0].split("AddressSanitizer: ", 1)[1]
        parts = re.split(r" on 0x| \(| in thread", line)[0]
    access = _ACCESS.search(report)
    if access:
        parts += f": {access.group(1).lower()} of {access.group(2)} bytes"
    for frame in _FRAME.finditer(report):
        name, path, line = frame.groups()
        if not name.startswith("__interceptor_") and "/libsanitizer/" not in path and "/nptl/" not in path:
            parts += f" in {name} ({_short(path)}:{line})"
            break
    place = _PLACE.search(report)
    return parts + (f", {place.group(1)}" if place else "")


def _short(place: str) -> str:
    return place.rsplit("/", 1)[-1]
