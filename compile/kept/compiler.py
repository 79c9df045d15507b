"""`KeptCompiler`: a compiler that has got ready once, and is forked for every unit.

To start cc1plus and to read a precompiled header takes 12 to 20 ms, as much as to compile a small function. A kept
compiler has done both (compile/kept/hold.c says how) and waits in a sandbox of its own, where it sees the system's and
MuSL's own headers and no folder of any build: a job gives it the text, and takes the assembly and the messages, through
descriptors. What the compiler makes is what an ordinary one makes, but for the working folder in its debug information.

A job is one process with the limits of an ordinary compilation (but for its time, which is shorter) and the
filter of system calls on, so that a text that makes the compiler hang, crash or fill its memory costs that job alone.
Whatever does not end with exit status 0 and without a word is left to the ordinary compiler, whose words count.
"""

from __future__ import annotations

import array
import contextlib
import os
import shlex
import signal
import socket
import struct
import subprocess
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from compile.cache import OwnBuildFailedError, cached
from compile.sandbox import MIB, Limits, Sandbox
from compile.seccomp import build_filter
from compile.toolchain import find_gcc

SOURCE = Path(__file__).resolve().parent / "hold.c"
HOLE = "/musl/hole"
MOST_BYTES = (1 << 18) - 64  # of a unit; hold.c has ROOM for it
JOB_SECONDS = 20.0  # more than any unit that is worth it takes; an ordinary compilation has a minute
LIMITS = Limits(JOB_SECONDS, JOB_SECONDS, 4096 * MIB, 512 * MIB, tmp_bytes=MIB)
_STATUS = struct.Struct("=i")


class KeptCompilerError(RuntimeError):
    """The compiler cannot be kept, or has gone; the message says why."""


@dataclass(frozen=True)
class Steps:
    """What g++ runs for a command: the compiler proper, which writes assembly to stdout, and the assembler."""

    compiler: tuple[str, ...]
    assembler: tuple[str, ...]


def read_steps(command: Sequence[str]) -> Steps:
    """What gcc or g++ would run for `command` (with -pipe). Raises KeptCompilerError."""
    done = subprocess.run([*command, "-###"], capture_output=True, text=True, timeout=20, check=False, cwd="/")
    lines = [shlex.split(line) for line in done.stderr.splitlines() if line.startswith(" ")]
    compilers = [line[:-1] for line in lines if line[-3:] == ["-o", "-", "|"]]
    assemblers = [line for line in lines if Path(line[0]).name == "as"]
    if done.returncode != 0 or len(compilers) != 1 or len(assemblers) != 1:
        raise KeptCompilerError(f"{command[0]} does not say how it compiles and assembles")
    return Steps(tuple(compilers[0]), tuple(assemblers[0]))


@dataclass(eq=False)
class KeptCompiler:
    """A compiler that waits for jobs; `assembler` is the command that turns its assembly into an object, but for the
    assembly's name."""

    assembler: tuple[str, ...]
    _process: subprocess.Popen[bytes]
    _jobs: socket.socket
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def start(cls, command: Sequence[str], unit: str, sandbox: Sandbox, readable: Sequence[Path]) -> KeptCompiler:
        """A compiler for `command`, which compiles the file `unit` of the working folder and reads `readable`. Raises
        KeptCompilerError where it does not get ready."""
        steps, library = read_steps(command), _hold_library()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs, os.fdopen(os.memfd_create("musl-filter"), "wb") as filters:
            filters.write(build_filter(trap=False))
            filters.flush()
            descriptors = (theirs.fileno(), filters.fileno())
            words = {"LD_PRELOAD": library, "MUSL_UNIT": unit, "MUSL_HOLE": HOLE}
            words |= {"MUSL_JOBS": descriptors[0], "MUSL_FILTER": descriptors[1]}
            argv = ["/usr/bin/env", *(f"{name}={value}" for name, value in words.items()), *steps.compiler]
            process = sandbox.within(library.parent).keep(
                [*argv, "-include", HOLE], limits=LIMITS, readable=readable, descriptors=descriptors
            )
        compiler = cls(steps.assembler, process, ours)
        ours.settimeout(JOB_SECONDS)
        compiler._receive()
        return compiler

    def compile(self, unit: Path, assembly: Path) -> bool:
        """Whether the text of `unit` compiles without a word; its `assembly` is written then. Raises KeptCompilerError
        where the compiler has gone or has taken too long: it is of no more use."""
        with self._lock, unit.open("rb") as text, assembly.open("wb") as output, _memory_file() as said:
            descriptors = array.array("i", [text.fileno(), output.fileno(), said])
            try:
                self._jobs.sendmsg([b"j"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, descriptors)])
            except OSError as error:
                self.close()
                raise KeptCompilerError(f"the kept compiler has gone: {error}") from None
            return self._receive() == 0 and os.fstat(said).st_size == 0

    def _receive(self) -> int:
        try:
            return int(_STATUS.unpack(self._jobs.recv(_STATUS.size))[0])
        except (OSError, struct.error) as error:
            self.close()
            raise KeptCompilerError(f"the kept compiler does not answer: {error}") from None

    def close(self) -> None:
        """End the compiler, and the job that it has."""
        self._jobs.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(2.0)
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def forget(self) -> None:
        """In a forked process: the compiler is the parent's."""
        self._jobs.close()
        self._process.returncode = 0  # its end is not this process's to wait for


@contextlib.contextmanager
def _memory_file() -> Iterator[int]:
    descriptor = os.memfd_create("musl-said")
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _hold_library() -> Path:
    """hold.c as a shared object, compiled once per machine. Raises KeptCompilerError."""
    compiler = find_gcc()
    argv = [str(compiler.path), "-O2", "-shared", "-fPIC", str(SOURCE), "-o"]

    def build(target: Path) -> None:
        done = subprocess.run([*argv, str(target)], capture_output=True, text=True, timeout=120, check=False)
        if done.returncode != 0:
            raise OwnBuildFailedError(done.stderr)

    try:
        return cached("hold.so", [str(compiler.path), compiler.version, SOURCE.read_bytes()], build)
    except OwnBuildFailedError as error:
        raise KeptCompilerError(f"{SOURCE.name} does not compile: {error}") from None
