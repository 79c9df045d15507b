"""`Case`: one pair under judgement, how its sides are built, run and compared; `Trial`: one run of its tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from compile.build import Build
from compile.build_cache import BuildCache
from compile.emulator.build import build_emulated
from compile.gpu.plan import Sanitizer
from compile.host import Mode, RunScript, build_host, run_script
from compile.outcome import Outcome
from compile.run_record import TestRun
from compile.runner import AFTER_ANOTHER, Schedule, TestLimits, run_schedules
from compile.sandbox import Sandbox
from compile.unit import keeps_state
from data.function import Function
from data.source_file import SourceFile
from data.testcase import TestCase
from musl.compare import Slack
from musl.compare_rounding import measure_slack
from musl.findings import Finding, check_run
from musl.given_wrapper import extend_all
from musl.reference import Expected

SCHEDULES = ("forward", "reverse", "shuffle")
IDLE = "idle"  # kernels do nothing
AFTER = f"forward{AFTER_ANOTHER}"
WATCHED = "few blocks"  # every access is watched, and of generated kernels so few blocks run that their loops stride
# The emulator is slower than the C side; a kernel that ends does so well within this also on a busy machine.
CANDIDATE_LIMITS = TestLimits(seconds=4.0, total_seconds=90.0)
HANGS = 2  # a candidate is wrong with the first test that does not end; the second says that it is no accident
# Tests with more data than this may launch enough work to spread its blocks over the cores.
SPREAD_BYTES = 1 << 16
Runs = Mapping[str, Sequence[TestRun]]  # by schedule


@dataclass(frozen=True)
class Candidate:
    """The CUDA side. `function` is the host function that is called: the C function's name and signature, or another
    wrapper with as many parameters of the same kinds. `tests` are its calls where they are not those of the C side.

    A `given_wrapper` is a benchmark's and not under test: where it copies more of a test's array than the test has
    (which the published harness leaves to chance), the array is extended by elements that nobody has set, and where it
    leaves an error of the CUDA API unread (a launch of no blocks), that does not count if the results are right; fuzz
    tests that its host code cannot carry out (a negative size) are left out.

    One that is `on_host` is C, has no kernels to launch, and is run under the sanitizers as the C side is.
    """

    text: str
    function: Function
    tests: Sequence[TestCase] | None = None
    given_wrapper: bool = False
    on_host: bool = False

    @property
    def side(self) -> str:
        """What messages call it."""
        return "the translation" if self.on_host else "the CUDA side"


@dataclass(frozen=True)
class GpuOptions:
    """For runs on a GPU: the architecture `sm_NN` that nvcc compiles for (None: the device's), and the tool of
    compute-sanitizer that watches the runs (None: none)."""

    arch: str | None = None
    sanitizer: Sanitizer | None = None


@dataclass(frozen=True)
class Sides:
    """Both sides, built."""

    sanitized: Build
    candidate: Build


@dataclass(frozen=True, eq=False)
class Trial:
    """What the candidate did: `calls` are its calls of the expected tests, `runs` its runs by schedule, `findings` what
    is wrong with each test, `counted` the positions of the tests on which it launched a kernel, where it has to."""

    expected: Sequence[Expected]
    calls: Sequence[TestCase]
    runs: Mapping[str, Sequence[TestRun]]
    findings: Sequence[Sequence[Finding]]
    given: int
    needs_launch: bool = True

    @property
    def counted(self) -> list[int]:
        return [
            i
            for i in range(len(self.calls))
            if not self.needs_launch or all(row[i].launches > 0 or not row[i].outcome.ok for row in self.runs.values())
        ]

    @property
    def results(self) -> tuple[bool | None, ...]:
        """Of each given test whether it passed; None for those that do not count."""
        counted = set(self.counted)
        known = {
            one.index: not self.findings[i] for i, one in enumerate(self.expected) if i in counted or self.findings[i]
        }
        return tuple(known.get(i) for i in range(self.given))

    def name(self, position: int) -> str:
        """Which of the given tests it is."""
        return f"test {self.expected[position].index + 1} of {self.given}"


@dataclass(frozen=True)
class Case:
    """A pair and how it is judged; the fields are the arguments of `co_verify`."""

    source: SourceFile
    function: Function
    candidate: Candidate
    sandbox: Sandbox
    scratch: Path
    schedules: tuple[str, ...]
    device: str
    seed: int
    threads: int
    cache: BuildCache | None
    gpu: GpuOptions | None

    def build_candidate(self, run: RunScript = run_script) -> Build | Outcome:
        if self.candidate.on_host:
            written = replace(self.source, text=self.candidate.text)
            return build_host(
                *(written, self.candidate.function, "sanitize", self.scratch, self.sandbox), cache=self.cache, run=run
            )
        if self.device == "gpu":
            from compile.gpu.build import build_gpu  # only where there is one

            text, function, options = self.candidate.text, self.candidate.function, self.gpu or GpuOptions()
            return build_gpu(
                *(text, function, self.scratch, self.sandbox, self.source),
                arch=options.arch,
                sanitizer=options.sanitizer,
            )
        text, function = self.candidate.text, self.candidate.function
        return build_emulated(
            *(text, function, self.scratch, self.sandbox, self.source), watched=True, cache=self.cache, run=run
        )

    @property
    def emulates(self) -> bool:
        """Whether the candidate's kernels run in the emulator."""
        return self.device == "emulator" and not self.candidate.on_host

    def build_reference(self, mode: Mode, run: RunScript = run_script) -> Build | Outcome:
        return build_host(self.source, self.function, mode, self.scratch, self.sandbox, cache=self.cache, run=run)

    def call_of(self, expected: Expected) -> TestCase:
        """The candidate's call of one test."""
        if self.candidate.tests is None:
            return expected.test
        return self.candidate.tests[expected.index].filled(0)

    def without(self, indices: Sequence[int]) -> Case:
        """The case without the candidate's own calls of these tests."""
        own = self.candidate.tests
        if own is None:
            return self
        kept = tuple(test for i, test in enumerate(own) if i not in indices)
        return replace(self, candidate=replace(self.candidate, tests=kept))

    def extended(self, needed: Mapping[int, tuple[int, int]]) -> Case:
        """The case with the candidate's own calls extended."""
        own = self.candidate.tests
        if own is None:
            return self
        return replace(self, candidate=replace(self.candidate, tests=extend_all(own, needed, self.function)))

    def run(self, candidate: Build, calls: Sequence[TestCase], schedules: Sequence[str]) -> Runs:
        """The candidate's runs in each schedule; fewer schedules where a test used up its time."""
        asked = [self._schedule(name) for name in schedules]
        workers = self.threads if any(_bytes_of(call) > SPREAD_BYTES for call in calls) else 1
        limits = replace(CANDIDATE_LIMITS, workers=workers, hangs=HANGS)
        rows = run_schedules(candidate, calls, self.candidate.function, asked, limits)
        return dict(zip(schedules, rows, strict=False))

    def _schedule(self, name: str) -> Schedule:
        if name == WATCHED:
            return Schedule("forward", self.seed, watched=True)
        return Schedule(name, self.seed, 1 if name == IDLE else None)

    def run_all(self, candidate: Build, calls: Sequence[TestCase]) -> tuple[Runs, Runs]:
        """The runs in the schedules, and in the emulator those in `IDLE` (of the first test alone), where the candidate
        has variables that outlive a call in `AFTER`, and in `WATCHED`; all in one process."""
        more: tuple[str, ...] = ()
        if self.emulates and candidate.unit is not None:
            more = (IDLE, AFTER, WATCHED) if keeps_state(candidate.unit) else (IDLE, WATCHED)
        runs = self.run(candidate, calls, (*self.schedules, *more))
        return {s: runs[s] for s in self.schedules if s in runs}, {s: runs[s] for s in more if s in runs}

    def find(self, sanitized: Build, expected: Sequence[Expected], runs: Runs) -> list[list[Finding]]:
        """For each test what is wrong with it, at most one finding for each schedule. `sanitized` is the C side."""
        count = range(len(expected))

        def check(i: int, slack: Mapping[str, Slack] | None = None) -> list[Finding]:
            forgive = self.candidate.given_wrapper
            found = (check_run(self.function, s, expected[i], runs[s][i], slack, forgive_errors=forgive) for s in runs)
            return [finding for finding in found if finding is not None]

        findings = [check(i) for i in count]
        doubtful = [i for i in count if any(f.difference is not None and f.difference.is_float for f in findings[i])]
        if not doubtful:
            return findings
        slacks = measure_slack(sanitized, self.function, [expected[i] for i in doubtful])
        for i, slack in zip(doubtful, slacks, strict=True):
            findings[i] = check(i, slack)
        return findings


def _bytes_of(test: TestCase) -> int:
    return sum(argument.nbytes for argument in test.arguments if argument is not None)
