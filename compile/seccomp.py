"""A seccomp filter for code under test: the system calls that a numerical function has no use for are refused.

What it refuses: making processes and threads, running programs, signals to other processes, tracing, sockets,
namespaces, mounts, io_uring and kernel keys. What it allows: memory, reading and writing files that the sandbox
shows, time, exit. It is a second wall behind the sandbox's namespaces, and the only one against a fork bomb when MuSL
runs as root (the kernel exempts root from RLIMIT_NPROC). On processors other than x86-64 and AArch64 there is no
filter.
"""

from __future__ import annotations

import functools
import platform
import struct

_ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}  # AUDIT_ARCH_*, linux/audit.h

# name -> number on (x86-64, AArch64); None where the call does not exist.
# linux/arch/x86/entry/syscalls/syscall_64.tbl and include/uapi/asm-generic/unistd.h.
_REFUSED: dict[str, tuple[int | None, int | None]] = {
    "fork": (57, None),
    "vfork": (58, None),
    "clone": (56, 220),
    "clone3": (435, 435),
    "execve": (59, 221),
    "execveat": (322, 281),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "pidfd_open": (434, 434),
    "pidfd_getfd": (438, 438),
    "pidfd_send_signal": (424, 424),
    "socket": (41, 198),
    "socketpair": (53, 199),
    "connect": (42, 203),
    "bind": (49, 200),
    "unshare": (272, 97),
    "setns": (308, 268),
    "mount": (165, 40),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425),
    "keyctl": (250, 219),
    "add_key": (248, 217),
}
# Signals. abort() and raise() use tgkill with the own process's id.
_SIGNALS: dict[str, tuple[int, int]] = {"kill": (62, 129), "tkill": (200, 130), "tgkill": (234, 131)}
_X32_BIT = 0x40000000

_LOAD = 0x20  # BPF_LD | BPF_W | BPF_ABS
_JEQ = 0x15  # BPF_JMP | BPF_JEQ | BPF_K
_JGE = 0x35  # BPF_JMP | BPF_JGE | BPF_K
_RET = 0x06
_ALLOW = 0x7FFF0000
_TRAP = 0x00030000  # SIGSYS, which a handler may report
_KILL = 0x80000000  # SIGSYS, not to be caught


def _instruction(code: int, k: int, yes: int = 0, no: int = 0) -> bytes:
    return struct.pack("=HBBI", code, yes, no, k)


@functools.cache
def refused_calls() -> dict[int, str]:
    """Number -> name of the refused system calls on this processor; empty where there is no filter."""
    column = list(_ARCHITECTURES).index(platform.machine()) if platform.machine() in _ARCHITECTURES else None
    if column is None:
        return {}
    table = {**_REFUSED, **_SIGNALS}
    return {number: name for name, numbers in table.items() if (number := numbers[column]) is not None}


@functools.cache
def build_filter(*, trap: bool, allow_exec: bool = False) -> bytes:
    """The filter as an array of `struct sock_filter`, empty on other processors.

    `trap` raises SIGSYS (which the driver's handler reports), else the process is killed. `allow_exec` is for a
    filter that is put on before the program under test is started. tgkill is allowed, because abort() needs it and
    its target cannot be compared in a filter made before the process has its id; the driver adds that comparison
    itself.
    """
    refused = refused_calls()
    if not refused:
        return b""
    numbers = [n for n, name in refused.items() if name != "tgkill" and not (allow_exec and name.startswith("exec"))]
    verdict = _TRAP if trap else _KILL
    program = [
        _instruction(_LOAD, 4),  # seccomp_data.arch
        _instruction(_JEQ, _ARCHITECTURES[platform.machine()], 1, 0),
        _instruction(_RET, _KILL),
        _instruction(_LOAD, 0),  # seccomp_data.nr
        _instruction(_JGE, _X32_BIT, 0, 1),
        _instruction(_RET, _KILL),
    ]
    for number in numbers:
        program += [_instruction(_JEQ, number, 0, 1), _instruction(_RET, verdict)]
    program.append(_instruction(_RET, _ALLOW))
    return b"".join(program)
