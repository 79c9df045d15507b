"""Parses a source file into the IR: `parse_program`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from tree_sitter import Node as SyntaxNode

from data.c_types import CArray, CFunction, Declared, TypeTable
from data.find_functions import declared_parameters
from data.preprocess import Preprocessed, preprocess
from data.source_file import SourceFile
from data.syntax import Syntax, field, parse_syntax, syntax_errors, text_of, top_level
from translator.analytic import codes
from translator.analytic.cxx_names import output_function_name, output_name
from translator.analytic.ir import (
    Array,
    Assign,
    Block,
    Call,
    Expr,
    Function,
    Pointer,
    Program,
    Struct,
    Symbol,
    Type,
    Unsupported,
    Void,
)
from translator.analytic.parse_expressions import ExpressionParser
from translator.analytic.parse_initializers import completed
from translator.analytic.parse_statements import StatementParser
from translator.analytic.parse_types import RefusedError, lower_type
from translator.analytic.parse_unit import Scopes, Signature, Unit, identifiers
from translator.analytic.visit import root, walk


def parse_program(source: SourceFile, preprocessed: Preprocessed | None = None) -> Program:
    """The functions of `source` and of its own headers as IR; SourceError where the preprocessor refuses the file.

    What the IR does not hold is in `Function.unsupported`, syntax errors outside functions in `Program.unsupported`.
    """
    syntax = parse_syntax(preprocessed or preprocess(source))
    unit = Unit(syntax, TypeTable(syntax), overloads=_has_overloads(syntax))
    unit.file_constants = frozenset(unit.types.constants)
    definitions = [(node, declared) for node, declared in _definitions(unit)]
    _read_signatures(unit, definitions)
    _read_globals(unit)
    functions = [parse_function(unit, node, declared) for node, declared in definitions]
    functions = _with_recursion(_with_overloads(functions))
    structs = tuple(_structs(unit))
    return Program(tuple(functions), structs, tuple(unit.globals.values()), tuple(_syntax_errors(unit)))


def _has_overloads(syntax: Syntax) -> bool:
    """Whether an unqualified `sqrt(float)` is the float function: in C++, unless only <cmath> declares it (which leaves
    the global name to C's double function)."""
    if syntax.is_c:
        return False
    preprocessed = syntax.preprocessed
    if "using namespace std" in preprocessed.source.text:
        return True
    names = {header.rsplit("/", 1)[-1] for header in preprocessed.system_headers}
    return "cmath" not in names or "math.h" in names or "stdlib.h" in names


def _definitions(unit: Unit) -> Iterator[tuple[SyntaxNode, Declared]]:
    for node in top_level(unit.syntax.root):
        if node.type != "function_definition":
            continue
        declarator = field(node, "declarator")
        if declarator is None or field(node, "body") is None:
            continue
        base, const = unit.types.base_type(node)
        declared = unit.types.declared(declarator, base, const)
        if declared.name is not None and declared.function is not None and declared.name.type == "identifier":
            yield node, declared


def _read_signatures(unit: Unit, definitions: list[tuple[SyntaxNode, Declared]]) -> None:
    """The return type of every function that the user's files declare or define."""
    found: list[tuple[Declared, bool]] = [(declared, True) for _, declared in definitions]
    for node in top_level(unit.syntax.root):
        if node.type == "declaration":
            found += [(d, False) for d in unit.types.declarations(node) if isinstance(d.type, CFunction) and d.name]
    for declared, defined in found:
        assert declared.name is not None and isinstance(declared.type, CFunction)
        name = text_of(declared.name)
        if name in unit.signatures:
            continue
        try:
            returns = lower_type(declared.type.returns, unit.at(declared.name))
        except RefusedError:
            returns = Void()
        unit.signatures[name] = Signature((), returns, defined)


# ---------------------------------------------------------------- globals


def _read_globals(unit: Unit) -> None:
    """The variables at file scope; const ones with their initializers."""
    for node in top_level(unit.syntax.root):
        if node.type != "declaration":
            continue
        for declarator, declared in zip(
            node.children_by_field_name("declarator"), unit.types.declarations(node), strict=True
        ):
            if declared.name is None or isinstance(declared.type, CFunction):
                continue
            try:
                _read_global(unit, declarator, declared)
            except RefusedError:
                continue  # a use of the name is refused where it stands


def _read_global(unit: Unit, declarator: SyntaxNode, declared: Declared) -> None:
    assert declared.name is not None
    name, at = text_of(declared.name), unit.at(declared.name)
    kind = lower_type(declared.type, at)
    const = declared.const or (isinstance(declared.type, CArray) and isinstance(kind, Array) and kind.const)
    value = _global_value(unit, declarator, kind)
    if value is not None:
        kind = completed(kind, value, at)
    elif name in unit.globals:
        return  # `extern int n;` again
    unit.globals[name] = Symbol(output_name(name), kind, "global", at, const, value if const else None)


def _global_value(unit: Unit, declarator: SyntaxNode, kind: Type) -> Expr | None:
    node = field(declarator, "value") if declarator.type == "init_declarator" else None
    if node is None:
        return None
    parser = ExpressionParser(unit, Scopes(unit, set()))
    try:
        if node.type == "initializer_list":
            return parser.init_list(node, kind)
        return parser.pure(node)
    except RefusedError:
        return None


def _structs(unit: Unit) -> Iterator[Struct]:
    seen: set[str] = set()
    for ctype in (*unit.types.structs.values(), *unit.types.typedefs.values()):
        try:
            struct = lower_type(ctype, unit.at(unit.syntax.root))
        except RefusedError:
            continue
        if isinstance(struct, Struct) and struct.name not in seen:
            seen.add(struct.name)
            yield struct


# ---------------------------------------------------------------- functions


def parse_function(unit: Unit, node: SyntaxNode, declared: Declared) -> Function:
    """One function definition."""
    assert declared.name is not None and declared.function is not None and isinstance(declared.type, CFunction)
    scopes = Scopes(unit, identifiers(node))
    statements = StatementParser(unit, scopes)
    typedefs, structs, constants = dict(unit.types.typedefs), dict(unit.types.structs), dict(unit.types.constants)
    at = unit.at(declared.name)
    params: list[Symbol] = []
    returns: Type = Void()
    body_node = field(node, "body")
    body = Block((), at=at)
    try:
        params = _parameters(unit, node, declared, scopes, statements)
        returns = lower_type(declared.type.returns, at)
    except RefusedError as refusal:
        statements.unsupported.append(refusal.unsupported)
    else:
        if node.has_error:
            statements.unsupported += [_syntax_error(unit, n) for n in syntax_errors(node)]
        elif body_node is not None:
            body = statements.block(body_node)
    unit.types.typedefs, unit.types.structs, unit.types.constants = typedefs, structs, constants
    is_static = any(c.type == "storage_class_specifier" and text_of(c) == "static" for c in node.children)
    unsupported = (*statements.unsupported, *_global_writes(body))
    name = output_function_name(text_of(declared.name))
    if name != text_of(declared.name):
        message = f"`{text_of(declared.name)}` is a name that CUDA or C++ reserves"
        unsupported = (Unsupported(codes.RESERVED_NAME, message, at), *unsupported)
    return Function(name, tuple(params), returns, body, at, is_static, unsupported)


def _parameters(
    unit: Unit, node: SyntaxNode, declared: Declared, scopes: Scopes, statements: StatementParser
) -> list[Symbol]:
    assert declared.function is not None and isinstance(declared.type, CFunction)
    if declared.type.variadic:
        raise RefusedError(codes.VARIADIC, "variable argument list", unit.at(declared.function))
    symbols: list[Symbol] = []
    for parameter, found in declared_parameters(unit.types, node, declared.function):
        if found is None:
            raise RefusedError(codes.SYNTAX_ERROR, f"parameter `{text_of(parameter)}` has no type", unit.at(parameter))
        kind = parameter_type(statements.expressions.lower_ctype(found.type, parameter))
        _check_parameter(kind, unit, parameter)
        if found.name is None:
            continue
        symbols.append(scopes.declare(text_of(found.name), kind, "param", unit.at(found.name), found.const))
    return symbols


def parameter_type(kind: Type) -> Type:
    """An array parameter of one dimension is a pointer; of more, an array whose first extent does not matter."""
    if isinstance(kind, Array) and len(kind.extents) == 1:
        return Pointer(kind.of, kind.const)
    return kind


def _check_parameter(kind: Type, unit: Unit, node: SyntaxNode) -> None:
    element = kind.of if isinstance(kind, Array) else kind.to if isinstance(kind, Pointer) else kind
    if isinstance(element, Pointer) or (isinstance(kind, Pointer) and isinstance(element, Void)):
        text = " ".join(text_of(node).split())
        raise RefusedError(codes.UNSUPPORTED_TYPE, f"parameter `{text}`", unit.at(node))
    if isinstance(element, Struct) and element.is_union:
        raise RefusedError(codes.UNION, f"parameter `{' '.join(text_of(node).split())}`", unit.at(node))


def _global_writes(body: Block) -> Iterator[Unsupported]:
    seen: set[Symbol] = set()
    for stmt in walk(body):
        if isinstance(stmt, Assign):
            symbol = root(stmt.target)
            if symbol is not None and symbol.kind == "global" and symbol not in seen:
                seen.add(symbol)
                yield Unsupported(codes.GLOBAL_WRITE, f"assignment to the global variable `{symbol.name}`", stmt.at)


def _with_overloads(functions: list[Function]) -> list[Function]:
    """The functions, those that share a name marked MUSL010: a name has to say which function is meant."""
    names = Counter(function.name for function in functions)
    result: list[Function] = []
    for function in functions:
        if names[function.name] > 1:
            mark = Unsupported(codes.CXX_FEATURE, f"`{function.name}` is overloaded", function.at)
            function = replace(function, unsupported=(*function.unsupported, mark))
        result.append(function)
    return result


def _with_recursion(functions: list[Function]) -> list[Function]:
    """The functions, those that can call themselves marked MUSL006."""
    names = {function.name for function in functions}
    calls = {f.name: {n.name for n in walk(f.body) if isinstance(n, Call)} & names for f in functions}
    result: list[Function] = []
    for function in functions:
        reached: set[str] = set()
        frontier = set(calls[function.name])
        while frontier:
            reached |= frontier
            frontier = {callee for name in frontier for callee in calls[name]} - reached
        if function.name in reached:
            mark = Unsupported(codes.RECURSION, f"`{function.name}` calls itself", function.at)
            function = replace(function, unsupported=(*function.unsupported, mark))
        result.append(function)
    return result


def _syntax_errors(unit: Unit) -> Iterator[Unsupported]:
    """Syntax errors outside function bodies."""
    for node in top_level(unit.syntax.root):
        if node.type != "function_definition":
            yield from (_syntax_error(unit, error) for error in syntax_errors(node))


def _syntax_error(unit: Unit, node: SyntaxNode) -> Unsupported:
    text = " ".join(text_of(node).split())[:40]
    message = f"syntax error: expected `{node.type}`" if node.is_missing else f"syntax error near `{text}`"
    return Unsupported(codes.SYNTAX_ERROR, message, unit.at(node))
