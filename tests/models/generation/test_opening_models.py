"""Opening a model by its name: adapters, forms, and what cannot be opened, each in one line."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from transformers import AutoModelForCausalLM, BertConfig, BertForMaskedLM

from models.errors import ModelError
from models.generation.open_model import form_of, open_generator
from models.generation.protocol import Answer, Prompt, Sampling
from models.generation.server import ServerModel
from models.generation.transformers_model import TransformersModel
from models.model_form import ModelForm

PROMPT = Prompt("a", "void f(float *x, int n)")
GREEDY = Sampling(max_new_tokens=20)


def refusal(model: Path | str, adapter: Path | None = None, **options: Any) -> str:
    """The one line that says why a model cannot be opened."""
    with pytest.raises(ModelError) as failure:
        open_generator(str(model), adapter=str(adapter) if adapter else None, **options)
    assert "\n" not in str(failure.value)
    return str(failure.value)


@pytest.fixture(scope="session")
def adapter(model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A LoRA adapter of the micro model with random weights, so that it changes answers."""
    peft: Any = pytest.importorskip("peft")
    folder = tmp_path_factory.mktemp("adapter")
    torch.manual_seed(5)
    base: Any = AutoModelForCausalLM.from_pretrained(model_folder)
    settings = peft.LoraConfig(r=4, target_modules=["q_proj", "v_proj"], init_lora_weights=False, task_type="CAUSAL_LM")
    peft.get_peft_model(base, settings).save_pretrained(folder)
    return folder


def text_of(model: str, adapter: str | None = None) -> str:
    (answer,) = open_generator(model, adapter=adapter).generate([PROMPT], GREEDY)["a"]
    return cast("Answer", answer).text


def test_an_adapter_changes_the_answers_and_may_be_opened_by_itself(model_folder: Path, adapter: Path) -> None:
    adapted = text_of(str(model_folder), str(adapter))
    assert adapted != text_of(str(model_folder))
    assert adapted == text_of(str(adapter)), "an adapter finds its base by its name"


def test_an_adapter_for_another_base_is_refused(
    make_model: Callable[..., Path], adapter: Path, model_folder: Path
) -> None:
    other = make_model("other", seed=9)
    assert f"an adapter for another base model ({model_folder}, not {other})" in refusal(other, adapter)
    copied = Path(shutil.copytree(model_folder, other / "copy"))
    assert text_of(str(copied), str(adapter)) == text_of(str(adapter)), "the same model in another place is taken"


def test_an_adapter_of_another_shape_is_refused(
    tokenizer: Path, adapter: Path, tmp_path: Path, own_model: Path
) -> None:
    from models.pretraining.sizes import Shape, new_model

    moved = Path(shutil.copytree(adapter, tmp_path / "moved"))
    card = json.loads((moved / "adapter_config.json").read_text())
    (moved / "adapter_config.json").write_text(json.dumps(card | {"base_model_name_or_path": "/gone/model"}))
    new_model("llama", Shape(2, 64, 2), vocabulary=400, context=64, end=2, seed=0).save_pretrained(own_model)
    assert "an adapter that does not fit" in refusal(own_model, moved)


def test_a_training_runs_folder_is_its_model(model_folder: Path, tmp_path: Path) -> None:
    shutil.copytree(model_folder, tmp_path / "run" / "model")
    assert text_of(str(tmp_path / "run")) == text_of(str(model_folder))
    (tmp_path / "run" / "config.json").write_text('{"seed": 1}')  # what the run was asked for
    assert text_of(str(tmp_path / "run")) == text_of(str(model_folder))


def test_a_folder_without_a_tokenizer_is_refused(own_model: Path) -> None:
    for file in own_model.glob("tokenizer*"):
        file.unlink()
    assert refusal(own_model) == f"{own_model}: no tokenizer there (save it beside the model: tokenizer.json)"


def test_a_folder_without_weights_is_refused(own_model: Path) -> None:
    (own_model / "model.safetensors").unlink()
    assert "no weights there" in refusal(own_model)


def test_half_written_weights_are_refused(own_model: Path) -> None:
    weights = own_model / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:5000])
    assert f"{own_model}: the model cannot be loaded" in refusal(own_model)


def test_weights_that_lack_a_layer_are_refused(own_model: Path) -> None:
    config = json.loads((own_model / "config.json").read_text())
    (own_model / "config.json").write_text(json.dumps(config | {"num_hidden_layers": 3}))
    assert "of the model's weights are missing" in refusal(own_model)


def test_a_model_that_is_no_causal_model_is_refused(own_model: Path) -> None:
    shape = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    BertForMaskedLM(BertConfig(vocab_size=400, **shape)).save_pretrained(own_model)
    assert refusal(own_model) == f"{own_model}: not a causal language model (it is a BertForMaskedLM)"


def test_a_folder_without_a_model_and_a_path_that_is_not_there_are_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path) == f"{tmp_path}: no model there (config.json is missing)"
    assert refusal(tmp_path / "absent") == f"{tmp_path / 'absent'}: no such folder"


def test_a_hub_id_that_cannot_be_reached_is_refused_in_one_line(repository: Path) -> None:
    code = (
        "from models.errors import ModelError\nfrom models.generation.open_model import open_generator\n"
        "try:\n    open_generator('nobody/micro-model')\nexcept ModelError as error:\n    print(error)\n"
    )
    nowhere = {"HF_ENDPOINT": "http://127.0.0.1:9", "HF_HUB_DISABLE_TELEMETRY": "1", "OMP_NUM_THREADS": "1"}
    environment = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "HF_HOME": "/nonexistent/hub", **nowhere}
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=repository, env=environment, capture_output=True, text=True, check=True
    )
    assert run.stdout.startswith("nobody/micro-model: no folder of that name, and the hub does not have it (")
    assert len(run.stdout.splitlines()) == 1


def test_four_bit_weights_answer_too(make_model: Callable[..., Path]) -> None:
    pytest.importorskip("bitsandbytes")
    folder = make_model(hidden=64)  # on the CPU, bitsandbytes wants rows of whole blocks
    opened = open_generator(str(folder), four_bit=True)
    assert isinstance(opened, TransformersModel)
    assert opened.model.get_memory_footprint() < 0.8 * full_size(folder)
    (answer,) = opened.generate([PROMPT], GREEDY)["a"]
    assert isinstance(answer, Answer)
    assert answer.tokens == 20 or answer.finished


def full_size(folder: Path) -> int:
    opened = open_generator(str(folder))
    assert isinstance(opened, TransformersModel)
    return int(opened.model.get_memory_footprint())


def test_four_bit_weights_without_bitsandbytes_are_refused(model_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "bitsandbytes", None)  # what Python keeps for a module that cannot be imported
    assert refusal(model_folder, four_bit=True) == "4-bit weights need bitsandbytes (pip install bitsandbytes)"


def test_a_batch_of_nothing_is_refused(model_folder: Path) -> None:
    assert refusal(model_folder, batch=0) == "batch: at least 1, not 0"


def test_a_model_says_how_it_wants_to_be_asked(
    model_folder: Path, make_model: Callable[..., Path], own_model: Path, adapter: Path
) -> None:
    assert form_of(str(model_folder)) == ModelForm("short", anonymous=True)
    assert form_of(str(make_model(template="{{ messages }}"))) == ModelForm("instruct")
    assert form_of(str(make_model())) == ModelForm("short")
    assert form_of("some/hub-model") == ModelForm("instruct")
    assert form_of(str(adapter)) == ModelForm("short", anonymous=True)
    (own_model / "musl.json").unlink()
    config = json.loads((own_model / "config.json").read_text())
    (own_model / "config.json").write_text(json.dumps(config | {"tokompiler": True}))
    assert form_of(str(own_model)) == ModelForm("short", anonymous=True)


def test_a_servers_address_names_its_model() -> None:
    for name in ("http://127.0.0.1:1/v1#coder", "openai:http://127.0.0.1:1/v1#coder"):
        opened = open_generator(name)
        assert isinstance(opened, ServerModel)
        assert opened.name == "http://127.0.0.1:1/v1#coder"
    assert "name the server's model after the address" in refusal("http://127.0.0.1:1/v1")
    assert "not a server's address" in refusal("openai:coder")
    assert "are the server's affair" in refusal("http://127.0.0.1:1/v1#coder", four_bit=True)


def test_a_key_in_an_address_is_refused_and_not_repeated() -> None:
    for address in ("https://me:sk-secret-1@host/v1#coder", "https://host/v1?key=sk-secret-1#coder"):
        line = refusal(address)
        assert "MUSL_API_KEY" in line
        assert "sk-secret-1" not in line


def test_importing_what_opens_models_imports_nothing_heavy() -> None:
    heavy = ("torch", "transformers", "openai", "peft")
    code = f"import sys, models.generation.open_model; print([m for m in {heavy} if m in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
