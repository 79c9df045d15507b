"""`musl data tokompile`: a file made anonymous by Tokompiler, with the table back, and the way back."""

from __future__ import annotations

import json
from pathlib import Path

from data.corpus.language import parse_by_content
from data.corpus.row import LANGUAGES
from data.function import Language
from data.read_source import SourceError, decode
from data.tokens import tokompiler
from data.tokens.tokompiler import Encoded
from musl.errors import UsageError
from musl.output import Destination


def tokompile(file: Path, *, table: Path | None = None, language: str | None = None, seed: int | None = None) -> str:
    """The anonymous text of a C, C++ or CUDA file; its table goes to the file `table` where one is named.

    `language` is c, c++ or cuda, by default what the text shows to be; with a `seed` placeholders are numbered at
    random. UsageError where a file cannot be read or written.
    """
    text = _read(file)
    if language not in (*LANGUAGES, None):
        raise UsageError(f"no language {language}; choose {', '.join(LANGUAGES)}")
    known = next((one for one in LANGUAGES if one == language), None)
    encoded = tokompiler.encode(text, known or parse_by_content(str(file), text.encode())[0], seed)
    if table is not None:
        content = json.dumps({"language": encoded.language, "table": dict(encoded.table)}, indent=2) + "\n"
        try:
            Destination(table).write(content)
        except OSError as error:
            raise UsageError(f"{table}: cannot be written ({error.strerror or error})") from None
    return encoded.text


def untokompile(file: Path, table: Path) -> str:
    """The text of an anonymous file (what `tokompile` gave, or a model made of it) with the names of its table.

    UsageError where a file cannot be read or the table is none.
    """
    language, names = _read_table(table)
    return tokompiler.decode(Encoded(_read(file), language, names))


def _read_table(path: Path) -> tuple[Language, dict[str, str]]:
    try:
        record = json.loads(_read(path))
    except json.JSONDecodeError as error:
        raise UsageError(f"{path}:{error.lineno}: not JSON: {error.msg}") from None
    table = record.get("table") if isinstance(record, dict) else None
    language = next((one for one in LANGUAGES if isinstance(record, dict) and record.get("language") == one), None)
    if language is None or not isinstance(table, dict) or not all(isinstance(value, str) for value in table.values()):
        raise UsageError(f"{path}: no table of Tokompiler (musl data tokompile FILE --table {path.name} writes one)")
    return language, {str(placeholder): str(original) for placeholder, original in table.items()}


def _read(path: Path) -> str:
    try:
        return decode(path.read_bytes(), path)
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror or error})") from None
    except SourceError as error:
        raise UsageError(str(error)) from None
