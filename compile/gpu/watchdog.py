"""The executable of a build for a GPU: `python -m compile.gpu.watchdog FOLDER TESTS_FD RESULTS_FD`.

It runs the tests (compile/driver/musl_driver.h says what comes in and goes out) in a worker on the device
(compile/gpu/worker.py) and never runs code under test itself. A test that uses up its time costs the worker its life;
one that crashes, exits or loses the device's context ends its worker. The test is marked so, and the next test gets a
new worker. Only this process writes results.

Runs inside the sandbox, in which the workers die with it. No import but of the standard library: it starts with every
candidate.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from compile.gpu.protocol import (
    EXIT,
    MACHINE,
    MEMORY,
    OK,
    PATIENCE,
    READY,
    REPEATS,
    RESULT,
    SIGNAL,
    TIMEOUT,
    Command,
    Reply,
    TestFile,
)

STARTUP_NS = 60 * 10**9  # importing PyCUDA and making a context takes well below a second; a busy machine more
LOOK_NS = 20 * 10**6
SANITIZER_PATIENCE = 20  # compute-sanitizer slows programs ten times and more


@dataclass(frozen=True)
class Plan:
    """What gpu.json says that the watchdog needs: the worker's command, and the words that stand before it where
    compute-sanitizer runs it (its report then comes in a file of /tmp)."""

    folder: Path
    worker: tuple[str, ...]
    sanitizer: tuple[str, ...]

    @classmethod
    def read(cls, folder: Path) -> Plan:
        plan = json.loads((folder / "gpu.json").read_text(encoding="utf-8"))
        return cls(folder, tuple(plan["worker"]), tuple(plan["sanitizer"]))


class Worker:
    """A worker process, from its start to its end."""

    def __init__(self, plan: Plan, tests: TestFile, tests_fd: int) -> None:
        self._report = Path(f"/tmp/sanitizer-{time.monotonic_ns()}") if plan.sanitizer else None
        before = [*plan.sanitizer, "--log-file", str(self._report)] if self._report else []
        self._channel, theirs = socket.socketpair()
        argv = [*before, *plan.worker, str(plan.folder), str(tests_fd), str(theirs.fileno())]
        self._process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            pass_fds=(tests_fd, theirs.fileno()),
            start_new_session=True,
        )
        theirs.close()
        assert self._process.stderr is not None
        self._stderr = self._process.stderr.fileno()
        self._keep = tests.stderr_bytes
        self._reported = 0
        os.set_blocking(self._stderr, False)
        self._channel.setblocking(False)
        self.alive = True
        self._hung_up = False  # the worker has closed its end of the channel: it has ended, or is about to

    def start(self) -> Reply:
        """The first reply: READY, or why there is no worker."""
        reply, said = self._await(time.monotonic_ns() + STARTUP_NS, None)
        if reply is not None and reply.status == READY:
            return reply
        self.end()
        words = reply.message if reply is not None else b"the worker on the GPU did not start"
        return Reply(MACHINE, message=words + b"\n" + said)

    def run(self, command: Command, seconds_ns: int) -> tuple[Reply, bytes]:
        """How the test ended, and what it wrote to its stderr (bounded)."""
        with contextlib.suppress(OSError):  # it has ended: the wait below sees it
            self._channel.sendall(command.pack())
        patience = PATIENCE * (SANITIZER_PATIENCE if self._report else 1)
        cpu = None if self._report else self._cpu_ns() + seconds_ns
        begin = time.monotonic_ns()
        reply, said = self._await(begin + patience * seconds_ns, cpu)
        spent = time.monotonic_ns() - begin
        if reply is None:
            timed_out = self._process.poll() is None and not self._hung_up
            code = self.end()
            reply = Reply(TIMEOUT) if timed_out else _ending(code)
            reply = replace(reply, nanoseconds=spent)
        elif reply.last:
            self.end()
        report = self._new_report()
        if report and reply.status in (OK, EXIT):
            reply = Reply(EXIT, 1, reply.nanoseconds, reply.launches, message=report)
        return reply, said

    def end(self) -> int:
        """Kill what is left of the worker; its exit status, negative for a signal."""
        self.alive = False
        self._channel.close()
        try:
            code = self._process.wait(0 if self._process.poll() is None and not self._hung_up else 5)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            code = self._process.wait()
        assert self._process.stderr is not None
        self._process.stderr.close()
        return code

    def _await(self, deadline: int, cpu_deadline: int | None) -> tuple[Reply | None, bytes]:
        """The next reply, or None where the worker has closed its channel or used up its time."""
        data, said = bytearray(), bytearray()
        reply: Reply | None = None
        with selectors.DefaultSelector() as selector:
            selector.register(self._channel, selectors.EVENT_READ)
            selector.register(self._stderr, selectors.EVENT_READ)
            while reply is None and not self._hung_up:
                now = time.monotonic_ns()
                if now >= deadline or (cpu_deadline is not None and self._cpu_ns() >= cpu_deadline):
                    break
                for key, _ in selector.select(min(deadline - now, LOOK_NS) / 1e9):
                    chunk = _read(key.fd)
                    if chunk is None:
                        continue
                    if key.fd == self._stderr:
                        said += chunk[: max(0, self._keep - len(said))]
                        if not chunk:
                            selector.unregister(self._stderr)
                    else:
                        data += chunk
                        self._hung_up = not chunk
                reply = Reply.unpack(data)
        said += b"".join(self._drained())[: max(0, self._keep - len(said))]
        return reply, bytes(said)

    def _drained(self) -> Iterator[bytes]:
        """What stderr holds now, no more than the pipe does."""
        for _ in range(16):
            chunk = _read(self._stderr)
            if not chunk:
                return
            yield chunk

    def _cpu_ns(self) -> int:
        """Processor time of the worker. The clock of another process has the number ~pid << 3 | 2 (Linux,
        clock_getcpuclockid)."""
        try:
            return time.clock_gettime_ns(~self._process.pid << 3 | 2)
        except OSError:
            return 0

    def _new_report(self) -> bytes:
        """What compute-sanitizer has reported since the last test; empty where it found nothing."""
        if self._report is None or not self._report.exists():
            return b""
        with self._report.open("rb") as file:
            file.seek(self._reported)
            text = file.read(self._keep)
            self._reported = file.tell()
        lines = [line.removeprefix(b"=========").strip() for line in text.splitlines()]
        found = [line for line in lines if line and not line.startswith((b"COMPUTE-SANITIZER", b"ERROR SUMMARY"))]
        return b"\n".join(found)


def _read(descriptor: int) -> bytes | None:
    """What is there; empty at the end of the stream, None where there is nothing now."""
    try:
        return os.read(descriptor, 1 << 20)
    except BlockingIOError:
        return None
    except ConnectionResetError:
        return b""


def _ending(code: int) -> Reply:
    if code == -signal.SIGKILL:  # by the kernel, for its memory
        return Reply(MEMORY)
    return Reply(SIGNAL, -code) if code < 0 else Reply(EXIT, code)


def run_all(plan: Plan, tests: TestFile, tests_fd: int, repeats: int) -> Iterator[tuple[Reply, bytes]]:
    """Every test in every schedule, in order; no schedule follows one in which a test used up its time."""
    worker: Worker | None = None
    broken: Reply | None = None
    for number, schedule in enumerate(tests.schedules):
        deadline, hangs = time.monotonic_ns() + tests.total_ns, 0
        most_hangs = tests.hangs if number == 0 else 0
        for test in range(schedule.test_count):
            if broken is None and (worker is None or not worker.alive):
                begin = time.monotonic_ns()
                worker = Worker(plan, tests, tests_fd)
                first = worker.start()
                broken = first if first.status == MACHINE else None
                deadline += time.monotonic_ns() - begin  # the device's time, not the test's
            if broken is not None:
                yield broken, b""
                continue
            assert worker is not None
            if (enough := 0 < most_hangs <= hangs) or time.monotonic_ns() >= deadline:
                hangs += 1
                yield Reply(TIMEOUT, 2 if enough else 1), b""
                continue
            reply, said = worker.run(Command(test, number, repeats), tests.test_ns)
            hangs += reply.status == TIMEOUT
            yield reply, said
        if hangs:
            break
    if worker is not None and worker.alive:
        worker.end()


def main(arguments: Sequence[str]) -> None:
    tests_fd, results_fd = int(arguments[1]), int(arguments[2])
    tests = TestFile(tests_fd)
    with os.fdopen(results_fd, "wb") as results:
        repeats = int(os.environ.get(REPEATS, "0"))
        for reply, said in run_all(Plan.read(Path(arguments[0])), tests, tests_fd, repeats):
            text = (reply.message + b"\n" + said if reply.message else said)[: tests.stderr_bytes]
            numbers = (reply.status, reply.code, reply.nanoseconds, reply.launches, len(text), reply.remarks)
            results.write(RESULT.pack(*numbers) + text)
            results.write(reply.payload if reply.status == OK else b"")
            results.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
