"""`load`: a model with its tokenizer, and an adapter where one is asked for, ready to answer."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import httpx2
import torch
from huggingface_hub import HfApi, try_to_load_from_cache
from huggingface_hub.errors import HfHubHTTPError, HFValidationError
from safetensors import SafetensorError
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForSeq2SeqLM,
    AutoTokenizer,
    BitsAndBytesConfig,
    GenerationConfig,
)
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES
from transformers.utils import logging as transformers_logging

from models.errors import ModelError
from models.generation.model_folder import ModelFolder, check_base, find_folder

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

# What transformers, safetensors and the hub raise for a model that cannot be read.
_UNREADABLE = (OSError, ValueError, KeyError, RuntimeError, SafetensorError, HfHubHTTPError)
_HUB_SECONDS = 10


@dataclass(frozen=True)
class LoadedModel:
    """A model in evaluation mode on its device, and its tokenizer."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase

    @property
    def ends(self) -> frozenset[int]:
        """The tokens that end an answer: the tokenizer's, and those that the model's generation settings name."""
        named = self.model.generation_config.eos_token_id if self.model.generation_config else None
        ids = {self.tokenizer.eos_token_id, *(named if isinstance(named, list) else [named])}
        return frozenset(int(one) for one in ids if one is not None)

    @property
    def context(self) -> int:
        """The most tokens of a prompt and its answer together."""
        text = self.model.config.get_text_config()
        limits = [getattr(text, "max_position_embeddings", None), self.tokenizer.model_max_length]
        return min(int(limit) for limit in limits if limit)


def load(model: str, adapter: str | None, *, four_bit: bool) -> LoadedModel:
    """The model in a local folder or of a hub id: bf16 on a GPU that computes in it, float32 on the CPU. Raises
    ModelError, in one line, for whatever is not a whole causal model here."""
    folder, adapter_folder = find_folder(model), find_folder(adapter) if adapter else None
    for one in (folder, adapter_folder):
        if one is not None:
            one.check_complete()
    if four_bit and not _importable("bitsandbytes"):
        raise ModelError("4-bit weights need bitsandbytes (pip install bitsandbytes)")
    transformers_logging.disable_progress_bar()
    place = str(folder.path) if folder else _on_the_hub(model)
    tokenizer = _tokenizer(place, adapter_folder)
    base = _model(place, AutoModelForCausalLM, _check_causal, four_bit)
    if adapter is not None:
        if adapter_folder is not None:
            check_base(adapter_folder, place)
        its_place = str(adapter_folder.path) if adapter_folder else _on_the_hub(adapter, "adapter_config.json")
        base = _with_adapter(base, its_place, place, merge=not four_bit)
    return LoadedModel(base.eval(), tokenizer)


def load_encoder_decoder(folder: ModelFolder) -> LoadedModel:
    """The encoder-decoder model of a local folder, as `load`."""
    folder.check_complete()
    transformers_logging.disable_progress_bar()
    place = str(folder.path)
    tokenizer = _tokenizer(place, None)
    model = _model(place, AutoModelForSeq2SeqLM, _check_encoder_decoder, four_bit=False)
    model.generation_config = GenerationConfig()  # Bart's own forces an end upon what is cut
    return LoadedModel(model.eval(), tokenizer)


def _on_the_hub(name: str, card: str = "config.json") -> str:
    """The hub id, or where the hub cannot be reached the folder of what was downloaded before. ModelError where there
    is neither: found out by one request, since transformers repeats each of its many for half a minute."""
    try:
        HfApi().model_info(name, timeout=_HUB_SECONDS)
    except (httpx2.HTTPError, *_UNREADABLE) as error:
        cached = try_to_load_from_cache(name, card) if not isinstance(error, HFValidationError) else None
        if not isinstance(cached, str):
            reason = _first_line(error)
            raise ModelError(f"{name}: no folder of that name, and the hub does not have it ({reason})") from None
        return str(Path(cached).parent)
    return name


def _tokenizer(place: str, adapter: ModelFolder | None) -> PreTrainedTokenizerBase:
    """The adapter's tokenizer where it has one of its own, else the base's."""
    source = str(adapter.path) if adapter is not None and adapter.has_tokenizer else place
    try:
        tokenizer = AutoTokenizer.from_pretrained(source)
    except _UNREADABLE as error:
        raise ModelError(f"{source}: its tokenizer cannot be loaded ({_first_line(error)})") from None
    if tokenizer.eos_token_id is None:
        raise ModelError(f"{source}: the tokenizer has no eos_token, so no mark for the end of an answer")
    return cast("PreTrainedTokenizerBase", tokenizer)


def _model(place: str, kind: Any, check: Callable[[str, PretrainedConfig], None], four_bit: bool) -> PreTrainedModel:
    """The model as one of transformers' Auto classes reads it; `check` raises ModelError for one that is no such."""
    try:
        config = AutoConfig.from_pretrained(place)
        check(place, config)
        loaded: Any = kind.from_pretrained(place, config=config, output_loading_info=True, **_placement(four_bit))
    except ModelError:
        raise
    except _UNREADABLE as error:
        raise ModelError(f"{place}: the model cannot be loaded ({_first_line(error)})") from None
    model, report = loaded
    if missing := sorted(report["missing_keys"]):
        raise ModelError(f"{place}: {len(missing)} of the model's weights are missing ({missing[0]}, ...)")
    return cast("PreTrainedModel", model)


def _check_causal(place: str, config: PretrainedConfig) -> None:
    """AutoModelForCausalLM would take a masked model too, and answer nonsense."""
    causal = {
        name
        for names in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES.values()
        for name in ([names] if isinstance(names, str) else names)
    }
    named = config.architectures or []
    if named and not causal & set(named):
        hint = ', which musl.json asks as "languages"' if config.is_encoder_decoder else ""
        raise ModelError(f"{place}: not a causal language model (it is a {named[0]}{hint})")


def _check_encoder_decoder(place: str, config: PretrainedConfig) -> None:
    if not config.is_encoder_decoder:
        named = (config.architectures or [config.model_type])[0]
        raise ModelError(f"{place}: asked in the form of languages, but no encoder-decoder model (it is a {named})")


def _placement(four_bit: bool) -> dict[str, Any]:
    """Precision and device, as arguments of `from_pretrained`."""
    gpu = torch.cuda.is_available()
    precision = torch.bfloat16 if gpu and torch.cuda.is_bf16_supported() else torch.float32
    placed: dict[str, Any] = {"dtype": precision, "device_map": {"": "cuda:0" if gpu else "cpu"}}
    if four_bit:
        placed["quantization_config"] = BitsAndBytesConfig(
            load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=precision
        )
    return placed


def _with_adapter(base: PreTrainedModel, adapter: str, place: str, *, merge: bool) -> PreTrainedModel:
    if not _importable("peft"):
        raise ModelError(f"{adapter}: an adapter needs peft (pip install 'musl-cuda[models]')")
    from peft import PeftModel

    try:
        adapted = PeftModel.from_pretrained(base, adapter)
    except _UNREADABLE as error:
        raise ModelError(f"{adapter}: an adapter that does not fit {place} ({_first_line(error)})") from None
    return cast("PreTrainedModel", adapted.merge_and_unload() if merge else adapted)


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0][:300] if lines else type(error).__name__


def _importable(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ValueError:  # Python was told that it cannot be imported
        return False
