"""`run_bounded`: one process, whose time, output and whatever a `Guard` watches are bounded, and which is judged by how
it ended. Around it `Sandbox` puts namespaces and rlimits."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO

from compile.guard import GUARD_SECONDS, TOO_MUCH_MEMORY, Guard, children_of
from compile.outcome import Outcome, Status

SIGSYS_STATUS = 128 + signal.SIGSYS


def memory_file() -> IO[bytes]:
    """An open file that lies nowhere."""
    return os.fdopen(os.memfd_create("musl-sandbox"), "w+b")


def run_bounded(
    argv: list[str],
    wall_seconds: float,
    output_bytes: int,
    environment: Mapping[str, str],
    descriptors: Sequence[int],
    cwd: Path,
    guard: Guard,
    stdin: bytes,
) -> Outcome:
    """Run `argv` in a session of its own, and end it with all that it started. `descriptors` stay open, `stdin` is
    what it reads. What stops it: its wall time, output (stdout and stderr each) above `output_bytes`, the guard.
    Statuses are those of `Sandbox.run`; OSError where the machine cannot start processes."""
    begin = time.monotonic()
    with memory_file() if stdin else contextlib.nullcontext() as source:
        if source is not None:
            source.write(stdin)
            source.seek(0)
        process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL if source is None else source,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=dict(environment),
            cwd=cwd,
            pass_fds=tuple(descriptors),
            start_new_session=True,
        )
    stop, streams = "", (b"", b"")
    with _before_others() if guard.processes is not None else contextlib.nullcontext():
        try:
            stop, streams = _collect(process, begin + wall_seconds, output_bytes, guard)
        finally:
            _kill_group(process)
    seconds = time.monotonic() - begin
    return _judge(process.returncode, stop, streams, seconds)


def _collect(
    process: subprocess.Popen[bytes], deadline: float, bound: int, guard: Guard
) -> tuple[str, tuple[bytes, bytes]]:
    """Read both streams until they and the process end, or a bound is hit; (what stopped it, (stdout, stderr))."""
    assert process.stdout is not None and process.stderr is not None
    kept = {process.stdout.fileno(): bytearray(), process.stderr.fileno(): bytearray()}
    out, err = kept
    stop = ""
    with _end_of(process) as end, selectors.DefaultSelector() as selector:
        for descriptor in kept:
            os.set_blocking(descriptor, False)
            selector.register(descriptor, selectors.EVENT_READ)
        if end is not None:
            selector.register(end, selectors.EVENT_READ)
        look = time.monotonic() + GUARD_SECONDS
        while selector.get_map() and not stop:
            now = time.monotonic()
            if now >= deadline:
                stop = "timeout"
                break
            if guard.watches and now >= look:
                stop = guard.exceeded(process.pid)
                look = time.monotonic() + GUARD_SECONDS
                if stop:
                    break
            for key, _ in selector.select(min(deadline, look if guard.watches else deadline) - now):
                chunk = b"" if key.fd == end else os.read(key.fd, 1 << 16)
                if not chunk:
                    selector.unregister(key.fd)
                elif len(kept[key.fd]) + len(chunk) > bound:
                    kept[key.fd] += chunk[: bound - len(kept[key.fd])]
                    stop = f"more than {bound} bytes of output"
                else:
                    kept[key.fd] += chunk
    if not stop:
        try:
            process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            stop = "timeout"
    return stop, (bytes(kept[out]), bytes(kept[err]))


@contextlib.contextmanager
def _before_others() -> Iterator[None]:
    """Of root, whose processes no rlimit bounds: this thread runs whenever it wants to, where that is allowed. Among
    the thousands of a fork bomb it would else wait its turn, and there would be thousands more when it looks (by hand:
    18 s and 30,000 processes instead of 0.06 s and 150). It sleeps between its looks; what it starts is as before."""
    before = os.sched_getscheduler(0), os.sched_getparam(0)
    raised = os.geteuid() == 0
    if raised:
        try:
            os.sched_setscheduler(0, os.SCHED_RR | os.SCHED_RESET_ON_FORK, os.sched_param(1))
        except OSError:  # a container that does not let it
            raised = False
    try:
        yield
    finally:
        if raised:
            os.sched_setscheduler(0, *before)


@contextlib.contextmanager
def _end_of(process: subprocess.Popen[bytes]) -> Iterator[int | None]:
    """A descriptor that can be read once the process has ended; None where the kernel has no such thing."""
    try:
        descriptor = os.pidfd_open(process.pid)
    except OSError:  # before Linux 5.3; Popen.wait then looks at growing intervals
        yield None
        return
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    """bubblewrap's own process ends with the group, and the whole process namespace with it (--die-with-parent).

    The first process of the namespace has to end all others itself. Where these are a fork bomb's thousands, it waits
    its turn among them, so it is put before them if that is allowed.
    """
    if process.poll() is None or process.returncode < 0:
        for first in children_of(process.pid):
            with contextlib.suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, first, -20)
            with contextlib.suppress(OSError):
                os.kill(first, signal.SIGKILL)
            with contextlib.suppress(OSError):  # its session: all at once, and none of them can fork from then on
                os.killpg(first, signal.SIGKILL)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for stream in (process.stdout, process.stderr):
        if stream is not None:
            stream.close()


def _judge(code: int, stop: str, streams: tuple[bytes, bytes], seconds: float) -> Outcome:
    stdout, stderr = streams
    if stop == "timeout":
        return Outcome(Status.TIMEOUT, stdout, stderr, seconds)
    if stop:
        status = Status.OUT_OF_MEMORY if stop == TOO_MUCH_MEMORY else Status.RUNTIME_ERROR
        return Outcome(status, stdout, f"stopped: {stop}\n".encode() + stderr, seconds)
    status = Status.OK if code == 0 else Status.RUNTIME_ERROR
    if code in (SIGSYS_STATUS, -signal.SIGSYS):
        status = Status.FORBIDDEN
        stderr += b"a system call that is not allowed (a new process or thread, the network, a signal, ...)\n"
    elif code in (128 + signal.SIGKILL, -signal.SIGKILL):
        status = Status.OUT_OF_MEMORY
    elif code in (128 + signal.SIGXCPU, -signal.SIGXCPU):
        status = Status.TIMEOUT
    return Outcome(status, stdout, stderr, seconds, code)
