"""The call stub: a few lines appended to the user's translation unit, which call the function with arguments by
address.

Being in the same translation unit, it reaches static functions, and every struct, typedef and array type resolves
where it is.
"""

from __future__ import annotations

from data.function import Function, Parameter

# Neither traced, nor counted for coverage, nor sanitized: it is not part of the function.
_ATTRIBUTES = 'no_instrument_function, no_sanitize("thread", "address", "undefined")'


def make_stub(function: Function, *, cplusplus: bool) -> str:
    """The text to append: `musl_call` of compile/driver/musl_driver.h for `function`, in C or in C++.

    -->  void musl_call(void **musl_arguments, void *musl_returned) {
             __auto_type musl_result = dot(musl_arguments[0], musl_arguments[1], *(int *)musl_arguments[2]);
             __builtin_memcpy(musl_returned, (const void *)&musl_result, sizeof musl_result);
         }

    All its own names begin with `musl_`, because any other may be a macro of the user's file.
    """
    arguments = ", ".join(_argument(p, i, cplusplus) for i, p in enumerate(function.parameters))
    call = f"{function.name}({arguments})"
    lines = ["", f'#line 1 "<stub of {function.name}>"']
    if cplusplus:
        lines.append(
            "namespace { struct musl_any { void *musl_at; template <class musl_t> operator musl_t *() const "
            "{ return static_cast<musl_t *>(musl_at); } }; }"
        )
    lines += [_size_check(p, cplusplus) for p in function.parameters]
    linkage = 'extern "C" ' if cplusplus else ""
    head = f"{linkage}void musl_call(void **, void *) __attribute__(({_ATTRIBUTES}));"
    lines += [head, f"{linkage}void musl_call(void **musl_arguments, void *musl_returned) {{"]
    lines.append("    (void)musl_arguments; (void)musl_returned;")
    if function.returns is None:
        lines.append(f"    {call};")
    else:
        lines += [
            f"    {'auto' if cplusplus else '__auto_type'} musl_result = {call};",
            f"    {_size_assertion(cplusplus, 'musl_result', function.returns.itemsize, 'the returned value')}",
            "    __builtin_memcpy(musl_returned, (const void *)&musl_result, sizeof musl_result);",
        ]
    return "\n".join([*lines, "}", ""])


def _argument(parameter: Parameter, index: int, cplusplus: bool) -> str:
    at = f"musl_arguments[{index}]"
    if not parameter.is_array:
        return f"*({_spelling(parameter, cplusplus)} *){at}"
    if not cplusplus:
        return at  # void * converts to every pointer to data, also to one to rows of variable length
    return f"({_spelling(parameter, cplusplus)} *){at}" if parameter.rank == 1 else f"musl_any{{{at}}}"


def _size_check(parameter: Parameter, cplusplus: bool) -> str:
    return _size_assertion(
        cplusplus, _spelling(parameter, cplusplus), parameter.dtype.itemsize, f"an element of {parameter.name}"
    )


def _spelling(parameter: Parameter, cplusplus: bool) -> str:
    """C has `bool` only where the file includes stdbool.h, and `_Bool` always."""
    return "_Bool" if parameter.c_type == "bool" and not cplusplus else parameter.c_type


def _size_assertion(cplusplus: bool, what: str, size: int, name: str) -> str:
    """A dtype that does not have the size of the C type would shift every element: better not to compile."""
    keyword = "static_assert" if cplusplus else "_Static_assert"
    return f'{keyword}(sizeof({what}) == {size}, "size of {name}");'
