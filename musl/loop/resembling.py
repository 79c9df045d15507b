"""Which held-out functions a model may have seen: those whose anonymous text is that of a text it learns from.

Functions of one family may be the same but for names and numbers, and in anonymous tokens they are the same text. A
figure on such a function would say what the model remembers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from itertools import chain
from pathlib import Path

from data.corpus.row import read_rows
from data.function import Language
from data.tokens.lexical import lexical_tokens
from data.tokens.tokompiler import encode
from musl.loop.source import Source


def anonymous_key(text: str, language: Language) -> bytes:
    """16 bytes that are the same for texts that differ in names, literals, layout and comments only."""
    tokens = lexical_tokens(encode(text, language).text)
    return hashlib.sha256("\0".join(tokens).encode(errors="surrogatepass")).digest()[:16]


def without_resembling(sources: Iterable[Source], corpora: Sequence[Path]) -> tuple[list[Source], int]:
    """The C sources whose anonymous text no C function of the corpora has, nor one before it; and how many others
    there were. DataError as data.corpus.row."""
    rows = chain.from_iterable(read_rows(corpus) for corpus in dict.fromkeys(corpora))
    seen = {anonymous_key(row.text, row.language) for row in rows if row.language == "c"}
    kept, dropped = [], 0
    for source in sources:
        key = anonymous_key(source.text, "c")
        if key in seen:
            dropped += 1
        else:
            seen.add(key)
            kept.append(source)
    return kept, dropped
