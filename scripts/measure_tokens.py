#!/usr/bin/env python
"""Tokompiler's way back, and what it and byte-level BPE make of a text's length and at which speed.

    scripts/measure_tokens.py --data DIR [--rows 1000] [--judge 40]        (DIR holds babeltower/unit_tests.dev.jsonl)

Way back: every development function (both sides) and `--rows` synthesized ones a language, by lexical tokens. Of the
development pairs `--judge` ones, evenly spread, are also compiled and run: the verdict on the pair with both sides
there and back (and as it is, where that is not `equivalent`), and on its C function against itself there and back.

Length: vocabularies trained on four fifths of the texts, counted on the last fifth. Tokens are counted per character of
the original text, comments included, so that the columns compare.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

from compile.sandbox import Sandbox
from data.babeltower import BenchmarkCase, read_cases
from data.corpus.language import parse
from data.function import Language
from data.pairs import Pair, pair_of_case
from data.synthesis.synthesize import synthesize
from data.tokens.bpe import text_of_row, train_bpe
from data.tokens.lexical import lexical_tokens
from data.tokens.tokompiler import decode, encode
from musl.judge import Judge
from musl.judge_pair import judge_pair
from musl.machine import describe_machine, find_commit

VOCABULARIES = (1024, 4096, 16384)
SEED = 11
Text = tuple[str, Language]


def main() -> int:
    """Print all figures; exit status 1 where a text did not come back."""
    arguments = parse_arguments()
    cases = read_cases(arguments.data / "babeltower" / "unit_tests.dev.jsonl")
    development = development_texts(cases)
    synthesized = [*synthesized_texts(arguments.rows, "c"), *synthesized_texts(arguments.rows, "cuda")]
    print(f"{describe_machine()}, commit {find_commit() or 'unknown'}\n", flush=True)
    lost = way_back("development", development) + way_back("synthesized", synthesized)
    lengths(development + synthesized)
    speeds(development + synthesized)
    if arguments.judge:
        lost += judged(cases[:: -(-len(cases) // arguments.judge)])
    return 1 if lost else 0


def parse_arguments() -> argparse.Namespace:
    """The options; see the text at the top."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--rows", type=int, default=1000, help="synthesized rows of each language")
    parser.add_argument("--judge", type=int, default=40, help="development pairs to compile and run")
    arguments = parser.parse_args()
    assert isinstance(arguments, argparse.Namespace)
    return arguments


def development_texts(cases: Sequence[BenchmarkCase]) -> list[Text]:
    """Both sides of every case."""
    c: list[Text] = [(case.c_text, "c") for case in cases]
    cuda: list[Text] = [(case.cuda_text, "cuda") for case in cases]
    return [text for pair in zip(c, cuda, strict=True) for text in pair]


def synthesized_texts(count: int, language: Literal["c", "cuda"]) -> list[Text]:
    """Rows with the types that they need."""
    rows = synthesize(count, SEED, language)
    return [(f"{row.types}\n{text_of_row(row)}" if row.types else text_of_row(row), language) for row in rows]


def way_back(name: str, texts: Sequence[Text]) -> int:
    """Texts that did not come back, or whose anonymous text does not parse though they do."""
    lost = broken = 0
    for text, language in texts:
        encoded = encode(text, language, SEED)
        lost += lexical_tokens(decode(encoded)) != lexical_tokens(text)
        broken += has_error(encoded.text, language) and not has_error(text, language)
    print(f"{name}: {len(texts)} texts, {lost} not the same after the way back, {broken} no longer parse")
    return lost + broken


def has_error(text: str, language: Language) -> bool:
    """Whether the grammar finds an error."""
    return parse(language, text.encode()).root_node.has_error


def judged(cases: Sequence[BenchmarkCase]) -> int:
    """Development pairs whose verdict is another after the way back."""
    changed = 0
    plain, own = Counter[str](), Counter[str]()
    for number, case in enumerate(cases, 1):
        print(f"\r{number} of {len(cases)} ", end="", file=sys.stderr, flush=True)
        pair = pair_of_case(case)
        c = back(pair.c, "c++")
        after = verdict(replace(pair, c=c, cuda=back(pair.cuda, "cuda")))
        before = after if after == "equivalent" else verdict(pair)
        same = verdict(Pair(pair.id, pair.c, c, language="c++", function=pair.function, candidate="c"))
        changed += before != after or same in ("different", "candidate_failed")
        plain[after] += 1
        own[same] += 1
    print(f"judged: {len(cases)} pairs there and back: {dict(plain)}; {changed} judged otherwise than before")
    print(f"judged: each C function against itself there and back: {dict(own)}\n")
    return changed


def verdict(pair: Pair) -> str:
    """The word for it."""
    with tempfile.TemporaryDirectory() as folder:
        return str(judge_pair(Judge(Sandbox(Path(folder))), pair).verdict)


def back(text: str, language: Language) -> str:
    """The text there and back."""
    return decode(encode(text, language, SEED))


def lengths(texts: Sequence[Text]) -> None:
    """The table of tokens per character."""
    ways: dict[str, Callable[[str, Language], str]] = {
        "plain": lambda text, language: text,
        "Tokompiler, in order": lambda text, language: encode(text, language).text,
        "Tokompiler, at random": lambda text, language: encode(text, language, SEED).text,
    }
    held_out = [text for number, text in enumerate(texts) if number % 5 == 4]
    characters = sum(len(text) for text, _ in held_out)
    lexical = sum(len(lexical_tokens(text)) for text, _ in held_out)
    print("| text | vocabulary | tokens per character | tokens per lexical token |\n|---|---|---|---|")
    for name, way in ways.items():
        seen = [way(*text) for number, text in enumerate(texts) if number % 5 != 4]
        counted = [way(*text) for text in held_out]
        for size in VOCABULARIES:
            tokenizer = train_bpe(seen, size)
            tokens = sum(len(tokenizer.encode(text).ids) for text in counted)
            size = tokenizer.get_vocab_size()
            print(f"| {name} | {size} | {tokens / characters:.3f} | {tokens / lexical:.2f} |")
    print(f"\nheld out: {len(held_out)} texts, {characters} characters, {lexical} lexical tokens\n", flush=True)


def speeds(texts: Sequence[Text]) -> None:
    """The table of speeds, on one core."""
    encoded = [encode(text, language) for text, language in texts]
    tokenizer = train_bpe([text for text, _ in texts], VOCABULARIES[1])
    works: dict[str, Callable[[], object]] = {
        "lexical_tokens": lambda: [lexical_tokens(text) for text, _ in texts],
        "encode": lambda: [encode(text, language) for text, language in texts],
        "decode": lambda: [decode(one) for one in encoded],
        "train_bpe": lambda: train_bpe([text for text, _ in texts], VOCABULARIES[1]),
        "Tokenizer.encode": lambda: [tokenizer.encode(text) for text, _ in texts],
    }
    size = sum(len(text) for text, _ in texts) / 1e6
    print("| work | MB/s |\n|---|---|")
    for name, work in works.items():
        seconds = min(timed(work) for _ in range(3))
        print(f"| `{name}` | {size / seconds:.2f} |")


def timed(work: Callable[[], object]) -> float:
    """Processor seconds of it."""
    start = time.process_time()
    work()
    return time.process_time() - start


if __name__ == "__main__":
    sys.exit(main())
