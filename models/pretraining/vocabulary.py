"""`Vocabulary`: texts to token ids and back, with the marks that begin and end a text."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from models.errors import ModelError
from models.pretraining.documents import Document

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


@dataclass(frozen=True)
class Vocabulary:
    """A tokenizer of transformers. A text is laid out as its language's mark (`<c>`, `<cuda>`; the end mark where the
    tokenizer knows none), its tokens, and the end mark."""

    tokenizer: PreTrainedTokenizerBase
    end: int
    digest: str

    @property
    def size(self) -> int:
        """How many ids there are."""
        return len(self.tokenizer)

    def begin(self, language: str) -> int:
        """The mark that a text of this language begins with; C++ has C's."""
        mark = self.tokenizer.get_vocab().get("<cuda>" if language == "cuda" else "<c>")
        return self.end if mark is None else int(mark)

    def encode(self, documents: Sequence[Document]) -> list[list[int]]:
        """Each document's ids, the marks that begin and end it included."""
        if not documents:
            return []
        texts = [document.text for document in documents]
        ids = self.tokenizer(texts, add_special_tokens=False, verbose=False)["input_ids"]
        return [[self.begin(one.language), *of_one, self.end] for one, of_one in zip(documents, ids, strict=True)]

    def decode(self, ids: Sequence[int]) -> str:
        """The text of the ids, marks left out."""
        text = self.tokenizer.decode(list(ids), skip_special_tokens=True, clean_up_tokenization_spaces=False)
        assert isinstance(text, str)
        return text


def load_vocabulary(folder: Path) -> Vocabulary:
    """The tokenizer in a folder. ModelError where there is none, or where it has no mark for the end of a text."""
    from transformers import AutoTokenizer

    file = folder / "tokenizer.json"
    if not file.is_file():
        raise ModelError(f"{folder}: no tokenizer there (musl data tokenizer trains one)")
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError) as error:
        raise ModelError(f"{folder}: not a tokenizer of transformers ({str(error).splitlines()[0]})") from None
    if tokenizer.eos_token_id is None:
        raise ModelError(f"{folder}: the tokenizer has no eos_token, so no mark for the end of a text")
    return Vocabulary(tokenizer, int(tokenizer.eos_token_id), hashlib.sha256(file.read_bytes()).hexdigest())
