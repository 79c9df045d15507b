"""`write_synthetic_run`: the folder of a run that never was, called synthetic, of any size and always the same."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel

from musl.evaluation.records import (
    EvaluatedRecord,
    Failure,
    Interval,
    ItemRecord,
    MetricsRecord,
    ProblemRecord,
    RunRecord,
    Scores,
    TestsScores,
    TranslationRecord,
)
from musl.evaluation.run_folder import ITEMS, METRICS, PROBLEMS, REFERENCES, RUN, TRANSLATIONS, VERDICTS
from musl.report.records import CounterexampleRecord, CoverageRecord
from musl.report.verdict_record import FaultRecord, MutantsRecord, PlaceRecord, VerdictRecord, VerdictTests
from musl.verdict import VerdictStatus

FAILURES: tuple[Failure, ...] = ("", "wrong", "compile", "bounds", "race", "refused", "time", "infrastructure")
WEIGHTS = (60, 12, 12, 6, 4, 3, 2, 1)
MESSAGES = (
    'identifier "blockDimx" is undefined',
    'expected a ";"',
    'argument of type "float **" is incompatible with parameter of type "float *"',
)
VERDICTS_OF: dict[str, VerdictStatus] = {
    "": VerdictStatus.EQUIVALENT,
    "wrong": VerdictStatus.DIFFERENT,
    "race": VerdictStatus.RACY,
    "bounds": VerdictStatus.OUT_OF_BOUNDS,
    "infrastructure": VerdictStatus.INFRASTRUCTURE,
}
TESTS = 5


@dataclass(frozen=True)
class Synthetic:
    """What to make. `skill` shifts the share of right translations; `distinct`: every sample has a text of its own."""

    problems: int = 6
    samples: int = 10
    seed: int = 0
    skill: float = 0.0
    round: int | None = None
    of_loop: str = ""
    direction: str = "c2cuda"
    digest: str = "5" * 64
    name: str = "synthetic"
    device: str = "emulator"
    distinct: bool = False


def write_synthetic_run(folder: Path, what: Synthetic = Synthetic(), **changed: object) -> Path:
    """Write the files of the run; `changed` replaces name, source or first translation of problem 0 (hostile text)."""
    folder.mkdir(parents=True, exist_ok=True)
    dice = random.Random(what.seed)
    problems = [_problem(number, dice, changed) for number in range(what.problems)]
    translations, verdicts = list[TranslationRecord](), list[EvaluatedRecord]()
    for number, problem in enumerate(problems):
        for sample in range(what.samples):
            failure = dice.choices(FAILURES, [WEIGHTS[0] + 100 * what.skill, *WEIGHTS[1:]])[0]
            if number == 0 and sample < len(FAILURES):
                failure = FAILURES[sample]
            translations.append(_translation(problem, sample, failure, what, changed))
            verdicts.append(_verdict(number, sample, failure, dice, problem))
    run = _run(what)
    items = [item for number in range(what.problems) for item in _items(number, dice, what.samples)]
    scores = _scores(problems, verdicts, what)
    sound_ids = {problem.id for problem in problems if not problem.bad}
    sound = _scores(
        [problem for problem in problems if problem.id in sound_ids],
        [verdict for verdict in verdicts if verdict.id in sound_ids],
        what,
    )
    tests = TestsScores(
        tests=what.problems * TESTS,
        valid=Interval(value=96.4, low=94.0, high=98.1, count=what.problems),
        source_coverage=CoverageRecord(line=98.2, branch=95.5),
        cuda_coverage=CoverageRecord(line=97.0, branch=93.1),
        mutants=Interval(value=93.3, low=90.2, high=95.9, count=what.problems),
        telling=sum(item.discrimination is not None for item in items),
        kept=sum(item.kept for item in items),
    )
    metrics = MetricsRecord(run=run, all=scores, sound=sound, tests=tests)
    (folder / RUN).write_text(run.model_dump_json(indent=2), encoding="utf-8")
    _lines(folder / PROBLEMS, problems)
    _lines(folder / REFERENCES, [_reference(number, problem) for number, problem in enumerate(problems)])
    _lines(folder / TRANSLATIONS, translations)
    _lines(folder / VERDICTS, verdicts)
    _lines(folder / ITEMS, items)
    top = scores.model_dump_json()[1:-1]
    (folder / METRICS).write_text(f"{metrics.model_dump_json()[:-1]}, {top}}}", encoding="utf-8")
    return folder


def _lines(path: Path, records: Iterable[BaseModel]) -> None:
    path.write_text("".join(f"{record.model_dump_json()}\n" for record in records), encoding="utf-8")


def _run(what: Synthetic) -> RunRecord:
    return RunRecord.model_validate(
        {
            "benchmark": f"{what.name}.jsonl",
            "digest": what.digest,
            "direction": what.direction,
            "harness": "own",
            "translator": f"{what.name} translator {what.seed}",
            "samples": what.samples,
            "seed": what.seed,
            "tests": 20,
            "device": what.device,
            "machine": "synthetic machine, 2 cores",
            "compiler": "nvcc 13.0.88",
            "version": "0.1.0",
            "commit": "0123456789abcdef",
            "started": "2026-01-02T03:04:05Z",
            "round": what.round,
            "of_loop": what.of_loop,
        }
    )


def _problem(number: int, dice: random.Random, changed: dict[str, object]) -> ProblemRecord:
    name = f"synthetic_{dice.choice(['scale', 'shift', 'blend', 'stencil', 'clip'])}_{number}"
    source = (
        f"void {name} ( float * out , const float * in , int n , float weight ) {{ "
        "for ( int i = 1 ; i < n - 1 ; i ++ ) { float left = in [ i - 1 ] ; float right = in [ i + 1 ] ; "
        f"if ( left > right ) {{ out [ i ] = weight * left + {number}.0f ; }} "
        "else { out [ i ] = right - weight ; } } }"
    )
    return ProblemRecord(
        id=number,
        name=str(changed.get("name", name)) if number == 0 else name,
        source=str(changed.get("source", source)) if number == 0 else source,
        reference=_kernel(name, f"// the reference of {name}"),
        wrapper=f"void wrapper({name}_arguments) {{ {name}_kernel<<<blocks, 256>>>(out, in, n, weight); }}",
        tests=tuple(
            f"float in{t}[] = {{1, 2, {t}, 4}}, out{t}[4];\nwrapper({name}, out{t}, in{t}, 4, 0.5f);"
            for t in range(TESTS)
        ),
        bad="element [1]: expected -7, got -9" if number % 9 == 4 else "",
        alike=number % 7 != 3,
    )


def _kernel(name: str, remark: str) -> str:
    return (
        f"{remark}\n__global__ void {name}_kernel(float *out, const float *in, int n, float weight)\n{{\n"
        "    int i = blockIdx.x * blockDim.x + threadIdx.x + 1;\n"
        "    if (i < n - 1) {\n"
        "        float left = in[i - 1], right = in[i + 1];\n"
        "        out[i] = left > right ? weight * left : right - weight;\n"
        "    }\n}\n"
    )


def _translation(
    problem: ProblemRecord, sample: int, failure: Failure, what: Synthetic, changed: dict[str, object]
) -> TranslationRecord:
    if failure == "refused":
        return TranslationRecord(id=problem.id, sample=sample, refusal="MUSL101 carried dependence on out[i-1]")
    remark = f"// sample {sample if what.distinct else failure} of problem {problem.id}"
    text = _kernel(f"synthetic_{problem.id}", remark) + _kernel(f"second_{problem.id}", "// and another kernel")
    if problem.id == 0 and sample == 0:
        text = str(changed.get("translation", text))
    side = "cuda" if what.direction == "c2cuda" else "c"
    return TranslationRecord.model_validate(
        {"id": problem.id, "sample": sample, side: text, "scored": text, "seconds": 0.5}
    )


def _verdict(
    number: int, sample: int, failure: Failure, dice: random.Random, problem: ProblemRecord
) -> EvaluatedRecord:
    passed = TESTS if not failure else dice.randrange(TESTS) if failure == "wrong" else 0
    ran = failure in ("", "wrong")
    example = CounterexampleRecord(
        test=f"test {passed + 1}",
        where="out",
        index=3,
        expected="0.5",
        got="-nan",
        inputs={"out": "float[4] {0, 0, 0, 0}", "in": "float[4] {1, 2, 3, 4}", "n": "4", "weight": "0.5"},
    )
    place = PlaceRecord(file="candidate.cu", line=6, kernel=f"{problem.name}_kernel", block=(0, 0, 0), thread=(4, 0, 0))
    message = (
        MESSAGES[dice.randrange(3)] if failure == "compile" else "out[3]: expected 0.5, got -nan" if failure else ""
    )
    return EvaluatedRecord(
        id=number,
        sample=sample,
        verdict=VERDICTS_OF.get(failure, VerdictStatus.CANDIDATE_FAILED),
        reason=message and f"test {passed + 1} of {TESTS}: {message}",
        tests=VerdictTests(given=TESTS, valid=TESTS, run=TESTS if ran else 0, passed=passed, origin="dataset"),
        schedules=("forward", "reverse"),
        device="emulator",
        counterexample=example if failure == "wrong" else None,
        fault=FaultRecord(
            kind="out_of_bounds", text="store of 4 bytes just past out", place=place, array="out", index=4
        )
        if failure == "bounds"
        else None,
        results=tuple(index < passed for index in range(TESTS)) if ran else (),
        seconds=0.25,
        failure=failure,
        message=message,
        signature="takes (float *, int), the reference wrapper passes (float *, float *, int)"
        if failure == "compile" and not problem.alike
        else "",
        compiles=None if failure == "infrastructure" else failure not in ("refused", "compile"),
    )


def _reference(number: int, problem: ProblemRecord) -> VerdictRecord:
    return VerdictRecord(
        id=number,
        verdict=VerdictStatus.DIFFERENT if problem.bad else VerdictStatus.EQUIVALENT,
        reason=problem.bad,
        tests=VerdictTests(given=TESTS, valid=TESTS, run=TESTS, passed=TESTS, origin="dataset"),
        coverage=CoverageRecord(line=100.0 - number % 4 * 8, branch=100.0 - number % 5 * 10),
        mutants=MutantsRecord(killed=8 + number % 5, survived=number % 3, equivalent=1),
    )


def _items(number: int, dice: random.Random, given: int) -> list[ItemRecord]:
    items = []
    for test in range(TESTS):
        failed = 0 if test == 0 else dice.randrange(1, max(2, given))
        ability = math.log((given - failed + 0.5) / (failed + 0.5))
        items.append(
            ItemRecord(
                id=number,
                test=test,
                text=f"wrapper(synthetic_{number}, {test})",
                given=given,
                failed=failed,
                difficulty=None if not failed else round(-ability + dice.gauss(0, 0.2), 2),
                discrimination=None if not failed else round(dice.lognormvariate(0, 0.4), 2),
                kept=test % 2 == 1,
            )
        )
    return items


def _scores(problems: list[ProblemRecord], verdicts: list[EvaluatedRecord], what: Synthetic) -> Scores:
    right: Counter[int | str] = Counter()
    tried: Counter[int | str] = Counter()
    for verdict in verdicts:
        if verdict.failure != "infrastructure":
            tried[verdict.id] += 1
            right[verdict.id] += verdict.failure == ""
    names: dict[str, int] = dict(Counter(verdict.failure for verdict in verdicts if verdict.failure))

    def around(value: float) -> Interval:
        return Interval(value=value, low=max(0.0, value - 3.1), high=min(100.0, value + 2.9), count=len(problems))

    def pass_at(k: int) -> Interval:
        if any(tried[problem.id] < k for problem in problems):
            return Interval(value=None, why=f"a problem has fewer than {k} samples")
        shares = [1 - math.comb(tried[p.id] - right[p.id], k) / math.comb(tried[p.id], k) for p in problems]
        return around(100 * sum(shares) / len(shares))

    return Scores(
        problems=len(problems),
        bleu=around(71.25 + 10 * what.skill),
        bleu_13a=around(70.5 + 10 * what.skill),
        codebleu=around(74.125 + 10 * what.skill),
        compile_pass=around(88.0 + 8 * what.skill),
        computational_accuracy=pass_at(1),
        pass_at={f"pass@{k}": pass_at(k) for k in (1, 5, 10)},
        failures=names,
    )
