"""What of a CUDA text may be mutated: the kernels, device functions and host functions that a host function runs.

Found in the tree of tree-sitter-cuda, so comments, strings and the bodies of macros are never touched. Not sources:

- C text that stands beside the CUDA (the sequential path that MuSL's outputs keep): a host function that neither
  launches a kernel nor calls the CUDA runtime, itself or through what it calls;
- MuSL's own helpers (`musl_upload` ...): they are a library that all outputs share, and faults in their use are
  planted where they are called.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Literal

import tree_sitter_cuda
from tree_sitter import Language, Node, Parser

from data.syntax import field, named, text_of, walk

Kind = Literal["kernel", "device", "host"]
LIBRARY = "musl_"
_SPECIFIERS = ("__global__", "__device__", "__host__")


@lru_cache(maxsize=1)
def _parser() -> Parser:
    return Parser(Language(tree_sitter_cuda.language()))


def parse_cuda(text: bytes) -> Node:
    """The tree of a CUDA text. Syntax errors are ERROR and MISSING nodes in it."""
    return _parser().parse(text).root_node


@dataclass(frozen=True, eq=False)
class Definition:
    """A function definition of a CUDA text; `parameters` are (type without qualifiers, name)."""

    name: str
    kind: Kind
    node: Node
    body: Node
    parameters: tuple[tuple[str, str], ...]

    @cached_property
    def calls(self) -> frozenset[str]:
        """Names of the functions that it calls and of the kernels that it launches."""
        return frozenset(name for node in walk(self.body) if (name := called_name(node)))

    @cached_property
    def uses_cuda(self) -> bool:
        """Whether host code launches a kernel or calls the CUDA runtime itself."""
        return any(node.type == "kernel_call_syntax" for node in walk(self.body)) or any(
            name.startswith("cuda") for name in self.calls
        )


def called_name(node: Node) -> str:
    """`f` of `f(x)`, `f<float>(x)` and `f<<<g, b>>>(x)`; empty for other nodes."""
    if node.type != "call_expression":
        return ""
    function = field(node, "function")
    if function is not None and function.type == "template_function":
        function = field(function, "name")
    if function is not None and function.type == "qualified_identifier":
        function = field(function, "name")
    return text_of(function) if function is not None and function.type == "identifier" else ""


def find_definitions(root: Node) -> list[Definition]:
    """The functions that the text defines outside of classes, in source order."""
    return [definition for node in _functions(root) if (definition := _read_definition(node)) is not None]


def find_sources(root: Node, function: str | None) -> list[Definition]:
    """The definitions that may be mutated: what the host function `function` runs, itself included (what any host
    function runs if None), in source order. Where `function` is itself of the library, as a wrapper that MuSL wrote
    is, it is what it calls."""
    definitions = find_definitions(root)
    by_name: dict[str, list[Definition]] = {}
    for definition in definitions:
        by_name.setdefault(definition.name, []).append(definition)
    with_cuda = _host_with_cuda(definitions)
    starts = [function] if function is not None else sorted(with_cuda)
    reached: set[str] = set()
    while starts:
        name = starts.pop()
        if name in reached:
            continue
        reached.add(name)
        starts += [
            call
            for d in by_name.get(name, ())
            if name.startswith(LIBRARY) or _is_source(d, with_cuda)  # of the library only where it is `function`
            for call in d.calls
            if not call.startswith(LIBRARY)
        ]
    return [d for d in definitions if d.name in reached and _is_source(d, with_cuda)]


def _is_source(definition: Definition, with_cuda: set[str]) -> bool:
    return definition.kind != "host" or definition.name in with_cuda


def _host_with_cuda(definitions: list[Definition]) -> set[str]:
    """The host functions that launch or call the runtime, themselves or through others of them."""
    host = [d for d in definitions if d.kind == "host" and not d.name.startswith(LIBRARY)]
    found = {d.name for d in host if d.uses_cuda}
    while more := {d.name for d in host if d.calls & found} - found:
        found |= more
    return found


def _functions(node: Node) -> Iterator[Node]:
    for child in node.children:
        if child.type == "function_definition":
            yield child
        elif child.type not in ("class_specifier", "struct_specifier", "union_specifier", "ERROR"):
            yield from _functions(child)


def _read_definition(node: Node) -> Definition | None:
    declarator, body = field(node, "declarator"), field(node, "body")
    while declarator is not None and declarator.type in ("pointer_declarator", "reference_declarator"):
        declarator = field(declarator, "declarator") or (named(declarator)[-1] if named(declarator) else None)
    if declarator is None or body is None or declarator.type != "function_declarator":
        return None
    name, parameters = field(declarator, "declarator"), field(declarator, "parameters")
    if name is None or parameters is None or name.type != "identifier":
        return None
    specifiers = {text_of(child) for child in node.children if text_of(child) in _SPECIFIERS}
    kind: Kind = "kernel" if "__global__" in specifiers else "device" if "__device__" in specifiers else "host"
    return Definition(text_of(name), kind, node, body, tuple(_read_parameters(parameters)))


def _read_parameters(parameters: Node) -> Iterator[tuple[str, str]]:
    for parameter in named(parameters):
        declarator = field(parameter, "declarator")
        kept = [text_of(n) for n in walk(parameter) if n.child_count == 0 and not _is_qualifier(n)]
        name = ""
        if declarator is not None:
            name = next((text_of(n) for n in walk(declarator) if n.type == "identifier"), "")
        yield " ".join(word for word in kept if word != name), name


def _is_qualifier(node: Node) -> bool:
    return (node.parent is not None and node.parent.type == "type_qualifier") or node.type == "type_qualifier"
