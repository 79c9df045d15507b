"""Calls: functions of the program, of the C library, C++ casts written as calls, and the calls a kernel cannot make."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tree_sitter import Node as SyntaxNode

from data.syntax import field, named, text_of
from translator.analytic import codes
from translator.analytic.cxx_names import output_function_name
from translator.analytic.ir import Array, Call, Cast, Const, Expr, Pointer, Scalar, Type
from translator.analytic.known_functions import (
    BUILTIN_CONSTANTS,
    COMMON_TYPE,
    FLOAT,
    REFUSED,
    SIGNATURES,
    Signature,
)
from translator.analytic.parse_types import common_type, decay, promote

if TYPE_CHECKING:
    from translator.analytic.parse_expressions import ExpressionParser

_CASTS = {"static_cast", "reinterpret_cast", "const_cast"}


def lower_call(parser: ExpressionParser, node: SyntaxNode) -> Expr:
    """The call as a Call, a Cast (`float(x)`, `static_cast<float>(x)`) or a Const (`__builtin_inff()`)."""
    function = parser.child(node, "function")
    arguments = named(parser.child(node, "arguments"))
    if function.type in ("primitive_type", "sized_type_specifier"):
        return _functional_cast(parser, text_of(function), arguments, node)
    if function.type in ("identifier", "qualified_identifier", "template_function"):
        return _named_call(parser, function, arguments, node)
    if function.type == "parenthesized_expression" and len(named(function)) == 1:
        inner = named(function)[0]
        # the grammar takes `(byte)(x)` for a call of `byte`; `(f)(x)` is a call indeed
        if inner.type in ("identifier", "qualified_identifier"):
            return _named_call(parser, inner, arguments, node)
    if function.type == "field_expression":
        raise parser.refusal(codes.CXX_FEATURE, f"method call `{text_of(function)}`", node)
    raise parser.refusal(codes.FUNCTION_POINTER, f"call through `{text_of(function)}`", node)


def _named_call(parser: ExpressionParser, function: SyntaxNode, arguments: list[SyntaxNode], node: SyntaxNode) -> Expr:
    text = text_of(function)
    is_std = text.startswith(("std::", "::std::"))
    if function.type == "qualified_identifier":
        inner = field(function, "name")
        if inner is None or not (is_std or text.startswith("::")):
            raise parser.refusal(codes.CXX_FEATURE, f"call of `{text}`", node)
        function = inner
    explicit = None
    if function.type == "template_function":
        explicit = field(function, "arguments")
        name = text_of(parser.child(function, "name"))
        if name in _CASTS and explicit is not None and len(arguments) == 1:
            return _cast(parser, explicit, arguments[0], node)
    else:
        name = text_of(function)
    if not is_std and parser.scopes.find(name) is not None:
        raise parser.refusal(codes.FUNCTION_POINTER, f"call through the variable `{name}`", node)
    if name not in parser.unit.signatures and parser.named_type(name) is not None:
        return _functional_cast(parser, name, arguments, node)
    args = [parser.value(argument) for argument in arguments]
    if explicit is not None:
        args = [_cast_to_template_argument(parser, explicit, arg, node) for arg in args]
    return _call(parser, name, args, is_std, node)


def _cast(parser: ExpressionParser, explicit: SyntaxNode, argument: SyntaxNode, node: SyntaxNode) -> Expr:
    descriptor = named(explicit)[0]
    return parser.cast_to(parser.unit.types.type_of_descriptor(descriptor)[0], parser.value(argument), node)


def _cast_to_template_argument(parser: ExpressionParser, explicit: SyntaxNode, arg: Expr, node: SyntaxNode) -> Expr:
    target = parser.lower_ctype(parser.unit.types.type_of_descriptor(named(explicit)[0])[0], node)
    return arg if arg.type == target else Cast(target, arg, at=arg.at)


def _functional_cast(parser: ExpressionParser, name: str, arguments: list[SyntaxNode], node: SyntaxNode) -> Expr:
    ctype = parser.named_type(name)
    if ctype is None or len(arguments) != 1:
        raise parser.refusal(codes.CXX_FEATURE, f"`{text_of(node)}`", node)
    return parser.cast_to(ctype, parser.value(arguments[0]), node)


def _call(parser: ExpressionParser, name: str, args: list[Expr], is_std: bool, node: SyntaxNode) -> Expr:
    at = parser.unit.at(node)
    own = None if is_std else parser.unit.signatures.get(name)
    if own is not None and own.defined:
        return Call(output_function_name(name), tuple(args), own.returns, at=at)
    if name in BUILTIN_CONSTANTS:
        text, value, kind = BUILTIN_CONSTANTS[name]
        return Const(text, value, kind, at=at)
    if name == "__builtin_expect" and args:
        return args[0]
    if name in REFUSED:
        raise parser.refusal(REFUSED[name], f"call of `{name}`", node)
    name = name.removeprefix("__builtin_")
    if name in COMMON_TYPE:
        return Call(name, tuple(args), _common_result(args), is_std, at=at)
    signature = SIGNATURES.get(name)
    if signature is None:
        raise parser.refusal(codes.UNKNOWN_NAME, f"`{name}` has no definition in the file", node)
    if signature.params and len(args) != len(signature.params):
        raise parser.refusal(codes.UNKNOWN_NAME, f"`{name}` takes {len(signature.params)} arguments", node)
    if signature.overloaded and (is_std or parser.unit.overloads):
        return Call(name, tuple(args), _overload_result(name, args, signature), is_std, at=at)
    converted = tuple(convert(arg, kind) for arg, kind in zip(args, signature.params, strict=False))
    return Call(name, converted or tuple(args), signature.returns, is_std, at=at)


def convert(arg: Expr, kind: Type) -> Expr:
    """The argument in the type that C converts it to. CUDA's math functions are overloaded (`sin(float)` is single
    precision), so a C call keeps its double only with the conversion written out."""
    if not isinstance(arg.type, Scalar) or not isinstance(kind, Scalar) or arg.type.name == kind.name:
        return arg
    if isinstance(arg, Const) and arg.type.is_integer and kind.is_integer:
        return arg
    return Cast(kind, arg, at=arg.at)


def _overload_result(name: str, args: list[Expr], signature: Signature) -> Type:
    scalars = [arg.type for arg in args if isinstance(arg.type, Scalar)]
    if name == "abs":
        return promote(scalars[0]) if scalars else signature.returns
    if name in ("ldexp", "scalbn"):
        scalars = scalars[:1]
    if all(kind.name == "float" for kind in scalars) and scalars:
        return FLOAT
    # the CUDA and C++ promotion rule: any double or integer argument makes it double
    return Scalar("long double") if any(kind.name == "long double" for kind in scalars) else signature.returns


def _common_result(args: list[Expr]) -> Type:
    result: Type | None = None
    for arg in args:
        kind = decay(arg.type)
        if result is None or result == kind:
            result = kind
        elif isinstance(result, Scalar) and isinstance(kind, Scalar):
            result = common_type(result, kind)
    return result or Scalar("int")


def points_to_memory(kind: Type) -> bool:
    """Whether a value of this type is a pointer or an array."""
    return isinstance(kind, Pointer | Array)
