"""`match_parameters`: which argument of the source goes to which parameter of what a model wrote."""

from __future__ import annotations

from compile.cuda_parts import HostFunction, Kernel

# C's other spellings of one type, after "struct" and qualifiers are gone.
_SPELLINGS = {
    "unsigned": "unsigned int",
    "uint": "unsigned int",
    "signed": "int",
    "signed int": "int",
    "uchar": "unsigned char",
    "short int": "short",
    "long int": "long",
    "long long int": "long long",
    "unsigned short int": "unsigned short",
    "unsigned long int": "unsigned long",
    "unsigned long long int": "unsigned long long",
}
_RESULT = -1  # the place of what a function returns, which a kernel writes through one more pointer


def match_parameters(source: Kernel, written: Kernel) -> list[int] | None:
    """For each parameter of `written` the place of the source's argument that it takes; None where they do not fit.

    Parameters of the same names in another order are taken by name. Pointers must have the same element type, scalars
    may be of any. A function that returns a value is given one more pointer, at the end, as place -1.
    """
    returns = source.returns if isinstance(source, HostFunction) else "void"
    types = list(written.types)
    has_result = returns != "void" and not isinstance(written, HostFunction)
    if has_result and (not types or not _fit(f"{returns} *", types.pop())):
        return None
    names = written.names[: len(types)]
    order = list(range(len(types)))
    if names != source.names and "" not in names and sorted(names) == sorted(source.names):
        order = [source.names.index(name) for name in names]
    if len(order) != len(source.types) or not all(_fit(source.types[i], t) for i, t in zip(order, types, strict=True)):
        return None
    return [*order, _RESULT] if has_result else order


def _fit(one: str, other: str) -> bool:
    if one.endswith("*") != other.endswith("*"):
        return False
    return not one.endswith("*") or _element(one) == _element(other)


def _element(pointer: str) -> str:
    words = pointer.rstrip("*").strip()
    stars = pointer.count("*")
    return f"{_SPELLINGS.get(words, words)}{'*' * stars}"
