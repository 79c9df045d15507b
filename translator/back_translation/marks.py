"""`Marks`: the tokens that are no text, and the words that CUDA alone has."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from models.errors import ModelError
from models.pretraining.vocabulary import Vocabulary, load_vocabulary
from translator.back_translation.config import SIDES, Side

MASK = "<mask>"
_CUDA_WORD = re.compile(
    r"__(?:global|device|host|shared|constant|managed|restrict|launch_bounds|forceinline|noinline)__|<<<|>>>"
    r"|(?:thread|block)Idx|(?:block|grid)Dim|warpSize|__(?:sync|shfl|ballot|any|all|activemask|threadfence)\w*"
    r"|atomic[A-Z]\w*|cuda[A-Z]\w*|tex[123]D\w*|surf[123]D\w*|dim3"
)


@dataclass(frozen=True)
class Marks:
    """Token ids. `languages` begin a text, of a source and of its translation, `end` ends it; `ordinary` counts the ids
    (the smallest ones apart from `special`) that stand for text; `cuda_words` are those of CUDA's own words."""

    pad: int
    end: int
    mask: int
    languages: Mapping[Side, int]
    special: frozenset[int]
    size: int
    cuda_words: tuple[int, ...]


def load_marked(folder: Path) -> Vocabulary:
    """The tokenizer in a folder, with a mark for each language and for what is hidden added where it has none.
    ModelError where there is none, or where it cannot fill up a batch."""
    vocabulary = load_vocabulary(folder)
    tokenizer = vocabulary.tokenizer
    if tokenizer.pad_token_id is None:
        raise ModelError(f"{folder}: the tokenizer has no pad_token, so nothing that fills up a batch")
    if tokenizer.mask_token_id is None:
        tokenizer.add_special_tokens({"mask_token": MASK})
    known = tokenizer.get_vocab()
    lacking = [f"<{side}>" for side in SIDES if f"<{side}>" not in known]
    if lacking:
        tokenizer.add_special_tokens({"extra_special_tokens": lacking})
    return vocabulary


def marks_of(vocabulary: Vocabulary) -> Marks:
    """The marks of a vocabulary that `load_marked` gave."""
    tokenizer = vocabulary.tokenizer
    known = tokenizer.get_vocab()
    words = {identity: str(tokenizer.decode([identity])).strip() for identity in known.values()}
    languages = {side: vocabulary.begin(side) for side in SIDES}
    return Marks(
        pad=int(tokenizer.pad_token_id),
        end=vocabulary.end,
        mask=int(tokenizer.mask_token_id),
        languages=languages,
        special=frozenset({*map(int, tokenizer.all_special_ids), *languages.values()}),
        size=vocabulary.size,
        cuda_words=tuple(sorted(identity for identity, word in words.items() if _CUDA_WORD.fullmatch(word))),
    )
