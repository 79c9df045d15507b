#!/usr/bin/env python
"""How fast a model of this process answers, against transformers' own `generate` on the same rows.

    python scripts/bench_generation.py [--prompts 24] [--samples 5] [--batch 64] [--model FOLDER]

Prompts are synthesized C functions in the short form. Without a model: the tiny shape (6.8 M parameters with 4,096
tokens) with random weights, whose answers end at random, after `--mean` tokens on average. Seconds are CPU seconds of
one thread, so that a busy machine does not matter much; on a GPU they are seconds.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import torch

from data.synthesis.synthesize import synthesize
from data.tokens.bpe import save_tokenizer, train_bpe
from models.generation.open_model import open_generator
from models.generation.protocol import Answer, Prompt, Sampling

if TYPE_CHECKING:
    from models.generation.transformers_model import TransformersModel


def main() -> None:
    """Print the two speeds."""
    asked = _arguments()
    torch.set_num_threads(1)
    prompts = [
        Prompt(row.id, f"// C to CUDA\n{row.text}\n// CUDA\n") for row in synthesize(asked.prompts, asked.seed, "c")
    ]
    sampling = Sampling(asked.samples, asked.tokens, temperature=1.0, seed=asked.seed)
    with tempfile.TemporaryDirectory() as folder:
        model = _open(asked.model or _random_model(Path(folder)), asked.batch)
        if asked.model is None:  # random weights give every token about the same chance
            model.ends = frozenset(range(2, 2 + max(1, len(model.tokenizer) // asked.mean)))
        answers, seconds = _timed(lambda: model.generate(prompts, sampling))
        lengths = [cast("Answer", answer).tokens for results in answers.values() for answer in results]
        _say("this generator", sum(lengths), seconds)
        print(
            f"  {len(lengths)} answers of {sum(lengths) / len(lengths):.0f} tokens on average, {max(lengths)} at most"
        )
        made, seconds = _timed(lambda: _by_transformers(model, prompts, sampling, asked.batch))
        _say("transformers' generate", made, seconds)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--prompts", type=int, default=24)
    parser.add_argument("--samples", type=int, default=5)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--tokens", type=int, default=400, help="the most tokens of an answer")
    parser.add_argument("--mean", type=int, default=150, help="tokens of an answer, without --model")
    parser.add_argument("--model")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def _open(folder: str, batch: int) -> TransformersModel:
    return cast("TransformersModel", open_generator(folder, batch=batch))


def _random_model(folder: Path) -> str:
    from transformers import AutoTokenizer

    from models.pretraining.sizes import SIZES, new_model

    save_tokenizer(train_bpe((row.text for row in synthesize(3000, 1, "c")), 4096), folder)
    size = len(AutoTokenizer.from_pretrained(folder))
    new_model("gpt_neox", SIZES["tiny"], vocabulary=size, context=1024, end=2, seed=0).save_pretrained(folder)
    return str(folder)


def _by_transformers(model: TransformersModel, prompts: list[Prompt], sampling: Sampling, batch: int) -> int:
    """The number of tokens that transformers makes for the same prompts, in batches of about one length."""
    from transformers import GenerationConfig

    ends = sorted(model.ends)
    plan = GenerationConfig(
        max_new_tokens=sampling.max_new_tokens, do_sample=True, eos_token_id=ends, pad_token_id=0, top_k=0
    )
    rows = sorted((model.encode(prompt) for prompt in prompts for _ in range(sampling.samples)), key=len)
    made = 0
    for start in range(0, len(rows), batch):
        ids = rows[start : start + batch]
        longest = max(map(len, ids))
        padded = torch.tensor([[0] * (longest - len(one)) + list(one) for one in ids])
        mask = torch.tensor([[0] * (longest - len(one)) + [1] * len(one) for one in ids])
        device = model.model.device
        with torch.inference_mode():
            output: Any = cast("Any", model.model).generate(
                padded.to(device), attention_mask=mask.to(device), generation_config=plan
            )
        ended = torch.isin(output[:, longest:].cpu(), torch.tensor(ends)).cumsum(dim=1)
        made += int((ended == 0).sum() + (ended[:, -1] > 0).sum())
    return made


def _timed(work: Any) -> tuple[Any, float]:
    clock = time.perf_counter if torch.cuda.is_available() else time.process_time
    started = clock()
    result = work()
    return result, clock() - started


def _say(name: str, tokens: int, seconds: float) -> None:
    print(f"{name}: {tokens / seconds:,.0f} tokens a second ({tokens:,} tokens, {seconds:.1f} s)", flush=True)


if __name__ == "__main__":
    main()
