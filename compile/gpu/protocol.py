"""What the watchdog and the worker of a build for a GPU read and write.

The tests and the results are those of compile/driver/musl_driver.h, as the other executables take and give them. The
two processes talk over a socket: the watchdog sends a `Command`, the worker answers with a `Reply`. Nothing here needs
more than the standard library, because both processes start with every candidate.
"""

from __future__ import annotations

import mmap
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass

OK, SIGNAL, EXIT, TIMEOUT, MEMORY, FORBIDDEN, MACHINE = range(7)  # musl_result.status
UNREAD_ERROR = 1  # musl_result.remarks
SCALAR, ARRAY, REFERENCE = range(3)  # musl_parameter.kind
PATIENCE = 5  # MUSL_PATIENCE
READY = 0xFFFF_FFFF  # status of a worker's first reply
REPEATS = "MUSL_REPEATS"  # in the environment: call each test so many times, and say how long (compile/gpu/timing.py)

_MAGIC, _NULL = 0x314C53554D554D55, (1 << 64) - 1
_HEADER = struct.Struct("<QIIIIQQQIIIIII")
_SCHEDULE = struct.Struct("<QII32s")
_PARAMETER = struct.Struct("<II")
RESULT = struct.Struct("<IiQQII")


@dataclass(frozen=True)
class Schedule:
    """A schedule's name and seed, which on a GPU choose the byte that fills new device memory and nothing else, and how
    many of the tests run in it."""

    name: str
    seed: int
    test_count: int

    @property
    def pattern(self) -> int:
        order, _, fill = self.name.partition(" fill ")
        if fill:
            return int(fill, 16)
        return {"forward": 0xCB, "reverse": 0x3D}.get(order, 0x51 + 2 * (self.seed % 16))


@dataclass(frozen=True)
class Parameter:
    """`kind` is SCALAR, ARRAY or REFERENCE; `size` the bytes of the value or of one element."""

    kind: int
    size: int


class TestFile:
    """The tests as they come in on a descriptor. ValueError where it is not such a file."""

    __test__ = False

    def __init__(self, descriptor: int) -> None:
        self._data = mmap.mmap(descriptor, os.fstat(descriptor).st_size, prot=mmap.PROT_READ)
        fields = _HEADER.unpack_from(self._data)
        if fields[0] != _MAGIC:
            raise ValueError("not a file of tests")
        _, self.count, parameters, self.return_size, _, self.test_ns, self.total_ns, *rest = fields
        _, self.stderr_bytes, self.poison, filters, schedules, _, self.hangs = rest
        at = _HEADER.size + 8 * filters
        self.schedules = [self._schedule(at + i * _SCHEDULE.size) for i in range(schedules)]
        at += _SCHEDULE.size * schedules
        self.parameters = [
            Parameter(*_PARAMETER.unpack_from(self._data, at + i * _PARAMETER.size)) for i in range(parameters)
        ]
        self._tests = list(self._offsets(at + _PARAMETER.size * parameters))

    def _schedule(self, at: int) -> Schedule:
        seed, count, _, name = _SCHEDULE.unpack_from(self._data, at)
        return Schedule(name.rstrip(b"\0").decode(), seed, count)

    def _offsets(self, at: int) -> Iterator[int]:
        for _ in range(self.count):
            yield at
            for parameter in self.parameters:
                (count,) = struct.unpack_from("<Q", self._data, at)
                at += 8 + (0 if count == _NULL else count * parameter.size)

    def arguments(self, test: int) -> list[bytes | None]:
        """The bytes of each argument; None for a null pointer."""
        at, values = self._tests[test], list[bytes | None]()
        for parameter in self.parameters:
            (count,) = struct.unpack_from("<Q", self._data, at)
            size = 0 if count == _NULL else count * parameter.size
            values.append(None if count == _NULL else self._data[at + 8 : at + 8 + size])
            at += 8 + size
        return values


@dataclass(frozen=True)
class Command:
    """Run one test under a schedule; with `repeats` above 0, so many times, to measure."""

    test: int
    schedule: int
    repeats: int

    LAYOUT = struct.Struct("<III")

    def pack(self) -> bytes:
        return self.LAYOUT.pack(self.test, self.schedule, self.repeats)


@dataclass(frozen=True)
class Reply:
    """How a test ended, as in musl_result. `message` is what the runtime or the worker says of it; the first line names
    the fault. With `last`, the worker cannot go on: its context is lost."""

    status: int
    code: int = 0
    nanoseconds: int = 0
    launches: int = 0
    remarks: int = 0
    last: bool = False
    message: bytes = b""
    payload: bytes = b""

    LAYOUT = struct.Struct("<IiQQIIIQ")

    def pack(self) -> bytes:
        numbers = (self.status, self.code, self.nanoseconds, self.launches, self.remarks, int(self.last))
        head = self.LAYOUT.pack(*numbers, len(self.message), len(self.payload))
        return head + self.message + self.payload

    @classmethod
    def unpack(cls, data: bytes | bytearray) -> Reply | None:
        """The reply that `data` holds, or None while it is not whole."""
        if len(data) < cls.LAYOUT.size:
            return None
        status, code, nanoseconds, launches, remarks, last, message, payload = cls.LAYOUT.unpack_from(data)
        begin = cls.LAYOUT.size + message
        if len(data) < begin + payload:
            return None
        text, rest = bytes(data[cls.LAYOUT.size : begin]), bytes(data[begin : begin + payload])
        return cls(status, code, nanoseconds, launches, remarks, bool(last), text, rest)
