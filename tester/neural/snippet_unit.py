"""One compiled unit of many snippets: a function of its own for each, which writes down what the snippet passes.

    // of the snippet  float x[3] = {1, 2}; scale(x, 3, 2.5f);
    static void snippet_0(musl_capture::Out &musl_out) {
        float x[3] = {1, 2};
        musl_capture::put_named<float>(musl_out, &(x), x, sizeof(x));
        musl_capture::put_value<int32_t>(musl_out, 3);
        musl_capture::put_value<float>(musl_out, 2.5f);
    }

capture.h, which is precompiled, has the functions that write. The unit is called as any function under test is
(compile/driver): one sandboxed process for all, a child for each snippet, so that what one does costs itself alone.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from compile.build import Build
from compile.cache import OwnBuildFailedError, cached
from compile.driver.stub import make_stub
from compile.host import FLOAT_FLAGS, mode_host, shell_words
from compile.imports import check_unit
from compile.outcome import Outcome
from compile.sandbox import MIB, Limits, Sandbox
from compile.toolchain import find_gxx
from compile.unit import UNIT, link_step, place_host
from data.find_functions import DTYPES
from data.function import Function, Parameter, Span
from tester.neural.snippet import Snippet

# What local variables hold that a snippet never sets.
Fill = Literal["zero", "pattern"]
FILLS: tuple[Fill, ...] = ("zero", "pattern")
HEADER = Path(__file__).resolve().parent / "capture.h"
# As C: conversions that C++ refuses are made.
_FLAGS = ("-std=gnu++17", "-O0", "-fpermissive", "-Wno-narrowing", "-pipe", "-fPIC", *FLOAT_FLAGS)
# What would cost the others their time or memory: templates and constants that never end, great static arrays.
TOO_LARGE = "larger-than="
_BOUNDS = (
    *("-ftemplate-depth=100", "-fconstexpr-ops-limit=1000000", f"-Werror={TOO_LARGE}{16 * MIB}"),
    "-fno-diagnostics-show-caret",
)
_LIMITS = Limits(wall_seconds=15.0, memory_bytes=3072 * MIB, file_bytes=256 * MIB, output_bytes=8 * MIB)
_NULLS = frozenset({"NULL", "nullptr", "0", "(void*)0", "(void *)0"})
_IDENTIFIER = re.compile(r"[A-Za-z_]\w*")
_ADDRESS = re.compile(r"&\s*([A-Za-z_]\w*)")
_DATA = re.compile(r"([A-Za-z_]\w*)\.data\(\s*\)")
_PLACE = re.compile(r"(?:&\s*([A-Za-z_]\w*)\s*\[.*\]|([A-Za-z_]\w*)\s*\+.*)", re.DOTALL)
_MENTION = re.compile(r"snippet_(\d+):\d+")
_BY_DTYPE = {dtype: name for name, dtype in reversed(DTYPES.items())}
_NOWHERE = Span(1, 1, 1, 0, 0)
# How the unit is called: which snippet, where its record goes, and how much fits there; it returns how much there is.
TAKE = Function(
    name="musl_take",
    language="c++",
    text="",
    parameters=(
        Parameter("which", np.dtype(np.int32), "int", 0, False, "int which"),
        Parameter("to", np.dtype(np.uint8), "unsigned char", 1, False, "unsigned char *to", (None,)),
        Parameter("room", np.dtype(np.int64), "long", 0, False, "long room"),
    ),
    returns=np.dtype(np.int64),
    path=Path("unit.cpp"),
    span=_NOWHERE,
)


@dataclass(frozen=True)
class Entry:
    """A snippet of the unit, the function that it calls, and the declarations that it needs of the function's file."""

    snippet: Snippet
    function: Function
    declarations: str = ""


def unit_text(entries: Mapping[int, Entry]) -> str:
    """The unit of the entries; the keys are the numbers in the names of their functions."""
    groups: dict[str, list[int]] = {}
    for number, entry in entries.items():
        groups.setdefault(entry.declarations, []).append(number)
    parts, names = [], []
    for index, (declarations, numbers) in enumerate(groups.items()):
        macros = dict.fromkeys(re.findall(r"^#define (\w+)", declarations, re.MULTILINE))  # those of this file alone
        parts += [f'#pragma push_macro("{macro}")\n#undef {macro}' for macro in macros]
        parts.append(f"namespace musl_{index} {{\n{declarations}")
        for number in numbers:
            parts.append(_snippet_function(number, entries[number]))
            names.append((number, f"musl_{index}::snippet_{number}"))
        parts += [f'#pragma pop_macro("{macro}")' for macro in macros]
        parts.append("}")
    listed = ",\n".join(f"    {name}" for _, name in sorted(names))
    parts.append(f"static void (*const musl_snippets[])(musl_capture::Out &) = {{\n{listed}\n}};")
    parts.append(
        "static long musl_take(int which, unsigned char *to, long room) {\n"
        "    musl_capture::Out out = {to, static_cast<uint64_t>(room), 0};\n"
        "    musl_snippets[which](out);\n    return static_cast<long>(out.used);\n}"
    )
    return "\n".join(parts) + make_stub(TAKE, cplusplus=True)


def _snippet_function(number: int, entry: Entry) -> str:
    snippet, function = entry.snippet, entry.function
    puts = [_put(p, a) for p, a in zip(function.parameters, snippet.arguments, strict=True)]
    head = f'static void snippet_{number}(musl_capture::Out &musl_out) {{\n#line 1 "snippet_{number}"'
    return "\n".join([head, snippet.setup, *puts, "}", f'#line 1 "after snippet {number}"'])


def _put(parameter: Parameter, argument: str) -> str:
    """The statement that writes one argument down."""
    wanted = parameter.c_type if parameter.dtype.names is not None else _BY_DTYPE[parameter.dtype]
    call = f"musl_capture::{{}}<{wanted}>(musl_out, {{}});"
    if not parameter.is_array:
        return call.format("put_value", argument)
    if argument in _NULLS:
        return call.format("put_pointer", "nullptr")
    if address := _ADDRESS.fullmatch(argument):
        return call.format("put_array", f"&({address[1]}), sizeof({address[1]})")
    name = data[1] if (data := _DATA.fullmatch(argument)) else argument
    if _IDENTIFIER.fullmatch(name):
        return call.format("put_named", f"&({name}), {name}, sizeof({name})")
    if place := _PLACE.fullmatch(argument):
        base = place[1] or place[2]
        return call.format("put_place", f"&({base}), {base}, sizeof({base}), {argument}")
    return call.format("put_pointer", argument)


def build_unit(text: str, fill: Fill, sandbox: Sandbox) -> Build | Outcome:
    """The unit ready to run, in a new folder of the sandbox; else what the compiler or the machine says."""
    folder = Path(tempfile.mkdtemp(prefix="snippets-", dir=sandbox.scratch)).resolve()
    own, header = sandbox.within(folder), _precompiled(fill)
    (folder / "unit.cpp").write_text(text, encoding="utf-8")
    compiler = [str(find_gxx().path), *_flags(fill), "-include", str(header), "-c", "unit.cpp", "-o", "unit.o"]
    script = shell_words([compiler, link_step(folder)])
    environment = {"TMPDIR": str(folder)}
    outcome = own.run(
        ["/bin/sh", "-c", script], limits=_LIMITS, readable=[header.parent], writable=True, environment=environment
    )
    if not outcome.ok:
        return outcome
    host = mode_host("plain")
    checked = check_unit(folder / UNIT, host)
    # Fresh memory of the heap holds a byte of the driver in a "plain" build, and in others mostly zeros.
    kind = "plain" if fill == "pattern" else "snippets"
    return Build(place_host(host, folder), kind, own, folder / UNIT) if checked.ok else checked


def complaints(outcome: Outcome) -> dict[int, str]:
    """By snippet the first error that the compiler finds in it; one in a template belongs to the snippet that is named
    before it as its user."""
    first: dict[int, str] = {}
    user = -1
    for line in outcome.message.splitlines():
        mention = _MENTION.search(line)
        user = int(mention[1]) if mention else user
        if " error: " in line:
            first.setdefault(user, line.split(" error: ", 1)[1])
    return first


def _flags(fill: Fill) -> list[str]:
    filled = [f"-ftrivial-auto-var-init={fill}"] if int(find_gxx().version.split(".")[0]) >= 12 else []
    return [*_FLAGS, *_BOUNDS, *filled]


def _precompiled(fill: Fill) -> Path:
    """capture.h, to be given to `-include`, with its precompiled form beside it. Raises OwnBuildFailedError."""
    compiler, text = find_gxx(), HEADER.read_text(encoding="utf-8")
    key = [str(compiler.path), compiler.version, *_flags(fill), text]

    def precompile(target: Path) -> None:
        header = target.with_suffix("")
        header.write_text(text, encoding="utf-8")
        argv = [str(compiler.path), *_flags(fill), "-x", "c++-header", str(header), "-o", str(target)]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False)
        if done.returncode != 0:
            raise OwnBuildFailedError(f"{' '.join(argv)}:\n{done.stderr}")

    return cached("capture.h.gch", key, precompile).with_suffix("")
