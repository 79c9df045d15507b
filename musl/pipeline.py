"""Drives the functions of one file through analysis, tests and verification, in worker processes."""

from __future__ import annotations

import contextlib
import functools
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from compile.outcome import Outcome
from compile.toolchain import find_nvcc
from musl.bench import Bench, check_translations, compile_chosen, run_chosen, translate_each
from musl.verdict import Verdict
from musl.whole_file import Known
from musl.work import Checked, FunctionWork
from musl.workers import Died, Done, Stage, WorkerPool
from translator.protocol import Refusal

LOG = logging.getLogger(__name__)
OnProgress = Callable[[str, str], None]
SETTING_UP = "setting up"
ANALYSIS, COMPILER, PROGRAM = "(analysis)", "(nvcc)", "(program)"  # keys that no function can have


@dataclass
class Pipeline:
    """`works` are the selected functions by name. `known` holds what nvcc and the whole program said of which text.

    Analysis runs in one worker (it parses the file once) that is started anew, without the function in hand, where it
    dies. Each translated function is verified in a worker of its own while the analysis goes on; nvcc compiles the
    whole file beside them, and a program with `main` runs whole.
    """

    bench: Bench
    works: Mapping[str, FunctionWork]
    jobs: int
    timeout: float
    on_progress: OnProgress
    known: Known = field(default_factory=Known)
    _pending: list[str] = field(default_factory=list)

    def run(self) -> None:
        """Bring every function to its conclusion, as far as the function alone decides it."""
        pool = WorkerPool(self.jobs)
        self._pending = list(self.works)
        self._start_analysis(pool)
        if self.bench.sandbox is not None:
            self.on_progress(SETTING_UP, "longer on the first run")
            self.bench.warm_up()
            self.on_progress(SETTING_UP, "")
        with contextlib.closing(pool.messages()) as messages:  # an exception here ends the workers at once
            for key, message in messages:
                self._on_message(pool, key, message)

    def _on_message(self, pool: WorkerPool, key: str, message: object) -> None:
        if key == ANALYSIS:
            self._on_analysis(pool, message)
        elif key in (COMPILER, PROGRAM):
            self._on_whole_file(message)
        elif key:
            self._on_check(pool, self.works[key], message)
        else:
            self.on_progress("", "")

    def _start_analysis(self, pool: WorkerPool) -> None:
        functions = [self.works[name].function for name in self._pending]
        pool.submit(ANALYSIS, functools.partial(translate_each, self.bench, functions), self.timeout)

    def _on_analysis(self, pool: WorkerPool, message: object) -> None:
        if isinstance(message, Stage):
            self._stage(self.works[message.text], "being analysed")
        elif isinstance(message, tuple):
            name, result = message
            self._pending.remove(name)
            self._on_translation(pool, self.works[name], result)
        elif isinstance(message, Died) and self._pending:
            _give_up(self.works[self._pending.pop(0)], message)
            if self._pending:
                self._start_analysis(pool)
                return
        if isinstance(message, Done | Died):
            self._start_whole_file(pool)

    def _on_translation(self, pool: WorkerPool, work: FunctionWork, result: object) -> None:
        if isinstance(result, Refusal):
            work.refusal = result
            self.on_progress(work.name, "")
            return
        assert isinstance(result, Sequence)
        work.translations = tuple(result)
        if self.bench.sandbox is None:
            work.obstacle = self.bench.obstacle
            return
        self._check_waiting(pool, work)
        self._stage(work, "waiting for its turn")

    def _check_waiting(self, pool: WorkerPool, work: FunctionWork) -> None:
        task = functools.partial(check_translations, self.bench, work.function, work.waiting)
        pool.submit(work.name, task, self.timeout)

    def _on_check(self, pool: WorkerPool, work: FunctionWork, message: object) -> None:
        if isinstance(message, Stage):
            self._stage(work, message.text)
        elif isinstance(message, Checked):
            work.add_checked(message)
        elif isinstance(message, Refusal):
            work.refusal, work.translations = message, ()
        elif isinstance(message, Died) and len(work.waiting) > 1:  # it costs this translation alone
            _log_bug(work, message)
            work.add_died(message)
            self._check_waiting(pool, work)
            return
        elif isinstance(message, Died) and work.checked is None:
            _give_up(work, message)
        if isinstance(message, Done | Died):
            self.on_progress(work.name, "")

    def _start_whole_file(self, pool: WorkerPool) -> None:
        """Judge the file as it will be if every translation proves right, which is mostly so."""
        chosen = {name: work.translations[0] for name, work in self.works.items() if work.translations}
        if not chosen or self.bench.sandbox is None:
            return
        if find_nvcc() is not None:
            pool.submit(COMPILER, functools.partial(compile_chosen, self.bench, chosen), self.timeout)
        if self.bench.run_args:
            pool.submit(PROGRAM, functools.partial(run_chosen, self.bench, chosen), self.timeout)

    def _on_whole_file(self, message: object) -> None:
        if isinstance(message, tuple):
            text, result = message
            if isinstance(result, Outcome):
                self.known.compiled[text] = result
            elif isinstance(result, Verdict):
                self.known.programs[text] = result

    def _stage(self, work: FunctionWork, text: str) -> None:
        work.stage = text
        self.on_progress(work.name, text)


def _give_up(work: FunctionWork, died: Died) -> None:
    work.died = died
    _log_bug(work, died)


def _log_bug(work: FunctionWork, died: Died) -> None:
    if died.how == "error":
        LOG.error("MuSL failed on %s, which is a bug to report:\n%s", work.name, died.detail)
