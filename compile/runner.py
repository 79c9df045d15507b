"""Runs tests on a build: one sandboxed process for all tests, typed results through a private channel, joined by test
index.

The other end of the channel is compile/driver/driver.cpp; the format is described in compile/driver/musl_driver.h.
"""

from __future__ import annotations

import os
import signal
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from compile.build import Build
from compile.fault import Fault, FaultKind, Place, read_remarks
from compile.outcome import Outcome, Status
from compile.run_record import TestRun, Touched
from compile.sandbox import MIB, Limits
from compile.sanitizer_report import summarize_report
from compile.seccomp import build_filter, refused_calls
from data.function import Function, Parameter
from data.testcase import Argument, TestCase

_MAGIC = 0x314C53554D554D55
_NULL = (1 << 64) - 1
_HEADER = struct.Struct("<QIIIIQQQIIIIII")
_SCHEDULE = struct.Struct("<QII32s")
AFTER_ANOTHER = " after another"  # at the end of a schedule's name: each test's call follows that of the next test
_RESULT = struct.Struct("<IiQQII")
_TOUCHED = struct.Struct("<qqII")
_TRACE, _PERTURB = 1, 2
_OK, _SIGNAL, _EXIT, _TIMEOUT, _MEMORY, _FORBIDDEN, _MACHINE, _UNSUPPORTED = range(8)
_SKIPPED = 2
_TIMEOUTS = {  # by code
    0: "its time was used up",
    1: "not run: the time for all tests was used up",
    _SKIPPED: "not run: tests before it used up their time",
}
_REMARKS = {
    1: FaultKind.API_ERROR,
    2: FaultKind.UNINITIALISED_READ,
    4: FaultKind.UNINITIALISED_COPY,
}
_POISON = 0xA5
SPEAKING = ("trace", "emulator", "gpu")  # kinds of builds whose runtime reports errors in its own words


@dataclass(frozen=True)
class Schedule:
    """How tests are run: `name` is known to the runtime (compile/emulator/runtime/schedule.cpp); only the `first` ones
    of the tests, all where None. `watched` runs the build's unit that watches every access."""

    name: str
    seed: int = 0
    first: int | None = None
    watched: bool = False

    def count(self, tests: Sequence[TestCase]) -> int:
        """How many of these tests run in it."""
        return len(tests) if self.first is None else min(self.first, len(tests))


@dataclass(frozen=True)
class TestLimits:
    """Of each test: `seconds` of processor time, `memory_bytes`, `stderr_bytes` kept. Of all tests in one schedule:
    `total_seconds`.

    A test may take five times `seconds` of wall time, so that what passes does not depend on how busy the machine is.
    `workers` are the operating-system threads on which the emulator may spread the blocks of a long launch; the
    processor time of all counts. Once `hangs` tests have used up their time in the first schedule, the others
    are not run (`TestRun.skipped`): the code under test is wrong already; 0 for no bound.
    """

    __test__ = False

    seconds: float = 2.0
    total_seconds: float = 60.0
    memory_bytes: int = 1024 * MIB
    stderr_bytes: int = 16384
    workers: int = 1
    hangs: int = 0


def run_tests(
    build: Build,
    tests: Sequence[TestCase],
    function: Function,
    *,
    schedule: str = "forward",
    seed: int = 0,
    limits: TestLimits | None = None,
) -> list[TestRun]:
    """Call `function` once with each test's arguments, each in a process of its own; one `TestRun` per test, in order.

    A test that crashes, exits, hangs or uses up its memory costs that test alone. ValueError where a test does not
    fit the function's signature (a bug of the caller).
    """
    if not tests:
        return []
    return run_schedules(build, tests, function, [Schedule(schedule, seed)], limits)[0]


def run_schedules(
    build: Build,
    tests: Sequence[TestCase],
    function: Function,
    schedules: Sequence[Schedule],
    limits: TestLimits | None = None,
) -> list[list[TestRun]]:
    """The runs of the tests in each schedule, one schedule after the other in one sandboxed process.

    Stops after the first schedule in which a test has used up its time: then fewer lists come back than schedules were
    asked for, and at least one. What holds for `run_tests` holds here.
    """
    if not tests or not schedules:
        return [[] for _ in schedules]
    bounds = limits or TestLimits()
    begin = os.memfd_create("tests"), os.memfd_create("results")
    tests_fd, results_fd = begin
    try:
        _write(tests_fd, _encode(build, tests, function, schedules, bounds))
        outcome = build.sandbox.run(
            [build.executable, str(tests_fd), str(results_fd), *build.units],
            limits=Limits(
                wall_seconds=bounds.total_seconds * len(schedules) + 10.0,
                memory_bytes=None,
                file_bytes=4096 * MIB,
                tmp_bytes=64 * MIB,
            ),
            readable=build.readable,
            writable=build.writable,
            environment=build.environment,
            descriptors=(tests_fd, results_fd),
        )
        results = _read(results_fd)
    finally:
        os.close(tests_fd)
        os.close(results_fd)
    reader = _Reader(results)
    finished: list[list[TestRun]] = []
    while len(finished) < len(schedules) and not any(_is_timeout(run) for runs in finished for run in runs):
        asked = tests[: schedules[len(finished)].count(tests)]
        runs = list(_decode(reader, build, asked, function))
        finished.append(runs + [TestRun(_lost(outcome))] * (len(asked) - len(runs)))
    return finished


def _is_timeout(run: TestRun) -> bool:
    return run.outcome.status is Status.TIMEOUT


def _write(descriptor: int, parts: Sequence[bytes]) -> None:
    with os.fdopen(os.dup(descriptor), "wb") as file:
        file.writelines(parts)


def _read(descriptor: int) -> bytes:
    with os.fdopen(os.dup(descriptor), "rb") as file:
        file.seek(0)
        return file.read()


def _lost(outcome: Outcome) -> Outcome:
    """The outcome of tests without a result: the driver itself ended before them."""
    infrastructure = outcome.exit_code in (120, 126, 127) or b"ReserveShadowMemoryRange failed" in outcome.stderr
    status = Status.INFRASTRUCTURE if infrastructure else Status.RUNTIME_ERROR
    if outcome.status in (Status.TIMEOUT, Status.OUT_OF_MEMORY, Status.INFRASTRUCTURE):
        status = outcome.status
    note = b"the test process ended without a result\n"
    return Outcome(status, b"", note + outcome.stderr[:4096], outcome.seconds, outcome.exit_code)


# ------------------------------------------------------------------------------------------------------------- tests
# out


def _encode(
    build: Build,
    tests: Sequence[TestCase],
    function: Function,
    schedules: Sequence[Schedule],
    limits: TestLimits,
) -> list[bytes]:
    program = build_filter(trap=True) if build.restricted else b""
    parameters = function.parameters
    flags = (_TRACE if build.kind == "trace" else 0) | (_PERTURB if build.kind == "plain" else 0)
    returned = 0 if function.returns is None else function.returns.itemsize
    parts = [
        _HEADER.pack(
            *(_MAGIC, len(tests), len(parameters), returned, flags),
            *(int(limits.seconds * 1e9), int(limits.total_seconds * 1e9)),
            *(limits.memory_bytes if build.bounded else 0, limits.stderr_bytes),
            *(_POISON, len(program) // 8, len(schedules), limits.workers, limits.hangs),
        ),
        program,
        *(_SCHEDULE.pack(s.seed, s.count(tests), s.watched, s.name.encode()) for s in schedules),
    ]
    parts += [struct.pack("<II", _kind(p), p.dtype.itemsize) for p in parameters]
    for test in tests:
        if len(test.arguments) != len(parameters):
            raise ValueError(f"{function.name} takes {len(parameters)} arguments, the test has {len(test.arguments)}")
        for parameter, argument in zip(parameters, test.arguments, strict=True):
            parts += _encode_argument(parameter, argument)
    return parts


def _kind(parameter: Parameter) -> int:
    return 1 if parameter.is_array else 2 if parameter.reference else 0


def _encode_argument(parameter: Parameter, argument: Argument) -> list[bytes]:
    if argument is None:
        if not parameter.is_array:
            raise ValueError(f"{parameter.name} is not a pointer, and the test passes none")
        return [struct.pack("<Q", _NULL)]
    array = np.asarray(argument)
    if array.dtype != parameter.dtype:
        raise ValueError(f"{parameter.name} has dtype {parameter.dtype}, the test passes {array.dtype}")
    if not parameter.is_array and array.size != 1:
        raise ValueError(f"{parameter.name} is one value, the test passes {array.size}")
    return [struct.pack("<Q", array.size), array.tobytes()]


# ------------------------------------------------------------------------------------------------------------ results
# in


def _decode(reader: _Reader, build: Build, tests: Sequence[TestCase], function: Function) -> Iterator[TestRun]:
    """The whole records of the next schedule; a record that is cut off ends it."""
    for test in tests:
        if reader.left < _RESULT.size:
            return reader.end()
        status, code, nanoseconds, launches, stderr_size, flags = reader.unpack(_RESULT)
        if reader.left < stderr_size:
            return reader.end()
        stderr = reader.take(stderr_size)
        outcome = _outcome(status, code, stderr, nanoseconds / 1e9, speaks=build.kind in SPEAKING)
        if status != _OK:
            yield TestRun(outcome, launches=launches, skipped=(status, code) == (_TIMEOUT, _SKIPPED))
            continue
        if reader.left < _payload_size(function, test, traced=build.kind == "trace"):
            return reader.end()
        returned = None if function.returns is None else reader.values(function.returns, 1)[0]
        arguments = tuple(
            _argument_after(reader, p, a) for p, a in zip(function.parameters, test.arguments, strict=True)
        )
        touched = _touched(reader, function, test) if build.kind == "trace" else ()
        yield TestRun(outcome, returned, arguments, launches, touched, _remarks(flags, outcome))


def _remarks(flags: int, outcome: Outcome) -> dict[FaultKind, Fault]:
    """The remarks that the driver vouches for; of those whose lines are missing (the call may have closed stderr, or
    written too much to it) no more is known."""
    if not flags:
        return {}
    told = read_remarks(outcome.message)
    kinds = [kind for bit, kind in _REMARKS.items() if flags & bit]
    return {kind: told.get(kind) or Fault(kind, f"{kind} (not described)", "", Place()) for kind in kinds}


class _Reader:
    """Takes values off the front of a buffer."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    @property
    def left(self) -> int:
        return len(self.data) - self.at

    def end(self) -> None:
        """Leaves nothing: what follows a record that is cut off is no record."""
        self.at = len(self.data)

    def take(self, size: int) -> bytes:
        self.at += size
        return self.data[self.at - size : self.at]

    def unpack(self, layout: struct.Struct) -> tuple[int, ...]:
        return layout.unpack(self.take(layout.size))

    def values(self, dtype: np.dtype, count: int) -> np.ndarray:
        array = np.frombuffer(self.data, dtype, count, self.at).copy()
        self.at += count * dtype.itemsize
        return array


def _is_returned(parameter: Parameter, argument: Argument) -> bool:
    return argument is not None and (parameter.is_array or parameter.reference)


def _payload_size(function: Function, test: TestCase, *, traced: bool) -> int:
    size = 0 if function.returns is None else function.returns.itemsize
    for parameter, argument in zip(function.parameters, test.arguments, strict=True):
        if _is_returned(parameter, argument):
            size += np.asarray(argument).nbytes
    return size + (_TOUCHED.size * len(function.parameters) if traced else 0)


def _argument_after(reader: _Reader, parameter: Parameter, argument: Argument) -> Argument:
    if not _is_returned(parameter, argument):
        return argument
    values = reader.values(parameter.dtype, np.asarray(argument).size)
    if parameter.is_array:
        return values
    scalar: np.generic = values[0]
    return scalar


def _touched(reader: _Reader, function: Function, test: TestCase) -> tuple[Touched | None, ...]:
    records: list[Touched | None] = []
    for parameter, argument in zip(function.parameters, test.arguments, strict=True):
        low, high, read, written = reader.unpack(_TOUCHED)
        traced = parameter.is_array and argument is not None
        records.append(Touched(low, high, bool(read), bool(written)) if traced else None)
    return tuple(records)


def _outcome(status: int, code: int, stderr: bytes, seconds: float, *, speaks: bool) -> Outcome:
    """`speaks` says that a runtime linked to the build writes what is wrong as the first line of stderr itself."""
    if status == _OK:
        return Outcome(Status.OK, b"", stderr, seconds, 0)
    if b"AddressSanitizer: out of memory" in stderr or b"AddressSanitizer: allocation-size-too-big" in stderr:
        status = _MEMORY
    word, note = {
        _SIGNAL: (Status.RUNTIME_ERROR, f"ended by {_signal_name(code)}"),
        _EXIT: (Status.RUNTIME_ERROR, f"the call did not return: the process exited with status {code}"),
        _TIMEOUT: (Status.TIMEOUT, _TIMEOUTS.get(code, "")),
        _MEMORY: (Status.OUT_OF_MEMORY, "its memory was used up"),
        _FORBIDDEN: (Status.FORBIDDEN, f"a system call that is not allowed: {refused_calls().get(code, 'unknown')}"),
        _UNSUPPORTED: (Status.INFRASTRUCTURE, "the emulator cannot run this"),
        _MACHINE: (Status.INFRASTRUCTURE, f"the driver failed: {os.strerror(code)}" if code else "the driver failed"),
    }[status]
    if status not in (_SIGNAL, _EXIT, _UNSUPPORTED):
        text = f"{note}\n".encode() + stderr
    elif speaks and stderr.strip():
        text = stderr.lstrip(b"=\n")  # AddressSanitizer draws a line before the runtime has its say
    else:  # the first line is the fault that a sanitizer reports, else the way in which the process ended
        text = f"{summarize_report(stderr) or note}\n".encode() + stderr
    return Outcome(word, b"", text, seconds, code if status == _EXIT else None)


def _signal_name(number: int) -> str:
    try:
        return f"{signal.Signals(number).name} ({signal.strsignal(number)})"
    except ValueError:
        return f"signal {number}"
