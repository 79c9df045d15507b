"""What is forgiven to the host wrapper of a benchmark, which is not under test.

A published harness calls `wrapper(f, a, n)` with arrays on its stack; where the wrapper copies more of `a` than the
test declares, it reads what lies beside it, and no one notices. That is a fault of the test's data, not of the kernel
under test. Here the array is extended to what is copied, by elements that nobody has set: the two sides must agree on
the elements that the test has, and on the others only where the C function sets them (`needed_bytes`, `extend_all`).

And inputs that MuSL makes itself may be none that the wrapper was written for, a negative size: where its host code
fails on them, that says nothing about the kernel (`is_refused`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from compile.fault import FaultKind
from data.function import Function
from data.testcase import TestCase
from musl.findings import Finding

MOST_BYTES = 1 << 24
_COPY = re.compile(r"cuda\w+: (?:load|store) of (\d+) bytes .*host array \(parameter (\d+)\) of (\d+) bytes")


def needed_bytes(findings: Iterable[Finding]) -> tuple[int, int] | None:
    """(index of a parameter, bytes that its array must have) where the host code of a candidate copied more than that;
    None where that is not what is wrong."""
    for finding in findings:
        fault = finding.fault
        if fault is None or fault.kind is not FaultKind.OUT_OF_BOUNDS or fault.kernel:
            continue
        match = _COPY.search(fault.message)
        if match is None:
            continue
        copied, parameter, held = (int(text) for text in match.groups())
        wanted = copied if copied > held else held + copied
        if wanted <= MOST_BYTES:
            return parameter - 1, wanted
    return None


def is_refused(test: TestCase, findings: Sequence[Finding]) -> bool:
    """Whether a fuzz test fails in the host code of the wrapper, before or beside any kernel."""
    if test.origin != "fuzz" or not findings:
        return False
    return all(
        finding.difference is None
        and (not finding.fault.kernel if finding.fault is not None else _broke_on_host(finding.message))
        for finding in findings
    )


def _broke_on_host(message: str) -> bool:
    """The emulator has AddressSanitizer say so; on a GPU a signal is the host's, a kernel's fault an error of CUDA."""
    return "AddressSanitizer" in message or message.startswith(("ended by SIGSEGV", "ended by SIGBUS"))


def extend_all(tests: Iterable[TestCase], needed: Mapping[int, tuple[int, int]], function: Function) -> list[TestCase]:
    """The tests, of which those at the positions in `needed` have a longer array."""
    return [
        test if i not in needed else _extend(test, needed[i][0], -(-needed[i][1] // _size(function, needed[i][0])))
        for i, test in enumerate(tests)
    ]


def _size(function: Function, parameter: int) -> int:
    return function.parameters[parameter].dtype.itemsize


def _extend(test: TestCase, parameter: int, count: int) -> TestCase:
    array = np.asarray(test.arguments[parameter])
    more = max(0, count - array.size)
    masks = list(test.unset or (None,) * len(test.arguments))
    old = masks[parameter]
    mask = np.zeros(array.size, bool) if old is None else old
    masks[parameter] = np.concatenate([mask, np.ones(more, bool)])
    arguments = list(test.arguments)
    arguments[parameter] = np.concatenate([array, np.zeros(more, array.dtype)])
    return replace(test, arguments=tuple(arguments), unset=tuple(masks))
