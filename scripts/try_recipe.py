"""What a model makes of held-out functions of a run of the loop, before and after it is trained in a given way.

How well it copies: greedy completions of clean texts below themselves, and the share of tokens that are right where all
before are given. How well it translates: answers, C to CUDA, that can be read, and that compute the same.

    scripts/try_recipe.py build/tiny/loop/held_out.parquet build/tiny/pretrain/model --copies
    scripts/try_recipe.py build/tiny/loop/held_out.parquet build/tiny/pretrain/model -o build/try/low \\
        --triplets build/tiny/loop/round-0?/04_triplets.parquet --repairs 500 --rate 3e-4 --samples 4
"""

from __future__ import annotations

import argparse
import functools
import json
from collections.abc import Sequence
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from data.tokens.lexical import lexical_tokens
from data.tokens.tokompiler import encode
from models.finetuning import FinetuneConfig, finetune
from models.generation.open_model import open_generator
from models.generation.protocol import Answer, Prompt, Sampling
from models.model_form import ModelForm
from models.question import Example
from musl.loop.bench import Bench, judge
from musl.loop.calls import read_call
from musl.loop.held_out import c_source, kernels_among
from musl.loop.open_bench import open_bench
from musl.loop.records import HeldOut, Triplet, read_records, side_of
from musl.loop.source import Direction, Side, read_sources, take
from musl.machine import describe_machine, find_commit, usable_cores
from musl.parallel import map_in_workers
from musl.verdict import VerdictStatus
from musl.workers import Died
from translator.neural import prompts
from translator.neural.batch import translate_batch
from translator.neural.read_answer import Snippet

FORM = ModelForm("short", anonymous=True)
SIDES: tuple[Side, ...] = ("c", "cuda")


def main() -> None:
    """Train, where that is asked, and print what the model does."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("held_out", type=Path, help="held_out.parquet of a run of the loop")
    parser.add_argument("model", type=Path)
    parser.add_argument("--copies", action="store_true", help="how well it copies, instead of how it translates")
    parser.add_argument("--skip", type=int, default=0, help="leave out the first functions: a run was measured on them")
    parser.add_argument("--samples", type=int, default=1, help="answers to each function; 1: greedy")
    parser.add_argument("--temperature", type=float, default=0.8, help="of several samples")
    parser.add_argument("--jobs", type=int, default=usable_cores(), help="processes that judge")
    training = parser.add_argument_group("training")
    training.add_argument("--examples", type=Path, nargs="*", default=[], help="lines to train on, as they are")
    training.add_argument("--triplets", type=Path, nargs="*", default=[], help="04_triplets.parquet of rounds")
    training.add_argument("--repairs", type=int, default=0, help="so many repairs of each language beside them")
    training.add_argument("--unpaired", type=Path, default=Path("build/tiny"), help="where unpaired-c and -cuda lie")
    training.add_argument("-o", "--output", type=Path, help="folder of the training")
    training.add_argument("--rate", type=float, default=3e-4)
    training.add_argument("--epochs", type=float, default=3.0)
    asked = parser.parse_args()
    trains = bool(asked.examples or asked.triplets)
    if trains and asked.output is None:
        parser.error("-o: missing (a folder to train in)")
    print(f"{describe_machine()}, commit {find_commit()}", flush=True)
    torch.set_num_threads(1)
    functions = read_records(asked.held_out, HeldOut)[asked.skip :]
    model = asked.model
    if trains:
        lines = list(asked.examples)
        if asked.triplets:
            lines.append(written_examples(asked.triplets, asked.repairs, asked.unpaired, asked.output))
        model = trained(model, lines, asked.output / "run", asked.rate, asked.epochs)
    if asked.copies:
        print(copied(model, functions))
        return
    sampling = Sampling(1, 220) if asked.samples == 1 else Sampling(asked.samples, 220, asked.temperature, 0.95, 1)
    print(translated(model, functions, sampling, asked.jobs))


def written_examples(triplets: Sequence[Path], repairs: int, unpaired: Path, output: Path) -> Path:
    """Both directions of each triplet and `repairs` texts of each language with noise, as lines to train on."""
    examples: dict[tuple[str, str], Example] = {}
    for triplet in (one for path in triplets for one in read_records(path, Triplet)):
        (_, c), (_, cuda) = side_of(triplet, "c"), side_of(triplet, "cuda")
        for example in (prompts.example(c, cuda, "c2cuda", FORM), prompts.example(c, cuda, "cuda2c", FORM)):
            examples[example["prompt"], example["completion"]] = example
    lines = list(examples.values())
    for side in SIDES if repairs else ():
        sources = take(read_sources([unpaired / f"unpaired-{side}"], side), repairs)
        lines += [prompts.repair(source.text, side, FORM, source.id) for source in sources]
    print(f"{len(examples)} translations of {len(lines)} examples", flush=True)
    output.mkdir(parents=True, exist_ok=True)
    file: Path = output / "examples.jsonl"
    file.write_text("".join(f"{json.dumps(dict(line))}\n" for line in lines), encoding="utf-8")
    return file


def trained(base: Path, examples: Sequence[Path], output: Path, rate: float, epochs: float) -> Path:
    """The base, trained on the examples as the tiny run trains."""
    training = {"epochs": epochs, "batch_sequences": 4, "micro_batch": 4, "warmup_steps": 20, "precision": "bf16"}
    config = {
        "output": output,
        "model": {"base": str(base), "context": 384},
        "data": {"train": list(examples)},
        "training": {**training, "learning_rate": rate, "final_learning_rate": rate / 10},
    }
    return Path(finetune(FinetuneConfig.model_validate(config)).model)


def copied(model: Path, functions: Sequence[HeldOut]) -> str:
    """Exact greedy copies, and the share of tokens that are right where all before are given."""
    texts = {one.source: encode(one.text, "c").text.strip() for one in functions}
    questions = [Prompt(identity, f"// C repair\n{text}\n// C\n") for identity, text in texts.items()]
    answers = open_generator(str(model)).generate(questions, Sampling(max_new_tokens=250))
    written = {identity: answer.text for identity, (answer,) in answers.items() if isinstance(answer, Answer)}
    exact = sum(lexical_tokens(text) == lexical_tokens(texts[identity]) for identity, text in written.items())
    right, tokens = _right_tokens(model, questions, list(texts.values()))
    return f"{exact} of {len(texts)} copies exact; {100 * right / tokens:.1f} % of {tokens} tokens right"


def _right_tokens(model: Path, questions: Sequence[Prompt], texts: Sequence[str]) -> tuple[int, int]:
    tokenizer, network = AutoTokenizer.from_pretrained(model), AutoModelForCausalLM.from_pretrained(model).eval()
    right = total = 0
    for question, text in zip(questions, texts, strict=True):
        before, wanted = tokenizer(question.text)["input_ids"], torch.tensor(tokenizer(text)["input_ids"])
        with torch.no_grad():
            logits = network(torch.tensor([[*before, *wanted.tolist()]])).logits[0, len(before) - 1 : -1]
        right += int((logits.argmax(-1) == wanted).sum())
        total += len(wanted)
    return right, total


def translated(model: Path, functions: Sequence[HeldOut], sampling: Sampling, jobs: int) -> str:
    """Answers that can be read, those that compute the same, and functions with one of these."""
    functions = kernels_among(functions)
    direction: Direction = "c2cuda"
    items = [(one.source, one.text, one.name, direction) for one in functions]
    answers = translate_batch(open_generator(str(model)), FORM, items, sampling)
    read = [(one, answer.text) for one in functions for answer in answers[one.source] if isinstance(answer, Snippet)]
    distinct = list({(one.source, text): (one, text) for one, text in read}.values())
    with open_bench("emulator", ("forward", "shuffle"), 1, unsafe_no_sandbox=False) as bench:
        verdicts = dict(map_in_workers(functools.partial(_is_right, bench), distinct, jobs, timeout=120.0))
    right = {(distinct[i][0].source, distinct[i][1]) for i, verdict in verdicts.items() if verdict is True}
    died = sum(isinstance(verdict, Died) for verdict in verdicts.values())
    count = sum((one.source, text) in right for one, text in read)
    written = len(functions) * sampling.samples
    return (
        f"{100 * count / written:.1f} % of {written} answers right ({count}), {len(read)} can be read; "
        f"{len({source for source, _ in right})} of {len(functions)} functions right at least once"
        + (f"; {died} could not be judged and count as wrong" if died else "")
    )


def _is_right(bench: Bench, answer: tuple[HeldOut, str]) -> bool:
    one, text = answer
    verdict = judge(bench, c_source(one), text, [read_call(call) for call in one.calls])
    return verdict.status is VerdictStatus.EQUIVALENT


if __name__ == "__main__":
    main()
