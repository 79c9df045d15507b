"""`evaluate_benchmark`: translate a benchmark, judge every translation, and score both.

references   the benchmark's own pairs are judged: a bad one says nothing about a translation      (references.jsonl)
translate    each problem, by a Translator or from a file                                          (translations.jsonl)
judge        each text once, however many samples have it: nvcc, then the harness's tests          (verdicts.jsonl)
score        the field's metrics, over all problems and over the sound ones                        (metrics.json)
"""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Literal

from compile.build_cache import BuildCache
from compile.scratch import scratch_folder
from compile.toolchain import find_gxx, find_nvcc
from data.pairs import pair_of_case
from models.errors import GenerationError
from musl.errors import MachineError, UsageError
from musl.evaluation.extra import require
from musl.evaluation.items import compressed_benchmark, find_items
from musl.evaluation.judging import Judging
from musl.evaluation.problems import Problem, problem_record, read_problems
from musl.evaluation.records import (
    Direction,
    EvaluatedRecord,
    Harness,
    MetricsRecord,
    ProblemRecord,
    RunRecord,
    TranslationRecord,
)
from musl.evaluation.run_folder import (
    COMPRESSED,
    COUNTS,
    ITEMS,
    METRICS,
    PROBLEMS,
    REFERENCES,
    TRANSLATIONS,
    VERDICTS,
    RunFolder,
)
from musl.evaluation.scores import counts_text, measure_texts, score_run
from musl.evaluation.translations import Asking, Given, Writing, read_translations
from musl.journal import Key, is_final
from musl.judge import Judge
from musl.machine import describe_machine, find_commit, usable_cores
from musl.parallel import map_in_workers
from musl.preflight import preflight
from musl.prepare import check_compilers, choose_device, make_sandbox, preprocessing_in
from musl.report.verdict_record import VerdictRecord
from musl.translators import ModelOptions, open_translator
from musl.verdict import VerdictStatus
from musl.verify import judge_all
from musl.warm_up import warm_up
from musl.workers import Died
from translator.neural.translator import NeuralTranslator
from translator.protocol import TranslationOptions

OnProgress = Callable[[str, int, int], None]
_ASKED_AT_ONCE = 256  # problems: what a model has answered when a run is killed is kept in steps of so many


@dataclass(frozen=True)
class EvaluationOptions:
    """What an evaluation is asked for. `tests` fuzz tests are made for a problem whose own tests show nothing;
    `mutants` faults are planted in each reference to measure the tests (0: none)."""

    translator: str | NeuralTranslator = "analytic"
    translations: Path | None = None
    direction: Direction = "c2cuda"
    harness: Harness = "own"
    samples: int = 1
    model: ModelOptions = field(default_factory=ModelOptions)
    tests: int = 20
    serial_kernels: bool = False
    mutants: int = 0
    compress_tests: bool = False
    seed: int = 0


def evaluate_benchmark(
    benchmark: Path | str,
    out: Path | str,
    options: EvaluationOptions | None = None,
    *,
    device: str = "auto",
    ids: Sequence[str] = (),
    jobs: int | None = None,
    timeout: float = 600.0,
    cache: bool = True,
    unsafe_no_sandbox: bool = False,
    on_progress: OnProgress = lambda stage, done, of: None,
) -> MetricsRecord:
    """Evaluate a Translator on a benchmark in the BabelTower unit-test format; all files of the run go to the folder
    `out` (musl/evaluation/records.py), and a run that was killed goes on there.

    `jobs` workers (all usable cores where None) translate and judge, each problem within `timeout` seconds.
    `on_progress(stage, done, of)` is told of each. Raises UsageError for what cannot be asked, MachineError where this
    machine cannot judge.
    """
    asked = options or EvaluationOptions()
    path = Path(benchmark)
    problems = read_problems(path, asked.direction, ids)
    source = _source(asked, problems)
    check_compilers()
    for package in ("sacrebleu", "codebleu"):  # now, not when everything is judged
        require(package)
    chosen = choose_device(device)
    with scratch_folder() as scratch, contextlib.ExitStack() as stack:
        sandbox, obstacle = make_sandbox(scratch, unsafe=unsafe_no_sandbox)
        if sandbox is None:
            raise MachineError(obstacle)
        stack.enter_context(preprocessing_in(sandbox))
        folder = RunFolder(Path(out), _run_record(path, asked, source, chosen, ids))
        judge = Judge(sandbox, chosen, asked.tests, 0, asked.seed, cache=cache, mutants=asked.mutants)
        workers = Workers(jobs or usable_cores(), timeout, on_progress)
        warm_up(chosen)
        preflight(judge)
        references = _references(folder, judge, problems, workers)
        records = [problem_record(problem, references[str(problem.id), 0]) for problem in problems]
        folder.write_lines(PROBLEMS, records)
        translations = _translations(folder, source, problems, workers)
        judging = Judging(Judge(sandbox, chosen, asked.tests, 0, asked.seed, cache=cache), asked.harness)
        verdicts = _verdicts(folder, judging, problems, translations, workers)
        if cache:
            BuildCache().prune()
    return _score(folder, records, references, translations, verdicts, path if asked.compress_tests else None)


@dataclass(frozen=True)
class Workers:
    """How work is spread: `jobs` processes, `timeout` seconds for an item."""

    jobs: int
    timeout: float
    on_progress: OnProgress


def _source(asked: EvaluationOptions, problems: Sequence[Problem]) -> Given | Writing | Asking:
    """Where the translations come from; UsageError where they cannot."""
    path = asked.translations
    if path is not None:
        records = read_translations(path, problems, asked.direction)
        return Given(f"{path.name} ({hashlib.sha256(path.read_bytes()).hexdigest()[:12]})", records)
    form: Literal["kernel", "drop_in"] = "kernel" if asked.harness == "reference" else "drop_in"
    options = TranslationOptions(seed=asked.seed, samples=asked.samples, form=form, serial_kernels=asked.serial_kernels)
    translator = open_translator(asked.translator, asked.direction, asked.model, asked.samples)
    if isinstance(translator, NeuralTranslator):
        if asked.serial_kernels:
            raise UsageError("--serial-kernels is for the analytic Translator")
        return Asking(translator, asked.harness, options)
    return Writing(translator, asked.harness, options)


def _run_record(
    path: Path, asked: EvaluationOptions, source: Given | Writing | Asking, device: str, ids: Sequence[str]
) -> RunRecord:
    nvcc = find_nvcc()
    digest = hashlib.sha256(path.read_bytes())
    for identity in sorted(ids):
        digest.update(f"\n{identity}".encode())
    return RunRecord(
        benchmark=path.name,
        digest=digest.hexdigest(),
        direction=asked.direction,
        harness=asked.harness,
        translator=_name(asked, source),
        samples=source.samples if isinstance(source, Given) else asked.samples,
        seed=asked.seed,
        tests=asked.tests,
        mutants=asked.mutants,
        device=device,
        machine=describe_machine(),
        compiler=", ".join([f"g++ {find_gxx().version}", f"nvcc {nvcc.version}" if nvcc else "no nvcc"]),
        version=version("musl-cuda"),
        commit=find_commit(),
        started=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    )


def _name(asked: EvaluationOptions, source: Given | Writing | Asking) -> str:
    """What the run says of where its translations come from."""
    if isinstance(source, Given):
        return source.name
    if isinstance(source, Writing):
        return source.translator.name + " with serial kernels" * source.options.serial_kernels
    sampling = source.translator.sampling
    drawn = f" at temperature {sampling.temperature:g}" if sampling.temperature else ""
    drawn += f" with {sampling.beams} beams" if sampling.beams else ""
    adapter = f" with {asked.model.adapter}" if asked.model.adapter else ""
    return f"{source.translator.name}{adapter}{drawn}"


# -------------------------------------------------------------------------------------------------------- the stages


def _references(
    folder: RunFolder, judge: Judge, problems: Sequence[Problem], workers: Workers
) -> Mapping[Key, VerdictRecord]:
    """The verdicts on the benchmark's own pairs."""
    pairs = {(str(problem.id), 0): pair_of_case(problem.case) for problem in problems}

    def work(waiting: Sequence[Key]) -> Iterator[VerdictRecord]:
        records = judge_all(judge, [pairs[key] for key in waiting], workers.jobs, workers.timeout)
        for done, record in enumerate(records, len(pairs) - len(waiting) + 1):
            workers.on_progress("references", done, len(pairs))
            yield record

    records = folder.complete(REFERENCES, VerdictRecord, list(pairs), work, is_final)
    return {(str(record.id), record.sample): record for record in records}


def _translations(
    folder: RunFolder, source: Given | Writing | Asking, problems: Sequence[Problem], workers: Workers
) -> list[TranslationRecord]:
    if isinstance(source, Given):
        folder.write_lines(TRANSLATIONS, source.records)
        return list(source.records)
    samples = source.options.samples
    by_id = {str(problem.id): problem for problem in problems}
    keys = [(identity, sample) for identity in by_id for sample in range(samples)]

    def work(waiting: Sequence[Key]) -> Iterator[TranslationRecord]:
        wanted = [by_id[identity] for identity in dict.fromkeys(identity for identity, _ in waiting)]
        if isinstance(source, Asking):
            yield from _asked(source, wanted, workers)
            return
        results = map_in_workers(source.write, wanted, workers.jobs, workers.timeout)
        for done, (index, result) in enumerate(results, 1):
            workers.on_progress("translate", len(by_id) - len(wanted) + done, len(by_id))
            yield from _samples(wanted[index], result, samples)

    return folder.complete(TRANSLATIONS, TranslationRecord, keys, work)


def _asked(source: Asking, problems: Sequence[Problem], workers: Workers) -> Iterator[TranslationRecord]:
    """The model is asked here, once for many problems; the workers make translations of its answers."""
    for start in range(0, len(problems), _ASKED_AT_ONCE):
        part = problems[start : start + _ASKED_AT_ONCE]

        def progress(done: int, start: int = start) -> None:
            workers.on_progress("translate", start + done, len(problems))

        try:
            answers = source.ask(part, progress)
        except GenerationError as error:
            raise MachineError(str(error)) from None
        answered = [(problem, answers[str(problem.id)]) for problem in part]
        for index, result in map_in_workers(source.write, answered, workers.jobs, workers.timeout):
            yield from _samples(part[index], result, source.options.samples)


def _samples(problem: Problem, result: list[TranslationRecord] | Died, count: int) -> Iterator[TranslationRecord]:
    """Exactly `count` samples: where the Translator gave fewer, the others are refusals that say so."""
    if isinstance(result, Died):
        why = f"the Translator ended ({result.how}): {result.detail.strip().splitlines()[-1]}"
        result = [TranslationRecord(id=problem.id, refusal=why)]
    for sample in range(count):
        if sample < len(result):
            yield result[sample]
        else:
            why = result[0].refusal or f"the Translator gave {len(result)} of {count} samples"
            yield TranslationRecord(id=problem.id, sample=sample, refusal=why)


def _verdicts(
    folder: RunFolder,
    judging: Judging,
    problems: Sequence[Problem],
    translations: Sequence[TranslationRecord],
    workers: Workers,
) -> list[EvaluatedRecord]:
    """The verdict on each translation; equal texts of a problem are judged once."""
    by_id = {str(problem.id): problem for problem in problems}
    by_key = {(str(record.id), record.sample): record for record in translations}

    def work(waiting: Sequence[Key]) -> Iterator[EvaluatedRecord]:
        same: dict[tuple[str, str], list[Key]] = {}
        for key in waiting:
            same.setdefault((key[0], by_key[key].text or by_key[key].refusal), []).append(key)
        groups = list(same.values())
        items = [(by_id[keys[0][0]], by_key[keys[0]]) for keys in groups]
        results = map_in_workers(judging.evaluate, items, workers.jobs, workers.timeout)
        for done, (index, result) in enumerate(results, 1):
            workers.on_progress("judge", len(by_key) - len(groups) + done, len(by_key))
            record = _broken(items[index][1], result) if isinstance(result, Died) else result
            for _, sample in groups[index]:
                yield record.model_copy(update={"sample": sample})

    return folder.complete(VERDICTS, EvaluatedRecord, list(by_key), work, is_final)


def _broken(translation: TranslationRecord, died: Died) -> EvaluatedRecord:
    reason = f"the worker ended ({died.how}): {died.detail.strip().splitlines()[-1]}"
    return EvaluatedRecord(
        id=translation.id, verdict=VerdictStatus.INFRASTRUCTURE, reason=reason, failure="infrastructure", message=reason
    )


# ---------------------------------------------------------------------------------------------------------- the numbers


def _score(
    folder: RunFolder,
    problems: Sequence[ProblemRecord],
    references: Mapping[Key, VerdictRecord],
    translations: Sequence[TranslationRecord],
    verdicts: Sequence[EvaluatedRecord],
    compressed: Path | None,
) -> MetricsRecord:
    """The numbers; with `compressed`, the benchmark, also a copy of it with fewer tests."""
    items = find_items(problems, verdicts)
    folder.write_lines(ITEMS, items)
    if compressed is not None:
        folder.write(COMPRESSED, compressed_benchmark(compressed, items))
    measures = measure_texts(problems, translations)
    folder.write(COUNTS, counts_text(measures))
    metrics = score_run(folder.run, problems, list(references.values()), translations, verdicts, items, measures)
    folder.write(METRICS, json.dumps(published_names(metrics), indent=2) + "\n")
    return metrics


def published_names(metrics: MetricsRecord) -> dict[str, object]:
    """`metrics.json`: the record, and the entries over all problems at the top level, under the names of the published
    tables."""
    whole = metrics.model_dump(mode="json")
    over_all = whole["all"]
    names = ("bleu", "codebleu", "compile_pass", "computational_accuracy")
    return {**{name: over_all[name] for name in names}, **over_all["pass_at"], **over_all["speedup"], **whole}
