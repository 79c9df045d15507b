"""`ModelFolder`: what lies in a local folder of a model or an adapter, found out before torch is loaded."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from models.errors import ModelError
from models.model_form import ModelForm, read_form

_WEIGHTS = ("model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json")
_ADAPTER_WEIGHTS = ("adapter_model.safetensors", "adapter_model.bin")
_COMPARED = 1 << 20  # bytes of each end of a file of weights
_TOKENIZER = ("tokenizer.json", "tokenizer.model", "vocab.json", "spiece.model")


@dataclass(frozen=True)
class ModelFolder:
    """A folder that transformers (or, where `is_adapter`, peft) reads."""

    path: Path

    @property
    def is_adapter(self) -> bool:
        """Whether the weights are an adapter's, which needs its base model."""
        return (self.path / "adapter_config.json").is_file() and not (self.path / "config.json").is_file()

    @property
    def has_tokenizer(self) -> bool:
        """Whether a tokenizer lies beside the weights."""
        return any((self.path / name).is_file() for name in _TOKENIZER)

    @property
    def base(self) -> str:
        """The folder or hub id of an adapter's base model. ModelError where the adapter names none."""
        name = read_object(self.path / "adapter_config.json").get("base_model_name_or_path")
        if not isinstance(name, str) or not name:
            raise ModelError(f"{self.path}: the adapter names no base model (give the base, and this as the adapter)")
        return name

    @property
    def form(self) -> ModelForm:
        """What `musl.json` says. Else a model that was pretrained on Tokompiler's texts is asked with those, one with a
        chat template as an instruct model, and any other with the short form, which is a text to go on with."""
        said = read_form(self.path)
        if said is not None:
            return said
        config = self.path / "config.json"
        if config.is_file() and read_object(config).get("tokompiler") is True:
            return ModelForm("short", anonymous=True)
        settings = self.path / "tokenizer_config.json"
        chats = (self.path / "chat_template.jinja").is_file() or (
            settings.is_file() and bool(read_object(settings).get("chat_template"))
        )
        return ModelForm("instruct" if chats else "short")

    def weight_files(self) -> list[Path]:
        """The files that hold the weights, by name."""
        return sorted(file for kind in ("*.safetensors", "*.bin") for file in self.path.glob(kind))

    def check_complete(self) -> None:
        """ModelError where weights or, except for an adapter, the tokenizer are missing."""
        names = _ADAPTER_WEIGHTS if self.is_adapter else _WEIGHTS
        if not any((self.path / name).is_file() for name in names):
            raise ModelError(f"{self.path}: no weights there (looked for {' and '.join(names[:2])})")
        if not self.is_adapter and not self.has_tokenizer:
            raise ModelError(f"{self.path}: no tokenizer there (save it beside the model: tokenizer.json)")


def find_folder(model: str) -> ModelFolder | None:
    """The local folder that is meant: the folder itself, or `model/` in the folder of a training run. None where
    `model` is no path but a hub id. ModelError for a path at which no model lies."""
    path = Path(model).expanduser()
    cards = ("config.json", "adapter_config.json")
    found = [ModelFolder(p) for p in (path, path / "model") if any((p / card).is_file() for card in cards)]
    if found:  # the config.json of a training run is not a model's
        return next((folder for folder in found if folder.weight_files()), found[0])
    if path.exists():
        raise ModelError(f"{path}: no model there (config.json is missing)")
    if path.is_absolute() or model.startswith(("./", "../", "~")) or len(path.parts) > 2:
        raise ModelError(f"{path}: no such folder")
    return None


def read_object(path: Path) -> Mapping[str, object]:
    """A JSON file that holds an object. ModelError where it does not."""
    try:
        read = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"{path}: not JSON ({error})") from None
    if not isinstance(read, dict):
        raise ModelError(f"{path}: not a JSON object")
    return read


def check_base(adapter: ModelFolder, place: str) -> None:
    """ModelError where the adapter was made for another base than the model at `place`: another hub id, or a folder
    with other weights."""
    named = read_object(adapter.path / "adapter_config.json").get("base_model_name_or_path")
    if not isinstance(named, str) or named == place:
        return
    mine, its = Path(place), Path(named)
    if mine.is_dir() and its.is_dir():
        differ = not _same_weights(ModelFolder(mine), ModelFolder(its))
    else:  # two hub ids; a hub id and a folder may well be the same model, and shapes are compared on loading
        differ = not mine.is_dir() and not its.is_absolute()
    if differ:
        raise ModelError(f"{adapter.path}: an adapter for another base model ({named}, not {place})")


def _same_weights(one: ModelFolder, other: ModelFolder) -> bool:
    """Whether the files of weights have the same names, sizes and ends. Training changes all of a tensor, so that the
    ends show it, and gigabytes need not be read."""
    return [_ends_of(file) for file in one.weight_files()] == [_ends_of(file) for file in other.weight_files()]


def _ends_of(file: Path) -> tuple[str, int, bytes, bytes]:
    size = file.stat().st_size
    with file.open("rb") as handle:
        head = handle.read(_COMPARED)
        handle.seek(max(0, size - _COMPARED))
        return file.name, size, head, handle.read()
