"""Byte-level BPE vocabularies for code: trained with tokenizers, kept as a folder that transformers loads.

Every text can be encoded and comes back byte for byte. A word (letters and underscores) takes the blank before it with
it, a line's end takes the indentation after it, and numbers are cut into pieces of up to three digits.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import TextIO

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from data.corpus.errors import DataError, one_line
from data.corpus.executor import LocalExecutor
from data.corpus.row import Row, read_rows
from data.tokens.lexical_vocabulary import CONFIG as LEXICAL_CONFIG
from data.tokens.lexical_vocabulary import train_lexical
from data.tokens.tokompiler import encode

# The first ids, in this order. `<c>` and `<cuda>` stand before a text and say its language, `<sep>` between two sides.
SPECIAL_TOKENS = ("<pad>", "<s>", "</s>", "<unk>", "<mask>", "<c>", "<cuda>", "<sep>")
SMALLEST_VOCABULARY = 256 + len(SPECIAL_TOKENS)
_ROWS_AT_A_TIME = 256
_PIECE = r"\s*\n[ \t]*| ?[\p{L}_]+|\p{N}{1,3}| ?[^\s\p{L}\p{N}_]+|\s+"
_CONFIG = {
    "tokenizer_class": "PreTrainedTokenizerFast",
    "pad_token": "<pad>",
    "bos_token": "<s>",
    "eos_token": "</s>",
    "unk_token": "<unk>",
    "mask_token": "<mask>",
    "additional_special_tokens": ["<c>", "<cuda>", "<sep>"],
    "clean_up_tokenization_spaces": False,
    # C++ may well say `list<c>`: what stands in a text is text, special tokens are given by id.
    "split_special_tokens": True,
}


@dataclass(frozen=True)
class TokenizerReport:
    """What `train_on_corpus` made: texts read, their characters (before Tokompiler), the tokens that they take, and
    the entries of the vocabulary, which is smaller than asked for where the corpus is small."""

    texts: int
    characters: int
    tokens: int
    vocabulary: int

    @property
    def tokens_per_character(self) -> float:
        """Less is shorter; 1 is a token a character."""
        return self.tokens / self.characters if self.characters else 0.0


def train_bpe(texts: Iterable[str], vocab_size: int) -> Tokenizer:
    """A byte-level BPE vocabulary of at most `vocab_size` entries, all 256 bytes and SPECIAL_TOKENS among them.

    The texts are read once, in constant memory but for the counts of distinct words. The same texts give the same
    vocabulary. ValueError where `vocab_size` is below SMALLEST_VOCABULARY.
    """
    if vocab_size < SMALLEST_VOCABULARY:
        raise ValueError(f"a vocabulary has at least {SMALLEST_VOCABULARY} entries, not {vocab_size}")
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_PIECE), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        min_frequency=2,
        show_progress=False,
        special_tokens=[AddedToken(token, special=True, normalized=False) for token in SPECIAL_TOKENS],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.encode_special_tokens = True
    return tokenizer


def save_tokenizer(tokenizer: Tokenizer, folder: Path, config: Mapping[str, object] = _CONFIG) -> None:
    """Writes `tokenizer.json` and `tokenizer_config.json`, which `transformers.AutoTokenizer` loads. DataError where
    the disk refuses; no file is left half written."""
    contents = {
        "tokenizer.json": tokenizer.to_str(pretty=True),
        "tokenizer_config.json": json.dumps(config, indent=2) + "\n",
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in contents.items():
            temporary = folder / f".{name}.tmp"
            temporary.write_text(content, encoding="utf-8")
            temporary.replace(folder / name)
    except OSError as error:
        raise DataError(f"{folder}: cannot be written ({one_line(error)})") from None


def load_tokenizer(folder: Path) -> Tokenizer:
    """The vocabulary of a folder (or of a tokenizer.json). DataError where there is none, or half of one."""
    path = folder / "tokenizer.json" if folder.is_dir() else folder
    try:
        tokenizer = Tokenizer.from_str(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({one_line(error)})") from None
    except Exception as error:  # noqa: BLE001  # tokenizers raises bare Exception for whatever is wrong with the text
        raise DataError(f"{path}: no tokenizer ({one_line(error)})") from None
    tokenizer.encode_special_tokens = True
    return tokenizer


def train_on_corpus(
    corpora: Sequence[Path],
    folder: Path,
    vocab_size: int,
    *,
    tokompiler: bool = False,
    lexical: bool = False,
    seed: int | None = None,
    jobs: int = 1,
) -> TokenizerReport:
    """Trains on the rows of corpora (folders of shards, or shards), anonymous by Tokompiler where asked (numbered at
    random with a `seed`; in `jobs` processes), and saves the vocabulary in `folder`; with `lexical` one of lexical
    tokens (data/tokens/lexical_vocabulary.py). Texts lie in a temporary file meanwhile. DataError where a shard is
    broken, there is no row, or the disk refuses."""
    train = train_lexical if lexical else train_bpe
    rows = characters = tokens = 0
    try:
        with tempfile.TemporaryFile("w+", encoding="utf-8") as kept:
            tokenizer = train(_kept(_texts(corpora, tokompiler, seed, jobs), kept), vocab_size)
            kept.seek(0)
            for line in kept:
                original, text = json.loads(line)
                rows += 1
                characters += original
                tokens += len(tokenizer.encode(text).ids)
    except OSError as error:
        raise DataError(f"{tempfile.gettempdir()}: cannot be written ({one_line(error)})") from None
    if not rows:
        raise DataError(f"{', '.join(map(str, corpora))}: holds no row to train on")
    save_tokenizer(tokenizer, folder, LEXICAL_CONFIG if lexical else _CONFIG)
    return TokenizerReport(rows, characters, tokens, tokenizer.get_vocab_size())


def text_of_row(row: Row) -> str:
    """What of a row is text to learn: the function or kernel, and below it the host code that launches it."""
    return row.text if not row.host or row.host in row.text else f"{row.text}\n\n{row.host}"


def _texts(corpora: Sequence[Path], tokompiler: bool, seed: int | None, jobs: int) -> Iterator[tuple[int, str]]:
    """The characters of each row's text, and what is trained on."""
    rows = chain.from_iterable(map(read_rows, corpora))
    batches = iter(lambda: list(islice(rows, _ROWS_AT_A_TIME)), [])
    work = partial(_batch_texts, tokompiler=tokompiler, seed=seed)
    return chain.from_iterable(LocalExecutor(jobs if tokompiler else 1).map(work, batches))


def _batch_texts(rows: Sequence[Row], *, tokompiler: bool, seed: int | None) -> list[tuple[int, str]]:
    originals = [(text_of_row(row), row.language) for row in rows]
    return [(len(text), encode(text, language, seed).text if tokompiler else text) for text, language in originals]


def _kept(texts: Iterable[tuple[int, str]], file: TextIO) -> Iterator[str]:
    """The texts, each of which is also kept in `file`, a line of JSON with its row's characters."""
    for characters, text in texts:
        file.write(json.dumps([characters, text]) + "\n")
        yield text
