"""`match_parameters`: which argument of the source goes to which parameter of what a model wrote; `unlike_parameters`:
why there is none."""

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
    types, result = list(written.types), _result(source, written)
    if result and (not types or not _fit(result, types.pop())):
        return None
    names = written.names[: len(types)]
    order = list(range(len(types)))
    if names != source.names and "" not in names and sorted(names) == sorted(source.names):
        order = [source.names.index(name) for name in names]
    if len(order) != len(source.types) or not all(_fit(source.types[i], t) for i, t in zip(order, types, strict=True)):
        return None
    return [*order, _RESULT] if result else order


def unlike_parameters(source: Kernel, written: Kernel) -> str:
    """Why `match_parameters` finds no places: what the kernel takes, and what it would be given."""
    result = _result(source, written)
    of_result = [result] if result else []
    is_other_order = [*source.types, *of_result] == list(written.types)  # the same types, but the names say otherwise

    def told(kernel: Kernel) -> list[str]:
        return [f"{part.type} {part.name}" if is_other_order else part.type for part in kernel.parameters]

    passed = [*told(source), *(f"{pointer} for the result" for pointer in of_result)]
    return f"{written.name} takes ({', '.join(told(written))}), {source.name} is called with ({', '.join(passed)})"


def _result(source: Kernel, written: Kernel) -> str:
    """What a kernel writes through for a function that returns a value, "" where there is no such parameter."""
    returns = source.returns if isinstance(source, HostFunction) else "void"
    return "" if returns == "void" or isinstance(written, HostFunction) else f"{returns} *"


def _fit(one: str, other: str) -> bool:
    if one.endswith("*") != other.endswith("*"):
        return False
    return not one.endswith("*") or _element(one) == _element(other)


def _element(pointer: str) -> str:
    words = pointer.rstrip("*").strip()
    stars = pointer.count("*")
    return f"{_SPELLINGS.get(words, words)}{'*' * stars}"
