"""Training without pairs as a whole, on a model of 50,000 weights: it resumes exactly, and filters as it is asked."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

from models.errors import ModelError
from models.model_form import ModelForm, read_form
from models.training_folder import read_lines
from translator.back_translation.config import BackTranslationConfig
from translator.back_translation.judging import Candidate
from translator.back_translation.train import Callbacks, StageProgress, backtranslate

Make = Callable[..., BackTranslationConfig]

RUN = (
    "import sys; from pathlib import Path; from translator.back_translation.config import read_config\n"
    "from translator.back_translation.train import backtranslate; backtranslate(read_config(Path(sys.argv[1])))"
)


def log_of(config: BackTranslationConfig) -> list[dict[str, float]]:
    """The log without what differs from run to run."""
    return [{k: v for k, v in line.items() if k != "seconds"} for line in read_lines(config.output / "log.jsonl")]


def weights_of(config: BackTranslationConfig) -> bytes:
    return (config.output / "model" / "model.safetensors").read_bytes()


class Killed(Exception):
    pass


def stop_at(step: int) -> Callbacks:
    def stop(progress: StageProgress) -> None:
        if progress.step == step:
            raise Killed

    return Callbacks(on_progress=stop)


def test_a_finished_run_leaves_a_translator_and_counts_what_it_trained_on(make_config: Make) -> None:
    config = make_config()
    seen: list[str] = []
    result = backtranslate(config, callbacks=Callbacks(on_progress=lambda progress: seen.append(progress.stage)))
    assert seen == ["masked_lm"] * 4 + ["translation"] * 8
    assert json.loads((config.output / "result.json").read_text()) == result
    log = log_of(config)
    assert [line["objective"] for line in log] == [
        *(["hidden tokens of c", "hidden tokens of cuda"] * 2),
        *(["c from c with noise", "cuda from cuda with noise", "c from its cuda", "cuda from its c"] * 2),
    ]
    assert result["training_tokens"] == log[-1]["tokens"]
    assert result["training_tokens"] == result["masked_lm_training_tokens"] + result["translation_training_tokens"]
    assert [result["masked_lm_precision_bits"], result["translation_precision_bits"]] == [32, 32]
    assert [line["step"] for line in read_lines(config.output / "evaluations.jsonl")] == [8, 12]
    model = AutoModelForSeq2SeqLM.from_pretrained(config.output / "model")
    tokenizer = AutoTokenizer.from_pretrained(config.output / "model")
    assert model.num_parameters() == result["parameters"]
    assert len({*tokenizer.convert_tokens_to_ids(["<c>", "<cuda>"]), tokenizer.mask_token_id}) == 3
    assert model.config.vocab_size == len(tokenizer)
    assert read_form(config.output / "model") == ModelForm("languages", anonymous=True)
    assert backtranslate(config) == result  # it is finished, and says so


@pytest.mark.parametrize("step", [2, 4, 5, 10])
def test_a_run_that_stopped_at_any_step_goes_on_exactly(make_config: Make, step: int) -> None:
    whole, broken = make_config("whole"), make_config("broken")
    backtranslate(whole)
    with pytest.raises(Killed):
        backtranslate(broken, callbacks=stop_at(step))
    backtranslate(broken)
    assert log_of(broken) == log_of(whole)
    assert weights_of(broken) == weights_of(whole)
    evaluations = [(config.output / "evaluations.jsonl").read_text() for config in (whole, broken)]
    assert evaluations[0] == evaluations[1]


@pytest.mark.slow
def test_a_killed_process_goes_on_exactly(make_config: Make) -> None:
    whole, killed = (make_config(name, translation={"steps": 16}) for name in ("whole", "killed"))
    backtranslate(whole)
    file = killed.output.with_suffix(".yaml")
    file.write_text(killed.model_dump_json())  # JSON is YAML
    run = subprocess.Popen([sys.executable, "-c", RUN, str(file)], env={**os.environ, "OMP_NUM_THREADS": "1"})
    while len(read_lines(killed.output / "log.jsonl")) < 9 and run.poll() is None:
        time.sleep(0.01)
    run.send_signal(signal.SIGKILL)
    assert run.wait() == -signal.SIGKILL
    assert 9 <= len(read_lines(killed.output / "log.jsonl")) < 20
    backtranslate(killed)
    assert log_of(killed) == log_of(whole)
    assert weights_of(killed) == weights_of(whole)


def test_micro_batches_do_not_change_the_losses(make_config: Make) -> None:
    names = ("masked_lm", "translation")
    dry: dict[str, dict[str, object]] = {"model": {"dropout": 0.0}}
    one = make_config("one", **dry)
    two = make_config("two", **dry, **{name: {"micro_batch": 1} for name in names})
    backtranslate(one)
    backtranslate(two)
    for line, other in zip(log_of(one), log_of(two), strict=True):
        assert line["tokens"] == other["tokens"]
        assert line["loss"] == pytest.approx(other["loss"], rel=1e-3)


def test_only_pairs_that_pass_are_trained_on(make_config: Make, corpora: Path) -> None:
    asked: list[Candidate] = []

    def judge(candidates: Sequence[Candidate]) -> list[bool]:
        asked.extend(candidates)
        return [place == 0 and candidate.side == "c" for place, candidate in enumerate(candidates)]

    config = make_config(filter={"kind": "compile", "judged_per_batch": 3, "begin": 0.5})
    backtranslate(config, judges={"compile": judge})
    log = log_of(config)[4:]
    turned = [line for line in log if "its" in str(line["objective"])]
    assert [line.get("judged") for line in turned] == [None, None, 3, 3]
    assert [line.get("passed") for line in turned] == [None, None, 1, 0]
    assert [candidate.side for candidate in asked] == ["c"] * 3 + ["cuda"] * 3
    assert turned[3]["loss"] == 0  # nothing was left
    before = next(line["tokens"] for line in log if line["step"] == turned[3]["step"] - 1)
    assert turned[3]["tokens"] == before


def test_the_model_with_the_best_accuracy_is_kept(make_config: Make) -> None:
    verdicts = iter([True, True, False, False])  # both directions of two evaluations

    def judge(candidates: Sequence[Candidate]) -> list[bool]:
        return [next(verdicts)] * len(candidates)

    config = make_config(evaluation={"select": "accuracy"})
    result = backtranslate(config, judges={"test": judge})
    assert (result["selected_step"], result["accuracy"]) == (8, 1.0)
    best = config.output / "best"
    assert [place.name for place in best.iterdir()] == ["step-00000008"]
    assert (best / "step-00000008" / "model.safetensors").read_bytes() == weights_of(config)


def test_trackers_get_the_losses(make_config: Make) -> None:
    config = make_config(run={"report_to": ["tensorboard"]})
    backtranslate(config)
    events = list(config.output.rglob("events.out.tfevents.*"))
    assert {event.parent.name for event in events} >= {"musl-backtranslate-masked_lm", "musl-backtranslate-translation"}


def test_a_run_can_start_from_the_model_of_another(make_config: Make) -> None:
    first, second = make_config("first"), make_config("second")
    backtranslate(first)
    again = second.model_copy(update={"start": first.output / "model", "masked_lm": None})
    backtranslate(again)
    assert {line["stage"] for line in log_of(again)} == {"translation"}
    assert log_of(again)[0]["loss"] < log_of(first)[4]["loss"]  # the same batch, 12 steps later
    smaller = make_config("third", model={"hidden": 16})
    with pytest.raises(ModelError, match=r"start: .*model has another shape"):
        backtranslate(smaller.model_copy(update={"start": first.output / "model", "masked_lm": None}))


def test_a_folder_of_another_run_is_refused(make_config: Make) -> None:
    backtranslate(make_config())
    with pytest.raises(ModelError, match=r"holds a run with another noise\.drop; choose another output"):
        backtranslate(make_config(noise={"drop": 0.2}))


@pytest.mark.slow
def test_two_processes_have_the_losses_of_one(make_config: Make, repository: Path) -> None:
    dry: dict[str, dict[str, object]] = {"model": {"dropout": 0.0}}
    one, two = make_config("one", **dry), make_config("two", **dry)
    backtranslate(one)
    file = two.output.with_suffix(".yaml")
    file.write_text(two.model_dump_json())
    launch = [sys.executable, "-m", "accelerate.commands.launch", "--num_cpu_threads_per_process", "1"]
    options = ["--config_file", repository / "scripts" / "accelerate" / "cpu2.yaml", "--main_process_port", "0"]
    command = [*launch, *options, repository / "scripts" / "backtranslate.py", file]
    run = subprocess.run(command, cwd=repository, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert json.loads((two.output / "result.json").read_text())["processes"] == 2
    for line, other in zip(log_of(one), log_of(two), strict=True):
        assert line["objective"] == other["objective"]
        assert line["loss"] == pytest.approx(other["loss"], rel=1e-3)
