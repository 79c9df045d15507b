"""Completions: a trained model continues a text, and functions that it never saw are completed and scored."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, cast

from data.tokens.lexical import LexemeKind, lex
from data.tokens.tokompiler import decode, encode
from models.errors import ModelError
from models.pretraining.config import PretrainConfig
from models.pretraining.documents import Document, document_of, held_out_rows
from models.pretraining.vocabulary import Vocabulary, load_vocabulary

if TYPE_CHECKING:
    import torch
    from transformers import GenerationMixin, PreTrainedModel

# Completions and references by id, to a figure in percent.
Scorer: TypeAlias = Callable[[Mapping[str, str], Mapping[str, str]], float]


@dataclass(frozen=True)
class CodeModel:
    """A trained model with its vocabulary."""

    model: PreTrainedModel
    vocabulary: Vocabulary

    def complete(self, text: str, language: str, *, most: int = 256, temperature: float = 0.0, seed: int = 0) -> str:
        """What follows `text` without the blanks at its end (a token takes the blanks before it along, so that a text
        which ends with some is none that the model has seen): at most `most` tokens, up to where the model ends the
        text. The likeliest token each time at temperature 0, else drawn with `seed`. Of a text longer than the context
        the last part is seen.
        A model of anonymous texts reads and writes those, and the names of `text` are put back."""
        text = text.rstrip()
        if not getattr(self.model.config, "tokompiler", False):
            return self.continue_text(text, language, most, temperature, seed)
        known = encode(text, "cuda" if language == "cuda" else "c")
        return decode(replace(known, text=self.continue_text(known.text, language, most, temperature, seed)))

    def continue_text(self, text: str, language: str, most: int = 256, temperature: float = 0.0, seed: int = 0) -> str:
        """As `complete`, in the spelling that the model was trained on."""
        import torch
        from transformers import GenerationConfig

        context = int(self.model.config.max_position_embeddings)
        ids = self.vocabulary.encode([Document("", "cuda" if language == "cuda" else "c", text)])[0][:-1]
        room = min(most, context - 1)
        seen = torch.tensor([ids[-(context - room) :]], device=self.model.device)
        chosen = {"do_sample": True, "temperature": temperature} if temperature > 0 else {"do_sample": False}
        plan = GenerationConfig(
            max_new_tokens=room, eos_token_id=self.vocabulary.end, pad_token_id=self.vocabulary.end, **chosen
        )
        torch.manual_seed(seed)
        with torch.no_grad():
            made = cast("GenerationMixin", self.model).generate(
                seen, attention_mask=torch.ones_like(seen), generation_config=plan
            )
        return self.vocabulary.decode(cast("torch.Tensor", made)[0, seen.shape[1] :].tolist())


def load_code_model(folder: Path) -> CodeModel:
    """The model in a run's folder, its newest checkpoint where it is not finished, or in a folder of transformers.
    ModelError where there is none."""
    place = _model_folder(folder)  # before torch is loaded, which takes seconds
    import torch
    from transformers import AutoModelForCausalLM
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()
    try:
        model = AutoModelForCausalLM.from_pretrained(place, local_files_only=True)
    except (OSError, ValueError) as error:
        raise ModelError(f"{place}: not a model of transformers ({str(error).splitlines()[0]})") from None
    torch.nn.Module.to(model, "cuda" if torch.cuda.is_available() else "cpu").eval()
    return CodeModel(model, load_vocabulary(place))


def _model_folder(folder: Path) -> Path:
    checkpoints = sorted((folder / "checkpoints").glob("step-*"))
    for place in (folder, folder / "model", *reversed(checkpoints)):
        if (place / "model.safetensors").is_file() or (place / "model.safetensors.index.json").is_file():
            return place
    raise ModelError(f"{folder}: no trained model there (musl pretrain makes one)")


def split_text(text: str, tokens: int) -> tuple[str, str]:
    """The text before and after its first `tokens` lexical tokens, at most half of them; joined they are `text`."""
    ends = [
        lexeme.start + len(lexeme.text)
        for lexeme in lex(text)
        if lexeme.kind not in (LexemeKind.BLANK, LexemeKind.COMMENT)
    ]
    given = min(tokens, len(ends) // 2)
    cut = ends[given - 1] if given else 0
    return text[:cut], text[cut:]


def score_completions(folder: Path, config: PretrainConfig, score: Scorer) -> float:
    """Complete the first held-out texts from their first lexical tokens, and score the parts that were not given.
    Under Tokompiler both sides are anonymous."""
    model = load_code_model(folder)
    made: dict[str, str] = {}
    wanted: dict[str, str] = {}
    for row in held_out_rows(config.data, config.evaluation.completions):
        document = document_of(row, config.data)
        prompt, rest = split_text(document.text, config.evaluation.completion_prompt)
        length = len(model.vocabulary.encode([Document("", document.language, rest)])[0])
        made[row.id] = model.continue_text(prompt, document.language, most=length)
        wanted[row.id] = rest
    return score(made, wanted)
