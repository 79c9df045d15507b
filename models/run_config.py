"""`Group`: the base of what a run is asked to do, read from YAML: unknown keys and contradicting values are refused at
once, with the key named."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, TypeAlias, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from models.errors import ModelError

Precision: TypeAlias = Literal["float32", "bf16"]


class Group(BaseModel):
    """Keys that belong together; frozen, and closed to keys that it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class RunGroup(Group):
    """What does not change the result of a training run, so it may differ when the run goes on."""

    checkpoint_every: Annotated[int, Field(ge=1)] = 500
    keep_checkpoints: Annotated[int, Field(ge=1)] = 2
    report_to: list[str] = Field(default_factory=list)
    """Trackers by the names of accelerate and transformers (tensorboard, wandb, ...)."""


Config = TypeVar("Config", bound=Group)


def read_yaml(path: Path) -> object:
    """What a YAML file holds. One with `extends: OTHER.yaml`, a path beside it, holds what the other does where it does
    not say otherwise. ModelError that names the file where it cannot be read."""
    return _read(path, ())


def _read(path: Path, before: tuple[Path, ...]) -> object:
    given = _parsed(path)
    if not isinstance(given, dict) or "extends" not in given:
        return given
    chain = (*before, path.resolve())
    other = path.parent / str(given.pop("extends"))
    if other.resolve() in chain:
        raise ModelError(f"{path}: extends: {other} extends this file itself")
    base = _read(other, chain)
    if not isinstance(base, dict):
        raise ModelError(f"{path}: extends: {other} has no keys")
    return _merged(base, given)


def _merged(base: Mapping[object, object], given: Mapping[object, object]) -> dict[object, object]:
    """The keys of both; of a group in both too, else `given` has the last word."""
    merged = dict(base)
    for key, value in given.items():
        old = merged.get(key)
        both = isinstance(old, dict) and isinstance(value, dict)
        merged[key] = _merged(old, value) if both else value  # type: ignore[arg-type]
    return merged


def _parsed(path: Path) -> object:
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(f"{path}: cannot be read ({getattr(error, 'strerror', None) or 'not UTF-8'})") from None
    except yaml.YAMLError as error:
        raise ModelError(f"{path}: not YAML ({' '.join(str(error).split())[:200]})") from None


def validated(kind: type[Config], given: object, place: str) -> Config:
    """A config of this kind from parsed YAML or JSON. ModelError that names `place` and every key that is wrong."""
    try:
        return kind.model_validate(given)
    except ValidationError as error:
        raise ModelError(f"{place}: {'; '.join(_complaints(error))}") from None


def _complaints(error: ValidationError) -> list[str]:
    lines = []
    for detail in error.errors():
        key = ".".join(str(part) for part in detail["loc"])
        message = detail["msg"].removeprefix("Value error, ")
        if detail["type"] == "extra_forbidden":
            message = "no such key"
        elif detail["type"] == "model_type":
            message = "keys with values are expected here"
        lines.append(f"{key}: {message}" if key else message)
    return lines


def differing_keys(one: Group, other: Group, free: frozenset[str]) -> list[str]:
    """The keys, as `group.key`, that make two runs compute different things; the groups in `free` never do."""
    left, right = one.model_dump(mode="json"), other.model_dump(mode="json")
    keys = []
    for group in left.keys() - free:
        if not isinstance(left[group], dict) or not isinstance(right[group], dict):
            keys += [group] if left[group] != right[group] else []
            continue
        keys += [f"{group}.{key}" for key in left[group] if left[group][key] != right[group][key]]
    return sorted(keys)
