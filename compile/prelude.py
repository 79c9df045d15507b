"""The prelude: headers in front of a source that uses well-known functions (`sqrt`, `max`, `printf`) and includes
nothing.

Benchmarks hold such functions, and their harnesses include the same headers. For C++ the headers take longer to
compile than a small function, so they are precompiled once for each set of flags.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

from compile.cache import OwnBuildFailedError, cached
from compile.toolchain import find_gxx
from data.source_file import SourceFile

PRELUDE = """\
#include <assert.h>
#include <float.h>
#include <limits.h>
#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
"""
NAMING_FILES = ("-include", "-imacros", "-isystem", "-iquote", "-idirafter")
# All that <algorithm> adds to the global names; it takes a tenth of a small unit's time.
MAX_MIN = "#include <algorithm>\nusing std::max;\nusing std::min;\n"
_NEEDS_ALGORITHM = re.compile(r"\b(std|max|min)\b|##|#\s*include\b")
# The guard of the part of libstdc++'s <cmath> that has the special functions of C++17: to include it takes 30 ms in
# each unit, precompiled or not, which is more than a small function. In front of the headers it keeps that part out.
NO_SPECIAL_FUNCTIONS = "#define _GLIBCXX_BITS_SPECFUN_H 1\n"
_SPECIAL_FUNCTION = re.compile(
    r"\b(assoc_laguerre|assoc_legendre|beta|comp_ellint_[123]|cyl_bessel_[ijk]|cyl_neumann|ellint_[123]|expint|hermite"
    r"|laguerre|legendre|riemann_zeta|sph_bessel|sph_legendre|sph_neumann)[fl]?\b"
)


def needs_prelude(source: SourceFile) -> tuple[bool, bool]:
    """Whether to use it, in the order to try: a file that includes nothing and uses names that it does not define
    relies on it, another may."""
    includes = re.search(r"^\s*#\s*include\b", source.text, re.MULTILINE) is not None
    return (False, True) if includes or not uses_library(source.text) else (True, False)


# Words before a parenthesis that call nothing.
_NO_CALL = frozenset(
    {"if", "for", "while", "switch", "return", "sizeof", "defined", "alignof", "_Alignof", "decltype", "catch"}
    | {"int", "unsigned", "float", "double", "char", "long", "short", "void", "bool", "__attribute__"}
)


def uses_library(text: str) -> bool:
    """Whether the text, which includes nothing, names something of the C library, as far as its words tell: it calls
    what it does not define, or has a word that looks like a macro or a type of the library."""
    calls = set(re.findall(r"\b([A-Za-z_]\w*)\s*\(", text)) - _NO_CALL
    defined = set(re.findall(r"[\w*&>]\s+[*&]*([A-Za-z_]\w*)\s*\([^();]*\)\s*\{", text))
    words = set(re.findall(r"\b(?:[A-Z_]{2}[A-Z0-9_]*|\w+_t|bool|true|false|uint|ushort|ulong|FILE|std)\b", text))
    return bool(calls - defined or words)


def names_special_function(text: str) -> bool:
    """Whether a C++ text may call a special function of C++17 ([sf.cmath])."""
    return _SPECIAL_FUNCTION.search(text) is not None


def prelude_header(source: SourceFile, flags: Sequence[str]) -> Path:
    """The header to pass to `-include`; for C++ with its precompiled form beside it, which fits `flags`. It is compiled
    outside the sandbox and kept for later runs, so the flags that would bring in files of the user are left out."""
    if source.language == "c":
        return cached("prelude.h", [PRELUDE], lambda path: _write(path, PRELUDE))
    compiler, flags = find_gxx(), without_files(flags)
    text = _prelude_of(source.text)
    key = [str(compiler.path), compiler.version, *flags, text]

    def precompile(target: Path) -> None:
        header = target.with_suffix("")
        _write(header, text)
        argv = [str(compiler.path), *flags, "-x", "c++-header", str(header), "-o", str(target)]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False)
        if done.returncode != 0:
            raise OwnBuildFailedError(f"{' '.join(argv)}:\n{done.stderr}")

    return cached("prelude.h.gch", key, precompile).with_suffix("")


def _prelude_of(text: str) -> str:
    """As much of the C++ prelude as a text needs, as far as its words tell."""
    head = "" if names_special_function(text) else NO_SPECIAL_FUNCTIONS
    return head + PRELUDE + (MAX_MIN if _NEEDS_ALGORITHM.search(text) else "")


def without_files(flags: Sequence[str]) -> list[str]:
    """The flags without those that name files and folders to include."""
    kept: list[str] = []
    words = iter(flags)
    for word in words:
        if word in NAMING_FILES:
            next(words, None)
        elif not word.startswith((*NAMING_FILES, "-I")):
            kept.append(word)
    return kept


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
