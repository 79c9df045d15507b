"""The elements that the host wrapper copies are exactly those that the loops touch: the generated range code is run and
compared with a run of the loops themselves."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from data.find_functions import find_functions
from data.source_file import SourceFile
from translator.analytic.prelude import PRELUDE
from translator.analytic.translator import AnalyticTranslator
from translator.protocol import Refusal, TranslationOptions

RANGE = PRELUDE[PRELUDE.index("struct musl_range") : PRELUDE.index("};", PRELUDE.index("struct musl_range"))] + "};\n"
VALUES = (-3, 0, 1, 2, 3, 7)


@dataclass(frozen=True)
class Case:
    """A function of int n, m that uses the array a, and the elements of a that it touches."""

    name: str
    body: str
    touched: Callable[[int, int], Iterable[int]]

    @property
    def text(self) -> str:
        return f"void {self.name}(int *a, int n, int m) {{ {self.body} }}\n"


CASES = [
    Case("plain", "for (int i = 0; i < n; i++) a[i] = 1;", lambda n, m: range(n)),
    Case("offset", "for (int i = 2; i <= n; i++) a[i - 1] = 1;", lambda n, m: range(1, n)),
    Case("backward", "for (int i = n - 1; i >= 0; i -= 2) a[i] = 1;", lambda n, m: range(n - 1, -1, -2)),
    Case("stride", "for (int i = 0; i < n; i++) a[i * m] = 1;", lambda n, m: (i * m for i in range(n))),
    Case("steps", "for (int i = 1; i < n; i += 3) a[2 * i] = 1;", lambda n, m: (2 * i for i in range(1, n, 3))),
    Case(
        "matrix",
        "for (int i = 0; i < n; i++) for (int j = 0; j < m; j++) a[i * m + j] = 1;",
        lambda n, m: (i * m + j for i in range(n) for j in range(m)),
    ),
    Case(
        "triangle",
        "for (int i = 0; i < n; i++) for (int j = i + 1; j < n; j++) a[j * n + i] = 1;",
        lambda n, m: (j * n + i for i in range(n) for j in range(i + 1, n)),
    ),
    Case(
        "guarded",
        "for (int i = 0; i < n; i++) if (i >= m) a[i - m] = 1;",
        lambda n, m: (i - m for i in range(n) if i >= m),
    ),
    Case(
        "early",
        "if (n < m) return; for (int i = 0; i < n; i++) a[i] = 1;",
        lambda n, m: range(n) if n >= m else (),
    ),
    Case(
        "skipping",
        "for (int i = 0; i < n; i++) { if (i % 3 == 0) continue; a[i] = 1; }",
        lambda n, m: (i for i in range(n) if i % 3),
    ),
    Case(
        "halved", "for (int i = 0; i < n; i++) a[(i - 3) / 2] = i;", lambda n, m: (int((i - 3) / 2) for i in range(n))
    ),
    Case(
        "counted", "int k = 5; for (int i = 0; i < n; i++) { a[k] = i; k += 2; }", lambda n, m: range(5, 5 + 2 * n, 2)
    ),
]


def range_code(case: Case) -> str:
    """The wrapper as far as the copies: it prints the used elements, or that the sequential path is taken."""
    source = SourceFile(Path("user.c"), case.text, "c")
    function = find_functions(source).functions[0]
    outcome = AnalyticTranslator().translate(source, [function], TranslationOptions())[function.name]
    assert not isinstance(outcome, Refusal), outcome.reasons[0]
    text = outcome[0].host_wrapper.split(f"void {case.name}(", 1)[1].split("auto d_a =", 1)[0]
    named = f'printf("{case.name} %d %d'
    text = text.replace(f"{case.name}_sequential(a, n, m);", f'{named} sequential\\n", n, m);')
    return f'void {case.name}({text} {named} %lld %lld\\n", n, m, a_used.low, a_used.high - 1);\n}}\n'


def test_copied_ranges_are_what_the_loops_touch(tmp_path: Path) -> None:
    calls = "".join(f"{c.name}(nullptr, {n}, {m});\n" for c in CASES for n in VALUES for m in VALUES)
    head = f"#include <cstdio>\n{RANGE}"
    (tmp_path / "ranges.cpp").write_text(f"{head}{''.join(map(range_code, CASES))}int main() {{\n{calls}}}\n")
    subprocess.run(["g++", "-w", "-O0", "ranges.cpp", "-o", "ranges"], cwd=tmp_path, check=True)
    printed = subprocess.run([str(tmp_path / "ranges")], capture_output=True, text=True, check=True).stdout.splitlines()
    wanted = [(case, n, m) for case in CASES for n in VALUES for m in VALUES]
    for line, (case, n, m) in zip(printed, wanted, strict=True):
        touched = sorted(case.touched(n, m))
        if line == f"{case.name} {n} {m} sequential":
            assert not touched or m <= 0, f"{line}: the parallel path applies"
        else:
            assert touched, f"{line}: nothing is touched"
            assert line == f"{case.name} {n} {m} {touched[0]} {touched[-1]}"
