"""`SharedRun`: the compilations of both sides of a pair in one run of the sandbox.

To start a sandbox takes as long as a third of a small compilation. Two builds that do not depend on each other are
therefore begun in threads of their own, and the scripts that they would each run are run one after the other in one
sandbox. Compilers alone run there, no code under test; each script works in its own folder, and its words and its exit
status go to files there.
"""

from __future__ import annotations

import shlex
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from compile.outcome import Outcome, Status
from compile.sandbox import Limits, Sandbox

SAID, STATUS = "compiler.said", "compiler.status"


@dataclass
class _Script:
    rank: int
    text: str
    folder: Path
    readable: Sequence[Path]
    outcome: Outcome | None = None


class SharedRun:
    """Waits until each of `parties` builds has either come with its script or left, and runs the scripts in `sandbox`,
    whose folder holds those of the builds, by rank: what a script does to the run costs those behind it only. A build
    that comes again after that gets a run of its own."""

    def __init__(self, sandbox: Sandbox, limits: Limits, parties: int) -> None:
        self._sandbox, self._limits, self._awaited = sandbox, limits, parties
        self._scripts: list[_Script] = []
        self._changed = threading.Condition()

    def of_rank(self, rank: int) -> Callable[[str, Sandbox, Sequence[Path]], Outcome]:
        """What a build runs its scripts with (compile.host.RunScript)."""
        return lambda script, sandbox, readable: self._submit(_Script(rank, script, sandbox.scratch, readable))

    def _submit(self, mine: _Script) -> Outcome:
        with self._changed:
            self._scripts.append(mine)
            self._arrive()
            self._changed.wait_for(lambda: mine.outcome is not None)
        assert mine.outcome is not None
        return mine.outcome

    def leave(self) -> None:
        """A build has no script to run (any more)."""
        with self._changed:
            self._arrive()

    def _arrive(self) -> None:
        self._awaited -= 1
        if self._awaited <= 0 and (waiting := [script for script in self._scripts if script.outcome is None]):
            self._run(sorted(waiting, key=lambda script: script.rank))
            self._changed.notify_all()

    def _run(self, scripts: Sequence[_Script]) -> None:
        text = "; ".join(_apart(script) for script in scripts)
        readable = list(dict.fromkeys(path for script in scripts for path in script.readable))
        try:
            outcome = self._sandbox.run(["/bin/sh", "-c", text], limits=self._limits, readable=readable, writable=True)
        except OSError as error:  # raised here it would reach one build, and the others would wait for ever
            outcome = Outcome(Status.INFRASTRUCTURE, stderr=f"{error}\n".encode())
        for script in scripts:
            script.outcome = _outcome_of(script, outcome, self._limits.output_bytes)


def _apart(script: _Script) -> str:
    """`(cd F && export TMPDIR=F && script) > F/said 2>&1; echo $? > F/status`"""
    folder = shlex.quote(str(script.folder))
    own = f"(cd {folder} && export TMPDIR={folder} && {script.text})"
    return f"{own} > {folder}/{SAID} 2>&1; echo $? > {folder}/{STATUS}"


def _outcome_of(script: _Script, whole: Outcome, output_bytes: int) -> Outcome:
    """What became of one script; that of the whole run where it did not come to its end."""
    try:
        code = int((script.folder / STATUS).read_text(encoding="ascii"))
        with (script.folder / SAID).open("rb") as said:
            words = said.read(output_bytes)
    except (OSError, ValueError):
        return whole if not whole.ok else replace(whole, status=Status.INFRASTRUCTURE)
    status = Status.OK if code == 0 else Status.COMPILE_ERROR
    return Outcome(status, b"", words, whole.seconds, code)
