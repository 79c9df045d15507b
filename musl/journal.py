"""`Journal`: records as they come, so that a run that was killed goes on where it stood.

The file stands beside the output under the name OUT.partial and begins with a line that says what it belongs to (the
input and the settings). Every record is appended as one line; a line that a kill has cut off is forgotten. At the end
the records are written to OUT in the order of the input, under a temporary name that is then renamed, and the journal
goes. While a run writes it, it has the file locked, so that a second one with the same output is refused.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Generic, Protocol, TypeVar

from pydantic import BaseModel, ValidationError

from musl.errors import UsageError
from musl.output import Destination
from musl.report.verdict_record import VerdictRecord
from musl.verdict import VerdictStatus

Key = tuple[str, int]


class Sampled(Protocol):
    """A record of one sample of one problem."""

    @property
    def id(self) -> int | str: ...
    @property
    def sample(self) -> int: ...


R = TypeVar("R", bound=BaseModel)


def key_of(record: Sampled) -> Key:
    """What tells records of one run apart."""
    return str(record.id), record.sample


def is_final(record: VerdictRecord) -> bool:
    """Whether another run would say the same: verdicts about the machine are to be tried again."""
    return record.verdict is not VerdictStatus.INFRASTRUCTURE


class Journal(Generic[R]):
    """The journal of the run that writes `out`, lines of `model`; `identity` names input and settings, and records that
    are not `lasting` are forgotten. UsageError where it cannot be written."""

    def __init__(
        self,
        out: Path,
        identity: Mapping[str, object],
        model: type[R],
        lasting: Callable[[R], bool] = lambda record: True,
    ) -> None:
        self.out, self.path = out, out.with_name(f"{out.name}.partial")
        self.known: dict[Key, R] = {}
        self._model, self._lasting = model, lasting
        self._head = json.dumps(identity, sort_keys=True)
        self._file: IO[str] | None = None

    def __enter__(self) -> Journal[R]:
        with contextlib.suppress(OSError), self.path.open("rb+") as earlier:
            self._lock(earlier)
        self.known = self._read()
        lines = [self._head, *(record.model_dump_json() for record in self.known.values())]
        try:
            # Under a temporary name first: a kill amid this must not cost what is known.
            Destination(self.path).write("".join(f"{line}\n" for line in lines))
            self._file = self.path.open("a", encoding="utf-8")
            self._lock(self._file)
        except OSError as error:
            raise UsageError(f"{self.path}: cannot be written ({error.strerror or error})") from None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._file is not None
        self._file.close()

    def add(self, record: R) -> None:
        """Keep a record, if it lasts."""
        if self._lasting(record):
            self._write(record.model_dump_json())

    def finish(self, records: Iterable[R]) -> None:
        """Write all records to the output, and remove the journal."""
        Destination(self.out).write("".join(f"{record.model_dump_json()}\n" for record in records))
        self.path.unlink(missing_ok=True)

    def _lock(self, file: IO[str] | IO[bytes]) -> None:
        """Until the file is closed, no other process can lock it; one that is forked by this one holds nothing.
        UsageError where another holds it; nothing where the file system has no locks."""
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):
            raise UsageError(f"{self.out}: another run writes there") from None
        except OSError:
            return

    def _write(self, line: str) -> None:
        assert self._file is not None
        self._file.write(f"{line}\n")
        self._file.flush()

    def _read(self) -> dict[Key, R]:
        """The records of an earlier run on the same input with the same settings."""
        try:
            lines = self.path.read_text(encoding="utf-8").split("\n")
        except (OSError, UnicodeDecodeError):
            return {}
        if lines[0] != self._head:
            return {}
        return read_records(lines[1:-1], self._model)  # what follows the last line break was cut off


def read_records(lines: Iterable[str], model: type[R]) -> dict[Key, R]:
    """The records of lines of JSON by problem and sample, up to the first line that is none."""
    known: dict[Key, R] = {}
    for line in lines:
        try:
            record = model.model_validate_json(line)
        except ValidationError:
            break
        known[key_of(record)] = record  # type: ignore[arg-type]  # the models have id and sample
    return known
