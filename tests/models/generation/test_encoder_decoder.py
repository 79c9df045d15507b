"""A translation model of this process: both directions, beams, batches, and folders that hold no such model."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from micro_bart import FORM, write_micro_bart
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

from models.errors import GenerationError, ModelError
from models.generation.encoder_decoder import EncoderDecoderGenerator
from models.generation.open_model import form_of, open_generator
from models.generation.protocol import Answer, NoAnswer, Prompt, Sampling
from models.model_form import ModelForm

C = {
    "scale": "void scale(int n, float a, float *x) { for (int i = 0; i < n; i++) x[i] = a * x[i]; }",
    "add": "void add(float *x, const float *y, int n) { for (int i = 0; i < n; i++) x[i] += y[i]; }",
    "zero": "void zero(int *x, int n) { for (int i = 0; i < n; i++) x[i] = 0; }",
}
INDEX = "int i = blockIdx.x * blockDim.x + threadIdx.x;"
CUDA = {
    "scale": f"__global__ void scale(int n, float a, float *x) {{ {INDEX} if (i < n) x[i] = a * x[i]; }}",
    "add": f"__global__ void add(float *x, const float *y, int n) {{ {INDEX} if (i < n) x[i] += y[i]; }}",
    "zero": f"__global__ void zero(int *x, int n) {{ {INDEX} if (i < n) x[i] = 0; }}",
}
CONTEXT = 96


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a model that knows the pairs by heart. Tests leave it as it is."""
    return write_micro_bart(
        tmp_path_factory.mktemp("learned"), [(C[name], CUDA[name]) for name in C], steps=150, context=CONTEXT
    )


@pytest.fixture(scope="module")
def random(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One that learned next to nothing, so that its answers are long and differ from source to source."""
    folder = tmp_path_factory.mktemp("random")
    return write_micro_bart(folder, [(C[name], CUDA[name]) for name in C], steps=25, context=CONTEXT)


@pytest.fixture
def model(learned: Path) -> EncoderDecoderGenerator:
    return opened(learned)


def opened(folder: Path) -> EncoderDecoderGenerator:
    generator = open_generator(str(folder))
    assert isinstance(generator, EncoderDecoderGenerator)
    return generator


def asked(direction: str = "c2cuda") -> list[Prompt]:
    """Prompts with the anonymous texts of one side."""
    from translator.neural.prompts import ask

    texts = C if direction == "c2cuda" else CUDA
    return [ask(text, name, direction, FORM).prompt(f"{name}-{direction}") for name, text in texts.items()]  # type: ignore[arg-type]


def texts_of(model: EncoderDecoderGenerator, prompts: list[Prompt], sampling: Sampling) -> list[str]:
    answers = model.generate(prompts, sampling)
    return [cast("Answer", one).text for prompt in prompts for one in answers[prompt.id]]


def test_both_directions_are_told_apart_in_one_batch(model: EncoderDecoderGenerator) -> None:
    prompts = [*asked("c2cuda"), *asked("cuda2c")]
    answers = model.generate(prompts, Sampling(max_new_tokens=80))
    for prompt in prompts:
        (answer,) = answers[prompt.id]
        assert isinstance(answer, Answer) and answer.finished
        assert ("__global__" in answer.text) == (prompt.task == "c2cuda")
        assert ("for" in answer.text) == (prompt.task == "cuda2c")
        assert not {"<c>", "<cuda>", "<|end|>"} & set(answer.text.split())
    assert len({cast("Answer", answers[prompt.id][0]).text for prompt in prompts}) == 6


def test_greedy_answers_are_those_of_transformers_own_generate(random: Path) -> None:
    tokenizer: Any = AutoTokenizer.from_pretrained(random)
    its: Any = AutoModelForSeq2SeqLM.from_pretrained(random)
    model = opened(random)
    for prompt, answer in zip(asked(), texts_of(model, asked(), Sampling(max_new_tokens=30)), strict=True):
        made = its.generate(
            input_ids=torch.tensor([model.encode(prompt)]),
            max_new_tokens=30,
            do_sample=False,
            decoder_start_token_id=tokenizer.convert_tokens_to_ids("<cuda>"),
            forced_eos_token_id=tokenizer.unk_token_id,
        )
        assert answer == tokenizer.decode(made[0], skip_special_tokens=True)


def test_the_likeliest_beam_comes_first_and_all_differ(random: Path) -> None:
    model = opened(random)
    its: Any = model.model
    sampling = Sampling(samples=4, beams=5, max_new_tokens=40)
    answers = model.generate(asked(), sampling)
    wanted = model.tokenizer.convert_tokens_to_ids("<cuda>")
    for prompt in asked():
        found = [cast("Answer", one) for one in answers[prompt.id]]
        assert len({one.text for one in found}) == 4
        means = []
        for one in found:
            ids = model.tokenizer(one.text, add_special_tokens=False)["input_ids"]
            written = torch.tensor([[wanted, *ids, *([model.tokenizer.eos_token_id] * one.finished)]])
            assert written.shape[1] == one.tokens + 1
            read = torch.tensor([model.encode(prompt)])
            with torch.no_grad():
                logits = its(input_ids=read, decoder_input_ids=written[:, :-1]).logits
            means.append(float(logits.log_softmax(-1)[0].gather(1, written[0, 1:, None]).mean()))
        assert means == sorted(means, reverse=True)


def test_one_beam_is_greedy(random: Path) -> None:
    model = opened(random)
    greedy = texts_of(model, asked(), Sampling(max_new_tokens=30))
    assert texts_of(model, asked(), Sampling(beams=1, max_new_tokens=30)) == greedy


@pytest.mark.parametrize("sampling", [Sampling(2, 30, 1.0, seed=7), Sampling(2, 30, beams=3)])
def test_answers_do_not_depend_on_batch_size_nor_on_the_other_prompts(random: Path, sampling: Sampling) -> None:
    model = opened(random)
    prompts = [*asked("c2cuda"), *asked("cuda2c")]
    together = model.generate(prompts, sampling)
    assert together == model.generate(prompts, sampling)
    model.batch = 2
    by_twos = model.generate(prompts, sampling)
    alone = model.generate(prompts[2:3], sampling)
    assert sum(together[prompt.id] == by_twos[prompt.id] for prompt in prompts) >= 5  # rounding may tip a choice
    assert together[prompts[2].id] == alone[prompts[2].id]
    assert all(len({str(one) for one in results}) == 2 for results in together.values())


class SmallMemory:
    """Lets the encoder and the decoder run on at most `rows` rows; more raise what torch raises on a full GPU."""

    def __init__(self, model: Any, rows: int) -> None:
        self.rows, self.refused = rows, 0
        for part in (model.get_encoder(), model.model.decoder):
            part.register_forward_pre_hook(self, with_kwargs=True)

    def __call__(self, module: torch.nn.Module, args: tuple[object, ...], kwargs: dict[str, torch.Tensor]) -> None:
        if len(kwargs["input_ids"]) > self.rows:
            self.refused += 1
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")


def test_where_memory_runs_out_fewer_sources_are_searched_at_a_time(random: Path) -> None:
    model = opened(random)
    sampling = Sampling(2, 20, beams=3)
    expected = model.generate(asked(), sampling)
    said: list[str] = []
    model.say = said.append
    memory = SmallMemory(model.model, rows=3)
    told: list[int] = []
    assert model.generate(asked(), sampling, told.append) == expected
    assert memory.refused == 1 and model.batch == 3 and told == [0, 1, 2, 3]
    assert said == [f"{random}: no memory for 9 answers at once, goes on with 3 or fewer"]
    memory.rows = 2
    with pytest.raises(GenerationError, match=r"no memory for a single prompt of \d+ tokens and 3 beams"):
        model.generate(asked(), sampling)


def test_a_source_longer_than_the_encoder_gets_no_answer(model: EncoderDecoderGenerator) -> None:
    long = Prompt("long", "x = y + 1 ; " * 20, task="c2cuda")
    answers = model.generate([*asked(), long], Sampling(samples=2, beams=2, max_new_tokens=5))
    assert [type(one) for one in answers["long"]] == [NoAnswer, NoAnswer]
    assert f"leave no room in the context of {CONTEXT}" in cast("NoAnswer", answers["long"][0]).reason
    assert all(isinstance(one, Answer) and not one.finished for one in answers["scale-c2cuda"])


def test_an_answer_is_cut_where_the_decoder_ends(random: Path) -> None:
    model = opened(random)
    model.ends = frozenset({0})  # padding, which is never written
    for sampling in (Sampling(max_new_tokens=500), Sampling(max_new_tokens=500, beams=2)):
        answer = cast("Answer", model.generate(asked(), sampling)["add-c2cuda"][0])
        assert (answer.tokens, answer.finished) == (CONTEXT, False)


def test_special_tokens_in_a_source_are_text(model: EncoderDecoderGenerator) -> None:
    ids = list(model.encode(Prompt("a", "list<c> x; <cuda>", task="cuda2c")))
    first = [model.tokenizer.convert_tokens_to_ids(token) for token in ("<cuda>", "<c>")]
    assert ids[0] == first[0] and not set(first) & set(ids[1:])
    assert ids[-1] == model.tokenizer.eos_token_id


def test_other_questions_and_other_beams_are_refused(model: EncoderDecoderGenerator) -> None:
    with pytest.raises(GenerationError, match="translates between C and CUDA, and answers no other question"):
        model.generate([Prompt("a", "// C tests\nint f();\n// test\n")], Sampling())
    for sampling in (Sampling(samples=3, beams=2), Sampling(beams=2, temperature=0.5)):
        with pytest.raises(GenerationError, match="2 beams give as many answers at most, at temperature 0"):
            model.generate(asked(), sampling)


def test_no_other_model_searches_with_beams(model_folder: Path) -> None:
    for name in (str(model_folder), "http://127.0.0.1:9/v1#model"):
        with pytest.raises(GenerationError, match="beam search is for encoder-decoder models"):
            open_generator(name).generate([Prompt("a", "int f();")], Sampling(beams=2))


def test_the_folder_of_a_training_run_is_its_model(learned: Path, tmp_path: Path) -> None:
    shutil.copytree(learned, tmp_path / "run" / "model")
    assert form_of(str(tmp_path / "run")) == ModelForm("languages", anonymous=True)
    assert texts_of(opened(tmp_path / "run"), asked(), Sampling()) == texts_of(opened(learned), asked(), Sampling())


def _without_languages(folder: Path) -> None:
    for path in folder.glob("tokenizer*.json"):
        path.write_text(path.read_text().replace("<cuda>", "<other>"))


def _without_form(folder: Path) -> None:
    ModelForm("short").save(folder)


def _without_weights(folder: Path) -> None:
    (folder / "model.safetensors").unlink()


def _of_another_style(folder: Path) -> None:
    (folder / "musl.json").write_text(json.dumps({"style": "pairs", "anonymous": True}))


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (_without_languages, "its tokenizer has no token <cuda>"),
        (_without_form, r'it is a BartForConditionalGeneration, which musl.json asks as "languages"'),
        (_without_weights, "no weights there"),
        (_of_another_style, '"style" is instruct, short or languages'),
    ],
)
def test_a_folder_that_is_not_whole_is_refused(
    spoil: Callable[[Path], None], why: str, learned: Path, tmp_path: Path
) -> None:
    own = Path(shutil.copytree(learned, tmp_path / "own"))
    spoil(own)
    with pytest.raises(ModelError, match=why) as failure:
        open_generator(str(own))
    assert "\n" not in str(failure.value)


def test_what_a_model_of_languages_is_not(learned: Path, model_folder: Path, tmp_path: Path) -> None:
    own = Path(shutil.copytree(model_folder, tmp_path / "own"))
    FORM.save(own)
    with pytest.raises(ModelError, match="no encoder-decoder model \\(it is a LlamaForCausalLM\\)"):
        open_generator(str(own))
    with pytest.raises(ModelError, match="takes no adapter, and its weights as they are"):
        open_generator(str(learned), four_bit=True)
