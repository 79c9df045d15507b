"""What g++ says about a C file taken as C++, and the repairs of the places it names."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from data.preprocess import Runner, preprocessor_flags
from data.source_file import SourceFile

# An edit in the original text: bytes [start, end) become the text.
Replacement = tuple[int, int, str]
Origin = Callable[[int], int | None]

_STANDARD_INPUT = "<stdin>"
_TARGET = re.compile(r"to '([^']*)'")
_CONVERSION = re.compile(r"^(invalid conversion|cannot convert|narrowing conversion)")
_NAME_IN_QUOTES = r"'(?:[^']*\W)?(\w+)\s*(?:\[[^']*\])*'"
_REDECLARED = re.compile(rf"{_NAME_IN_QUOTES} redeclared|^conflicting declaration {_NAME_IN_QUOTES}")
_BRACKETS = re.compile(r"\([^()]*\)|\[[^\[\]]*\]")
# names that nvcc makes known in every file, as these headers do
_ALWAYS_INCLUDED = ("stdlib.h", "math.h", "string.h")


@dataclass(frozen=True)
class Complaint:
    """One error. [start, end) are the bytes of the text that it is about; `note` is the first byte its note is about;
    `file` is empty for the text itself, else the header (with its line) that holds the error."""

    message: str
    start: int
    end: int
    note: int | None = None
    file: str = ""


def complaints(source: SourceFile, text: str, run: Runner) -> list[Complaint]:
    """What g++ does not take in `text`, a C++ version of `source`."""
    flags = [flag for flag in preprocessor_flags(source) if not flag.startswith("-std=")]
    # the C headers alone, without libstdc++'s overloads on top, take a third of the time
    always = ["-D_GLIBCXX_INCLUDE_NEXT_C_HEADERS"]
    always += [word for name in _ALWAYS_INCLUDED for word in ("-include", name)]
    mode = ["-std=gnu++17", "-fsyntax-only", "-fdiagnostics-format=json"]
    _, _, errors = run(source, ["env", "LC_ALL=C", "g++", "-x", "c++", *mode, *always, *flags, "-"], text.encode())
    lines = _line_starts(text.encode())
    found: list[Complaint] = []
    for report in errors.decode("utf-8", "replace").splitlines():
        for item in json.loads(report) if report.startswith("[") else []:
            if _matters(item):
                found.append(_complaint(item, lines, text))
            elif found and "crosses initialization" in item["message"]:
                found[-1] = replace(found[-1], note=_offset(item["locations"][0]["caret"], lines))
    return found


def _line_starts(content: bytes) -> list[int]:
    return [0, *(match.end() for match in re.finditer(rb"\n", content))]


def _matters(item: dict[str, object]) -> bool:
    return item["kind"] in ("error", "fatal error", "sorry, unimplemented") or item.get("option") == "-Wnarrowing"


def _complaint(item: dict[str, object], lines: Sequence[int], text: str) -> Complaint:
    locations = item["locations"]
    assert isinstance(locations, list)
    message = str(item["message"])
    if not locations:
        return Complaint(message, 0, 0)
    place = locations[0]
    file = str(place["caret"]["file"])
    caret = _offset(place["caret"], lines)
    start = _offset(place.get("start", place["caret"]), lines)
    end = _offset(place.get("finish", place["caret"]), lines) + 1
    if file != _STANDARD_INPUT:
        return Complaint(message, 0, 0, file=f"{file}:{place['caret']['line']}")
    return Complaint(message, min(start, caret), _whole_token(text.encode(), max(end, caret + 1)))


def _whole_token(content: bytes, end: int) -> int:
    """The end of an expression whose last token is a macro's name: g++ names its first byte only."""
    if not re.match(rb"\w\w", content[end - 1 : end + 1]):
        return end
    macro = re.compile(rb"\w+(?:\s*\((?:[^()]|\([^()]*\))*\))?").match(content, end)
    return macro.end() if macro else end


def _offset(place: dict[str, int], lines: Sequence[int]) -> int:
    line = min(place["line"], len(lines)) - 1
    return lines[line] + place["byte-column"] - 1


def redeclared_name(complaint: Complaint) -> str | None:
    """The file-scope name that clashes with one of the C library's; None for another complaint."""
    match = _REDECLARED.search(complaint.message)
    return (match[1] or match[2]) if match else None


def repair(complaint: Complaint, text: bytes, lists: Sequence[Replacement], origin: Origin) -> list[Replacement] | None:
    """The edits of the original text that answer the complaint; None where there are none."""
    if complaint.file:
        return None
    if _CONVERSION.match(complaint.message):
        return _cast(complaint, text, origin)
    if complaint.note is not None:
        return _split_declaration(complaint, text, origin)
    if "designat" in complaint.message:
        place = origin(complaint.start)
        return next(([edit] for edit in lists if place is not None and edit[0] <= place < edit[1]), None)
    return None


def _cast(complaint: Complaint, text: bytes, origin: Origin) -> list[Replacement] | None:
    """`expr` becomes `(type)expr`, with parentheses where the cast would bind tighter."""
    target = _TARGET.search(complaint.message)
    start, last = origin(complaint.start), origin(complaint.end - 1)
    if target is None or start is None or last is None or not _can_be_named(target[1]):
        return None
    if complaint.message.startswith("cannot convert") and "*" not in target[1]:
        return None
    cast = f"({_spelled(target[1])})"
    if is_primary(text[complaint.start : complaint.end].decode()):
        return [(start, start, cast)]
    return [(start, start, f"{cast}("), (last + 1, last + 1, ")")]


def _can_be_named(kind: str) -> bool:
    return "<" not in kind and "::" not in kind


def _spelled(kind: str) -> str:
    """g++'s `double*` in the usual spelling, `double *`."""
    return re.sub(r"(?<=[\w>])(\*+)$", r" \1", kind)


def is_primary(text: str) -> bool:
    """Whether a cast before the expression applies to all of it: a name, number, call, access, or a cast of one."""
    while True:
        shorter = _BRACKETS.sub("", text)
        if shorter == text:
            break
        text = shorter
    return re.fullmatch(r"\s*[&*]*[\w.]*(?:->\w*|\.\w*)*\s*", text) is not None


def _split_declaration(complaint: Complaint, text: bytes, origin: Origin) -> list[Replacement] | None:
    """`int k = 3;` that a case label jumps past becomes `int k; k = 3;`, which C++ allows."""
    if complaint.note is None:
        return None
    match = re.compile(rb"(\w+)(\s*=\s*)[^;,{}]*;").match(text, complaint.note)
    equals = origin(match.end(1)) if match else None
    if match is None or equals is None:
        return None
    name = match[1].decode()
    return [(equals, equals, f"; {name}")]
