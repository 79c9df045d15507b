"""A benchmark is translated, judged and scored as a whole; a run that was killed goes on and ends as any other."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from benchmark import (
    CASES,
    FLAG,
    NEGATE,
    PREFIX,
    SCALE,
    SOUND,
    SQUARE,
    drop_in,
    read_lines,
    without_nvcc,
    write_benchmark,
    write_lines,
    write_references,
)

from musl.errors import UsageError
from musl.evaluation.evaluate import EvaluationOptions, evaluate_benchmark
from musl.evaluation.records import MetricsRecord

FILES = ["counts.json", "items.jsonl", "metrics.json", "problems.jsonl", "references.jsonl", "run.json"]
FILES += ["translations.jsonl", "verdicts.jsonl"]


@dataclass
class Run:
    """A finished run: its folder, figures, and what was told of its progress."""

    folder: Path
    metrics: MetricsRecord
    told: list[tuple[str, int, int]] = field(default_factory=list)

    def by_key(self, name: str) -> dict[tuple[object, object], dict[str, object]]:
        """The records of a file by problem and sample."""
        return {(line["id"], line.get("sample", 0)): line for line in read_lines(self.folder / name)}

    def failures(self) -> dict[object, object]:
        """What went wrong with the first sample of each problem."""
        return {key[0]: line["failure"] for key, line in self.by_key("verdicts.jsonl").items() if key[1] == 0}


def evaluate(
    benchmark: Path, folder: Path, *, ids: Sequence[str] = (), cache: bool = True, jobs: int = 2, **options: object
) -> Run:
    """Evaluate in the emulator, as on a machine without nvcc."""
    told: list[tuple[str, int, int]] = []
    asked = EvaluationOptions(**{"tests": 0, **options})  # type: ignore[arg-type]
    with without_nvcc():
        metrics = evaluate_benchmark(
            *(benchmark, folder, asked),
            ids=ids,
            jobs=jobs,
            cache=cache,
            device="emulator",
            on_progress=lambda stage, done, of: told.append((stage, done, of)),
        )
    return Run(folder, metrics, told)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With the benchmark, and its own kernels as translations."""
    path = tmp_path_factory.mktemp("evaluate")
    write_benchmark(path)
    write_references(path / "references.jsonl")
    return path


@pytest.fixture(scope="module")
def own_references(folder: Path) -> Run:
    """The references scored on themselves."""
    asked = {"harness": "reference", "translations": folder / "references.jsonl"}
    return evaluate(folder / "benchmark.jsonl", folder / "own", **asked)


def test_the_references_score_a_hundred_on_themselves_and_pass_where_they_are_good(own_references: Run) -> None:
    scores = own_references.metrics.all
    for figure in (scores.bleu, scores.bleu_13a, scores.codebleu, scores.compile_pass):
        assert figure.value == pytest.approx(100)
    assert scores.pass_at["pass@1"].value == pytest.approx(100 * len(SOUND) / len(CASES))
    assert own_references.metrics.sound.pass_at["pass@1"].value == pytest.approx(100)
    assert own_references.metrics.sound.problems == len(SOUND)
    expected = dict.fromkeys(SOUND, "") | {SQUARE: "wrong", NEGATE: "untested"}
    assert own_references.failures() == expected
    assert scores.failures == {"wrong": 1, "untested": 1}


def test_a_run_leaves_its_files_and_no_others(own_references: Run) -> None:
    assert sorted(path.name for path in own_references.folder.iterdir()) == FILES
    written = json.loads((own_references.folder / "metrics.json").read_text(encoding="utf-8"))
    assert written["bleu"] == written["all"]["bleu"]
    assert written["pass@1"] == written["all"]["pass_at"]["pass@1"]
    run = json.loads((own_references.folder / "run.json").read_text(encoding="utf-8"))
    assert written["run"] == run
    assert (run["harness"], run["direction"], run["samples"], run["device"]) == ("reference", "c2cuda", 1, "emulator")
    assert run["translator"].startswith("references.jsonl (")


def test_problems_say_what_is_wrong_with_them(own_references: Run) -> None:
    problems = {line["id"]: line for line in read_lines(own_references.folder / "problems.jsonl")}
    assert [number for number, problem in problems.items() if problem["bad"]] == [SQUARE, NEGATE]
    assert "expected 1, got 2" in str(problems[SQUARE]["bad"])
    assert [number for number, problem in problems.items() if problem["broken"]] == [NEGATE]
    assert [number for number, problem in problems.items() if not problem["alike"]] == [FLAG]
    assert problems[SCALE]["name"] == "scale_cpu" and len(problems[SCALE]["tests"]) == 2  # type: ignore[arg-type]


def test_each_stage_tells_how_far_it_is(own_references: Run) -> None:
    every = len(CASES)
    for stage in ("references", "judge"):
        assert [(done, of) for said, done, of in own_references.told if said == stage] == [
            (done, every) for done in range(1, every + 1)
        ]


# ---------------------------------------------------------------------------------------------------------- Translators


def test_the_analytic_translator_writes_drop_in_functions(folder: Path) -> None:
    run = evaluate(folder / "benchmark.jsonl", folder / "analytic")
    # Its own function may be right where the reference's kernel is not; a recurrence has nothing parallel.
    assert run.failures() == dict.fromkeys(range(7), "") | {NEGATE: "untested", PREFIX: "refused"}
    (refused,) = [line for line in run.by_key("verdicts.jsonl").values() if line["failure"] == "refused"]
    assert str(refused["message"]).startswith("MUSL101")
    assert run.by_key("translations.jsonl")[PREFIX, 0]["refusal"] == refused["message"]
    assert {stage for stage, _, _ in run.told} == {"references", "translate", "judge"}


def test_samples_that_a_translator_does_not_give_are_refusals(folder: Path) -> None:
    run = evaluate(folder / "benchmark.jsonl", folder / "two", ids=[str(SCALE)], samples=2)
    verdicts = run.by_key("verdicts.jsonl")
    assert {key: line["failure"] for key, line in verdicts.items()} == {(SCALE, 0): "", (SCALE, 1): "refused"}
    assert verdicts[SCALE, 1]["message"] == "the Translator gave 1 of 2 samples"
    assert run.metrics.all.pass_at["pass@1"].value == pytest.approx(50)


def test_the_analytic_translator_writes_kernels_for_the_references_wrapper(folder: Path) -> None:
    asked = {"harness": "reference", "serial_kernels": True}
    run = evaluate(folder / "benchmark.jsonl", folder / "kernels", **asked)
    assert run.failures() == dict.fromkeys(range(7), "") | {NEGATE: "untested", FLAG: "compile"}
    flag = run.by_key("verdicts.jsonl")[FLAG, 0]
    assert "its kernel takes (float *, int *, float, int)" in str(flag["signature"])
    signatures = [line["signature"] for key, line in run.by_key("verdicts.jsonl").items() if key[0] != FLAG]
    assert signatures == [""] * 6
    assert run.metrics.run.translator == "analytic with serial kernels"


def test_a_problem_without_usable_tests_is_tried_on_made_ones(folder: Path) -> None:
    asked = {"harness": "reference", "tests": 3, "translations": folder / "one.jsonl"}
    write_lines(folder / "one.jsonl", [{"id": NEGATE, "cuda": CASES[NEGATE].kernel}])
    run = evaluate(folder / "benchmark.jsonl", folder / "made", ids=[str(NEGATE)], **asked)
    assert run.failures() == {NEGATE: ""}
    assert run.metrics.sound.problems == 1


# ------------------------------------------------------------------------------------------------------------- samples


@pytest.fixture(scope="module")
def samples(folder: Path) -> Run:
    """Three samples of two problems, in lines in no order; two of each are the same text."""
    wrong = drop_in("if (i < n) a[i] = s + a[i];")
    square = CASES[SQUARE].c_text
    lines = [
        {"id": SQUARE, "sample": 2, "cuda": square},
        {"id": SCALE, "sample": 1, "cuda": wrong},
        {"id": SCALE, "sample": 2, "cuda": drop_in()},
        {"id": SQUARE, "sample": 0, "cuda": square},
        {"id": SCALE, "sample": 0, "cuda": drop_in()},
        {"id": SQUARE, "sample": 1, "cuda": "", "refusal": "no idea"},
    ]
    given = write_lines(folder / "samples.jsonl", lines)
    asked = {"translations": given, "compress_tests": True}
    return evaluate(folder / "benchmark.jsonl", folder / "samples", ids=[str(SCALE), str(SQUARE)], **asked)


def test_samples_are_joined_by_id(samples: Run) -> None:
    verdicts = samples.by_key("verdicts.jsonl")
    assert {key: line["failure"] for key, line in verdicts.items()} == {
        **{(SCALE, 0): "", (SCALE, 1): "wrong", (SCALE, 2): ""},
        **{(SQUARE, 0): "launch", (SQUARE, 1): "refused", (SQUARE, 2): "launch"},
    }
    assert list(verdicts) == list(samples.by_key("translations.jsonl"))
    assert samples.metrics.run.samples == 3
    assert samples.metrics.all.pass_at["pass@1"].value == pytest.approx(100 * (2 / 3 + 0) / 2)
    assert samples.metrics.all.pass_at["pass@5"].value is None
    assert "Pass@5 needs 5 samples" in samples.metrics.all.pass_at["pass@5"].why


def test_equal_texts_are_judged_once(samples: Run) -> None:
    assert Counter(stage for stage, _, _ in samples.told)["judge"] == 4  # of six translations
    assert [done for stage, done, _ in samples.told if stage == "judge"][-1] == 6
    verdicts = samples.by_key("verdicts.jsonl")
    first, again = verdicts[SCALE, 0], verdicts[SCALE, 2]
    assert first == {**again, "sample": 0}


def test_the_fewest_tests_that_fail_the_same_translations_are_written(samples: Run) -> None:
    items = [
        (line["id"], line["test"], line["given"], line["failed"]) for line in read_lines(samples.folder / "items.jsonl")
    ]
    assert items[:2] == [(SCALE, 0, 3, 1), (SCALE, 1, 3, 1)]
    scale = read_lines(samples.folder / "compressed.jsonl")[0]
    assert len(scale["consistent_cpp_inputs"]) == len(scale["consistent_cuda_inputs"]) == 1  # type: ignore[arg-type]
    assert scale["cpp_code"] == CASES[SCALE].c_text


# ----------------------------------------------------------------------------------------------------------- CUDA to C


def test_c_is_judged_and_scored_in_the_other_direction(folder: Path) -> None:
    lines = [{"id": number, "c": CASES[number].c_text} for number in range(7)]
    lines[SCALE]["c"] = CASES[SCALE].c_text.replace("i < n", "i <= n")
    given = write_lines(folder / "c.jsonl", lines)
    run = evaluate(folder / "benchmark.jsonl", folder / "back", translations=given, direction="cuda2c")
    assert run.failures() == dict.fromkeys(range(7), "") | {SCALE: "bounds", NEGATE: "untested"}
    translation = run.by_key("translations.jsonl")[SCALE, 0]
    assert (translation["cuda"], translation["c"]) == ("", lines[SCALE]["c"])
    problem = read_lines(run.folder / "problems.jsonl")[SCALE]
    assert problem["source"] == CASES[SCALE].kernel
    assert run.metrics.all.codebleu.value is not None and 90 < run.metrics.all.codebleu.value < 100


# ------------------------------------------------------------------------------------------------------ going on again

SCRIPT = """
import sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from test_evaluate import evaluate
asked = {"harness": "reference", "translations": Path(sys.argv[4])}
evaluate(Path(sys.argv[2]), Path(sys.argv[3]), cache=False, jobs=1, **asked)  # slowly, so that it can be killed amid it
"""


def untimed(path: Path) -> object:
    """The records of a file without what differs from run to run."""
    if path.suffix == ".json":
        values = json.loads(path.read_text(encoding="utf-8"))
        for run in (values, values.get("run", {})):
            run.pop("started", None)
        return values
    return [{name: value for name, value in line.items() if name != "seconds"} for line in read_lines(path)]


@pytest.fixture
def killed(folder: Path, tmp_path: Path) -> Iterator[Path]:
    """The folder of the same run as `own_references`, killed when it had judged two translations."""
    out = tmp_path / "run"
    arguments = [Path(__file__).parent, folder / "benchmark.jsonl", out, folder / "references.jsonl"]
    process = subprocess.Popen([sys.executable, "-c", SCRIPT, *map(str, arguments)], start_new_session=True)
    partial = out / "verdicts.jsonl.partial"
    until = time.monotonic() + 100
    while time.monotonic() < until and (not partial.is_file() or partial.read_text().count("\n") < 3):
        assert process.poll() is None
        time.sleep(0.005)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    yield out


def test_a_killed_run_goes_on_and_does_nothing_again(folder: Path, own_references: Run, killed: Path) -> None:
    partial = killed / "verdicts.jsonl.partial"
    assert not (killed / "metrics.json").exists()
    kept = partial.read_text(encoding="utf-8").split("\n")[1:-1]
    finished = (killed / "references.jsonl").read_bytes()
    asked = {"harness": "reference", "translations": folder / "references.jsonl"}
    run = evaluate(folder / "benchmark.jsonl", killed, **asked)
    told = Counter(stage for stage, _, _ in run.told)
    assert told == {"judge": len(CASES) - len(kept)}
    assert (killed / "references.jsonl").read_bytes() == finished
    assert set(kept) <= set((killed / "verdicts.jsonl").read_text(encoding="utf-8").split("\n"))
    assert sorted(path.name for path in killed.iterdir()) == FILES
    for name in FILES:
        assert untimed(killed / name) == untimed(own_references.folder / name), name


def test_a_finished_run_is_read_again(folder: Path, own_references: Run) -> None:
    before = (own_references.folder / "verdicts.jsonl").read_bytes()
    asked = {"harness": "reference", "translations": folder / "references.jsonl"}
    again = evaluate(folder / "benchmark.jsonl", own_references.folder, **asked)
    assert again.told == []
    assert again.metrics == own_references.metrics
    assert (own_references.folder / "verdicts.jsonl").read_bytes() == before


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"harness": "own"}, "harness"),
        ({"seed": 1}, "seed"),
        ({"mutants": 3}, "mutants"),
        ({"translations": None}, "translator"),
    ],
)
def test_a_folder_of_another_run_is_refused(
    folder: Path, own_references: Run, changed: dict[str, object], named: str
) -> None:
    asked = {"harness": "reference", "translations": folder / "references.jsonl", **changed}
    with pytest.raises(UsageError, match=f"holds a run with another {named}; choose another folder"):
        evaluate(folder / "benchmark.jsonl", own_references.folder, **asked)


def test_what_cannot_be_asked_is_refused_before_anything_is_judged(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "none"
    for options, message in (
        ({"translator": "/no/model"}, "/no/model: no such folder"),
        ({"direction": "cuda2c"}, "--direction cuda2c: the analytic Translator writes CUDA only"),
        ({"translations": folder / "absent.jsonl"}, "absent.jsonl: cannot be read"),
    ):
        with pytest.raises(UsageError, match=message):
            evaluate(folder / "benchmark.jsonl", out, **options)
    assert not out.exists()


# --------------------------------------------------------------------------------------------- the published benchmark


@pytest.mark.slow
def test_the_development_benchmarks_references_score_a_hundred(shared_data: Path, tmp_path: Path) -> None:
    benchmark = shared_data / "babeltower" / "unit_tests.dev.jsonl"
    lines = benchmark.read_text(encoding="utf-8").splitlines()[:30]
    given = [{"id": number, "cuda": json.loads(line)["cuda_code"]} for number, line in enumerate(lines)]
    translations = write_lines(tmp_path / "given.jsonl", given)
    ids = [str(number) for number in range(len(lines))]
    asked = {"harness": "reference", "translations": translations, "tests": 20}
    run = evaluate(benchmark, tmp_path / "run", ids=ids, **asked)
    good = sum(line["verdict"] == "equivalent" for line in read_lines(run.folder / "references.jsonl"))
    assert good > 0
    assert run.metrics.all.bleu.value == pytest.approx(100)
    assert run.metrics.all.codebleu.value == pytest.approx(100)
    assert run.metrics.all.pass_at["pass@1"].value == pytest.approx(100 * good / len(lines))
    assert run.metrics.sound.pass_at["pass@1"].value == pytest.approx(100)
