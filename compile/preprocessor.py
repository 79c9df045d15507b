"""`sandboxed_runner`: the preprocessor and the syntax checks of `data` and `translator`, run in the sandbox.

An `#include` reads files with the rights of the compiler, so the text of a stranger may not even be preprocessed
outside. `data` cannot import the sandbox; it takes the runner as a function (data/preprocess.py, `use_runner`).
"""

from __future__ import annotations

from collections.abc import Sequence

from compile.includes import include_folders
from compile.outcome import Status
from compile.sandbox import MIB, Limits, Sandbox, SandboxUnavailable
from data.preprocess import Ran, Runner
from data.read_source import SourceError
from data.source_file import SourceFile

LIMITS = Limits(wall_seconds=30.0, memory_bytes=2048 * MIB, output_bytes=64 * MIB)


def sandboxed_runner(sandbox: Sandbox) -> Runner:
    """A runner that sees of the user's files what the file includes. It raises SourceError where a limit ends the
    compiler, and SandboxUnavailable where the sandbox does not work."""

    def run(source: SourceFile, command: Sequence[str], text: bytes) -> Ran:
        outcome = sandbox.run(command, limits=LIMITS, readable=include_folders(source), stdin=text)
        if outcome.status is Status.INFRASTRUCTURE:
            raise SandboxUnavailable(f"the sandbox does not work: {outcome.message}")
        if outcome.exit_code is None or outcome.status in (Status.TIMEOUT, Status.OUT_OF_MEMORY):
            reason = outcome.message.splitlines()[:1]
            words = f"took more than {LIMITS.wall_seconds:g} s" if outcome.status is Status.TIMEOUT else "was stopped"
            raise SourceError(": ".join([f"{source.path}: the preprocessor {words}", *reason]))
        return outcome.exit_code, outcome.stdout, outcome.stderr

    return run
