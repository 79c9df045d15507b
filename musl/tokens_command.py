"""The commands `musl data tokenizer` and `musl data tokompile`: what they print, and the exit status."""

from __future__ import annotations

import json as json_format
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from musl.errors import UsageError
from musl.machine import usable_cores

EXIT_OK, EXIT_FAILURE, EXIT_USAGE = 0, 1, 2


def run_tokenizer(
    corpora: Sequence[Path],
    out: Path,
    *,
    vocab_size: int,
    tokompiler: bool,
    lexical: bool = False,
    seed: int | None = None,
    json: bool = False,
) -> int:
    """Train a vocabulary on corpora and print what it takes of them."""

    def work() -> int:
        from data.corpus.errors import DataError
        from data.tokens.bpe import train_on_corpus

        jobs = usable_cores()
        try:
            report = train_on_corpus(
                *(corpora, out, vocab_size), tokompiler=tokompiler, lexical=lexical, seed=seed, jobs=jobs
            )
        except (DataError, ValueError) as error:
            raise UsageError(str(error)) from None
        if json:
            print(json_format.dumps({**asdict(report), "tokens_per_character": report.tokens_per_character}, indent=2))
        else:
            per_character = f"{report.tokens_per_character:.3f} a character"
            print(
                f"{report.texts:,} texts of {report.characters:,} characters: {report.tokens:,} tokens, {per_character}"
            )
            print(f"wrote {out}: {report.vocabulary:,} entries")
        return EXIT_OK

    return _status(work)


def run_tokompile(
    file: Path, *, table: Path | None, back: Path | None, language: str | None = None, seed: int | None = None
) -> int:
    """Print the file's anonymous text, or with `back` its text with the names of that table."""

    def work() -> int:
        from musl.tokompile import tokompile, untokompile

        if back is not None:
            if table is not None or language is not None or seed is not None:
                raise UsageError("--back takes all from its table; leave out --table, --language and --seed")
            text = untokompile(file, back)
        else:
            text = tokompile(file, table=table, language=language, seed=seed)
        sys.stdout.write(text if text.endswith("\n") else f"{text}\n")
        return EXIT_OK

    return _status(work)


def _status(work: Callable[[], int]) -> int:
    try:
        return work()
    except ModuleNotFoundError as error:
        print(f"error: {error.name} is not installed: pip install 'musl-cuda[data]'", file=sys.stderr)
        return EXIT_FAILURE
    except UsageError as error:
        print(f"error: {error}", file=sys.stderr)
        return EXIT_USAGE
