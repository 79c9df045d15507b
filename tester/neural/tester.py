"""`NeuralTester`: tests of a C function that a language model writes, checked as fuzz tests are.

    prompt -> answers -> snippets (or malformed) -> typed tests (or rejected) -> valid under the sanitizers (or not)
      -> what raises coverage first; the model is asked again while it adds something and too few are there

With a second voice the fuzz Tester adds its tests behind the model's.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from compile.sandbox import Sandbox
from data.function import Function
from data.source_file import SourceFile
from data.testcase import TestCase
from models.generation.protocol import Generator, Sampling
from models.model_form import ModelForm
from tester.neural.batch import Written, make_tests_batch
from tester.neural.check import Checked, TestChecker
from tester.neural.materialize import Rejected, Request, materialize
from tester.neural.read_answer import Malformed
from tester.neural.snippet import Snippet
from tester.protocol import Coverage, Tester, TestSuite

LOG = logging.getLogger(__name__)
# Tests that an instruct model is asked for in one answer.
TESTS_AN_ANSWER = 3


@dataclass(frozen=True)
class NeuralOptions:
    """`samples` answers are drawn at a time, at most `rounds` times. `sampling` says how; its `samples` and `seed` are
    the Tester's. Several samples need a `temperature` above 0 to differ."""

    samples: int = 8
    rounds: int = 3
    sampling: Sampling = field(default_factory=lambda: Sampling(max_new_tokens=512, temperature=0.8, top_p=0.95))

    def drawn(self, seed: int) -> Sampling:
        """How one round's answers are drawn."""
        return replace(self.sampling, samples=self.samples, seed=seed)


@dataclass
class Tally:
    """What became of a model's answers for one function: how many tests were `valid`, and by reason (codes of
    `read_answer` and `materialize`, "invalid" for the C side's own errors) how many were none."""

    valid: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    first_fault: str = ""

    def fault(self, reason: str, message: str) -> None:
        """Count one that is no test."""
        self.faults[reason] += 1
        self.first_fault = self.first_fault or f"{reason}: {message}"

    def __str__(self) -> str:
        faults = ", ".join(f"{count} {reason}" for reason, count in sorted(self.faults.items()))
        return f"{self.valid} valid" + (f"; {faults}" if faults else "")


class NeuralTester:
    """Makes tests for the functions of one source file. `written` holds answers that were made before, for all
    functions of a file at once: where it has a function, the model is not asked for it.

    `second` is the second voice. `tallies` says, by function id, what became of the model's answers.
    """

    def __init__(
        self,
        generator: Generator | None,
        form: ModelForm,
        source: SourceFile,
        sandbox: Sandbox,
        options: NeuralOptions | None = None,
        *,
        written: Written | None = None,
        second: Tester | None = None,
        name: str = "",
    ) -> None:
        if generator is None and written is None:
            raise ValueError("a NeuralTester has a model to ask, or what it wrote")
        self.generator, self.form, self.source, self.sandbox = generator, form, source, sandbox
        self.options, self.written, self.second = options or NeuralOptions(), written or {}, second
        own = name or (generator.name if generator is not None else "model")
        self.name = f"{own}+{second.name}" if second is not None else own
        self.tallies: dict[str, Tally] = {}

    def make_tests(self, function: Function, count: int, seed: int) -> TestSuite:
        """About `count` valid tests of the model, those that raise coverage first, all of which are kept; then those of
        the second voice. `dropped` counts answers that were no test and tests that were not valid, `first_error` is
        the first of them. Raises GenerationError and BrokenMachineError."""
        tally = self.tallies[function.id] = Tally()
        tests, checked = self._make_own(function, count, seed, tally)
        kept = choose(tests, checked, count)
        LOG.info("%s: tests by %s: %s", function.name, self.name, tally)
        suite = TestSuite(
            tuple(kept), checked.coverage if kept else None, sum(tally.faults.values()), tally.first_fault
        )
        return suite if self.second is None else _joined(suite, self.second.make_tests(function, count, seed))

    def _make_own(self, function: Function, count: int, seed: int, tally: Tally) -> tuple[list[TestCase], Checked]:
        """The model's tests in their order, valid ones and others, and the check that they went through."""
        tests: dict[str, TestCase] = {}
        checked = Checked((), (), None)
        checker: TestChecker | None = None
        for parts in self._answers(function, seed):
            new = {test.id: test for test in self._typed(function, parts, tally) if test.id not in tests}
            if tests and not new:
                break  # the model has nothing more to say
            if new:
                tests |= new
                checker = checker or TestChecker.of_source(function, self.source, self.sandbox)
                checked = checker.check(list(tests.values()))
            if sum(checked.valid) >= count:
                break
        for error in filter(None, checked.errors):
            tally.fault("invalid", error)
        tally.valid = sum(checked.valid)
        return list(tests.values()), checked

    def _answers(self, function: Function, seed: int) -> Iterator[Sequence[Snippet | Malformed]]:
        """What the model wrote before, else what it writes, round after round, when it is asked with other seeds."""
        if function.id in self.written:
            yield self.written[function.id]
            return
        if self.generator is None:
            raise ValueError(f"{function.name}: the model was not asked for it")
        for number in range(self.options.rounds):
            drawn = self.options.drawn(seed + number)
            written = make_tests_batch(self.generator, self.form, [function], drawn, tests=TESTS_AN_ANSWER)
            yield written[function.id]

    def _typed(self, function: Function, parts: Sequence[Snippet | Malformed], tally: Tally) -> list[TestCase]:
        snippets = []
        for part in parts:
            if isinstance(part, Malformed):
                tally.fault(part.reason.value, part.message)
            else:
                snippets.append(part)
        typed = materialize([Request(s, function, self.source) for s in dict.fromkeys(snippets)], self.sandbox)
        for result in typed:
            if isinstance(result, Rejected):
                tally.fault(result.reason.value, result.message)
        return [result for result in typed if isinstance(result, TestCase)]


def choose(tests: Sequence[TestCase], checked: Checked, count: int) -> list[TestCase]:
    """The valid tests that raise coverage, and others in their order until there are `count`."""
    raising = [test for test, raises in zip(tests, checked.raises, strict=True) if raises]
    others = [t for t, ok, up in zip(tests, checked.valid, checked.raises, strict=True) if ok and not up]
    return raising + others[: max(0, count - len(raising))]


def _joined(own: TestSuite, more: TestSuite) -> TestSuite:
    """Both suites as one; of equal tests the first."""
    tests = {test.id: test for test in (*more.tests, *own.tests)}
    ordered = dict.fromkeys([*(test.id for test in own.tests), *(test.id for test in more.tests)])
    return TestSuite(
        tuple(tests[identity] for identity in ordered),
        _greater(own.coverage, more.coverage),
        own.dropped + more.dropped,
        own.first_error or more.first_error,
    )


def _greater(left: Coverage | None, right: Coverage | None) -> Coverage | None:
    """What both cover at least: the greater of the two."""
    if left is None or right is None:
        return left or right
    branches = [c.branch for c in (left, right) if c.branch is not None]
    return Coverage(max(left.line, right.line), max(branches) if branches else None)
