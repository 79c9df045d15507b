"""`Outcome`: everything that is expected to happen when code is compiled or run, as a value.

Exceptions are for bugs of MuSL and for broken machines; a program that crashes, hangs or does not compile is an
`Outcome`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    """How one compilation or one run ended. `INFRASTRUCTURE` is the machine's fault and never the candidate's."""

    OK = "ok"
    COMPILE_ERROR = "compile_error"
    RUNTIME_ERROR = "runtime_error"
    TIMEOUT = "timeout"
    OUT_OF_MEMORY = "out_of_memory"
    FORBIDDEN = "forbidden"
    INFRASTRUCTURE = "infrastructure"


@dataclass(frozen=True)
class Outcome:
    """One compilation or run. `stdout` and `stderr` are bounded by the sandbox's limit; `seconds` is wall time."""

    status: Status
    stdout: bytes = b""
    stderr: bytes = b""
    seconds: float = 0.0
    exit_code: int | None = None

    @property
    def ok(self) -> bool:
        return self.status is Status.OK

    @property
    def message(self) -> str:
        """The captured error stream as text, undecodable bytes replaced."""
        return self.stderr.decode("utf-8", "replace").strip()
