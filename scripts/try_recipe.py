"""What a model makes of the held-out functions of a run of the loop, before and after it is trained on given examples.

How well it copies: greedy completions of clean texts below themselves, and the share of tokens that are right where all
before are given. How well it translates: greedy answers, C to CUDA, that can be read, and that compute the same.

    scripts/try_recipe.py build/tiny/loop/held_out.parquet build/tiny/pretrain/model --copies
    scripts/try_recipe.py build/tiny/loop/held_out.parquet build/tiny/pretrain/model -o build/try/low \\
        --examples build/tiny/loop/round-03/05_checkpoint/translator/examples.jsonl --rate 3e-4 --epochs 3
"""

from __future__ import annotations

import argparse
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
from musl.loop.bench import judge
from musl.loop.calls import read_call
from musl.loop.held_out import c_source, kernels_among
from musl.loop.open_bench import open_bench
from musl.loop.records import HeldOut, read_records
from musl.machine import describe_machine, find_commit
from musl.verdict import VerdictStatus
from translator.neural.batch import translate_batch
from translator.neural.read_answer import Snippet

FORM = ModelForm("short", anonymous=True)


def main() -> None:
    """Train, where that is asked, and print what the model does."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("held_out", type=Path, help="held_out.parquet of a run of the loop")
    parser.add_argument("model", type=Path)
    parser.add_argument("--copies", action="store_true", help="how well it copies, instead of how it translates")
    parser.add_argument("--examples", type=Path, nargs="*", default=[], help="lines to train on; none: as it is")
    parser.add_argument("-o", "--output", type=Path, help="folder of the training")
    parser.add_argument("--rate", type=float, default=3e-4)
    parser.add_argument("--epochs", type=float, default=3.0)
    asked = parser.parse_args()
    if asked.examples and asked.output is None:
        parser.error("-o: missing (--examples are trained on in a folder)")
    print(f"{describe_machine()}, commit {find_commit()}", flush=True)
    torch.set_num_threads(1)
    functions = read_records(asked.held_out, HeldOut)
    model = (
        trained(asked.model, asked.examples, asked.output, asked.rate, asked.epochs) if asked.examples else asked.model
    )
    print(copied(model, functions) if asked.copies else translated(model, functions))


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
    prompts = [Prompt(identity, f"// C repair\n{text}\n// C\n") for identity, text in texts.items()]
    answers = open_generator(str(model)).generate(prompts, Sampling(max_new_tokens=250))
    exact = sum(
        isinstance(answers[i][0], Answer) and lexical_tokens(answers[i][0].text) == lexical_tokens(text)
        for i, text in texts.items()
    )
    right, tokens = _right_tokens(model, prompts, list(texts.values()))
    return f"{exact} of {len(texts)} copies exact; {100 * right / tokens:.1f} % of {tokens} tokens right"


def _right_tokens(model: Path, prompts: Sequence[Prompt], texts: Sequence[str]) -> tuple[int, int]:
    tokenizer, network = AutoTokenizer.from_pretrained(model), AutoModelForCausalLM.from_pretrained(model).eval()
    right = total = 0
    for prompt, text in zip(prompts, texts, strict=True):
        before, wanted = tokenizer(prompt.text)["input_ids"], torch.tensor(tokenizer(text)["input_ids"])
        with torch.no_grad():
            logits = network(torch.tensor([[*before, *wanted.tolist()]])).logits[0, len(before) - 1 : -1]
        right += int((logits.argmax(-1) == wanted).sum())
        total += len(wanted)
    return right, total


def translated(model: Path, functions: Sequence[HeldOut]) -> str:
    """Answers that can be read, and those that compute the same."""
    functions = kernels_among(functions)
    items = [(one.source, one.text, one.name, "c2cuda") for one in functions]
    answers = translate_batch(open_generator(str(model)), FORM, items, Sampling(max_new_tokens=220))
    read = {i: given[0] for i, given in answers.items() if isinstance(given[0], Snippet)}
    with open_bench("emulator", ("forward", "shuffle"), 1, unsafe_no_sandbox=False) as bench:
        right = sum(
            judge(bench, c_source(one), read[one.source].text, [read_call(call) for call in one.calls]).status
            is VerdictStatus.EQUIVALENT
            for one in functions
            if one.source in read
        )
    return f"{right} of {len(functions)} right, {len(read)} can be read"


if __name__ == "__main__":
    main()
