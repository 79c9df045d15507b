"""The files of an evaluation run, one record a line (or one object a file). Field names are part of the interface.

    RUN/run.json             what was asked, of what, on which machine                       RunRecord
    RUN/problems.jsonl       the benchmark's problems, in its order                          ProblemRecord
    RUN/references.jsonl     the verdicts on the benchmark's own pairs                       musl.report.verdict_record
    RUN/translations.jsonl   what the Translator wrote, by problem and sample                TranslationRecord
    RUN/verdicts.jsonl       the verdict on each translation, by problem and sample          EvaluatedRecord
    RUN/items.jsonl          the tests: what each tells about the translations               ItemRecord
    RUN/counts.json          what BLEU and CodeBLEU count, by metric and problem             scores.read_counts
    RUN/metrics.json         the numbers                                                     MetricsRecord

Records are joined by `id` (the problem) and `sample`, never by position.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from musl.report.records import CoverageRecord, Record
from musl.report.verdict_record import VerdictRecord

Direction = Literal["c2cuda", "cuda2c"]
Harness = Literal["reference", "own"]
# Why a translation did not pass, "" where it did. `infrastructure` is the machine's fault and counts in no score.
Failure = Literal[
    "",
    "refused",  # the Translator gave none
    "parse",  # its text is no C++ that could be read, or lacks the function that is called
    "compile",
    "launch",  # a wrong configuration, or no launch at all
    "wrong",  # another result
    "race",
    "bounds",  # an access outside of an array
    "crash",  # any other end: a trap, an exit, too much memory
    "time",
    "untested",  # the problem has no test that shows anything
    "infrastructure",
]


class RunRecord(Record):
    """What a run was asked for and where it ran. `digest` is the SHA-256 of the benchmark file (and of the ids, where
    only some problems were asked for), `samples` the most that a problem has; `round` and `of_loop` say which round of
    which training loop it belongs to, where it does."""

    benchmark: str
    digest: str
    direction: Direction
    harness: Harness
    translator: str
    samples: int
    seed: int
    tests: int
    mutants: int = 0
    device: str
    machine: str
    compiler: str
    version: str
    commit: str = ""
    started: str  # ISO 8601, UTC
    round: int | None = None
    of_loop: str = ""


class ProblemRecord(Record):
    """One problem: the source text, the reference in the target language (what n-gram metrics compare with), and the
    reference's host wrapper where it is CUDA. `bad` says in a line why its own reference is no pair (the audit), else
    it is empty; `broken` that its snippets cannot be used at all. `tests` are the calls, as text. `alike` is false
    where the reference wrapper passes other parameters to the kernel than the source function has."""

    id: int | str
    name: str
    source: str
    reference: str
    wrapper: str = ""
    tests: tuple[str, ...] = ()
    bad: str = ""
    broken: str = ""
    alike: bool = True


class TranslationRecord(Record):
    """One sample. `cuda` is the whole text that is run (in direction cuda2c the C text stands in `c` instead), `scored`
    the part of it that is compared with the reference: for CUDA the device code. A translation that was refused has no
    text but a `refusal` with its code."""

    id: int | str
    sample: int = 0
    cuda: str = ""
    c: str = ""
    scored: str = ""
    refusal: str = ""
    seconds: float = 0.0

    @property
    def text(self) -> str:
        """The text, in whichever language."""
        return self.cuda or self.c


class TimeRecord(Record):
    """Milliseconds, medians over `repeats` runs on a device: the translation's kernels, the reference's, and the
    sequential function on the CPU. `threads` are those of the launch."""

    translation: float
    reference: float
    sequential: float
    threads: int
    repeats: int


class EvaluatedRecord(VerdictRecord):
    """The verdict on one translation. `failure` groups what went wrong, `message` is its first line (the compiler's,
    for `compile`), `signature` says in a line how its parameter list differs from the reference wrapper's where it
    fails for that alone. `compiles` is null where it was not tried. (`results`, of the verdict, says which of the
    problem's tests it passed.)"""

    failure: Failure = ""
    message: str = ""
    signature: str = ""
    compiles: bool | None = None
    time: TimeRecord | None = None


class ItemRecord(Record):
    """One test of one problem in the item-response model: of `given` translations it failed `failed`. `difficulty` is
    on the scale of the translations' ability, `discrimination` how sharply it tells (null where the test tells nothing
    apart: all pass, or all fail). `kept` says that it is in the smallest set of tests found that fails the same
    translations."""

    id: int | str
    test: int
    text: str
    given: int
    failed: int
    difficulty: float | None = None
    discrimination: float | None = None
    kept: bool = True


class Interval(Record):
    """A figure with its 95 % bootstrap interval over problems; `count` is the number of problems it is over. `value` is
    null where it cannot be said (Pass@10 of 5 samples), and `why` says why."""

    value: float | None
    low: float | None = None
    high: float | None = None
    count: int = 0
    why: str = ""


class Scores(Record):
    """Scores over one set of problems, in percent; names with `@` are those of the published tables. `failures` counts
    what went wrong, `refusals` why there was no translation, by code (docs/codes.md)."""

    problems: int
    bleu: Interval
    bleu_13a: Interval
    codebleu: Interval
    compile_pass: Interval
    computational_accuracy: Interval
    pass_at: dict[str, Interval]  # "pass@1", "pass@5", "pass@10"
    failures: dict[str, int]
    refusals: dict[str, int] = Field(default_factory=dict)
    speedup: dict[str, Interval] = Field(default_factory=dict)  # "speedup_1@1", "efficiency_1@1"; empty without a GPU


class TestsScores(Record):
    """Scores of the tests, in percent, over the problems that have some: how many are valid for the C side, lines and
    branches that they execute on both sides, planted faults that they find, and how many tell translations apart."""

    __test__ = False

    tests: int
    valid: Interval
    source_coverage: CoverageRecord | None = None
    cuda_coverage: CoverageRecord | None = None
    mutants: Interval | None = None
    telling: int = 0
    kept: int = 0


class MetricsRecord(Record):
    """`metrics.json`. `all` is over every problem; `sound` leaves out those whose own reference is bad or whose
    snippets are broken. The file has the entries of `all` at its top level too, under the names of the published
    tables."""

    run: RunRecord
    all: Scores
    sound: Scores
    tests: TestsScores | None = None
