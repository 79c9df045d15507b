"""`ModelForm`: how a model wants to be asked, kept as `musl.json` in its folder."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Literal

from models.errors import ModelError

FILE = "musl.json"
Style = Literal["instruct", "short", "languages"]
STYLES: Final = ("instruct", "short", "languages")


@dataclass(frozen=True)
class ModelForm:
    """`style` "instruct": a chat with instructions and a worked example; "short": the form that MuSL trains models on,
    a line that names the task, the source, a line that begins the answer; "languages": the bare source, for a model
    that is told by tokens which language it reads and which it is to write. With `anonymous` all texts are Tokompiler's
    (data/tokens/tokompiler.py), and answers are decoded over the source's table."""

    style: Style = "instruct"
    anonymous: bool = False

    def save(self, folder: Path) -> None:
        """Writes `musl.json` into the folder of a model or an adapter."""
        (folder / FILE).write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")


def read_form(folder: Path) -> ModelForm | None:
    """The form of the model in a local folder; None where it says nothing. ModelError for a file that is no form."""
    path = folder / FILE
    if not path.is_file():
        return None
    try:
        read = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"{path}: not a model's form ({error})") from None
    style, anonymous = (read.get("style"), read.get("anonymous")) if isinstance(read, Mapping) else (None, None)
    if style not in STYLES or not isinstance(anonymous, bool):
        raise ModelError(f'{path}: "style" is instruct, short or languages, "anonymous" true or false')
    return ModelForm(style, anonymous)
