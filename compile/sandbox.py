"""`Sandbox`: runs compilers and code under test away from the user's files.

What it guarantees (bubblewrap, Linux namespaces, rlimits):
- no network: the process has a network namespace of its own without interfaces;
- files: /usr, the libraries, the compilers' own folders and what `readable` names are visible, read-only; `scratch`
  is visible, and writable only where a run asks for it; /tmp is the process's own and vanishes with it; nothing of
  $HOME is visible unless a `readable` folder lies in it; the environment is empty except PATH, LC_ALL, HOME, TMPDIR
  and what a run adds;
- processes: a process-id namespace of its own, so that everything dies with the run, also what ignores SIGTERM or has
  detached itself; no privileges, no terminal, stdin holds what the caller gives and is else empty;
- resources, of every run: wall time and bytes of output (watched by this process); CPU time, address space, size of
  one file and stack (rlimits of each process);
- resources, of runs that may make processes (compilers) or write to `scratch`: the number of processes and threads,
  their memory together, and the bytes in `scratch`. This process looks every 50 ms and kills the run that is above a
  limit, so a run may be above it for that long. Root's looks come before all other work of the machine, where the
  kernel lets them. Where MuSL does not run as root, an rlimit bounds the processes at every instant (Linux 5.14 counts
  them for each sandbox; before, and for root, there is no such rlimit);
- with `restricted`, a seccomp filter (compile/seccomp.py) refuses new processes and threads, sockets, signals and
  tracing at every instant: a run of code under test has one process for each test, whose memory the driver bounds.

What it does not: it does not defend against bugs of the kernel, it does not contain the driver of a GPU that is shown
to a run (what the driver lets a process do to the device and its memory, that process can do), and it does not hide the
machine's CPU model, kernel version or load. Control groups are not used: to move a process into one costs 5 to 15 ms
(the kernel waits for a grace period), as much as the whole start of a sandbox. With `unsafe=True` nothing of the above
holds but the rlimits, the wall time and the bounded output, and what a run leaves behind stays.

Nothing outlives a run: its processes die with their namespace when it ends, when it is killed, and when MuSL itself is
killed; its /tmp and network go with it. What it wrote to `scratch` belongs to the caller.

`keep` starts what is to live on for many jobs of MuSL's own (compile/kept): the namespaces, files and rlimits are those
of a run, and it ends when the process that started it does, as it ends with its socket.
"""

from __future__ import annotations

import contextlib
import functools
import os
import platform
import re
import resource
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO

from compile.bounded import memory_file, run_bounded
from compile.guard import GUARD_SECONDS, Guard
from compile.outcome import Outcome, Status
from compile.seccomp import build_filter
from compile.toolchain import find_bubblewrap, installed_tools

MIB = 1 << 20
INSTALL_COMMAND = "apt-get install bubblewrap"
# What compilers and the dynamic loader read of /etc; nothing about users, hosts or networks.
ETC = ("alternatives", "ld.so.cache")
# All of /dev that a compiler or a function needs: every mount takes a third of a millisecond of each run.
DEVICES = ("null", "zero", "urandom")
SYSTEM = ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
STORES = ("/nix/store", "/gnu/store")  # systems that keep no programs in /usr
# Debug information of the C library, where installed: a sanitizer's report takes 0.1 s longer with it and says no more.
DEBUG_FILES = Path("/usr/lib/debug")


class SandboxUnavailable(RuntimeError):
    """No sandbox can be made here; the message says why and what to do."""


@dataclass(frozen=True)
class Limits:
    """Of one run. `memory_bytes` bounds the address space of each process and the memory of all together (None: no
    bound, for sanitized programs, whose shadow needs terabytes of it; the driver bounds their memory itself).
    `output_bytes` bounds stdout and stderr each, `file_bytes` one file, `folder_bytes` what lies in a writable scratch
    folder, `processes` the processes and threads of a run that may make some."""

    wall_seconds: float = 60.0
    cpu_seconds: float | None = None
    memory_bytes: int | None = 8192 * MIB
    file_bytes: int = 1024 * MIB
    stack_bytes: int = 256 * MIB
    output_bytes: int = 4 * MIB
    tmp_bytes: int = 1024 * MIB
    folder_bytes: int = 2048 * MIB
    processes: int = 256


@dataclass(frozen=True)
class Sandbox:
    """`scratch` is the folder that runs may be given to write to; it is seen under its own path. Raises
    SandboxUnavailable at construction where bubblewrap is missing or does not work, unless `unsafe`."""

    scratch: Path
    limits: Limits = field(default_factory=Limits)
    unsafe: bool = False

    def __post_init__(self) -> None:
        if not self.unsafe:
            reason = why_unavailable()
            if reason:
                raise SandboxUnavailable(reason)

    def run(
        self,
        argv: Sequence[str | Path],
        *,
        limits: Limits | None = None,
        readable: Sequence[Path] = (),
        writable: bool = False,
        restricted: bool = False,
        environment: Mapping[str, str] | None = None,
        descriptors: Sequence[int] = (),
        cwd: Path | None = None,
        stdin: bytes = b"",
    ) -> Outcome:
        """Run `argv` to its end. `readable` are more folders and files to show, `writable` makes `scratch` writable,
        `descriptors` stay open in the process under their own numbers, `stdin` is what it reads. Never raises for what
        the program does; OSError only where the machine cannot start processes.

        Status: OK for exit status 0, TIMEOUT, OUT_OF_MEMORY (killed for it, by the kernel or here), FORBIDDEN (a system
        call that the filter refuses), INFRASTRUCTURE where the sandbox itself could not be set up, else RUNTIME_ERROR;
        too much output, too many processes and a full folder are RUNTIME_ERRORs whose stderr says so.
        """
        bounds = limits or self.limits
        command = [*(() if writable else address_words(_random_bits())), *(str(word) for word in argv)]
        wrapped = ["/bin/sh", "-c", _ulimits(bounds, isolated=not self.unsafe) + 'exec "$@"', "sh", *command]
        variables = {**_environment(), **(environment or {})}
        guard = _guard(bounds, restricted, self.scratch if writable else None)
        watched = bounds.wall_seconds, bounds.output_bytes
        if self.unsafe:
            return run_bounded(wrapped, *watched, variables, descriptors, self.scratch, guard, stdin)
        with memory_file() as status, _filter_file(restricted) as filters:
            extra = {"--json-status-fd": status.fileno(), **({"--seccomp": filters.fileno()} if filters else {})}
            words = self._bubblewrap(bounds, readable, writable, cwd or self.scratch)
            words += ["--die-with-parent"]
            words += [word for option, descriptor in extra.items() for word in (option, str(descriptor))]
            passed = [*descriptors, *extra.values()]
            outcome = run_bounded([*words, "--", *wrapped], *watched, variables, passed, self.scratch, guard, stdin)
            started = b'"exit-code"' in os.pread(status.fileno(), 4096, 0)
        if outcome.exit_code is not None and not started and outcome.status is not Status.OUT_OF_MEMORY:
            # bubblewrap could not set it up; its words are in stderr
            return replace(outcome, status=Status.INFRASTRUCTURE)
        return outcome

    def keep(
        self, argv: Sequence[str | Path], *, limits: Limits, readable: Sequence[Path], descriptors: Sequence[int]
    ) -> subprocess.Popen[bytes]:
        """Start `argv`, which sees `scratch` read-only, and leave it running. The rlimits hold, for each process; its
        wall time, its processes and their memory together are the caller's to bound, and it has to end by itself when
        the other ends of its `descriptors` are closed: it may not die with its parent, which bubblewrap takes to be
        the thread that starts it, gone long before."""
        words = self._bubblewrap(limits, readable, False, Path("/tmp"))
        script = _ulimits(limits, isolated=True) + 'exec "$@"'
        return subprocess.Popen(
            [*words, "--", "/bin/sh", "-c", script, "sh", *(str(word) for word in argv)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=_environment(),
            pass_fds=tuple(descriptors),
            start_new_session=True,
        )

    def _bubblewrap(self, limits: Limits, readable: Sequence[Path], writable: bool, cwd: Path) -> list[str]:
        words = [str(find_bubblewrap()), *_namespace_words(limits.tmp_bytes)]
        for folder in dict.fromkeys([*_toolchain_roots(), *readable]):
            device = folder.is_relative_to("/dev")  # of a GPU; a plain bind would make it unusable
            words += ["--dev-bind-try" if device else "--ro-bind-try", str(folder), str(folder)]
        words += ["--bind" if writable else "--ro-bind", str(self.scratch), str(self.scratch)]
        words += ["--remount-ro", "/"]  # it is in memory: nothing may fill it
        on_device = any(folder.is_relative_to("/dev") for folder in readable)
        words += _settings_words() if on_device else ["--remount-ro", "/proc"]
        return [*words, "--chdir", str(cwd)]

    def within(self, scratch: Path) -> Sandbox:
        """The same sandbox over another scratch folder."""
        return replace(self, scratch=scratch)


def _guard(limits: Limits, restricted: bool, folder: Path | None) -> Guard:
    """Of a restricted run, which has one process, only the folder is watched, and only if it may write there."""
    if restricted:
        return Guard(folder=folder, folder_bytes=limits.folder_bytes)
    return Guard(limits.processes, limits.memory_bytes, folder, limits.folder_bytes)


@functools.cache
def why_unavailable() -> str:
    """Empty where the sandbox works (it is tried once per process), else one line: the reason and the remedy."""
    program = find_bubblewrap()
    if program is None:
        return f"the sandbox needs bubblewrap (`bwrap`), which is not installed: `{INSTALL_COMMAND}`"
    try:
        done = subprocess.run(
            [str(program), *_namespace_words(MIB), "--die-with-parent", "--", "/bin/sh", "-c", "exit 0"],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"the sandbox does not work here: {program} did not answer"
    if done.returncode == 0:
        return ""
    return (
        f"the sandbox does not work here: {program}: {done.stderr.strip() or f'exit status {done.returncode}'} "
        "(unprivileged user namespaces may be switched off: `sysctl kernel.unprivileged_userns_clone=1`; "
        "a container must be run with `--security-opt seccomp=unconfined --security-opt systempaths=unconfined`)"
    )


@functools.cache
def _namespace_words(tmp_bytes: int) -> tuple[str, ...]:
    """bubblewrap's words for what is the same in all runs."""
    words = ["--unshare-all", "--new-session", "--cap-drop", "ALL", "--ro-bind", "/usr", "/usr"]
    for name in SYSTEM:
        path = Path(name)
        if path.is_symlink():
            words += ["--symlink", str(path.readlink()), name]
        elif path.exists():
            words += ["--ro-bind", name, name]
    for name in [*STORES, *(f"/etc/{name}" for name in ETC)]:
        words += ["--ro-bind-try", name, name]
    if DEBUG_FILES.is_dir() and not DEBUG_FILES.is_symlink():
        words += ["--tmpfs", str(DEBUG_FILES)]
    words += ["--proc", "/proc", "--dir", "/dev", "--symlink", "/proc/self/fd", "/dev/fd"]
    words += [word for name in DEVICES for word in ("--dev-bind", f"/dev/{name}", f"/dev/{name}")]
    return (*words, "--size", str(tmp_bytes), "--tmpfs", "/tmp")


@functools.cache
def _settings_words() -> tuple[str, ...]:
    """bubblewrap's words for a /proc whose files about processes can be written. NVIDIA's driver needs that (measured:
    cuInit fails with error 304 under a read-only /proc; what it writes is not known). The others are settings of the
    whole machine, which a process of root may write even without any privilege, and stay read-only."""
    places = [
        f"/proc/{entry.name}"
        for entry in os.scandir("/proc")
        if not entry.name.isdigit() and not entry.is_symlink() and (entry.is_dir() or entry.stat().st_mode & 0o222)
    ]
    return tuple(word for place in sorted(places) for word in ("--ro-bind-try", place, place))


@functools.cache
def _toolchain_roots() -> tuple[Path, ...]:
    return tuple(dict.fromkeys(root for tool in installed_tools() for root in tool.roots))


@functools.cache
def _environment() -> dict[str, str]:
    folders = [str(tool.path.parent) for tool in installed_tools()] + ["/usr/local/bin", "/usr/bin", "/bin"]
    return {"PATH": ":".join(dict.fromkeys(folders)), "LC_ALL": "C", "HOME": "/tmp", "TMPDIR": "/tmp"}


def _ulimits(limits: Limits, *, isolated: bool) -> str:
    """Shell commands that set the rlimits: no more than the hard limits that this process has itself. `isolated` says
    that they run inside a sandbox, whose processes are counted apart from the user's others."""
    cpu = limits.cpu_seconds if limits.cpu_seconds is not None else limits.wall_seconds * (os.cpu_count() or 1)
    wanted = [("t", resource.RLIMIT_CPU, int(cpu) + 1, 1), ("f", resource.RLIMIT_FSIZE, limits.file_bytes, 512)]
    wanted += [("c", resource.RLIMIT_CORE, 0, 512), ("s", resource.RLIMIT_STACK, limits.stack_bytes, 1024)]
    if limits.memory_bytes is not None:
        wanted.append(("v", resource.RLIMIT_AS, limits.memory_bytes, 1024))
    words = []
    for letter, which, value, unit in wanted:
        hard = resource.getrlimit(which)[1]
        bounded = value if hard == resource.RLIM_INFINITY else min(value, hard)
        # SIGXCPU at the soft limit says what it was; SIGKILL at the hard one could be for anything
        grace = 1 if letter == "t" and hard == resource.RLIM_INFINITY else 0
        words.append(f"ulimit -S -{letter} {bounded // unit}; ulimit -H -{letter} {bounded // unit + grace}; ")
    if isolated and processes_have_an_rlimit():
        # bash has -u for it and dash -p; the sandbox has processes of its own
        words.append(f"ulimit -u {limits.processes + 4} 2>/dev/null || ulimit -p {limits.processes + 4}; ")
    return "".join(words)


@functools.cache
def processes_have_an_rlimit() -> bool:
    """Whether RLIMIT_NPROC bounds the processes of one sandbox: since Linux 5.14 they are counted for each user
    namespace (kernel commit 21d1c5e386bc), and never for root."""
    release = re.match(r"(\d+)\.(\d+)", platform.release())
    return os.geteuid() != 0 and release is not None and (int(release[1]), int(release[2])) >= (5, 14)


@functools.cache
def address_words(random_bits: int) -> tuple[str, ...]:
    """What to put in front of a command that may be sanitized. Where the kernel places mappings with more than 28
    random bits, the sanitizers of older compilers now and then find no room for their shadow
    (github.com/google/sanitizers/issues/1614): there the command gets fixed addresses, if that is allowed."""
    words = ("setarch", platform.machine(), "-R")
    if random_bits <= 28 or shutil.which("setarch") is None:
        return ()
    done = subprocess.run([*words, "true"], capture_output=True, timeout=30, check=False)
    return words if done.returncode == 0 else ()


@functools.cache
def _random_bits() -> int:
    try:
        return int(Path("/proc/sys/vm/mmap_rnd_bits").read_text())
    except (OSError, ValueError):  # readable by root alone on some systems: then the kernel's own default is not known
        return 32


def limits_that_hold() -> str:
    """What bounds the number of processes here, for a person: it depends on the user, the kernel and the processor."""
    if processes_have_an_rlimit():
        compilers = "compilers' processes are bounded by an rlimit"
    else:
        compilers = f"compilers' processes are counted every {GUARD_SECONDS * 1000:g} ms"
    filtered = "a filter refuses code under test new ones"
    if not build_filter(trap=False):
        filtered = "there is no filter of system calls on this processor"
    return f"{compilers}; {filtered}"


@contextlib.contextmanager
def _filter_file(restricted: bool) -> Iterator[IO[bytes] | None]:
    program = build_filter(trap=False, allow_exec=True) if restricted else b""
    if not program:
        yield None
        return
    with memory_file() as file:
        file.write(program)
        file.seek(0)
        yield file
