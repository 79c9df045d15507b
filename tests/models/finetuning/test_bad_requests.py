"""What cannot be carried out is refused in one line that names the key, the file or the folder."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from models.errors import ModelError
from models.finetuning.config import FinetuneConfig, read_config, with_loss
from models.finetuning.run import finetune
from models.run_config import validated

Make = Callable[..., FinetuneConfig]
Asked = Callable[..., dict[str, object]]


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        ({"training": {"stepz": 3}}, "training.stepz: no such key"),
        ({"optimizer": {}}, "optimizer: no such key"),
        ({"training": {"steps": 0}}, "training.steps: Input should be greater than or equal to 1"),
        ({"training": {"epochs": 1}}, "training: epochs and steps contradict: give one"),
        ({"training": {"steps": None}}, "training: epochs: missing (or give steps)"),
        ({"training": {"batch_sequences": 3}}, "training: batch_sequences (3) is no multiple of micro_batch (2)"),
        ({"training": {"least_steps": 8}}, "training: least_steps and steps contradict: give one"),
        ({"training": {"warmup_steps": 8}}, "training: warmup_steps (8) leaves nothing of steps (8)"),
        ({"training": {"final_learning_rate": 1}}, "training: final_learning_rate is above learning_rate"),
        ({"training": {"loss": "focal"}}, "training.loss: Input should be 'cross_entropy' or 'limited_confidence'"),
        ({"training": {"test_samples": 5}}, "training: test_samples and loss cross_entropy contradict"),
        ({"model": {"method": "dora"}}, "model.method: Input should be 'full', 'lora' or 'qlora'"),
        ({"adapter": {"rank": 8}}, "adapter and model.method full contradict"),
        ({"model": {"continue_from": "a"}}, "model.continue_from and model.method full contradict"),
        ({"model": {"method": "qlora"}, "adapter": {"merge": True}}, "adapter.merge and model.method qlora contradict"),
        (
            {"model": {"method": "lora", "continue_from": "a"}, "adapter": {"rank": 8}},
            "adapter.rank and model.continue_from contradict",
        ),
        ({"data": {"train": []}}, "data.train: List should have at least 1 item"),
    ],
)
def test_what_cannot_be_meant_is_refused(asked: Asked, groups: Mapping[str, object], message: str) -> None:
    with pytest.raises(ModelError, match=re.escape(f"here: {message}")):
        validated(FinetuneConfig, asked(**groups), "here")


def test_another_loss_takes_the_place_of_the_configs(micro: Make) -> None:
    config = with_loss(micro(), "limited_confidence", 4)
    assert config.training.samples == 4
    assert with_loss(config, "cross_entropy", None).training.samples == 1
    assert with_loss(config, None, None) is config
    with pytest.raises(ModelError, match="--loss: training: test_samples and loss cross_entropy contradict"):
        with_loss(micro(), None, 4)


def test_a_config_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"nowhere\.yaml: cannot be read \(No such file or directory\)"):
        read_config(tmp_path / "nowhere.yaml")


def test_a_model_without_a_tokenizer_is_named(micro: Make, base: Path, tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    shutil.copytree(base, bare, ignore=shutil.ignore_patterns("tokenizer*", "special_tokens*"))
    with pytest.raises(ModelError, match=r"model\.base: .*bare: a model without a tokenizer"):
        finetune(micro(model={"base": str(bare)}))


@pytest.mark.parametrize(
    ("name", "message"),
    [("/nowhere/at/all", "no such folder"), ("./nowhere", "no such folder")],
)
def test_a_base_that_is_not_there_is_named(micro: Make, name: str, message: str) -> None:
    with pytest.raises(ModelError, match=re.escape(f"model.base: {name}: {message}")):
        finetune(micro(model={"base": name}))


def test_an_adapter_is_no_base_and_fits_only_its_own(micro: Make, wider_base: Path, tmp_path: Path) -> None:
    adapter = finetune(micro("lora", model={"method": "lora"}, training={"steps": 3})).model
    with pytest.raises(ModelError, match=r"an adapter, not a model; give its base there, and it as"):
        finetune(micro("one", model={"base": adapter}))
    wrong = {"method": "lora", "base": str(wider_base), "continue_from": adapter, "form": {"style": "short"}}
    with pytest.raises(
        ModelError, match=r"model\.continue_from: .*: .*an adapter for another base model \(.*base0, not .*wider0\)"
    ):
        finetune(micro("two", model=wrong))
    # The same where the adapter says it is for this base, but its weights are not.
    card = Path(adapter) / "adapter_config.json"
    card.write_text(card.read_text().replace(json.loads(card.read_text())["base_model_name_or_path"], str(wider_base)))
    with pytest.raises(ModelError, match=r"model\.continue_from: .*: not for .*wider0 \(.*size mismatch"):
        finetune(micro("three", model=wrong))
    with pytest.raises(ModelError, match=r"nowhere: no adapter there"):
        finetune(micro("four", model={"method": "lora", "continue_from": str(tmp_path / "nowhere")}))


def test_a_chat_without_a_template_is_refused(micro: Make) -> None:
    with pytest.raises(ModelError, match=r"model\.form: instruct, but the tokenizer of .* has no chat template"):
        finetune(micro(model={"form": {"style": "instruct"}}))


def test_more_tokens_than_the_base_has_positions_are_refused(micro: Make) -> None:
    with pytest.raises(ModelError, match=r"model\.context \(4096\) is more than .* has positions \(512\)"):
        finetune(micro(model={"context": 4096}))


def test_data_that_is_broken_or_empty_is_named(micro: Make, tmp_path: Path) -> None:
    file = tmp_path / "bad.jsonl"
    file.write_text('{"prompt": "a", "completion": "b"}\n{"prompt": \n')
    with pytest.raises(ModelError, match=r"bad\.jsonl:2: not JSON"):
        finetune(micro(data={"train": [str(file)]}))
    file.write_text("")
    with pytest.raises(ModelError, match=r"bad\.jsonl: no example there"):
        finetune(micro(data={"train": [str(file)]}))


def test_a_folder_of_another_run_is_refused(micro: Make) -> None:
    finetune(micro(training={"steps": 3}))
    with pytest.raises(ModelError, match=r"holds a run with another training\.learning_rate; choose another output"):
        finetune(micro(training={"steps": 3, "learning_rate": 1e-4}))


def test_a_tracker_that_is_not_there_is_named(micro: Make) -> None:
    with pytest.raises(ModelError, match=r"run\.report_to: nothing is not installed here \(there are: .*tensorboard"):
        finetune(micro(run={"report_to": ["nothing"]}))


def test_a_loss_that_is_no_number_ends_the_run(micro: Make) -> None:
    with pytest.raises(ModelError, match=r"step \d+: the loss is (nan|inf); lower training\.learning_rate"):
        finetune(micro(training={"learning_rate": 1e30, "clip_norm": 1e30, "warmup_steps": 0}))


@pytest.mark.slow
def test_a_full_disk_is_one_line(asked: Asked, tmp_path: Path) -> None:
    """The process may write files of at most 50 kB: the first checkpoint is cut off as a full disk cuts it."""
    config = tmp_path / "full.yaml"
    config.write_text(json.dumps(asked()))
    limit = "import resource, runpy; resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))"
    code = f"{limit}; import sys; sys.argv[0] = 'x'; runpy.run_module('models.finetuning', run_name='__main__')"
    run = subprocess.run([sys.executable, "-c", code, config], capture_output=True, text=True, check=False)
    assert run.returncode == 2, run.stderr
    (line,) = [line for line in run.stderr.splitlines() if line.startswith("error:")]
    assert re.fullmatch(rf"error: {tmp_path}/run: cannot be written \(.*\)", line)
    assert "Traceback" not in run.stderr
