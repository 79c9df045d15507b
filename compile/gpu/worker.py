"""The process that runs the tests of one candidate on a GPU: `python -m compile.gpu.worker FOLDER TESTS_FD CHANNEL_FD`.

It makes a context on the first device through PyCUDA, and then does what its watchdog (compile/gpu/watchdog.py) asks
for: each test gets the cubin and the unit loaded anew, so that no variable of the device or the host outlives a test,
and arrays of its own whose ends lie at a page that may not be touched. The unit's calls of the CUDA API are served by
MuSL's runtime (compile/gpu/runtime), which counts launches, fills new device memory with a pattern, and finds the
errors that a call leaves behind.

The code under test runs in this process. It can crash it, hang it or make it exit, which the watchdog sees, and it can
answer in its name; it cannot know what is expected.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import json
import mmap
import os
import sys
import tempfile
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from compile.gpu.protocol import EXIT, MACHINE, OK, READY, SCALAR, UNREAD_ERROR, Command, Reply, TestFile

WARM_UPS = 3
# Written between two timed runs; twice the L2 cache of the largest devices (Triton's do_bench uses 256 MB as well).
FLUSH_BYTES = 256 << 20
_UNREAD_ERROR, _CONTEXT_LOST, _MACHINE, _OUT_OF_BOUNDS = 1, 2, 3, 4  # MUSL_GPU_*
_ALIGNMENT = 16


class Symbol(ctypes.Structure):
    """musl_gpu_symbol of compile/gpu/runtime/session.h."""

    _fields_ = (
        ("begin", ctypes.c_uint64),
        ("bytes", ctypes.c_uint64),
        ("stub", ctypes.c_uint64),
        ("name", ctypes.c_char_p),
        ("is_kernel", ctypes.c_uint32),
        ("parameter_count", ctypes.c_uint32),
        ("parameter_bytes", ctypes.POINTER(ctypes.c_uint32)),
    )


class Array(ctypes.Structure):
    """musl_gpu_array of compile/gpu/runtime/session.h."""

    _fields_ = (("begin", ctypes.c_uint64), ("bytes", ctypes.c_uint64), ("parameter", ctypes.c_uint32))


class Block:
    """Memory for one argument: exactly its bytes, up to a page that may not be touched."""

    def __init__(self, values: bytes, poison: int) -> None:
        page = mmap.PAGESIZE
        room = -(-max(len(values), 1) // page) * page
        self._map = mmap.mmap(-1, room + page)
        start = (room - len(values)) // _ALIGNMENT * _ALIGNMENT
        self._map[:room] = bytes([poison]) * room
        self._size, self._start = len(values), start
        self._base = ctypes.addressof(ctypes.c_char.from_buffer(self._map))
        if ctypes.CDLL(None).mprotect(ctypes.c_void_p(self._base + room), ctypes.c_size_t(page), 0) != 0:
            raise OSError("mprotect failed")
        self.fill(values)

    @property
    def size(self) -> int:
        return self._size

    @property
    def address(self) -> int:
        return self._base + self._start

    def fill(self, values: bytes) -> None:
        ctypes.memmove(self.address, values, len(values))

    def read(self) -> bytes:
        return ctypes.string_at(self.address, self._size)


@dataclass
class Call:
    """The arguments of one call, in this process's memory."""

    blocks: list[Block | None]
    pointers: ctypes.Array[ctypes.c_void_p]
    returned: Block

    @classmethod
    def make(cls, tests: TestFile, test: int) -> Call:
        values = tests.arguments(test)
        blocks = [None if value is None else Block(value, tests.poison) for value in values]
        addresses = [None if block is None else block.address for block in blocks]
        returned = Block(bytes(tests.return_size + _ALIGNMENT), 0)
        return cls(blocks, (ctypes.c_void_p * max(len(addresses), 1))(*addresses), returned)

    def refill(self, tests: TestFile, test: int) -> None:
        for block, value in zip(self.blocks, tests.arguments(test), strict=True):
            if block is not None and value is not None:
                block.fill(value)

    def arrays(self, tests: TestFile) -> ctypes.Array[Array]:
        """Where the array arguments lie."""
        given = enumerate(zip(self.blocks, tests.parameters, strict=True))
        found = [
            Array(block.address, block.size, i) for i, (block, p) in given if block is not None and p.kind != SCALAR
        ]
        return (Array * len(found))(*found)

    def payload(self, tests: TestFile) -> bytes:
        parts = [self.returned.read()[: tests.return_size]]
        for block, parameter in zip(self.blocks, tests.parameters, strict=True):
            if block is not None and parameter.kind != SCALAR:
                parts.append(block.read())
        return b"".join(parts)


class Device:
    """PyCUDA's context on the first device, and MuSL's runtime over it. ImportError, OSError or pycuda's Error where
    the machine lacks something."""

    def __init__(self, folder: Path) -> None:
        plan = json.loads((folder / "gpu.json").read_text(encoding="utf-8"))
        for library in plan["libraries"]:
            ctypes.CDLL(library, ctypes.RTLD_GLOBAL)
        self.cuda = importlib.import_module("pycuda.driver")
        self.cuda.init()
        self.context = self.cuda.Device(0).retain_primary_context()
        self.context.push()
        self.runtime = ctypes.CDLL(plan["runtime"], ctypes.RTLD_GLOBAL)
        for name in ("musl_gpu_load", "musl_gpu_open"):
            getattr(self.runtime, name).restype = ctypes.c_char_p
        self.runtime.musl_gpu_threads.restype = ctypes.c_uint64
        missing = self.runtime.musl_gpu_load()
        if missing is not None:
            raise OSError(f"NVIDIA's driver has no {missing.decode()}")
        self.cubin = (folder / "unit.cubin").read_bytes()
        self.unit = (folder / "unit.so").read_bytes()
        self.anchor, self.matches = plan["musl_call"], plan["matches"]
        self._flush: object = None
        self._lent: object = None  # what the runtime has pointers to

    def load_unit(self) -> tuple[ctypes.CDLL, ctypes.Array[Symbol]]:
        """A fresh copy of the unit (a file of its own for the loader), and the table of what stands for what."""
        with tempfile.NamedTemporaryFile(prefix="unit-", suffix=".so") as file:
            file.write(self.unit)
            file.flush()
            unit = ctypes.CDLL(file.name, os.RTLD_LAZY | os.RTLD_LOCAL)
        call = ctypes.cast(unit.musl_call, ctypes.c_void_p).value
        assert call is not None
        base = call - self.anchor
        table = (Symbol * max(len(self.matches), 1))()
        for entry, match in zip(table, self.matches, strict=False):
            sizes = match["parameters"]
            entry.begin, entry.bytes = base + match["address"], match["size"]
            entry.stub = base + match["stub"] if match["stub"] else 0
            entry.name, entry.is_kernel = match["name"].encode(), int(match["stub"] != 0)
            entry.parameter_count = len(sizes)
            entry.parameter_bytes = (ctypes.c_uint32 * max(len(sizes), 1))(*sizes)
        return unit, table

    def open(self, arrays: ctypes.Array[Array]) -> ctypes.CDLL:
        """The unit, its device code loaded beside it, for a call whose array arguments are these. Raises OSError where
        the driver does not load the cubin."""
        unit, table = self.load_unit()
        self._lent = table, arrays
        why = self.runtime.musl_gpu_open(self.cubin, table, len(self.matches))
        if why is not None:
            raise OSError(f"the driver does not load the device code: {why.decode()}")
        self.runtime.musl_gpu_arguments(arrays, len(arrays))
        return unit

    def end(self) -> tuple[int, int, float, bytes]:
        """How the call ended, its launches, their milliseconds, and one line where it ended badly."""
        launches, milliseconds = ctypes.c_uint64(), ctypes.c_double()
        text = ctypes.create_string_buffer(512)
        size = ctypes.c_size_t(len(text))
        ending = self.runtime.musl_gpu_end(ctypes.byref(launches), ctypes.byref(milliseconds), text, size)
        return ending, launches.value, milliseconds.value, text.value

    def flush_cache(self, value: int) -> None:
        """Writes more memory than the L2 cache holds, so that no timed run finds its data there."""
        if self._flush is None:
            self._flush = self.cuda.mem_alloc(FLUSH_BYTES)
        self.cuda.memset_d8(self._flush, value & 0xFF, FLUSH_BYTES)
        self.context.synchronize()


def run_test(device: Device, tests: TestFile, command: Command) -> Reply:
    """One call with a test's arguments."""
    call = Call.make(tests, command.test)
    arrays = call.arrays(tests)
    unit = device.open(arrays)
    device.runtime.musl_gpu_begin(tests.schedules[command.schedule].pattern, 0)
    begin = time.monotonic_ns()
    unit.musl_call(call.pointers, ctypes.c_void_p(call.returned.address))
    spent = time.monotonic_ns() - begin
    ending, launches, _, message = device.end()
    if ending in (_CONTEXT_LOST, _MACHINE):
        return _failure(ending, spent, launches, message)
    device.runtime.musl_gpu_close()
    if ending == _OUT_OF_BOUNDS:
        return Reply(EXIT, 1, spent, launches, message=message)
    remarks = UNREAD_ERROR if ending == _UNREAD_ERROR else 0
    return Reply(OK, 0, spent, launches, remarks, message=message, payload=call.payload(tests))


def time_test(device: Device, tests: TestFile, command: Command) -> Reply:
    """The same call again and again. The message is JSON: "threads" of its largest launch, and in "times" a pair for
    each call: milliseconds in kernels, and of the whole call."""
    call = Call.make(tests, command.test)
    arrays = call.arrays(tests)
    unit = device.open(arrays)
    times, launches = list[tuple[float, float]](), 0
    for run in range(WARM_UPS + command.repeats):
        call.refill(tests, command.test)
        device.flush_cache(run)
        start, stop = device.cuda.Event(), device.cuda.Event()
        device.runtime.musl_gpu_begin(tests.schedules[command.schedule].pattern, 1)
        start.record()
        unit.musl_call(call.pointers, ctypes.c_void_p(call.returned.address))
        with contextlib.suppress(device.cuda.Error):  # where the context is lost, which `end` says better
            stop.record()
        ending, launches, kernel_ms, message = device.end()
        if ending != 0:
            return _failure(ending, 0, launches, message)
        if run >= WARM_UPS:
            stop.synchronize()
            times.append((round(kernel_ms, 6), round(float(start.time_till(stop)), 6)))
    timed = {"threads": device.runtime.musl_gpu_threads(), "times": times}
    device.runtime.musl_gpu_close()
    return Reply(OK, 0, 0, launches, message=json.dumps(timed).encode(), payload=call.payload(tests))


def _failure(ending: int, spent: int, launches: int, message: bytes) -> Reply:
    """The context is lost, and with it what the call should have copied back: as if the call had not returned."""
    status, last = (MACHINE if ending == _MACHINE else EXIT), ending != _UNREAD_ERROR
    return Reply(status, 1, spent, launches, last=last, message=message)


def serve(device: Device, tests: TestFile, channel: int) -> None:
    """Answer commands until the watchdog closes the channel."""
    while len(data := os.read(channel, Command.LAYOUT.size)) == Command.LAYOUT.size:
        command = Command(*Command.LAYOUT.unpack(data))
        try:
            reply = (time_test if command.repeats else run_test)(device, tests, command)
        except (OSError, device.cuda.Error) as error:
            reply = Reply(MACHINE, last=True, message=f"the worker failed: {error}".encode())
        _send(channel, reply)
        if reply.last:
            return


def _send(channel: int, reply: Reply) -> None:
    """Ends the process where the channel is closed, by the watchdog or by the code under test."""
    data = reply.pack()
    try:
        while data:
            data = data[os.write(channel, data) :]
    except OSError:
        os._exit(1)


def main(arguments: Sequence[str]) -> None:
    folder, tests_fd, channel = Path(arguments[0]), int(arguments[1]), int(arguments[2])
    try:
        tests, device = TestFile(tests_fd), Device(folder)
    except Exception as error:  # noqa: BLE001 - pycuda's errors have no type here before it is imported
        words = traceback.format_exception_only(error)[-1].strip()
        _send(channel, Reply(MACHINE, last=True, message=f"no worker on the GPU: {words}".encode()))
        return
    os.close(tests_fd)
    # Code under test that exits does so at once, with its status: PyCUDA's own farewell would abort the process.
    library = ctypes.CDLL(None)
    library.on_exit(library._exit, None)
    _send(channel, Reply(READY))
    serve(device, tests, channel)


if __name__ == "__main__":
    main(sys.argv[1:])
    sys.stderr.flush()
    os._exit(0)  # the driver has nothing to tidy up that the end of the process does not
