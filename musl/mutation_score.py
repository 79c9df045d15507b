"""`mutation_score`: how many planted faults in a CUDA text do tests find?

Each mutant (tester/mutants.py) is judged as any candidate is, by `co_verify`. It ends as one of

- killed: any verdict but `equivalent`;
- stillborn: it does not compile, so it says nothing about tests;
- equivalent: proven to compute the same, by the optimiser (compile/same_code) or by a person (`known_equivalent`);
- survived: the verdict is `equivalent`, and nothing proves that it is right: tests or judge are too weak, or the proof
  is missing;
- undecided: the machine failed.

The score is killed / (killed + survived).
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path

from compile.build import Build
from compile.build_cache import BuildCache
from compile.emulator.build import build_emulated
from compile.host import build_host
from compile.outcome import Outcome
from compile.runner import run_tests
from compile.same_code import machine_code, threads_are_alone
from compile.sandbox import Sandbox
from data.function import Function
from data.source_file import SourceFile
from musl.case import CANDIDATE_LIMITS, Candidate
from musl.co_verify import co_verify
from musl.findings import check_run
from musl.reference import run_reference
from musl.verdict import Verdict, VerdictStatus
from tester.mutants import Mutant, MutationOperator, make_mutants
from tester.protocol import TestSuite

BY_OPTIMISER = "compiles to the same instructions as the original"
# What these change is how threads act together, which code of one thread does not show.
_TOGETHER = frozenset({MutationOperator.BARRIER_REMOVED, MutationOperator.ATOMIC_MADE_PLAIN})
FIRST_TESTS = 3
_WRONG = frozenset(
    {VerdictStatus.DIFFERENT, VerdictStatus.RACY, VerdictStatus.OUT_OF_BOUNDS, VerdictStatus.CANDIDATE_FAILED}
)


class MutantStatus(StrEnum):
    """What became of a mutant."""

    KILLED = "killed"
    SURVIVED = "survived"
    EQUIVALENT = "equivalent"
    STILLBORN = "stillborn"
    UNDECIDED = "undecided"


@dataclass(frozen=True)
class MutantResult:
    """One mutant with its verdict. `proof` says why an equivalent one is; a mutant that is killed although it is
    proven equivalent has a `proof` too, and shows a fault of the judge or of the proof."""

    mutant: Mutant
    status: MutantStatus
    verdict: Verdict
    proof: str = ""
    seconds: float = 0.0

    @property
    def is_contradiction(self) -> bool:
        """Whether tests tell apart what is proven to be the same."""
        return self.status is MutantStatus.KILLED and bool(self.proof)


@dataclass(frozen=True)
class MutationScore:
    """The verdict on the text without a fault, and the results in the order of the mutants (none where the original is
    not equivalent: then no verdict on a mutant says anything about the tests)."""

    original: Verdict
    results: tuple[MutantResult, ...] = ()

    def count(self, status: MutantStatus) -> int:
        """How many mutants ended so."""
        return Counter(result.status for result in self.results)[status]

    @property
    def killed(self) -> int:
        return self.count(MutantStatus.KILLED)

    @property
    def survived(self) -> int:
        return self.count(MutantStatus.SURVIVED)

    @property
    def equivalent(self) -> int:
        return self.count(MutantStatus.EQUIVALENT)

    @property
    def stillborn(self) -> int:
        return self.count(MutantStatus.STILLBORN)

    @property
    def rate(self) -> float | None:
        """killed / (killed + survived); None where no mutant counts."""
        counted = self.killed + self.survived
        return self.killed / counted if counted else None


def mutation_score(
    source: SourceFile,
    function: Function,
    cuda_text: str,
    suite: TestSuite,
    *,
    sandbox: Sandbox,
    scratch: Path,
    seed: int = 0,
    limit: int | None = None,
    known_equivalent: Mapping[str, str] | None = None,
    prove_all: bool = False,
    on_result: Callable[[MutantResult], None] | None = None,
    candidate: Candidate | None = None,
) -> MutationScore:
    """Plants faults in `cuda_text`, which should be equivalent to the C function on `suite`, and judges each mutant.

    `limit` mutants are chosen by `seed`. `known_equivalent` gives the proof for mutants' ids. The optimiser is asked
    about survivors, with `prove_all` about every mutant, to check the judge. `on_result` is called as results come.
    `candidate` says how the text is called where that is not by a function of the C function's name and signature.
    """
    called = candidate or Candidate(cuda_text, function)
    mutants = make_mutants(cuda_text, function=called.function.name, seed=seed, limit=limit)
    known = known_equivalent or {}
    judge = MutantJudge(source, function, cuda_text, suite, sandbox, scratch, seed, known, prove_all, called)
    original = judge.judge_original()
    if original.status is not VerdictStatus.EQUIVALENT:
        return MutationScore(original)
    results = []
    for mutant in mutants:
        results.append(judge.judge(mutant))
        if on_result is not None:
            on_result(results[-1])
    return MutationScore(original, tuple(results))


@dataclass
class MutantJudge:
    """Judges the mutants of one CUDA text, one by one."""

    source: SourceFile
    function: Function
    cuda_text: str
    suite: TestSuite
    sandbox: Sandbox
    scratch: Path
    seed: int = 0
    known_equivalent: Mapping[str, str] = field(default_factory=dict)
    prove_all: bool = False
    called: Candidate | None = None
    _original_code: bytes | Outcome | None = None

    def judge(self, mutant: Mutant) -> MutantResult:
        """What becomes of one mutant."""
        started = time.monotonic()
        verdict = self._verify_fast(mutant.text)
        status = _status(verdict)
        proof = ""
        if status is MutantStatus.SURVIVED or (self.prove_all and status is MutantStatus.KILLED):
            proof = self.known_equivalent.get(mutant.id, "") or self._prove(mutant)
        if proof and status is MutantStatus.SURVIVED:
            status = MutantStatus.EQUIVALENT
        return MutantResult(mutant, status, verdict, proof, time.monotonic() - started)

    def judge_original(self) -> Verdict:
        """The verdict on the text without a fault."""
        return self._verify(self.cuda_text, self.suite)

    def _verify_fast(self, text: str) -> Verdict:
        """The verdict on a text; what a few tests show to be wrong is not run on all (an endless loop costs the time
        limit of each test)."""
        if len(self.suite.tests) > FIRST_TESTS:
            verdict = self._verify(text, replace(self.suite, tests=self.suite.tests[:FIRST_TESTS]))
            if verdict.status in _WRONG:
                return verdict
        return self._verify(text, self.suite)

    def _verify(self, text: str, suite: TestSuite) -> Verdict:
        return co_verify(
            self.source,
            self.function,
            self._candidate(text, len(suite.tests)),
            suite,
            sandbox=self.sandbox,
            scratch=self.scratch,
            seed=self.seed,
            cache=BuildCache(self.scratch / "builds"),  # the C side is the same for all mutants
        )

    def _candidate(self, text: str, tests: int) -> Candidate:
        """How a text is called on the first `tests` tests."""
        called = self.called or Candidate(text, self.function)
        return replace(called, text=text, tests=None if called.tests is None else called.tests[:tests])

    def _prove(self, mutant: Mutant) -> str:
        """Why the mutant computes the same, as far as the optimiser can show it; empty where it cannot."""
        if mutant.operator in _TOGETHER or not threads_are_alone(mutant.text):
            return ""
        if self._original_code is None:
            self._original_code = machine_code(self.cuda_text, self.scratch, self.sandbox, self.source)
        code = machine_code(mutant.text, self.scratch, self.sandbox, self.source)
        return BY_OPTIMISER if isinstance(code, bytes) and code == self._original_code else ""


def _status(verdict: Verdict) -> MutantStatus:
    if verdict.status is VerdictStatus.INFRASTRUCTURE:
        return MutantStatus.UNDECIDED
    if verdict.status is VerdictStatus.EQUIVALENT:
        return MutantStatus.SURVIVED
    return MutantStatus.STILLBORN if _does_not_compile(verdict) else MutantStatus.KILLED


def _does_not_compile(verdict: Verdict) -> bool:
    return verdict.status is VerdictStatus.CANDIDATE_FAILED and "does not compile" in verdict.reason


def passing_tests(
    source: SourceFile, function: Function, cuda_text: str, suite: TestSuite, *, sandbox: Sandbox, scratch: Path
) -> TestSuite:
    """The tests on which the CUDA text runs to its end: those in the domain of a text that asks more of its inputs than
    the C function does (sizes above 0, arrays of whole rows). Tests with wrong results stay: they show that the text
    is wrong. Where a side does not build there are none, and `first_error` says why."""
    reference = build_host(source, function, "sanitize", scratch, sandbox)
    candidate = build_emulated(cuda_text, function, scratch, sandbox, source)
    for build in (reference, candidate):
        if isinstance(build, Outcome):
            return replace(suite, tests=(), first_error=build.message or build.status.value)
    assert isinstance(reference, Build) and isinstance(candidate, Build)
    expected = run_reference(reference, suite.tests, function).expected
    got = run_tests(candidate, [one.test for one in expected], function, limits=CANDIDATE_LIMITS)
    findings = [check_run(function, "forward", a, b) for a, b in zip(expected, got, strict=True)]
    kept = [one.test for one, f in zip(expected, findings, strict=True) if f is None or f.status not in _REFUSED]
    return replace(suite, tests=tuple(kept))


# What a text does with inputs outside its domain: an error of the CUDA API, an access past an array.
_REFUSED = frozenset({VerdictStatus.OUT_OF_BOUNDS, VerdictStatus.CANDIDATE_FAILED})


def join_suites(suites: Sequence[TestSuite]) -> TestSuite:
    """One suite with the tests of all, each once; the coverage of the first."""
    tests = {test.id: test for suite in suites for test in suite.tests}
    return replace(suites[0], tests=tuple(tests.values()), dropped=sum(suite.dropped for suite in suites))
