"""Test snippets that only a compiler understands: `capture_call` compiles one and reads the arguments that it passes.

What data/snippets.py evaluates costs nothing; this is for the rest (vectors, loops, library calls). The program is the
snippet with a `wrapper` of ours, which writes its arguments with their types. It runs twice, with local variables that
hold zeros and with a pattern: what differs is what the snippet never sets.
"""

from __future__ import annotations

import re
import struct
import tempfile
from pathlib import Path

import numpy as np

from compile.outcome import Status
from compile.sandbox import MIB, Limits, Sandbox
from compile.toolchain import find_gxx
from data.snippets import Array, Call, NotConstant, Value

_LIMITS = Limits(wall_seconds=30.0, memory_bytes=4096 * MIB, output_bytes=64 * MIB)
_RUN_LIMITS = Limits(wall_seconds=5.0, memory_bytes=1024 * MIB, output_bytes=64 * MIB)
_FILLS = ("zero", "pattern")
_CALLEE = re.compile(r"\bwrapper\s*\(\s*([A-Za-z_]\w*)")

# kind ('a' array, 's' single value, 'n' null), type ('f' 'i' 'u' 'b' and its size), number of elements, the elements.
_HEAD = """\
#include <algorithm>
#include <array>
#include <cfloat>
#include <climits>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <numeric>
#include <string>
#include <type_traits>
#include <vector>
#include <unistd.h>
static FILE *musl_out;
static void musl_write(const void *data, size_t bytes) { fwrite(data, 1, bytes, musl_out); }
template <class T>
void musl_values(char kind, const T *values, uint64_t count) {
    static_assert(std::is_arithmetic_v<T>, "an argument that is no number");
    char type = std::is_same_v<T, bool> ? 'b' : std::is_floating_point_v<T> ? 'f' : std::is_signed_v<T> ? 'i' : 'u';
    unsigned char head[3] = {(unsigned char)kind, (unsigned char)type, sizeof(T)};
    musl_write(head, 3);
    musl_write(&count, 8);
    musl_write(values, count * sizeof(T));
}
template <class T, size_t N>
void musl_argument(T (&a)[N]) {
    using E = std::remove_cv_t<std::remove_all_extents_t<T>>;
    musl_values('a', reinterpret_cast<const E *>(a), sizeof a / sizeof(E));
}
template <class T>
void musl_argument(const std::vector<T> &a) {
    musl_values('a', a.data(), a.size());
}
template <class T, size_t N>
void musl_argument(const std::array<T, N> &a) {
    musl_values('a', a.data(), N);
}
static void musl_argument(std::nullptr_t) { musl_values('n', "", 0); }
template <class T, class = std::enable_if_t<std::is_arithmetic_v<T>>>
void musl_argument(const T &a) {
    musl_values('s', &a, 1);
}
template <class... A>
void wrapper(const char *name, A &&...arguments) {
    uint64_t length = strlen(name), count = sizeof...(A);
    musl_write(&length, 8);
    musl_write(name, length);
    musl_write(&count, 8);
    (musl_argument(arguments), ...);
}
"""
_MAIN = """\
int main() {
    musl_out = fdopen(dup(1), "w");
    if (!freopen("/dev/null", "w", stdout)) return 2;
    musl_snippet();
    fclose(musl_out);
}
"""


def capture_call(snippet: str, sandbox: Sandbox) -> Call:
    """The one call that the snippet makes, by compiling and running it. Raises NotConstant with the reason where it
    does not compile, does not end, or passes what cannot be written down (a pointer whose extent is not known)."""
    match = _CALLEE.search(snippet)
    if match is None:
        raise NotConstant("it calls the function 0 times")
    folder = Path(tempfile.mkdtemp(prefix="capture-", dir=sandbox.scratch)).resolve()
    own = sandbox.within(folder)
    text = f'{_HEAD}static const char {match[1]}[] = "{match[1]}";\nstatic void musl_snippet() {{\n#line 1 "snippet"\n'
    (folder / "capture.cpp").write_text(f"{text}{snippet}\n}}\n{_MAIN}", encoding="utf-8")
    first, second = (_read(_run(own, fill)) for fill in _FILLS)
    return Call(first.callee, tuple(_merge(a, b) for a, b in zip(first.arguments, second.arguments, strict=True)))


def _run(sandbox: Sandbox, fill: str) -> bytes:
    command = [
        str(find_gxx().path),
        "-std=gnu++17",
        "-O0",
        f"-ftrivial-auto-var-init={fill}",
        "capture.cpp",
        "-o",
        fill,
    ]
    built = sandbox.run(command, limits=_LIMITS, writable=True)
    if built.status is Status.INFRASTRUCTURE:
        raise OSError(built.message)
    if not built.ok:
        errors = [line for line in built.message.splitlines() if "error" in line]
        raise NotConstant(f"it does not compile: {(errors or [built.status.value])[0]}")
    outcome = sandbox.run([sandbox.scratch / fill], limits=_RUN_LIMITS, restricted=True)
    if outcome.status is Status.INFRASTRUCTURE:
        raise OSError(outcome.message)
    if not outcome.ok:
        raise NotConstant(f"it does not end well: {outcome.status.value}")
    return outcome.stdout


def _read(data: bytes) -> Call:
    """The call that the program wrote."""
    try:
        (length,) = struct.unpack_from("<Q", data)
        name = data[8 : 8 + length].decode()
        (count,) = struct.unpack_from("<Q", data, 8 + length)
        at, arguments = 16 + length, []
        for _ in range(count):
            kind, letter, size, elements = struct.unpack_from("<ccBQ", data, at)
            dtype = np.dtype(np.bool_ if letter == b"b" else f"{letter.decode()}{size}")
            values = np.frombuffer(data, dtype, elements, at + 11).copy()
            at += 11 + values.nbytes
            arguments.append(_value(kind, values))
    except (struct.error, ValueError) as error:
        raise NotConstant(f"its call cannot be read: {error}") from None
    if at != len(data):
        raise NotConstant("it calls the function more than once")
    return Call(name, tuple(arguments))


def _value(kind: bytes, values: np.ndarray) -> Value:
    if kind == b"n":
        return None
    if kind == b"a":
        return Array(values, np.zeros(values.size, bool))
    scalar = values[0]
    assert isinstance(scalar, np.generic)
    return scalar


def _merge(left: Value, right: Value) -> Value:
    if not isinstance(left, Array):
        return left
    assert isinstance(right, Array)
    bytes_of = [array.values.view(np.uint8).reshape(array.values.size, -1) for array in (left, right)]
    return Array(left.values, np.asarray((bytes_of[0] != bytes_of[1]).any(axis=1)))
