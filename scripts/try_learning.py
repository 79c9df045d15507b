"""How well a model of a few million weights learns to translate, before a loop is run on it: pretrains it, trains it on
seed pairs of a third of the families, then on pairs of all families in place of what rounds of the loop would find,
and measures exact matches and equivalent translations of held-out functions. Every stage is kept in the folder, and a
run that was ended goes on after the last whole one.

.venv/bin/python scripts/try_learning.py build/try --config configs/tiny-loop-pretrain.yaml
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from compile.sandbox import Sandbox
from data.corpus.row import write_shards
from data.synthesis.groups import GROUPS
from data.synthesis.synthesize import synthesize
from data.tokens.bpe import train_on_corpus
from data.tokens.lexical import lexical_tokens
from models.finetuning import FinetuneConfig, finetune
from models.generation.open_model import open_generator
from models.generation.protocol import Sampling
from models.model_form import ModelForm
from models.pretraining.config import read_config
from models.pretraining.train import pretrain
from musl.loop.bench import Bench, judge
from musl.loop.source import Direction, Source, Unsuitable, c_side, source_of
from musl.loop.translate_stage import analytic_kernel
from musl.machine import describe_machine, find_commit
from musl.verdict import VerdictStatus
from tester.fuzz import FuzzTester
from translator.neural.batch import translate_batch
from translator.neural.prompts import example
from translator.neural.read_answer import Snippet

ALL, SEED, NEW = "short", "short-seed", "short-new"  # groups of families
DIRECTIONS: tuple[Direction, Direction] = ("c2cuda", "cuda2c")
FORM = ModelForm("short", anonymous=True)
LONGEST = 330  # lexical tokens of a pair; the context holds it with what stands around it


@dataclass(frozen=True)
class Known:
    """A C function with the analytic Translator's kernel of it."""

    id: str
    family: str
    name: str
    before: str
    c: str
    cuda_name: str
    cuda: str

    def side(self, direction: Direction) -> Source:
        """What is translated."""
        if direction == "c2cuda":
            return Source(self.id, "c", self.name, self.c, self.before, family=self.family)
        return Source(f"{self.id}-cuda", "cuda", self.cuda_name, self.cuda, self.before, family=self.family)

    def answer(self, direction: Direction) -> str:
        """The translation that is known."""
        return self.cuda if direction == "c2cuda" else self.c


def main() -> None:
    """Go through the stages, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--config", type=Path, default=Path("configs/tiny-loop-pretrain.yaml"))
    parser.add_argument("--texts", type=int, default=30000, help="C functions to pretrain on, and as many kernels")
    parser.add_argument("--steps", type=int, help="steps of pretraining, instead of the config's")
    parser.add_argument("--seed-pairs", type=int, default=400)
    parser.add_argument("--round-pairs", type=int, default=1200)
    parser.add_argument(
        "--held-out", type=int, default=120, help="functions that are measured, a third of seed families"
    )
    parser.add_argument("--judged", type=int, default=40, help="of them so many are also run")
    parser.add_argument("--epochs", type=float, default=8.0)
    parser.add_argument("--rate", type=float, default=1e-3)
    asked = parser.parse_args()
    print(f"{describe_machine()}, commit {find_commit()}", flush=True)
    folder: Path = asked.folder
    base = pretrained(folder, asked.config, asked.texts, asked.steps)
    seed = known_pairs(folder / "seed.jsonl", [SEED], asked.seed_pairs, 101)
    more = known_pairs(folder / "more.jsonl", [ALL], asked.round_pairs, 102)
    third = asked.held_out // 3
    held = known_pairs(folder / "held-seen.jsonl", [SEED], third, 103)
    held += known_pairs(folder / "held-new.jsonl", [NEW], asked.held_out - third, 104)
    first = trained(folder / "seed", base, seed, asked.epochs, asked.rate)
    second = trained(folder / "more", first, [*seed, *more], asked.epochs / 2, asked.rate / 2)
    for name, model in (("seed pairs", first), ("pairs of all families", second)):
        for direction in DIRECTIONS:
            print(measured(folder, name, model, held, direction, asked.judged), flush=True)


def pretrained(folder: Path, config: Path, texts: int, steps: int | None) -> Path:
    """Corpora, vocabulary and model."""
    corpora = [folder / "c", folder / "cuda"]
    for corpus in corpora:
        if not any(corpus.glob("part-*.parquet")):
            write_shards(synthesize(texts, 1, "c" if corpus.name == "c" else "cuda", [ALL]), corpus)
    if not (folder / "tokenizer").exists():
        train_on_corpus(corpora, folder / "tokenizer", 1536, tokompiler=True, lexical=True)
    asked = read_config(config)
    data = asked.data.model_copy(update={"train": corpora, "tokenizer": folder / "tokenizer"})
    update: dict[str, object] = {"data": data, "output": folder / "pretrain"}
    if steps is not None:
        update["training"] = asked.training.model_copy(update={"steps": steps})
    asked = asked.model_copy(update=update)
    result = asked.output / "result.json"
    figures = json.loads(result.read_text()) if result.exists() else pretrain(asked)
    print(
        f"pretrained {figures['parameters'] / 1e6:.1f} M parameters on {figures['tokens'] / 1e6:.2f} M tokens in"
        f" {figures['seconds'] / 60:.1f} min; perplexity {figures['per_lexical_token']:.3f} a lexical token",
        flush=True,
    )
    return asked.output / "model"


def known_pairs(path: Path, families: Sequence[str], count: int, seed: int) -> list[Known]:
    """The first `count` functions that have a kernel and are short enough."""
    if not path.exists():
        lines = [json.dumps(asdict(pair)) for pair in taken(drawn_pairs(families, seed), count)]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return [Known(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]


def drawn_pairs(families: Sequence[str], seed: int) -> Iterator[Known]:
    """Pairs without end."""
    for row in synthesize(10**9, seed, "c", families):
        try:
            source = source_of(row)
        except Unsuitable:
            continue
        kernel = analytic_kernel(source)
        if kernel is not None and len(lexical_tokens(source.text)) + len(lexical_tokens(kernel.text)) <= LONGEST:
            yield Known(row.id, row.family, source.name, source.before, source.text, kernel.name, kernel.text)


def taken(pairs: Iterable[Known], count: int) -> Iterator[Known]:
    for _, pair in zip(range(count), pairs, strict=False):
        yield pair


def trained(folder: Path, base: Path, pairs: Sequence[Known], epochs: float, rate: float) -> Path:
    """The base, trained on both directions of the pairs."""
    folder.mkdir(exist_ok=True)
    examples = [example(pair.c, pair.cuda, way, FORM) for pair in pairs for way in DIRECTIONS]
    lines = folder / "examples.jsonl"
    if not lines.exists():
        lines.write_text("".join(f"{json.dumps(line)}\n" for line in examples), encoding="utf-8")
    config = {
        "output": folder / "run",
        "model": {"base": str(base), "context": 384},
        "data": {"train": [lines]},
        "training": {
            "epochs": epochs,
            "batch_sequences": 8,
            "micro_batch": 8,
            "learning_rate": rate,
            "warmup_steps": 1,
            "precision": "bf16",
        },
    }
    figures = finetune(FinetuneConfig.model_validate(config))
    print(f"{folder.name}: {len(pairs)} pairs, {figures.tokens:,} tokens in {figures.seconds / 60:.1f} min", flush=True)
    return Path(figures.model)


def measured(folder: Path, name: str, model: Path, held: Sequence[Known], direction: Direction, judged: int) -> str:
    """A line of the table: greedy answers that are the known text, and those that compute the same."""
    started = time.monotonic()
    items = [(pair.id, (side := pair.side(direction)).text, side.name, direction) for pair in held]
    answers = translate_batch(open_generator(str(model)), FORM, items, Sampling(max_new_tokens=300))
    texts = {key: given[0].text for key, given in answers.items() if isinstance(given[0], Snippet)}
    line = f"{name}, {direction}:"
    for kind, is_seed in (("seed families", True), ("new families", False)):
        chosen = [pair for pair in held if (pair.family in GROUPS[SEED]) == is_seed]
        same = sum(_words(texts.get(pair.id, "")) == _words(pair.answer(direction)) for pair in chosen)
        right = sum(_computes_the_same(pair, direction, texts.get(pair.id), folder) for pair in chosen[:judged])
        line += f" {kind} {same}/{len(chosen)} exact, {right}/{len(chosen[:judged])} equivalent;"
    return f"{line} {len(texts)}/{len(held)} can be read; {time.monotonic() - started:.0f} s"


def _words(text: str) -> list[str]:
    return lexical_tokens(text)


def _computes_the_same(pair: Known, direction: Direction, text: str | None, folder: Path) -> bool:
    if text is None:
        return False
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        sandbox = Sandbox(Path(scratch).resolve())
        file, function = c_side(pair.side("c2cuda"), pair.c)
        suite = FuzzTester(file, sandbox).make_tests(function, 6, 1)
        verdict = judge(Bench(sandbox, "emulator", ("forward", "shuffle"), 1), pair.side(direction), text, suite.tests)
    return verdict.status is VerdictStatus.EQUIVALENT


if __name__ == "__main__":
    main()
