"""`Journal`: verdicts as they come, so that a run that was killed goes on where it stood.

The file stands beside the output under the name OUT.partial and begins with a line that says what it belongs to (the
input and the settings). Every verdict is appended as one line; a line that a kill has cut off is forgotten. At the end
the verdicts are written to OUT in the order of the input, under a temporary name that is then renamed, and the journal
goes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import IO

from pydantic import ValidationError

from musl.errors import UsageError
from musl.output import Destination
from musl.report.verdict_record import VerdictRecord
from musl.verdict import VerdictStatus

Key = tuple[str, int]


class Journal:
    """The journal of the run that writes `out`; `identity` names input and settings. UsageError where it cannot be
    written."""

    def __init__(self, out: Path, identity: Mapping[str, object]) -> None:
        self.out, self.path = out, out.with_name(f"{out.name}.partial")
        self._head = json.dumps(identity, sort_keys=True)
        self.known: dict[Key, VerdictRecord] = {}
        self._file: IO[str] | None = None

    def __enter__(self) -> Journal:
        self.known = self._read()
        try:
            self._file = self.path.open("w", encoding="utf-8")
        except OSError as error:
            raise UsageError(f"{self.path}: cannot be written ({error.strerror or error})") from None
        self._write(self._head)
        for record in self.known.values():
            self._write(record.model_dump_json())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._file is not None
        self._file.close()

    def add(self, record: VerdictRecord) -> None:
        """Keep a verdict. Those about the machine are not kept: another run is to try again."""
        if record.verdict is not VerdictStatus.INFRASTRUCTURE:
            self._write(record.model_dump_json())

    def finish(self, records: Iterable[VerdictRecord]) -> None:
        """Write all verdicts to the output, and remove the journal."""
        Destination(self.out).write("".join(f"{record.model_dump_json()}\n" for record in records))
        self.path.unlink(missing_ok=True)

    def _write(self, line: str) -> None:
        assert self._file is not None
        self._file.write(f"{line}\n")
        self._file.flush()

    def _read(self) -> dict[Key, VerdictRecord]:
        """The verdicts of an earlier run on the same input with the same settings."""
        try:
            lines = self.path.read_text(encoding="utf-8").split("\n")
        except (OSError, UnicodeDecodeError):
            return {}
        if lines[0] != self._head:
            return {}
        known: dict[Key, VerdictRecord] = {}
        for line in lines[1:-1]:  # what follows the last line break was cut off
            try:
                record = VerdictRecord.model_validate_json(line)
            except ValidationError:
                break
            known[str(record.id), record.sample] = record
        return known
