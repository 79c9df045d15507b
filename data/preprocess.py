"""Runs the C preprocessor and keeps, for every position of its output, the place in the user's own file.

`gcc -E` keeps the line of every token but not its column (blanks collapse, macros expand), so the tokens of an output
line are aligned with the tokens of the line they came from. A token that a macro made stands where the macro is used.
"""

from __future__ import annotations

import contextlib
import re
import subprocess
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from pathlib import Path

from data.read_source import SourceError
from data.source_file import SourceFile

# What one run of the preprocessor returns: exit code, stdout, stderr.
Ran = tuple[int, bytes, bytes]
# Runs a compiler on a text (its standard input) that is a version of the source.
Runner = Callable[[SourceFile, Sequence[str], bytes], Ran]

_PREPROCESS_SECONDS = 60
_MARKER = re.compile(r'# (\d+) "((?:[^"\\]|\\.)*)"((?: \d)*)$')
_TOKEN = re.compile(
    r'(?:u8|[uUL])?"(?:[^"\\\n]|\\.)*"|[uUL]?\'(?:[^\'\\\n]|\\.)*\'|[A-Za-z_]\w*|\.?\d(?:[eEpP][+-]|[\w.])*'
    r"|//[^\n]*|/\*.*?\*/|<<=|>>=|->|\+\+|--|<<|>>|[-+*/%&|^=!<>]=|&&|\|\||::|[^\s]",
    re.DOTALL,
)
_DROPPED_FLAGS = frozenset({"-c", "-S", "-E", "-M", "-MM", "-MD", "-MMD", "-MG", "-MP", "-g", "-pipe"})
_DROPPED_WITH_VALUE = frozenset({"-o", "-MF", "-MT", "-MQ"})


@dataclass(frozen=True)
class Place:
    """A place in a file of the user: line and column (in bytes) count from 1, `offset` (in bytes) from 0.
    `exact` is false for a token that a macro made: then the place is where the macro is used."""

    file: str
    line: int
    column: int
    offset: int
    exact: bool


@dataclass(frozen=True)
class _Token:
    text: str
    offset: int


@dataclass(frozen=True)
class _Line:
    """Where one line of the output came from."""

    file: str
    line: int


@dataclass(eq=False)
class Preprocessed:
    """The output of the preprocessor.

    `text` holds the lines of the user's file and of the user's own headers, without markers; `system_text` those of the
    C system headers (for their typedefs; the C++ library is left out). `own_files` are the files of the user, the main
    one first. `system_headers` are the paths of the system headers that the user's files include, in order.
    """

    source: SourceFile
    text: str
    system_text: str
    own_files: tuple[str, ...]
    system_headers: tuple[str, ...]
    _lines: list[_Line] = field(repr=False)
    _starts: list[int] = field(repr=False, default_factory=list)
    _encoded: bytes = field(repr=False, default=b"")
    _originals: dict[str, _Original] = field(repr=False, default_factory=dict)
    _aligned: dict[int, dict[int, Place]] = field(repr=False, default_factory=dict)

    def __post_init__(self) -> None:
        self._encoded = self.text.encode()
        self._starts = [0]
        for line in self._encoded.splitlines(keepends=True):
            self._starts.append(self._starts[-1] + len(line))

    @property
    def content(self) -> bytes:
        """`text` as UTF-8 bytes: what a parser reads, and what `place` takes offsets into."""
        return self._encoded

    @property
    def original(self) -> bytes:
        """The user's main file as UTF-8 bytes: what `Place.offset` counts in."""
        return self._original(str(self.source.path)).content

    def file_at(self, offset: int) -> str:
        """The user's file that the byte at `offset` of `content` came from."""
        return self._lines[self._row(offset)].file

    def place(self, offset: int) -> Place:
        """Where the token that starts at byte `offset` of `content` stands in the user's file."""
        row = self._row(offset)
        column = offset - self._starts[row]
        line = self._lines[row]
        original = self._original(line.file)
        printed = self._printed(row).rstrip()
        if original.line(line.line).rstrip() == printed:
            return Place(line.file, line.line, column + 1, original.start(line.line) + column, exact=True)
        return self._place_aligned(row, offset)

    def _row(self, offset: int) -> int:
        return min(bisect_right(self._starts, offset) - 1, len(self._lines) - 1)

    def _original(self, file: str) -> _Original:
        if file not in self._originals:
            content = b""
            if file == str(self.source.path):
                content = self.source.text.encode()
            elif Path(file).is_file():
                content = Path(file).read_bytes()
            self._originals[file] = _Original(content)
        return self._originals[file]

    def _place_aligned(self, row: int, offset: int) -> Place:
        if row not in self._aligned:
            first, last, end_line = self._group(row)
            self._aligned.update(dict.fromkeys(range(first, last + 1), self._align(first, last, end_line)))
        places = self._aligned[row]
        if offset in places:
            return places[offset]
        earlier = [start for start in places if start <= offset]
        if earlier:
            return places[max(earlier)]
        line = self._lines[row]
        return Place(line.file, line.line, 1, self._original(line.file).start(line.line), exact=False)

    def _group(self, row: int) -> tuple[int, int, int]:
        """The output lines (first, last) of `row`'s source line, and the next source line that has output."""
        line = self._lines[row]
        first = last = row
        while first > 0 and self._lines[first - 1] == line:
            first -= 1
        while last + 1 < len(self._lines) and self._lines[last + 1] == line:
            last += 1
        following = last + 1
        while following < len(self._lines) and not self._printed(following).strip():
            following += 1
        end = line.line + 1
        if following < len(self._lines) and self._lines[following].file == line.file:
            end = max(end, self._lines[following].line)
        return first, last, end

    def _printed(self, row: int) -> bytes:
        # the text has no line end after its last line, so the last row may have no start of its own
        return self._encoded[self._starts[min(row, len(self._starts) - 1)] : self._end(row)]

    def _end(self, row: int) -> int:
        return self._starts[min(row + 1, len(self._starts) - 1)]

    def _align(self, first: int, last: int, end_line: int) -> dict[int, Place]:
        line = self._lines[first]
        original = self._original(line.file)
        base = self._starts[first]
        made = tokenize(self._encoded[base : self._end(last)], base)
        start = original.start(line.line)
        written = tokenize(_without_directives(original.between(line.line, end_line)), start)
        places: dict[int, Place] = {}
        matcher = SequenceMatcher(None, [t.text for t in written], [t.text for t in made], autojunk=False)
        for tag, low, high, made_low, made_high in matcher.get_opcodes():
            for number in range(made_low, made_high):
                exact = tag == "equal"
                index = low + (number - made_low) if exact else low
                at = written[index].offset if index < len(written) else (written[high - 1].offset if written else start)
                row_line, row_column = original.line_and_column(at)
                places[made[number].offset] = Place(line.file, row_line, row_column, at, exact)
        return places


class _Original:
    """The text of one of the user's files, by line."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.starts = [0]
        for line in content.splitlines(keepends=True):
            self.starts.append(self.starts[-1] + len(line))

    def start(self, line: int) -> int:
        return self.starts[min(line, len(self.starts)) - 1]

    def line(self, line: int) -> bytes:
        return self.between(line, line + 1)

    def between(self, line: int, end_line: int) -> bytes:
        return self.content[self.start(line) : self.start(end_line)]

    def line_and_column(self, offset: int) -> tuple[int, int]:
        line = bisect_right(self.starts, offset)
        return line, offset - self.starts[line - 1] + 1


def tokenize(content: bytes, base: int = 0) -> list[_Token]:
    """The C tokens of `content` without comments, with byte offsets from `base`."""
    # latin-1 keeps one character for one byte, so match positions are byte offsets
    matches = _TOKEN.finditer(content.decode("latin-1"))
    return [_Token(m.group(), base + m.start()) for m in matches if not m.group().startswith(("//", "/*"))]


def _without_directives(content: bytes) -> bytes:
    """`content` with its preprocessor directives blanked out (a span of lines may hold some)."""
    return re.sub(rb"(?m)^[ \t]*#(?:[^\n\\]|\\.|\\\r?\n)*", lambda m: b" " * len(m.group()), content)


def run_preprocessor(source: SourceFile, command: Sequence[str], text: bytes) -> Ran:
    """The default runner: a child process with a time limit and the user's rights, for texts that are trusted;
    SourceError where the compiler is not installed."""
    try:
        done = subprocess.run(command, input=text, capture_output=True, timeout=_PREPROCESS_SECONDS, check=False)
    except FileNotFoundError:
        raise SourceError(f"{command[0]} is not installed; install g++ (apt-get install g++)") from None
    except subprocess.TimeoutExpired:
        raise SourceError(f"{source.path}: the preprocessor took more than {_PREPROCESS_SECONDS} s") from None
    return done.returncode, done.stdout, done.stderr


_current: Runner = run_preprocessor


@contextlib.contextmanager
def use_runner(run: Runner) -> Iterator[None]:
    """Everything that is preprocessed in the body, in all threads and in processes forked there, goes through `run`."""
    global _current
    before, _current = _current, run
    try:
        yield
    finally:
        _current = before


def current_runner() -> Runner:
    """The runner in use: that of the innermost `use_runner`, else `run_preprocessor`."""
    return _current


def preprocess(source: SourceFile, run: Runner | None = None) -> Preprocessed:
    """Expands the macros and includes of `source` through `run` (by default the runner in use); SourceError
    ("file:line:col: message") where it is refused."""
    run = run or current_runner()
    known = _KNOWN.get((source, run))
    if known is not None and known[1] == _times(known[0].own_files[1:]):
        return known[0]
    result = _preprocess(source, run)
    while len(_KNOWN) >= _MOST_KNOWN:
        del _KNOWN[next(iter(_KNOWN))]
    _KNOWN[source, run] = result, _times(result.own_files[1:])
    return result


# Results by source, with the modification times of the headers they took in: several parts of a run ask for one file.
_KNOWN: dict[tuple[SourceFile, Runner], tuple[Preprocessed, tuple[int, ...]]] = {}
_MOST_KNOWN = 8


def _times(headers: Sequence[str]) -> tuple[int, ...]:
    return tuple(Path(header).stat().st_mtime_ns if Path(header).is_file() else 0 for header in headers)


def _preprocess(source: SourceFile, run: Runner) -> Preprocessed:
    compiler = ["gcc", "-x", "c"] if source.language == "c" else ["g++", "-x", "c++"]
    command = [*compiler, "-E", *preprocessor_flags(source), "-"]
    name = str(source.path).replace("\\", "\\\\").replace('"', '\\"')
    # the first line gives the text on standard input the name of the user's file
    text = f'# 1 "{name}"\n{source.text}\n'
    if _stays_as_it_is(source):
        return _split(source, text)
    code, output, errors = run(source, command, text.encode())
    if code != 0:
        raise SourceError(_first_error(errors.decode("utf-8", "replace"), source))
    return _split(source, output.decode("utf-8", "replace"))


def _stays_as_it_is(source: SourceFile) -> bool:
    """Whether the text holds nothing for the preprocessor: no directive, no comment, no joined lines, no predefined
    macro (those have two underscores, or are the old `linux` and `unix`). To ask it would cost 10 to 20 ms."""
    return not (source.defines or source.flags or source.include_dirs or _FOR_PREPROCESSOR.search(source.text))


_FOR_PREPROCESSOR = re.compile(r"#|%:|\?\?=|//|/\*|\\\r?\n|__|\b_Pragma\b|\blinux\b|\bunix\b|\bi386\b")


def preprocessor_flags(source: SourceFile) -> list[str]:
    """The flags of the build that matter to the preprocessor: all but those about outputs and dependency files."""
    flags: list[str] = []
    pending = False
    for flag in source.flags:
        if pending or flag in _DROPPED_WITH_VALUE:
            pending = not pending
        elif flag not in _DROPPED_FLAGS:
            flags.append(flag)
    return [*flags, *source.preprocessor_flags()]


def _first_error(errors: str, source: SourceFile) -> str:
    for line in errors.splitlines():
        if re.search(r":\d+(:\d+)?: (fatal )?error: ", line):
            return re.sub(r": (fatal )?error: ", ": ", line, count=1)
    return (
        f"{source.path}: the preprocessor failed: {errors.strip().splitlines()[-1] if errors.strip() else 'no message'}"
    )


def _split(source: SourceFile, output: str) -> Preprocessed:
    """Takes the markers out of the preprocessor's output and parts the user's lines from the system's."""
    main = str(source.path)
    kept: list[str] = []
    lines: list[_Line] = []
    system: list[str] = []
    own: dict[str, None] = {main: None}
    headers: dict[str, None] = {}
    file, number, is_system = main, 1, False
    for text in output.split("\n"):
        marker = _MARKER.match(text) if text.startswith("# ") else None
        if marker:
            name, flags = re.sub(r"\\(.)", r"\1", marker[2]), marker[3].split()
            # gcc marks a system macro's tokens inside a user's line with flag 3 and the user's own file name
            if name != file or "1" in flags or "2" in flags:
                now_system = "3" in flags or name.startswith("<")
                if now_system and not is_system and "1" in flags:
                    headers[name] = None
                is_system = now_system and name != main
                file = name
                if not is_system:
                    own[file] = None
            number = int(marker[1])
            continue
        if not is_system:
            kept.append(text)
            lines.append(_Line(file, number))
        elif "/c++/" not in file:
            system.append(text)
        number += 1
    own_files = tuple(name for name in own if not name.startswith("<"))
    return Preprocessed(source, "\n".join(kept), "\n".join(system), own_files, tuple(headers), lines)
