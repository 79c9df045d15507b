"""`Fault`: what the emulator found wrong in a run, read from the one line in which its runtime says so
(compile/emulator/runtime/report.cpp).

    out of bounds: kernel add block (3,0,0) thread (4,0,0) at f.cu:7: store of 4 bytes just past device array of 400
    bytes (index 100), allocated at f.cu:12

A program can print such a line itself. It gains nothing by it: a fault is a reason why a run has failed, never why it
has not, and where the runtime has found one it writes last, because the process ends there; so the last line counts.
Remarks (`FaultKind.is_remark`) stand in runs that have ended well; they are written after the call has returned, and
only add to what is held against it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

Index3 = tuple[int, int, int]


class FaultKind(StrEnum):
    """The kinds of faults; the words of a report for each are in `_PHRASES`."""

    OUT_OF_BOUNDS = "out_of_bounds"
    NULL_POINTER = "null_pointer"
    MISALIGNED = "misaligned"
    USE_AFTER_FREE = "use_after_free"
    HOST_MEMORY_IN_KERNEL = "host_memory_in_kernel"
    DEVICE_MEMORY_ON_HOST = "device_memory_on_host"  # a copy back is missing
    DEVICE_CODE_ON_HOST = "device_code_on_host"
    STACK_OVERFLOW = "stack_overflow"
    DATA_RACE = "data_race"
    MISSING_BARRIER = "missing_barrier"  # a race of threads of one block that a barrier would order
    DIVERGENT_BARRIER = "divergent_barrier"
    DIVERGENT_WARP = "divergent_warp"
    DEADLOCK = "deadlock"
    ASSERTION = "assertion"
    TRAP = "trap"
    DIVISION = "division"
    API_ERROR = "api_error"  # of the CUDA API, left unread at the end of the call
    TOO_MUCH_SHARED_MEMORY = "too_much_shared_memory"
    UNSUPPORTED = "unsupported"
    UNINITIALISED_READ = "uninitialised_read"
    UNINITIALISED_COPY = "uninitialised_copy"
    OTHER = "other"

    @property
    def is_remark(self) -> bool:
        """Whether the run goes on, and may end well: a value that was read may not have been used."""
        return self in _REMARKS


_REMARKS = frozenset({FaultKind.UNINITIALISED_READ, FaultKind.UNINITIALISED_COPY, FaultKind.API_ERROR})
# As in namespace `fault` of compile/emulator/runtime/internal.h.
_PHRASES = {
    "out of bounds": FaultKind.OUT_OF_BOUNDS,
    "null pointer": FaultKind.NULL_POINTER,
    "misaligned access": FaultKind.MISALIGNED,
    "use after cudaFree": FaultKind.USE_AFTER_FREE,
    "host memory used in a kernel": FaultKind.HOST_MEMORY_IN_KERNEL,
    "device memory used by host code": FaultKind.DEVICE_MEMORY_ON_HOST,
    "device code called by host code": FaultKind.DEVICE_CODE_ON_HOST,
    "stack overflow": FaultKind.STACK_OVERFLOW,
    "race: missing barrier": FaultKind.MISSING_BARRIER,
    "race": FaultKind.DATA_RACE,
    "divergent barrier": FaultKind.DIVERGENT_BARRIER,
    "divergent warp operation": FaultKind.DIVERGENT_WARP,
    "deadlock": FaultKind.DEADLOCK,
    "assertion failed": FaultKind.ASSERTION,
    "trap": FaultKind.TRAP,
    "division by zero": FaultKind.DIVISION,
    "unread CUDA error": FaultKind.API_ERROR,
    "too much shared memory": FaultKind.TOO_MUCH_SHARED_MEMORY,
    "unsupported": FaultKind.UNSUPPORTED,
    "uninitialised read": FaultKind.UNINITIALISED_READ,
    "uninitialised copy": FaultKind.UNINITIALISED_COPY,
    "error": FaultKind.OTHER,
}
_INDEX = r"\((\d+),(\d+),(\d+)\)"
FAULT_LINE = re.compile(
    rf"^(?P<phrase>{'|'.join(_PHRASES)}): "
    rf"(?:kernel (?P<kernel>\S+) block (?P<block>{_INDEX}) thread (?P<thread>{_INDEX})|host code)"
    r"(?: at (?P<file>[^\n]+?):(?P<line>\d+))?: (?P<message>[^\n]*)$",
    re.MULTILINE,
)
_ARRAY = re.compile(
    r"(?:at offset \d+ of|just past|\d+ bytes (?:past|before)) "
    r"(?P<array>[^\n]+?) of \d+ bytes(?: \(index (?P<index>-?\d+)\))?"
)
_OTHER = (
    # race; deadlock of a warp operation and a barrier; barrier
    re.compile(
        rf"which block (?P<block>{_INDEX}) thread (?P<thread>{_INDEX}) (?:stores|loads)"
        r"(?: at (?P<file>[^\n]+?):(?P<line>\d+))? with"
    ),
    re.compile(rf"while thread (?P<thread>{_INDEX}) of the block waits at that of line (?P<line>\d+)"),
    re.compile(r"wait at the barrier of line (?P<line>\d+)"),
)


@dataclass(frozen=True)
class Place:
    """A place in the source (`file` without its folder, empty where unknown), and the thread that was there; outside of
    kernels `kernel` is empty."""

    file: str = ""
    line: int | None = None
    kernel: str = ""
    block: Index3 | None = None
    thread: Index3 | None = None


@dataclass(frozen=True)
class Fault:
    """`text` is the whole line, `message` what it says after the place.

    `array` names what was accessed ("device array", "shared variable s"), and `index` its element, counted in elements
    of the size of the access. `other` is the second place of a race, of a barrier at which the threads of a block wait
    at different lines, and of a deadlock.
    """

    kind: FaultKind
    text: str
    message: str
    place: Place
    array: str = ""
    index: int | None = None
    other: Place | None = None

    @property
    def file(self) -> str:
        return self.place.file

    @property
    def line(self) -> int | None:
        return self.place.line

    @property
    def kernel(self) -> str:
        return self.place.kernel

    @property
    def block(self) -> Index3 | None:
        return self.place.block

    @property
    def thread(self) -> Index3 | None:
        return self.place.thread


def read_remarks(message: str) -> dict[FaultKind, Fault]:
    """What the runtime remarks on a run that has ended, by kind."""
    faults = map(_fault, FAULT_LINE.finditer(message))
    return {fault.kind: fault for fault in faults if fault.kind.is_remark}


def read_fault(message: str) -> Fault | None:
    """The fault that the emulator's runtime reports in the stderr (or `Outcome.message`) of a run, None where there is
    none: the program may have ended in another way."""
    last = None
    for match in FAULT_LINE.finditer(message):
        last = match
    return None if last is None else _fault(last)


def _fault(match: re.Match[str]) -> Fault:
    place = _place(match)
    what = match["message"]
    array = _ARRAY.search(what)
    return Fault(
        _PHRASES[match["phrase"]],
        match.group(),
        what,
        place,
        array["array"] if array else "",
        int(array["index"]) if array and array["index"] else None,
        _other_place(what, place),
    )


def _place(match: re.Match[str]) -> Place:
    groups = match.groupdict()
    line = groups.get("line")
    return Place(
        groups.get("file") or "",
        int(line) if line else None,
        groups.get("kernel") or "",
        _index(groups.get("block")),
        _index(groups.get("thread")),
    )


def _other_place(what: str, first: Place) -> Place | None:
    for pattern in _OTHER:
        match = pattern.search(what)
        if match is not None:
            other = _place(match)
            return Place(other.file or first.file, other.line, first.kernel, other.block or first.block, other.thread)
    return None


def _index(text: str | None) -> Index3 | None:
    if not text:
        return None
    x, y, z = (int(word) for word in text.strip("()").split(","))
    return x, y, z
