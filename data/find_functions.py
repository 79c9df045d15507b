"""Finds the function definitions of a source file, with typed signatures and with their spans in the original text."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from tree_sitter import Node

from data.c_types import CArray, CFunction, CPointer, CScalar, CStruct, CType, CVoid, Declared, TypeTable
from data.function import Function, Parameter, Span
from data.preprocess import Place, Preprocessed, preprocess
from data.source_file import SourceFile
from data.syntax import Syntax, field, named, parse_syntax, syntax_errors, text_of, top_level

_SYNTAX_ERROR, _VARIADIC, _FUNCTION_POINTER = "MUSL001", "MUSL004", "MUSL005"
_UNSUPPORTED_TYPE, _CXX_FEATURE, _UNION = "MUSL007", "MUSL010", "MUSL020"

# LP64 (x86-64 and AArch64 Linux); plain char is signed as on x86
DTYPES: dict[str, np.dtype] = {
    "bool": np.dtype(np.bool_),
    "char": np.dtype(np.int8),
    "signed char": np.dtype(np.int8),
    "unsigned char": np.dtype(np.uint8),
    "short": np.dtype(np.int16),
    "unsigned short": np.dtype(np.uint16),
    "int": np.dtype(np.int32),
    "unsigned int": np.dtype(np.uint32),
    "long": np.dtype(np.int64),
    "unsigned long": np.dtype(np.uint64),
    "long long": np.dtype(np.int64),
    "unsigned long long": np.dtype(np.uint64),
    "float": np.dtype(np.float32),
    "double": np.dtype(np.float64),
    "long double": np.dtype(np.longdouble),
}


@dataclass(frozen=True)
class UnsupportedFunction:
    """A function definition whose signature no test case can express: why, as a code (docs/codes.md) and a message."""

    name: str
    span: Span
    code: str
    message: str


@dataclass(frozen=True)
class SyntaxErrorAt:
    """A syntax error at a place of the user's file; lines and columns count from 1."""

    file: str
    line: int
    column: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.message}"


@dataclass(frozen=True)
class FunctionTable:
    """The functions of a file in source order, those that cannot be expressed, and the syntax errors."""

    functions: tuple[Function, ...]
    unsupported: tuple[UnsupportedFunction, ...]
    syntax_errors: tuple[SyntaxErrorAt, ...]


class _InexpressibleError(Exception):
    """A type that no test case can express."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def find_functions(source: SourceFile, preprocessed: Preprocessed | None = None) -> FunctionTable:
    """The functions that `source` itself (not its headers) defines; SourceError where the preprocessor refuses it."""
    syntax = parse_syntax(preprocessed or preprocess(source))
    types = TypeTable(syntax)
    functions: list[Function] = []
    unsupported: list[UnsupportedFunction] = []
    definitions = list(_definitions(syntax))
    names = Counter(_name(types, node) for node in definitions)
    for node in definitions:
        span = definition_span(syntax, node)
        name = _name(types, node)
        try:
            if names[name] > 1:
                raise _InexpressibleError(_CXX_FEATURE, f"`{name}` is overloaded")
            functions.append(_function(syntax, types, node, span))
        except _InexpressibleError as reason:
            unsupported.append(UnsupportedFunction(name, span, reason.code, str(reason)))
    return FunctionTable(tuple(functions), tuple(unsupported), tuple(_syntax_errors(syntax)))


def _definitions(syntax: Syntax) -> Iterator[Node]:
    """Function definitions (and templates of them) that stand in the main file."""
    main = str(syntax.preprocessed.source.path)
    for node in top_level(syntax.root):
        if node.type == "ERROR":
            found = [child for child in node.children if child.type == "function_definition"]
        else:
            found = [node]
        for candidate in found:
            inner = candidate
            if candidate.type == "template_declaration":
                inner = next((c for c in candidate.children if c.type == "function_definition"), candidate)
            is_definition = inner.type == "function_definition" and field(inner, "body") is not None
            if is_definition and syntax.preprocessed.file_at(candidate.start_byte) == main:
                yield candidate


def definition_span(syntax: Syntax, node: Node) -> Span:
    """The definition's span in the original text; where a macro made it, the span of the macro's use."""
    text = syntax.preprocessed.original
    start, last = syntax.preprocessed.place(node.start_byte), syntax.preprocessed.place(node.end_byte - 1)
    end = last.offset + 1
    if not last.exact:
        macro = start if not start.exact and last.offset < _macro_end(text, start) else last
        end = _macro_end(text, macro)
    end_line = last.line + text.count(b"\n", last.offset, end)
    return Span(start.line, start.column, end_line, start.offset, end)


def _macro_end(text: bytes, use: Place) -> int:
    """The end of a macro's use: of its name, or of its argument list."""
    name = re.compile(rb"\w+").match(text, use.offset)
    end = name.end() if name else use.offset + 1
    opening = re.compile(rb"\s*\(").match(text, end)
    if opening is None:
        return end
    depth = 0
    for offset in range(opening.end() - 1, len(text)):
        if text[offset : offset + 1] == b"(":
            depth += 1
        elif text[offset : offset + 1] == b")":
            depth -= 1
            if depth == 0:
                return offset + 1
    return end


def _inner(node: Node) -> Node:
    if node.type == "template_declaration":
        return next(c for c in node.children if c.type == "function_definition")
    return node


def _name(types: TypeTable, node: Node) -> str:
    declared = _declared(types, _inner(node))
    return text_of(declared.name) if declared is not None and declared.name is not None else "(unnamed)"


def _declared(types: TypeTable, node: Node) -> Declared | None:
    declarator = field(node, "declarator")
    if declarator is None:
        return None
    base, const = types.base_type(node)
    return types.declared(declarator, base, const)


def _function(syntax: Syntax, types: TypeTable, node: Node, span: Span) -> Function:
    if node.has_error:
        raise _InexpressibleError(_SYNTAX_ERROR, "syntax error in the function")
    if node.type == "template_declaration":
        raise _InexpressibleError(_CXX_FEATURE, "template")
    declared = _declared(types, node)
    if declared is None or declared.function is None or declared.name is None:
        raise _InexpressibleError(_UNSUPPORTED_TYPE, "returns a pointer or a type that is not known")
    if declared.name.type == "qualified_identifier" or any(c.type == "operator_name" for c in declared.name.children):
        raise _InexpressibleError(_CXX_FEATURE, "method of a class")
    assert isinstance(declared.type, CFunction)
    if declared.type.variadic:
        raise _InexpressibleError(_VARIADIC, "variable argument list")
    parameters = tuple(_parameters(types, node, declared.function))
    source = syntax.preprocessed.source
    text = syntax.preprocessed.original[span.start_byte : span.end_byte].decode()
    is_static = any(c.type == "storage_class_specifier" and text_of(c) == "static" for c in node.children)
    returns = _return_dtype(declared.type.returns)
    return Function(text_of(declared.name), source.language, text, parameters, returns, source.path, span, is_static)


def _return_dtype(ctype: CType) -> np.dtype | None:
    if isinstance(ctype, CVoid):
        return None
    if isinstance(ctype, CPointer):
        raise _InexpressibleError(_UNSUPPORTED_TYPE, "returns a reference" if ctype.reference else "returns a pointer")
    return element_dtype(ctype, "return type")


# ---------------------------------------------------------------- parameters


def parameter_nodes(function: Node) -> list[Node]:
    """The parameters of a function declarator, `(void)` left out."""
    parameters = field(function, "parameters")
    nodes = named(parameters) if parameters is not None else []
    if len(nodes) == 1 and text_of(nodes[0]) == "void":
        return []
    return nodes


def declared_parameters(types: TypeTable, definition: Node, function: Node) -> Iterator[tuple[Node, Declared | None]]:
    """Each parameter's node (of its declaration, in a K&R definition) with name and type; None for one without type."""
    old_style: dict[str, tuple[Node, Declared]] = {}
    for child in definition.children:
        if child.type == "declaration":
            old_style |= {text_of(d.name): (child, d) for d in types.declarations(child) if d.name is not None}
    for node in parameter_nodes(function):
        if node.type == "identifier":
            declaration, declared = old_style.get(text_of(node), (node, None))
            yield declaration, declared
            continue
        base, const = types.base_type(node)
        declarator = field(node, "declarator")
        if declarator is None:
            yield node, Declared(None, base, const, node)
        else:
            yield node, types.declared(declarator, base, const)


def _parameters(types: TypeTable, definition: Node, function: Node) -> Iterator[Parameter]:
    for number, (node, declared) in enumerate(declared_parameters(types, definition, function)):
        text = " ".join(text_of(node).split())
        if declared is None:
            raise _InexpressibleError(_SYNTAX_ERROR, f"parameter `{text}` has no type")
        name = text_of(declared.name) if declared.name is not None else f"unnamed_{number}"
        yield _parameter(name, declared, text)


def _parameter(name: str, declared: Declared, text: str) -> Parameter:
    ctype, const = declared.type, declared.const
    reference = isinstance(ctype, CPointer) and ctype.reference
    extents: list[int | None] = []
    if isinstance(ctype, CPointer):
        const, ctype = ctype.const, ctype.to
        if not reference:
            extents.append(None)
        elif isinstance(ctype, CArray | CPointer):
            raise _InexpressibleError(_CXX_FEATURE, f"parameter `{text}`: a reference to an array or pointer")
    while isinstance(ctype, CArray):
        extents.append(ctype.size)
        const, ctype = ctype.const or const, ctype.of
    if isinstance(ctype, CPointer) and not isinstance(ctype.to, CFunction):
        raise _InexpressibleError(_UNSUPPORTED_TYPE, f"parameter `{text}`: a pointer to pointers")
    dtype = element_dtype(ctype, f"parameter `{text}`")
    return Parameter(name, dtype, c_spelling(ctype), len(extents), const, text, tuple(extents), reference)


def element_dtype(ctype: CType, what: str) -> np.dtype:
    """The numpy dtype of a scalar or struct type; _InexpressibleError for what has none."""
    if isinstance(ctype, CScalar):
        return DTYPES[ctype.name]
    if isinstance(ctype, CFunction) or (isinstance(ctype, CPointer) and isinstance(ctype.to, CFunction)):
        raise _InexpressibleError(_FUNCTION_POINTER, f"{what}: function pointer")
    if isinstance(ctype, CVoid):
        raise _InexpressibleError(_UNSUPPORTED_TYPE, f"{what}: void * has no element type")
    if isinstance(ctype, CStruct):
        return _struct_dtype(ctype, what)
    if isinstance(ctype, CPointer):
        raise _InexpressibleError(_UNSUPPORTED_TYPE, f"{what}: holds a pointer")
    name = getattr(ctype, "name", "auto")
    raise _InexpressibleError(_UNSUPPORTED_TYPE, f"{what}: type `{name}` is unknown or incomplete")


def _struct_dtype(struct: CStruct, what: str) -> np.dtype:
    if struct.is_union:
        raise _InexpressibleError(_UNION, f"{what}: a union")
    members: list[tuple[str, np.dtype, tuple[int, ...]]] = []
    for name, ctype in struct.fields:
        shape: list[int] = []
        while isinstance(ctype, CArray):
            if ctype.size is None:
                raise _InexpressibleError(_UNSUPPORTED_TYPE, f"{what}: `{name}` has no constant size")
            shape.append(ctype.size)
            ctype = ctype.of
        members.append((name, element_dtype(ctype, f"{what}: `{name}`"), tuple(shape)))
    return np.dtype(members, align=True)


def c_spelling(ctype: CType) -> str:
    """The element type as the source spells it."""
    if isinstance(ctype, CScalar | CStruct):
        return ctype.spelling or ctype.name
    return "void"


# ---------------------------------------------------------------- syntax errors


def _syntax_errors(syntax: Syntax) -> Iterator[SyntaxErrorAt]:
    """The syntax errors of the user's files, in order."""
    for node in syntax_errors(syntax.root):
        start = node.start_byte
        if node.is_missing:
            blanks = re.compile(rb"\s*").match(syntax.preprocessed.content, start)
            start = blanks.end() if blanks else start  # the parser puts it right after what it has read
        place = syntax.preprocessed.place(start)
        text = " ".join(text_of(node).split())[:40]
        message = f"syntax error: expected `{node.type}`" if node.is_missing else f"syntax error near `{text}`"
        yield SyntaxErrorAt(place.file, place.line, place.column, message)
