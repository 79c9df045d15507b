"""A vocabulary of about one token per lexical token, for models of anonymous texts of a few million weights.

A text is cut into the lexical tokens of C and CUDA, whatever blanks are between them; layout is not learned, and comes
back as single blanks: `x[i]=0;` --> `x [ i ] = 0 ;`. Line ends stay where they mean something, around lines that begin
with `#` or `//`. Tokompiler's placeholders and the frequent lexical tokens are one entry each, all else is made of
pieces by byte-level BPE, so that any text can be encoded and has the same lexical tokens when it comes back.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import product

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

# The first ids, in this order: what fills up a batch, and what ends a text (and begins one). No program has them, so
# that a trainer may append the end to a text.
PAD, END = "<|pad|>", "<|end|>"
SPECIAL_TOKENS = (PAD, END)
SMALLEST_VOCABULARY = 1024
CONFIG = {
    "tokenizer_class": "PreTrainedTokenizerFast",
    "pad_token": PAD,
    "bos_token": END,
    "eos_token": END,
    "clean_up_tokenization_spaces": False,
}
# Entries for as many placeholders of each kind, with the suffixes that numbers have.
_NAMES = {"var": 64, "arr": 32, "func": 16, "type": 8, "field": 16, "label": 4, "macro": 8, "char": 8}
_NUMBERS = {"num": (32, ("", "f", "u", "U", "L", "ul", "ull")), "real": (32, ("", "f", "F"))}
_STRINGS = 8
# What the form of a question adds (models/model_form.py), what noise hides tokens behind, and small numbers of tests.
_WORDS = ("//", "C", "CUDA", "to", "test", "tests", "repair", "@", *map(str, range(17)))
# Line ends that mean something: after a directive or a comment, and before one. All others become blanks.
_AFTER_LINE = r"^(?:[ \t]*#|[^\n]*//)(?:\\\n|[^\n])*\K\n"
_BEFORE_LINE = r"\n(?=[ \t]*(?:#|//))|(?<=\\)\n"
# The lexical tokens of data/tokens/lexical.py, and each line end that is left.
_TOKEN = (
    r"\n|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])+'|\.?[0-9](?:[eEpP][+-]|[\w.])*|[^\W\d]\w*"
    r"|<<<|>>>|\.\.\.|<<=|>>=|->|\+\+|--|<<|>>|&&|\|\||[-+*/%&^|<>=!]=|##|::|//|[^\s\w]"
)
_BLANK = "Ġ"  # how byte-level BPE writes the blank that every lexical token begins with


def train_lexical(texts: Iterable[str], vocab_size: int) -> Tokenizer:
    """A vocabulary of at most `vocab_size` entries: bytes, placeholders, frequent lexical tokens, and pieces for the
    rest. The texts are read once; the same texts give the same vocabulary. ValueError where `vocab_size` is below
    SMALLEST_VOCABULARY."""
    if vocab_size < SMALLEST_VOCABULARY:
        raise ValueError(f"a lexical vocabulary has at least {SMALLEST_VOCABULARY} entries, not {vocab_size}")
    standing = [_BLANK + entry for entry in _standing_entries()]
    words: Counter[str] = Counter()
    trained = _pieces(_counted(texts, words), vocab_size - len(standing))
    model = json.loads(trained.to_str())["model"]
    entries: dict[str, int] = dict(model["vocab"])
    whole = sorted((word for word, count in words.items() if count > 1), key=lambda word: (-words[word], word))
    for word in [*standing, *whole]:
        if word not in entries and len(entries) < vocab_size:
            entries[word] = len(entries)
    merges = [tuple(merge) for merge in model["merges"]]
    tokenizer = _dress(Tokenizer(models.BPE(vocab=entries, merges=merges, ignore_merges=True)))
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in SPECIAL_TOKENS])
    return tokenizer


def _standing_entries() -> Iterator[str]:
    yield from (f"{prefix}_{number}" for prefix, count in _NAMES.items() for number in range(count))
    for prefix, (count, suffixes) in _NUMBERS.items():
        yield from (f"{prefix}_{number}{suffix}" for number, suffix in product(range(count), suffixes))
    yield from (f'"str_{number}"' for number in range(_STRINGS))
    yield from _WORDS


def _lines() -> normalizers.Normalizer:
    """Line ends become blanks, but for those that mean something."""
    return normalizers.Sequence(
        [
            normalizers.Replace("\r", ""),
            normalizers.Replace(Regex(_AFTER_LINE), "\r"),
            normalizers.Replace(Regex(_BEFORE_LINE), "\r"),
            normalizers.Replace("\n", " "),
            normalizers.Replace("\r", "\n"),
        ]
    )


def _cutter() -> pre_tokenizers.PreTokenizer:
    """Lexical tokens, each with one blank before it, as byte-level BPE writes it."""
    return pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_TOKEN), behavior="isolated"),
            pre_tokenizers.Split(Regex(r"\A[^\S\n]+\z"), behavior="removed"),
            pre_tokenizers.ByteLevel(add_prefix_space=True, use_regex=False),
        ]
    )


def _dress(tokenizer: Tokenizer) -> Tokenizer:
    tokenizer.normalizer = _lines()
    tokenizer.pre_tokenizer = _cutter()
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def _counted(texts: Iterable[str], words: Counter[str]) -> Iterator[str]:
    """The texts, while their lexical tokens are counted."""
    lines, cutter = _lines(), _cutter()
    for text in texts:
        words.update(word for word, _ in cutter.pre_tokenize_str(lines.normalize_str(text)))
        yield text


def _pieces(texts: Iterable[str], size: int) -> Tokenizer:
    """Byte-level BPE below lexical tokens."""
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        min_frequency=2,
        show_progress=False,
        special_tokens=[AddedToken(token, special=True, normalized=False) for token in SPECIAL_TOKENS],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
    )
    tokenizer = _dress(Tokenizer(models.BPE()))
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer
