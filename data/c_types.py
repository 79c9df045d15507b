"""C types of a source file: typedefs, structs, enums and declarators resolved from the syntax tree.

`TypeTable` reads the declarations at file scope; `TypeTable.declared` turns one declarator into a name and a type. The
sizes are those of the x86-64 and AArch64 Linux ABI (LP64), which the CUDA compiler shares with the host compiler.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TypeAlias

from tree_sitter import Node

from data.literals import canonical_scalar, char_literal, fold, integer_literal
from data.syntax import Syntax, field, named, text_of, top_level


@dataclass(frozen=True)
class CScalar:
    """An arithmetic type by its canonical name (`unsigned long`); `spelling` is the typedef or enum that named it."""

    name: str
    spelling: str = ""
    is_enum: bool = False


@dataclass(frozen=True)
class CStruct:
    """A struct or union with a body. `name` is its tag, or the typedef of one without a tag."""

    name: str
    fields: tuple[tuple[str, CType], ...]
    spelling: str
    is_union: bool = False


@dataclass(frozen=True)
class CPointer:
    """A pointer, or a C++ reference; `const` says that the pointee is const."""

    to: CType
    const: bool = False
    reference: bool = False


@dataclass(frozen=True)
class CArray:
    """An array; `size` where it is a constant, else `extent`, the syntax of its size (None for `[]`)."""

    of: CType
    size: int | None
    extent: Node | None
    const: bool = False


@dataclass(frozen=True)
class CFunction:
    """A function type; a pointer to one is a function pointer."""

    returns: CType
    variadic: bool = False


@dataclass(frozen=True)
class CVoid:
    """void"""


@dataclass(frozen=True)
class CAuto:
    """`auto`: the type of the initializer."""


@dataclass(frozen=True)
class COpaque:
    """A type without a known body: a struct declared only by name, a class, a template, or an unknown name."""

    name: str


CType: TypeAlias = CScalar | CStruct | CPointer | CArray | CFunction | CVoid | CAuto | COpaque


@dataclass(frozen=True)
class Declared:
    """One declared name: `name` is the identifier's node (None in an abstract declarator), `const` its own constness,
    `node` the declarator, `function` the function declarator where it declares a function."""

    name: Node | None
    type: CType
    const: bool
    node: Node
    function: Node | None = None


# Typedefs of the standard headers, for text that uses them without the include (benchmarks are cut out of their files).
_STANDARD = {
    "size_t": "unsigned long",
    "ssize_t": "long",
    "ptrdiff_t": "long",
    "intptr_t": "long",
    "uintptr_t": "unsigned long",
    "int8_t": "signed char",
    "int16_t": "short",
    "int32_t": "int",
    "int64_t": "long",
    "uint8_t": "unsigned char",
    "uint16_t": "unsigned short",
    "uint32_t": "unsigned int",
    "uint64_t": "unsigned long",
    "uint": "unsigned int",
    "ushort": "unsigned short",
    "ulong": "unsigned long",
}
STANDARD_TYPEDEFS = {name: CScalar(canonical, name) for name, canonical in _STANDARD.items()}

# bytes; LP64
SCALAR_SIZES = {
    "bool": 1,
    "char": 1,
    "signed char": 1,
    "unsigned char": 1,
    "short": 2,
    "unsigned short": 2,
    "int": 4,
    "unsigned int": 4,
    "long": 8,
    "unsigned long": 8,
    "long long": 8,
    "unsigned long long": 8,
    "float": 4,
    "double": 8,
    "long double": 16,
}

_TYPE_SPECIFIERS = {"struct_specifier", "union_specifier", "class_specifier", "enum_specifier"}
_NAME_NODES = {"identifier", "field_identifier", "type_identifier", "primitive_type"}


def size_and_alignment(ctype: CType) -> tuple[int, int] | None:
    """Bytes and alignment of a complete type; None where the size is not a constant."""
    if isinstance(ctype, CScalar):
        size = SCALAR_SIZES[ctype.name]
        return size, size
    if isinstance(ctype, CPointer):
        return 8, 8
    if isinstance(ctype, CArray):
        element = size_and_alignment(ctype.of)
        return None if element is None or ctype.size is None else (element[0] * ctype.size, element[1])
    if isinstance(ctype, CStruct):
        return _struct_layout(ctype)
    return None


def _struct_layout(struct: CStruct) -> tuple[int, int] | None:
    offset, widest = 0, 1
    for _, ctype in struct.fields:
        layout = size_and_alignment(ctype)
        if layout is None:
            return None
        size, alignment = layout
        widest = max(widest, alignment)
        offset = max(offset, size) if struct.is_union else -(-offset // alignment) * alignment + size
    return -(-offset // widest) * widest, widest


class TypeTable:
    """The typedefs, structs and enum constants in sight.

    `typedefs`, `structs` (by tag) and `constants` are filled from the file's own declarations; the system headers'
    are read when a name is first asked for and not found.
    """

    def __init__(self, syntax: Syntax) -> None:
        self.typedefs: dict[str, CType] = {}
        self.structs: dict[str, CStruct] = {}
        self.constants: dict[str, int] = {}
        self._is_c = syntax.is_c
        self._syntax = syntax
        self._system_read = False
        for node in top_level(syntax.root):
            self.read_declaration(node)

    def read_declaration(self, node: Node) -> None:
        """Takes in the types that a declaration defines (a typedef, a struct, an enum, a `using X = ...`)."""
        if node.type == "type_definition":
            self._read_typedef(node)
        elif node.type == "alias_declaration":
            name, target = field(node, "name"), field(node, "type")
            if name is not None and target is not None:
                self.typedefs[text_of(name)] = _respelled(self.type_of_descriptor(target)[0], text_of(name))
        elif node.type in _TYPE_SPECIFIERS:
            self._type_of_specifier(node)
        elif node.type in ("declaration", "function_definition", "field_declaration"):
            specifier = field(node, "type")
            if specifier is not None and specifier.type in _TYPE_SPECIFIERS:
                self._type_of_specifier(specifier)
            if node.type == "declaration":
                self._read_constants(node)

    def _read_constants(self, node: Node) -> None:
        """`const int N = 64;` is a constant expression in C++ (and in practice in C, where the compiler folds it)."""
        base, const = self.base_type(node)
        if not const or not isinstance(base, CScalar):
            return
        for child in node.children_by_field_name("declarator"):
            name, value = field(child, "declarator"), field(child, "value")
            if child.type == "init_declarator" and name is not None and name.type == "identifier" and value is not None:
                number = self.constant(value)
                if number is not None:
                    self.constants[text_of(name)] = number

    def _read_typedef(self, node: Node) -> None:
        base, const = self.base_type(node)
        for declarator in node.children_by_field_name("declarator"):
            declared = self.declared(declarator, base, const)
            if declared.name is None:
                continue
            name = text_of(declared.name)
            self.typedefs[name] = _respelled(declared.type, name)

    def lookup(self, name: str) -> CType | None:
        """The type that the typedef or (in C++) struct `name` stands for; None where there is none."""
        if name in self.typedefs:
            return self.typedefs[name]
        if not self._is_c and name in self.structs:
            return self.structs[name]
        if name in STANDARD_TYPEDEFS:
            return STANDARD_TYPEDEFS[name]
        if not self._system_read:
            self._read_system()
            return self.lookup(name)
        return None

    def is_type(self, name: str) -> bool:
        return self.lookup(name) is not None

    def _read_system(self) -> None:
        """Reads the system headers' declarations; the file's own win."""
        self._system_read = True
        typedefs, structs, constants = dict(self.typedefs), dict(self.structs), dict(self.constants)
        for node in top_level(self._syntax.system_root):
            self.read_declaration(node)
        self.typedefs.update(typedefs)
        self.structs.update(structs)
        self.constants.update(constants)

    # ------------------------------------------------------------ specifiers

    def base_type(self, node: Node) -> tuple[CType, bool]:
        """The type that the specifiers of a declaration name, and whether they say const."""
        const = any(
            child.type == "type_qualifier" and text_of(child) in ("const", "constexpr", "__const")
            for child in node.children
        )
        specifier = field(node, "type")
        if specifier is None:
            return CScalar("int"), const  # implicit int of old C
        return self._type_of_specifier(specifier), const

    def _type_of_specifier(self, node: Node) -> CType:
        if node.type in ("struct_specifier", "union_specifier", "class_specifier"):
            return self._struct(node)
        if node.type == "enum_specifier":
            return self._enum(node)
        if node.type in ("placeholder_type_specifier", "auto"):
            return CAuto()
        text = text_of(node)
        if text == "void":
            return CVoid()
        name = canonical_scalar(text.split())
        if name is not None:
            return CScalar(name)
        if text == "auto":
            return CAuto()
        return self.lookup(text.removeprefix("std::")) or COpaque(text)

    def _struct(self, node: Node) -> CType:
        name_node, body = field(node, "name"), field(node, "body")
        keyword = "union" if node.type == "union_specifier" else "struct"
        name = text_of(name_node) if name_node is not None else ""
        if body is None:
            if name not in self.structs and not self._system_read:
                self._read_system()
            return self.structs.get(name) or COpaque(f"{keyword} {name}")
        if node.type == "class_specifier" or any(c.type == "base_class_clause" for c in node.children):
            return COpaque(name or "class")
        if any(c.type in ("function_definition", "template_declaration") for c in body.children):
            return COpaque(name)
        fields = self._fields(body)
        if fields is None:
            return COpaque(f"{keyword} {name}".strip())
        spelling = name if not self._is_c else f"{keyword} {name}".strip()
        struct = CStruct(name, fields, spelling if name else "", keyword == "union")
        if name:
            self.structs[name] = struct
        return struct

    def _fields(self, body: Node) -> tuple[tuple[str, CType], ...] | None:
        """The fields of a struct; None where one cannot be expressed (bit-fields, methods, unnamed members)."""
        fields: list[tuple[str, CType]] = []
        for child in named(body):
            if child.type == "access_specifier":
                continue
            if child.type != "field_declaration" or any(c.type == "bitfield_clause" for c in child.children):
                return None
            base, const = self.base_type(child)
            declarators = child.children_by_field_name("declarator")
            if not declarators:
                return None
            for declarator in declarators:
                declared = self.declared(declarator, base, const)
                if declared.name is None or isinstance(declared.type, CFunction):
                    return None
                fields.append((text_of(declared.name), declared.type))
        return tuple(fields)

    def _enum(self, node: Node) -> CType:
        name, body = field(node, "name"), field(node, "body")
        value = -1
        for child in named(body) if body is not None else []:
            if child.type != "enumerator":
                continue
            given, constant = field(child, "value"), field(child, "name")
            known = self.constant(given) if given is not None else value + 1
            value = known if known is not None else value + 1
            if constant is not None:
                self.constants[text_of(constant)] = value
        if name is None:
            return CScalar("int", "", is_enum=True)
        spelling = text_of(name) if not self._is_c else f"enum {text_of(name)}"
        enum = CScalar("int", spelling, is_enum=True)
        if not self._is_c:
            self.typedefs.setdefault(text_of(name), enum)
        return enum

    # ------------------------------------------------------------ declarators

    def declared(self, node: Node, base: CType, const: bool) -> Declared:
        """The name and type that the declarator `node` makes of the specifiers' type `base` (const or not)."""
        if node.type in _NAME_NODES or node.type == "qualified_identifier":
            return Declared(node, base, const, node)
        inner = field(node, "declarator")
        if node.type == "init_declarator" and inner is not None:
            return self.declared(inner, base, const)
        if "array_declarator" in node.type:
            base = self._array(node, base, const)
        elif "function_declarator" in node.type:
            parameters = field(node, "parameters")
            variadic = parameters is not None and any(
                c.type in ("variadic_parameter", "...") for c in parameters.children
            )
            base, const = CFunction(base, variadic), False
            if inner is not None and inner.type in _NAME_NODES | {"qualified_identifier"}:
                return Declared(inner, base, const, node, function=node)
        elif "pointer_declarator" in node.type:
            base = CPointer(base, const)
            const = any(c.type == "type_qualifier" and text_of(c) == "const" for c in node.children)
        elif "reference_declarator" in node.type:
            base, const = CPointer(base, const, reference=True), False
        if inner is None:
            inner = next((c for c in named(node) if "declarator" in c.type or c.type in _NAME_NODES), None)
        if inner is None:
            return Declared(None, base, const, node)
        return self.declared(inner, base, const)

    def _array(self, node: Node, base: CType, const: bool) -> CArray:
        size = field(node, "size")
        if size is not None and text_of(size) == "*":
            size = None
        return CArray(base, self.constant(size) if size is not None else None, size, const)

    def type_of_descriptor(self, node: Node) -> tuple[CType, bool]:
        """The type that a `type_descriptor` (of a cast or sizeof) names, and whether it is const."""
        base, const = self.base_type(node)
        declarator = field(node, "declarator")
        if declarator is None:
            return base, const
        declared = self.declared(declarator, base, const)
        return declared.type, declared.const

    def declarations(self, node: Node) -> Iterator[Declared]:
        """Every name that a declaration declares, in order."""
        base, const = self.base_type(node)
        for declarator in node.children_by_field_name("declarator"):
            yield self.declared(declarator, base, const)

    # ------------------------------------------------------------ constant expressions

    def constant(self, node: Node) -> int | None:
        """The value of an integer constant expression; None where it is not one."""
        if node.type == "number_literal":
            return integer_literal(text_of(node))
        if node.type == "identifier":
            return self.constants.get(text_of(node))
        if node.type == "char_literal":
            return char_literal(text_of(node))
        if node.type == "parenthesized_expression":
            inner = named(node)
            return self.constant(inner[0]) if len(inner) == 1 else None
        if node.type == "cast_expression":
            value = field(node, "value")
            return self.constant(value) if value is not None else None
        if node.type == "sizeof_expression":
            descriptor = field(node, "type")
            layout = size_and_alignment(self.type_of_descriptor(descriptor)[0]) if descriptor is not None else None
            return layout[0] if layout is not None else None
        if node.type in ("unary_expression", "binary_expression", "conditional_expression"):
            return self._operation(node)
        return None

    def _operation(self, node: Node) -> int | None:
        names: tuple[str, ...] = ("argument",) if node.type == "unary_expression" else ("left", "right")
        if node.type == "conditional_expression":
            names = ("condition", "consequence", "alternative")
        operands: list[int] = []
        for name in names:
            child = field(node, name)
            value = self.constant(child) if child is not None else None
            if value is None:
                return None
            operands.append(value)
        operator = field(node, "operator")
        return fold(text_of(operator) if operator is not None else "?:", operands)


def _respelled(ctype: CType, name: str) -> CType:
    """The type under a typedef's name: scalars and structs remember it for printing."""
    if isinstance(ctype, CScalar):
        return replace(ctype, spelling=name)
    if isinstance(ctype, CStruct):
        return replace(ctype, spelling=name, name=ctype.name or name)
    return ctype
