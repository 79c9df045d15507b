"""Stage 05: both models learn from the triplets of all rounds so far. A folder of weights appears whole or not at all;
a kill amid the training costs what came after its last checkpoint (models/finetuning)."""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence
from pathlib import Path

from models.question import Example
from musl.loop.beside import Beside, Chunk
from musl.loop.context import MODELS, Context
from musl.loop.folder import CHECKPOINT, RoundFolder, write_whole
from musl.loop.records import HeldOut, Triplet, read_records, side_of
from musl.loop.select import balance
from musl.loop.source import Direction, Side, Source
from musl.loop.voices import TRANSLATORS, Parts, Role

EXAMPLES = "examples.jsonl"
_DIRECTIONS: dict[Role, tuple[Direction, ...]] = {
    "translator": ("c2cuda", "cuda2c"),
    TRANSLATORS["c2cuda"]: ("c2cuda",),
    TRANSLATORS["cuda2c"]: ("cuda2c",),
}


def co_evolve(context: Context, folder: RoundFolder, triplets: Sequence[Triplet]) -> None:
    """Trains the models of a round on the triplets of this and all earlier rounds, and gives `05_checkpoint` its name.
    A model that is frozen, or that there is nothing to learn for, stays what it was."""
    chosen = balance(triplets, context.config.selection.most)
    named: dict[Role, str] = {}
    folder.unfinished.mkdir(parents=True, exist_ok=True)
    for done, role in enumerate(context.roles):
        context.on_progress(folder.number, "train", done, len(context.roles))
        named[role] = _train(context, folder, role, chosen)
    write_whole(folder.unfinished / MODELS, json.dumps(named, indent=1) + "\n")
    folder.finish_checkpoint()


def _train(context: Context, folder: RoundFolder, role: Role, triplets: Sequence[Triplet]) -> str:
    """Trains one model; returns where it will lie in the loop's folder, or the model that it stays."""
    number = folder.number
    before = context.model(role, number - 1)
    switches = context.config.switches
    frozen = switches.tester != "model" if role == "tester" else switches.translator == "frozen"
    if number > 0 and frozen:
        return _relative(context, before)
    model = context.base(role) if context.config.training.start == "base" else before
    own = folder.unfinished / role
    if not (own / "model").is_dir() or not (own / "done").exists():
        examples = examples_for(context.parts, model, role, triplets, context.config.selection.tests)
        if not examples:
            return _relative(context, before)
        if role != "tester":
            examples += _repairs(context, model, number)
        write_whole(own / EXAMPLES, "".join(f"{json.dumps(dict(example))}\n" for example in examples))
        seed = context.seed(number, "train", role)
        work = functools.partial(context.parts.finetune, model, own / EXAMPLES, own, role, seed)
        # In a process that goes when this one goes, and whose memory is free afterwards.
        seconds = context.config.run.training_timeout
        training = Beside[tuple[int, int], str, None](work, 0, seconds, seconds, context.prepared)
        for message in training.messages():
            if isinstance(message, Chunk):
                context.on_progress(number, f"train {role}", *message.value)
        write_whole(own / "done", "")
    return f"{folder.path.name}/{CHECKPOINT}/{role}/model"


def _repairs(context: Context, model: str, number: int) -> list[Example]:
    """Sources of the rounds so far, with noise of this round's own."""
    most = context.config.training.repairs
    if not most or not number:
        return []
    held_out = frozenset(one.source for one in read_records(context.folder.held_out, HeldOut))
    seen: dict[Side, dict[str, Source]] = {"c": {}, "cuda": {}}
    for earlier in range(1, number + 1):
        for source in context.sources(earlier, held_out):
            seen[source.language].setdefault(source.id, source)
    sources = [source for side in seen.values() for source in list(side.values())[:most]]
    return context.parts.repair_examples(model, sources, context.seed(number, "repairs"))


def _relative(context: Context, model: str) -> str:
    path = Path(model)
    return str(path.relative_to(context.folder.path)) if path.is_relative_to(context.folder.path) else model


def examples_for(parts: Parts, model: str, role: Role, triplets: Sequence[Triplet], tests: int) -> list[Example]:
    """What the triplets teach the model that has the role, each example once: a Translator both sides of each pair, a
    Tester at most `tests` tests of either side."""
    found: dict[tuple[str, str], Example] = {}
    for triplet in triplets:
        c, cuda = _side(triplet, "c"), _side(triplet, "cuda")
        if role != "tester":
            examples = parts.translation_examples(model, c, cuda, _DIRECTIONS[role])
        else:
            examples = parts.test_examples(model, c if triplet.language == "c" else cuda, triplet.tests[:tests])
        for example in examples:
            found.setdefault((example["prompt"], example["completion"]), example)
    return list(found.values())


def _side(triplet: Triplet, language: Side) -> Source:
    name, text = side_of(triplet, language)
    return Source(triplet.source, language, name, text, family=triplet.family)
