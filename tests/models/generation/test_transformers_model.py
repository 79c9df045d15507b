"""A model of this process: batches, samples, seeds, ends, and memory that runs out."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

from models.errors import GenerationError
from models.generation.open_model import open_generator
from models.generation.protocol import Answer, NoAnswer, Prompt, Sampling
from models.generation.seeded_choice import choose
from models.generation.transformers_model import TransformersModel
from models.model_form import ModelForm

CHAT_TEMPLATE = (
    "{% for message in messages %}<s>{{ message['role'] }}: {{ message['content'] }}</s>{% endfor %}"
    "{% if add_generation_prompt %}<s>assistant: {% endif %}"
)
PROMPTS = [Prompt(f"p{n}", "void f(float *x, int n)"[: 3 + 2 * n] + " " + "x " * (7 * n % 11)) for n in range(10)]


@pytest.fixture
def model(model_folder: Path) -> TransformersModel:
    opened = open_generator(str(model_folder))
    assert isinstance(opened, TransformersModel)
    return opened


def greedy_by_transformers(folder: Path, text: str, tokens: int) -> str:
    """What transformers' own `generate` answers to one prompt, without a batch."""
    tokenizer: Any = AutoTokenizer.from_pretrained(folder)
    model: Any = AutoModelForCausalLM.from_pretrained(folder)
    ids = tokenizer(text, return_tensors="pt")["input_ids"]
    made = model.generate(ids, max_new_tokens=tokens, do_sample=False, pad_token_id=0)
    return str(tokenizer.decode(made[0, ids.shape[1] :], skip_special_tokens=True))


def test_greedy_answers_are_those_of_transformers_own_generate(model_folder: Path, model: TransformersModel) -> None:
    answers = model.generate(PROMPTS, Sampling(max_new_tokens=40))
    for prompt in PROMPTS:
        (answer,) = answers[prompt.id]
        assert isinstance(answer, Answer)
        assert answer.text == greedy_by_transformers(model_folder, prompt.text, 40)
    assert len({str(results) for results in answers.values()}) > 5, "the answers tell prompts apart"


FAMILIES = {
    "gpt_neox": {"hidden_size": 32, "num_attention_heads": 2, "num_hidden_layers": 2, "intermediate_size": 64},
    "gpt2": {"n_embd": 32, "n_head": 2, "n_layer": 2, "n_positions": 96},
    "qwen2": {
        "hidden_size": 32,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "num_hidden_layers": 2,
        "intermediate_size": 64,
    },
    "mistral": {  # its cache forgets what is out of the window
        "hidden_size": 32,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "num_hidden_layers": 2,
        "intermediate_size": 64,
        "sliding_window": 12,
    },
}


@pytest.mark.parametrize("family", FAMILIES)
def test_a_model_of_any_family_answers_as_it_does_alone(family: str, tokenizer: Path, tmp_path: Path) -> None:
    its: Any = AutoTokenizer.from_pretrained(tokenizer)
    torch.manual_seed(3)
    config: Any = AutoConfig.for_model(family, vocab_size=len(its), eos_token_id=2, bos_token_id=2, **FAMILIES[family])
    AutoModelForCausalLM.from_config(config).save_pretrained(tmp_path)
    its.save_pretrained(tmp_path)
    answers = open_generator(str(tmp_path)).generate(PROMPTS[:5], Sampling(max_new_tokens=20))
    for prompt in PROMPTS[:5]:
        (answer,) = answers[prompt.id]
        assert isinstance(answer, Answer)
        assert answer.text == greedy_by_transformers(tmp_path, prompt.text, 20)


def test_an_answer_ends_at_the_end_token_and_says_so(model_folder: Path, model: TransformersModel) -> None:
    answers = model.generate(PROMPTS, Sampling(samples=6, max_new_tokens=60, temperature=1.5, seed=4))
    results = [cast("Answer", result) for results in answers.values() for result in results]
    assert any(one.finished for one in results) and any(not one.finished for one in results)
    assert all(one.tokens == 60 for one in results if not one.finished)
    assert all("</s>" not in one.text for one in results)


def test_the_same_seed_gives_the_same_answers_and_another_seed_others(model: TransformersModel) -> None:
    sampling = Sampling(samples=3, max_new_tokens=30, temperature=1.0, top_p=0.95, seed=7)
    first = model.generate(PROMPTS, sampling)
    assert first == model.generate(PROMPTS, sampling)
    other = model.generate(PROMPTS, Sampling(samples=3, max_new_tokens=30, temperature=1.0, top_p=0.95, seed=8))
    assert sum(first[prompt.id] == other[prompt.id] for prompt in PROMPTS) < 3
    assert all(len(set(map(str, results))) == 3 for results in first.values()), "samples of a prompt differ"


def test_answers_do_not_depend_on_batch_size_nor_on_the_other_prompts(model: TransformersModel) -> None:
    sampling = Sampling(samples=2, max_new_tokens=30, temperature=1.0, seed=7)
    together = model.generate(PROMPTS, sampling)
    model.batch = 3
    by_threes = model.generate(PROMPTS, sampling)
    alone = model.generate(PROMPTS[4:5], sampling)
    # Rounding may tip a choice now and then; numbers that were drawn for the batch would change nearly all.
    assert sum(together[prompt.id] == by_threes[prompt.id] for prompt in PROMPTS) >= 8
    assert together["p4"] == alone["p4"]


def test_greedy_samples_are_copies_of_one_answer(model: TransformersModel) -> None:
    answers = model.generate(PROMPTS[:2], Sampling(samples=4, max_new_tokens=10))
    assert [len(results) for results in answers.values()] == [4, 4]
    assert all(len(set(map(str, results))) == 1 for results in answers.values())


def test_a_prompt_longer_than_the_context_gets_no_answer_and_the_others_theirs(model: TransformersModel) -> None:
    long = Prompt("long", "x = y + 1; " * 200)
    answers = model.generate([PROMPTS[0], long, PROMPTS[1]], Sampling(samples=2, max_new_tokens=5, temperature=1.0))
    assert [type(one) for one in answers["long"]] == [NoAnswer, NoAnswer]
    assert "leave no room in the context of 128" in cast("NoAnswer", answers["long"][0]).reason
    assert all(isinstance(one, Answer) for key in ("p0", "p1") for one in answers[key])


def test_an_answer_is_cut_where_the_context_ends(model: TransformersModel) -> None:
    text = "x " * 60
    used = len(model.encode(Prompt("a", text)))
    (answer,) = model.generate([Prompt("a", text)], Sampling(max_new_tokens=500))["a"]
    assert isinstance(answer, Answer)
    assert answer.finished or answer.tokens == 128 - used


def test_progress_counts_prompts_that_are_done(model: TransformersModel) -> None:
    model.batch = 4
    told: list[int] = []
    model.generate(PROMPTS, Sampling(samples=2, max_new_tokens=4, temperature=1.0), told.append)
    assert told == sorted(told)
    assert told[-1] == len(PROMPTS)
    assert len(told) > 3


def test_no_prompts_no_answers(model: TransformersModel) -> None:
    assert model.generate([], Sampling()) == {}


class SmallMemory:
    """Lets the real model run on at most `rows` rows; more raise what torch raises on a full GPU."""

    def __init__(self, model: torch.nn.Module, rows: int) -> None:
        self.rows, self.refused = rows, 0
        model.register_forward_pre_hook(self, with_kwargs=True)

    def __call__(self, module: torch.nn.Module, args: tuple[object, ...], kwargs: dict[str, torch.Tensor]) -> None:
        if len(kwargs["input_ids"]) > self.rows:
            self.refused += 1
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")


def test_where_memory_runs_out_the_batch_is_halved_and_that_is_said_once(model: TransformersModel) -> None:
    sampling = Sampling(samples=2, max_new_tokens=8, temperature=1.0)
    expected = model.generate(PROMPTS, sampling)
    said: list[str] = []
    model.say = said.append
    memory = SmallMemory(model.model, rows=3)
    answers = model.generate(PROMPTS, sampling)
    assert memory.refused >= 2
    assert model.batch <= 3
    assert len(said) == 1 and "goes on with" in said[0]
    assert sum(answers[key] == expected[key] for key in expected) >= 8
    refused = memory.refused
    model.generate(PROMPTS, sampling)
    assert memory.refused == refused, "the smaller batch is kept"


def test_no_memory_for_one_prompt_is_an_error_in_one_line(model: TransformersModel) -> None:
    model.say = lambda line: None
    SmallMemory(model.model, rows=0)
    with pytest.raises(GenerationError, match="no memory for a single prompt of") as failure:
        model.generate(PROMPTS, Sampling(max_new_tokens=4))
    assert "\n" not in str(failure.value)


def test_an_instruct_model_is_asked_through_its_chat_template(make_model: Callable[..., Path]) -> None:
    folder = make_model(form=ModelForm("instruct"), template=CHAT_TEMPLATE)
    model = cast("TransformersModel", open_generator(str(folder)))
    ids = model.encode(Prompt("a", "translate", system="You write CUDA."))
    assert model.tokenizer.decode(ids) == "<s>system: You write CUDA.</s><s>user: translate</s><s>assistant: "


def test_draws_follow_the_distribution_of_the_logits() -> None:
    logits = torch.log(torch.tensor([0.5, 0.25, 0.15, 0.1]))
    numbers = (torch.arange(2000, dtype=torch.float64) + 0.5) / 2000
    counts = Counter(choose(logits.expand(2000, 4), numbers, 1.0, 1.0).tolist())
    assert [counts[token] for token in range(4)] == pytest.approx([1000, 500, 300, 200], abs=2)


def test_a_nucleus_has_the_likeliest_tokens_alone() -> None:
    logits = torch.log(torch.tensor([0.1, 0.5, 0.15, 0.25]))
    numbers = (torch.arange(900, dtype=torch.float64) + 0.5) / 900
    counts = Counter(choose(logits.expand(900, 4), numbers, 1.0, 0.7).tolist())
    assert counts[1] == pytest.approx(600, abs=2)
    assert counts[3] == pytest.approx(300, abs=2)
    assert set(counts) == {1, 3}


def test_temperature_sharpens_the_distribution() -> None:
    logits = torch.tensor([1.0, 0.0])
    numbers = (torch.arange(1000, dtype=torch.float64) + 0.5) / 1000
    share = float((choose(logits.expand(1000, 2), numbers, 0.5, 1.0) == 0).double().mean())
    assert share == pytest.approx(1 / (1 + math.exp(-2)), abs=2e-3)
