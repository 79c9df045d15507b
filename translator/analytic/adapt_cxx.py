"""Makes the text of a .cu file out of a C or C++ file: `to_cxx`.

A C file becomes C++ with as little change as possible: system includes go above an `extern "C"` block around the rest,
keywords of C++ used as names get an underscore, K&R and variable-length array definitions are printed anew. What else a
C++ compiler refuses (implicit conversions from `void *`, designators out of order) g++ itself points out, and the place
it names is repaired.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path

from tree_sitter import Node

from data.find_functions import definition_span
from data.preprocess import Preprocessed, Runner, current_runner, preprocess, tokenize
from data.read_source import SourceError
from data.source_file import SourceFile
from data.syntax import Syntax, parse_syntax, text_of, top_level, walk
from data.syntax import field as child_in
from translator.analytic import codes
from translator.analytic.cxx_names import SPELLINGS, output_function_name, output_name
from translator.analytic.cxx_repairs import Complaint, complaints, redeclared_name, repair
from translator.analytic.designators import designated_lists
from translator.analytic.ir import Array, Function, Program
from translator.analytic.parse import parse_program
from translator.analytic.print_c import Printer, has_variable_rows

_INCLUDE = re.compile(rb'^[ \t]*#[ \t]*include[ \t]*(<[^>\n]+>|"[^"\n]+").*$', re.MULTILINE)
_FEATURE_MACRO = re.compile(rb"^[ \t]*#[ \t]*define[ \t]+(_GNU_SOURCE|_USE_MATH_DEFINES)\b.*$", re.MULTILINE)
_MAX_REPAIRS = 12


@dataclass(frozen=True)
class Edit:
    """Bytes [start, end) of the original text become `text`."""

    start: int
    end: int
    text: str


@dataclass(frozen=True)
class Kept:
    """`length` bytes at `start` of an edited text are those at `original` of the original."""

    start: int
    original: int
    length: int


@dataclass(frozen=True)
class _Adapted:
    """What a C file needs to be C++, whatever functions are replaced: edits, hoisted includes, and what stays wrong."""

    edits: tuple[Edit, ...]
    includes: tuple[str, ...]
    spans: Mapping[str, tuple[int, int]]
    renames: Mapping[str, str] = field(default_factory=dict)
    open_complaints: tuple[tuple[int, Complaint], ...] = ()


def to_cxx(
    source: SourceFile,
    replacements: Mapping[str, str],
    header: str,
    out_path: Path,
    run: Runner | None = None,
) -> str:
    """The text of the .cu file at `out_path`: `header`, then `source` with the definition of each function named in
    `replacements` replaced by the given text, everything else as it stood but acceptable to a C++ compiler.

    Quoted includes get paths that work from the folder of `out_path`. Raises SourceError where the file is C that a C++
    compiler does not take and that is not repaired here (MUSL021), KeyError for a name that the file does not define.
    """
    adapted = _adapt(source, run or current_runner())
    edits = [edit for edit in adapted.edits if not _inside(edit.start, adapted.spans, replacements)]
    for offset, complaint in adapted.open_complaints:
        if not _inside(offset, adapted.spans, replacements):
            place = complaint.file or f"{source.path}:{_line(source, offset)}"
            raise SourceError(f"{place}: {codes.CXX_REFUSED} {complaint.message}")
    for name, text in replacements.items():
        start, end = adapted.spans[name]
        before = source.text.encode()[:start].rstrip()
        for old, new in adapted.renames.items():
            text = re.sub(rf"\b{old}\b", new, text)
        block = f"{{\n{text}\n}}" if before.endswith(b'extern "C"') else text
        edits.append(Edit(start, end, block))
    edits += _include_edits(source, out_path)
    body, _ = apply_edits(source.text.encode(), edits)
    return _assemble(source, header, adapted.includes, body.decode())


def _assemble(source: SourceFile, header: str, includes: Sequence[str], body: str) -> str:
    parts = [header.rstrip("\n")] if header.strip() else []
    if source.language == "c":
        parts += ["\n".join(f"#include {name}" for name in includes)] if includes else []
        parts += ['extern "C" {', body.strip("\n"), '}  // extern "C"']
    else:
        parts.append(body.strip("\n"))
    return "\n\n".join(parts) + "\n"


def apply_edits(content: bytes, edits: Sequence[Edit]) -> tuple[bytes, list[Kept]]:
    """The text with all edits made, and which parts of it were kept. Edits inside another edit are dropped; insertions
    at one place keep their order."""
    result = bytearray()
    kept: list[Kept] = []
    position = 0
    for edit in sorted(edits, key=lambda e: (e.start, e.start != e.end, -e.end)):
        if edit.start < position:
            continue
        kept.append(Kept(len(result), position, edit.start - position))
        result += content[position : edit.start] + edit.text.encode()
        position = edit.end
    kept.append(Kept(len(result), position, len(content) - position))
    return bytes(result + content[position:]), kept


def _inside(offset: int, spans: Mapping[str, tuple[int, int]], names: Mapping[str, str]) -> bool:
    return any(spans[name][0] <= offset < spans[name][1] for name in names if name in spans)


def _line(source: SourceFile, offset: int) -> int:
    return source.text.encode().count(b"\n", 0, offset) + 1


# ---------------------------------------------------------------- what a C file needs


@lru_cache(maxsize=8)
def _adapt(source: SourceFile, run: Runner) -> _Adapted:
    preprocessed = preprocess(source, run)
    syntax = parse_syntax(preprocessed)
    spans = _spans(syntax)
    edits = _renames(source, {name for name in spans if output_function_name(name) != name})
    if source.language != "c":
        return _Adapted(tuple(edits), (), spans)
    includes, hoists = _hoisted(source, preprocessed)
    edits += hoists
    edits += _signatures(source, preprocessed, syntax, spans)
    edits += _outside_main(source, spans)
    return _repaired(source, syntax, _Adapted(tuple(edits), includes, spans), run)


def _spans(syntax: Syntax) -> dict[str, tuple[int, int]]:
    """Where each function of the main file is defined, by name (the first of several)."""
    spans: dict[str, tuple[int, int]] = {}
    main = str(syntax.preprocessed.source.path)
    for node in top_level(syntax.root):
        if node.type != "function_definition" or syntax.preprocessed.file_at(node.start_byte) != main:
            continue
        declarator = child_in(node, "declarator")
        while declarator is not None and declarator.type != "identifier":
            declarator = child_in(declarator, "declarator")
        if declarator is not None and text_of(declarator) not in spans:
            span = definition_span(syntax, node)
            spans[text_of(declarator)] = (span.start_byte, span.end_byte)
    return spans


def _renames(source: SourceFile, functions: set[str]) -> list[Edit]:
    """Reserved names (and those of `functions`) get an underscore, C's own keywords C++'s spelling."""
    content = source.text.encode()
    skipped = [match.span() for match in _INCLUDE.finditer(content)]
    edits: list[Edit] = []
    for token in tokenize(content):
        if not (token.text[0].isalpha() or token.text[0] == "_"):
            continue
        is_c = source.language == "c"
        new = SPELLINGS.get(token.text) if is_c else None
        if new is None:
            new = output_name(token.text, is_c)
            if token.text in functions and not content[: token.offset].rstrip().endswith(b"::"):
                new = output_function_name(token.text)
        if new != token.text and not any(low <= token.offset < high for low, high in skipped):
            length = len(token.text) + (new == "")  # with the blank after `register`
            edits.append(Edit(token.offset, token.offset + length, new))
    return edits


def _hoisted(source: SourceFile, preprocessed: Preprocessed) -> tuple[tuple[str, ...], list[Edit]]:
    """The system includes of the user's files, in order, and the edits that take them out of the main one."""
    content = source.text.encode()
    names: dict[str, None] = {}
    edits = [Edit(m.start(), min(m.end() + 1, len(content)), "") for m in _FEATURE_MACRO.finditer(content)]
    for file in preprocessed.own_files:
        is_main = file == str(source.path)
        text = content if is_main else Path(file).read_bytes()
        for match in _INCLUDE.finditer(text):
            name = match[1].decode()
            if not name.startswith("<") or not _was_included(name[1:-1], preprocessed):
                continue
            names[name] = None
            if is_main:
                edits.append(Edit(match.start(), min(match.end() + 1, len(content)), ""))
    return tuple(names), edits


def _was_included(name: str, preprocessed: Preprocessed) -> bool:
    return any(path.endswith("/" + name) for path in preprocessed.system_headers)


def _signatures(
    source: SourceFile, preprocessed: Preprocessed, syntax: Syntax, spans: Mapping[str, tuple[int, int]]
) -> list[Edit]:
    """K&R definitions, and definitions and prototypes with variable-length array parameters, printed as C++."""
    candidates = [node for node in top_level(syntax.root) if _needs_new_signature(node)]
    candidates = [node for node in candidates if preprocessed.file_at(node.start_byte) == str(source.path)]
    program = parse_program(source, preprocessed) if candidates else Program((), (), ())
    edits: list[Edit] = []
    for node in candidates:
        names = [text_of(n) for n in _declared_functions(node)]
        function = program.function(names[0]) if len(names) == 1 else None
        is_old = any(child.type == "declaration" for child in node.children)
        if function is None or not (is_old or _has_variable_rows(function)):
            continue
        if node.type == "function_definition" and names[0] in spans and not function.unsupported:
            start, end = spans[names[0]]
            prefix = "static " if function.is_static else ""
            edits.append(Edit(start, end, prefix + Printer().function(function).rstrip("\n")))
        elif node.type == "declaration":
            first, last = preprocessed.place(node.start_byte), preprocessed.place(node.end_byte - 1)
            if first.exact and last.exact:
                prefix = "static " if function.is_static else ""
                edits.append(Edit(first.offset, last.offset + 1, f"{prefix}{Printer().signature(function)};"))
    return edits


def _needs_new_signature(node: Node) -> bool:
    """Whether a declaration at file scope may be K&R or have rows of variable length: what to look at more closely."""
    if any(child.type == "declaration" for child in node.children):
        return True
    return any(array_of_arrays(function) for function in _function_declarators(node))


def array_of_arrays(function: Node) -> bool:
    """Whether a parameter is declared with several extents, or as a pointer to an array."""
    parameters = child_in(function, "parameters")
    arrays = [n for n in walk(parameters) if n.type == "array_declarator"] if parameters is not None else []
    return any((inner := child_in(array, "declarator")) is not None and inner.type != "identifier" for array in arrays)


def _declared_functions(node: Node) -> list[Node]:
    """The names of the functions that a declaration or definition at file scope declares."""
    names = (child_in(function, "declarator") for function in _function_declarators(node))
    return [name for name in names if name is not None and name.type == "identifier"]


def _function_declarators(node: Node) -> list[Node]:
    found: list[Node] = []
    for declarator in node.children_by_field_name("declarator"):
        inner: Node | None = declarator
        while inner is not None and inner.type in ("pointer_declarator", "init_declarator"):
            inner = child_in(inner, "declarator")
        if inner is not None and inner.type == "function_declarator":
            found.append(inner)
    return found


def _has_variable_rows(function: Function) -> bool:
    return any(isinstance(symbol.type, Array) and has_variable_rows(symbol.type) for symbol in function.params)


def _outside_main(source: SourceFile, spans: Mapping[str, tuple[int, int]]) -> list[Edit]:
    """`main` has no C linkage in C++: the extern "C" block ends before it and goes on after it."""
    if "main" not in spans:
        return []
    start, end = spans["main"]
    return [Edit(start, start, '}  // extern "C"\n\n'), Edit(end, end, '\n\nextern "C" {')]


# ---------------------------------------------------------------- repairs that g++ asks for


def _repaired(source: SourceFile, syntax: Syntax, adapted: _Adapted, run: Runner) -> _Adapted:
    """`adapted` with the edits that make g++ take the file; what it still refuses is in `open_complaints`."""
    content = source.text.encode()
    lists = designated_lists(syntax)
    for _ in range(_MAX_REPAIRS):
        body, kept = apply_edits(content, adapted.edits)
        text = _assemble(source, "", adapted.includes, body.decode())
        origin = _origins(kept, text.encode().index(body.strip(b"\n")) - (len(body) - len(body.lstrip(b"\n"))))
        found = complaints(source, text, run)
        clashing = sorted({name for c in found if (name := redeclared_name(c))} - set(adapted.renames))
        if clashing:  # what else g++ says may follow from the clash
            edits = [edit for name in clashing for edit in _renamed(content, name, f"{name}_")]
            renames = {**adapted.renames, **{name: f"{name}_" for name in clashing}}
            adapted = replace(adapted, edits=(*adapted.edits, *edits), renames=renames)
            continue
        repairs = [(complaint, repair(complaint, text.encode(), lists, origin)) for complaint in found]
        edits = list(dict.fromkeys(Edit(*parts) for _, made in repairs for parts in made or ()))
        if not edits:
            still_open = tuple((_nearest(origin, complaint.start), complaint) for complaint, _ in repairs)
            return replace(adapted, open_complaints=still_open)
        adapted = replace(adapted, edits=(*adapted.edits, *edits))
    return adapted


def _origins(kept: Sequence[Kept], before: int) -> Callable[[int], int | None]:
    """From an offset in the assembled text (`before` bytes stand before the file's own) to one in the original."""

    def origin(offset: int) -> int | None:
        for part in kept:
            if part.start <= offset - before < part.start + part.length:
                return part.original + offset - before - part.start
        return None

    return origin


def _nearest(origin: Callable[[int], int | None], offset: int) -> int:
    """The original offset of the last byte at or before `offset` that was kept."""
    return next((place for at in range(offset, -1, -1) if (place := origin(at)) is not None), 0)


def _renamed(content: bytes, name: str, new: str) -> list[Edit]:
    tokens = (token for token in tokenize(content) if token.text == name)
    return [Edit(token.offset, token.offset + len(name), new) for token in tokens]


def _include_edits(source: SourceFile, out_path: Path) -> list[Edit]:
    """Quoted includes found beside the source, as paths from the output's folder."""
    folder, out_folder = source.path.resolve().parent, out_path.resolve().parent
    if folder == out_folder:
        return []
    edits: list[Edit] = []
    for match in _INCLUDE.finditer(source.text.encode()):
        name = match[1].decode()
        if name.startswith('"') and (folder / name[1:-1]).is_file():
            path = Path(os.path.relpath(folder / name[1:-1], out_folder)).as_posix()
            edits.append(Edit(match.start(1), match.end(1), f'"{path}"'))
    return edits
