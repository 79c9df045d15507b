"""`RunPair`: two runs over the same problems, and how they differ."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

from musl.evaluation.bootstrap import Comparison, Refused, compare
from musl.evaluation.pass_at_k import Outcomes, pass_at
from musl.report.read_run import EvaluationRun

TRIES = (1, 5, 10)


@dataclass(frozen=True)
class RunPair:
    """Two runs, and the problems that only one of them solves with some sample, as text. `differences` are of a figure
    each, first minus second in percentage points, or say why there is none."""

    first: EvaluationRun
    second: EvaluationRun
    only_first: tuple[str, ...]
    only_second: tuple[str, ...]
    both: int
    neither: int
    differences: tuple[tuple[str, Comparison | Refused], ...]


def pairs_of(runs: Sequence[EvaluationRun]) -> list[RunPair]:
    """Every two runs that are over the same problems."""
    return [_pair(first, second) for first, second in combinations(runs, 2) if _alike(first, second)]


def _alike(first: EvaluationRun, second: EvaluationRun) -> bool:
    return first.benchmark == second.benchmark and first.samples.keys() == second.samples.keys()


def _pair(first: EvaluationRun, second: EvaluationRun) -> RunPair:
    names = [str(problem.id) for problem in first.problems]
    solved = [{name for name in names if any(run.passes(name))} for run in (first, second)]
    return RunPair(
        first,
        second,
        only_first=tuple(name for name in names if name in solved[0] - solved[1]),
        only_second=tuple(name for name in names if name in solved[1] - solved[0]),
        both=len(solved[0] & solved[1]),
        neither=len(names) - len(solved[0] | solved[1]),
        differences=tuple(_differences(first, second)),
    )


def _differences(first: EvaluationRun, second: EvaluationRun) -> Iterator[tuple[str, Comparison | Refused]]:
    counts = first.counts, second.counts
    for name, metric in (("BLEU", "bleu"), ("BLEU 13a", "bleu_13a"), ("CodeBLEU", "codebleu")):
        yield name, compare(*(each.get(metric, Refused("the run holds no counts")) for each in counts))
    yield "Compile pass", compare(pass_at(1, compiled(first)), pass_at(1, compiled(second)))
    for k in TRIES:
        yield f"Pass@{k}", compare(pass_at(k, passed(first)), pass_at(k, passed(second)))


def passed(run: EvaluationRun) -> Outcomes:
    """Which samples are right, by problem; a problem of which the machine could judge none is left out."""
    outcomes = {identity: run.passes(identity) for identity in run.samples}
    return {identity: given for identity, given in outcomes.items() if given}


def compiled(run: EvaluationRun) -> Outcomes:
    """Which samples compile, by problem; a problem of which none was tried is left out."""
    outcomes = {identity: [sample.verdict.compiles for sample in samples] for identity, samples in run.samples.items()}
    return {identity: given for identity, given in outcomes.items() if any(each is not None for each in given)}
