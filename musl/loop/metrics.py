"""`06_metrics.json`: the held-out figures of one round, and what the round itself brought. Field names are part of the
interface; figures are in percent, with 95 % bootstrap intervals over functions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from pydantic import Field

from musl.evaluation.bootstrap import ProblemId, interval, mean_of
from musl.evaluation.pass_at_k import Outcomes, pass_at
from musl.evaluation.records import Interval
from musl.loop.records import Judged, Tested, Translated, Triplet
from musl.report.records import Record

DRAWS = (1, 5, 10)  # k of Pass@k
SEEN, UNSEEN = "families of the seed", "other families"


class TranslatorFigures(Record):
    """One direction. `parallel_pass_at` counts, of C to CUDA, the right kernels that divide the work among threads
    (compile/cuda_parts.py). `families` has Pass@k of the functions whose families the seed has and of the others, where
    both are known. `outcomes` says of each function's samples whether they are right (null: the machine failed), so
    that runs can be compared function by function."""

    functions: int
    samples: int
    compile_pass: Interval
    pass_at: dict[str, Interval]  # "pass@1", "pass@5", "pass@10"
    parallel_pass_at: dict[str, Interval] = Field(default_factory=dict)
    families: dict[str, dict[str, Interval]] = Field(default_factory=dict)
    malformed: dict[str, int] = Field(default_factory=dict)
    verdicts: dict[str, int] = Field(default_factory=dict)
    outcomes: dict[str, list[bool | None]] = Field(default_factory=dict)


class TesterFigures(Record):
    """`valid` is the share of what the Tester wrote that is a valid test; coverage and planted faults found are those
    of its valid tests together (nothing, where it has none)."""

    functions: int
    tests: int
    valid: Interval
    line_coverage: Interval
    branch_coverage: Interval
    mutants: Interval | None = None
    malformed: dict[str, int] = Field(default_factory=dict)


class RoundFigures(Record):
    """What the round did on unpaired functions. `verified` are the distinct translations that agree with their source,
    `triplets` all that are known now, `by_voice` the new ones by who wrote the translation."""

    sources: int
    translations: int
    malformed: int
    compiled: int
    distinct: int
    verified: int
    tests: int
    valid_tests: int
    verdicts: dict[str, int]
    new_triplets: int
    triplets: int
    by_voice: dict[str, int]


class RoundMetrics(Record):
    """The whole file."""

    round: int
    translator: dict[str, TranslatorFigures]
    tester: TesterFigures
    loop: RoundFigures


def round_figures(
    translated: Sequence[Translated],
    tested: Sequence[Tested],
    judged: Sequence[Judged],
    new: Sequence[Triplet],
    known: int,
) -> RoundFigures:
    """The counts of a round; `known` triplets are those of earlier rounds."""
    verdicts = Counter(one.verdict for one in judged)
    return RoundFigures(
        sources=len({one.source for one in translated}),
        translations=len(translated),
        malformed=sum(bool(one.fault) for one in translated),
        compiled=sum(one.compiles is True for one in translated),
        distinct=len({(one.source, one.text_id) for one in translated if not one.fault}),
        verified=verdicts["equivalent"],
        tests=len(tested),
        valid_tests=sum(test.valid for test in tested),
        verdicts=dict(sorted(verdicts.items())),
        new_triplets=len(new),
        triplets=known + len(new),
        by_voice=dict(sorted(Counter(triplet.voice for triplet in new).items())),
    )


def pass_figures(outcomes: Outcomes, seed: int) -> dict[str, Interval]:
    """Pass@k for every k that there are samples for; functions of which the machine could judge no sample are left
    out."""
    known = {i: given for i, given in outcomes.items() if any(one is not None for one in given)}
    most = max((len(given) for given in outcomes.values()), default=0)
    return {f"pass@{k}": interval(pass_at(k, known), seed=seed) for k in DRAWS if k <= most}


def by_family(
    outcomes: Outcomes, families: Mapping[str, str], seen: frozenset[str], seed: int
) -> dict[str, dict[str, Interval]]:
    """Pass@k of the functions of seen and of unseen families; nothing where families are not known."""
    groups: dict[str, dict[ProblemId, Sequence[bool | None]]] = {SEEN: {}, UNSEEN: {}}
    for identity, given in outcomes.items():
        if family := families.get(str(identity)):
            groups[SEEN if family in seen else UNSEEN][identity] = given
    return {name: pass_figures(some, seed) for name, some in groups.items() if some}


def mean_interval(values: Iterable[tuple[str, float]], seed: int, none: str) -> Interval:
    """The mean over functions; `none` says why there is none."""
    known: dict[ProblemId, float] = dict(values)
    return interval(mean_of(known), seed=seed) if known else Interval(value=None, why=none)
