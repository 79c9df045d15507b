"""`RunFolder`: the files of an evaluation run, each written whole; a run that was killed goes on with what is there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from musl.errors import UsageError
from musl.evaluation.records import RunRecord
from musl.journal import Journal, Key, key_of, read_records
from musl.output import Destination

R = TypeVar("R", bound=BaseModel)
RUN, PROBLEMS, REFERENCES = "run.json", "problems.jsonl", "references.jsonl"
TRANSLATIONS, VERDICTS, ITEMS, METRICS = "translations.jsonl", "verdicts.jsonl", "items.jsonl", "metrics.json"
COMPRESSED, COUNTS = "compressed.jsonl", "counts.json"
# What may differ between the two halves of a run that was killed.
_MAY_DIFFER = frozenset({"started", "machine", "compiler", "version", "commit"})


class RunFolder:
    """The folder of one run. UsageError where it cannot be made, or holds another run."""

    def __init__(self, path: Path, run: RunRecord) -> None:
        self.path = path
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"{path}: cannot be made ({error.strerror or error})") from None
        earlier = read_run(path) if (path / RUN).exists() else None
        self.run = run if earlier is None else earlier
        self.identity = _identity(run)
        if earlier is not None and _identity(earlier) != self.identity:
            differing = [key for key, value in self.identity.items() if _identity(earlier).get(key) != value]
            raise UsageError(f"{path}: holds a run with another {', '.join(differing)}; choose another folder")
        self.write(RUN, self.run.model_dump_json(indent=2) + "\n")

    def write(self, name: str, text: str) -> None:
        """Write a file whole, under a temporary name that is then renamed."""
        try:
            Destination(self.path / name).write(text)
        except OSError as error:
            raise UsageError(f"{self.path / name}: cannot be written ({error.strerror or error})") from None

    def write_lines(self, name: str, records: Iterable[BaseModel]) -> None:
        """Write records as lines of JSON."""
        self.write(name, "".join(f"{record.model_dump_json()}\n" for record in records))

    def complete(
        self,
        name: str,
        model: type[R],
        keys: Sequence[Key],
        work: Callable[[Sequence[Key]], Iterator[R]],
        lasting: Callable[[R], bool] = lambda record: True,
    ) -> list[R]:
        """The records of the file in the order of `keys`: those that it has already, and those that `work` gives for
        the keys it lacks. Each is kept as soon as it comes."""
        path = self.path / name
        finished = read_lines(path, model, lasting) if path.exists() else {}
        with Journal(path, self.identity, model, lasting) as journal:
            known = {**finished, **journal.known}
            for record in finished.values():
                journal.add(record)
            waiting = [key for key in keys if key not in known]
            for record in work(waiting) if waiting else ():
                known[key_of(record)] = record  # type: ignore[arg-type]  # the models have id and sample
                journal.add(record)
            records = [known[key] for key in keys]
            journal.finish(records)
        return records


def read_run(path: Path) -> RunRecord:
    """What the run in a folder was asked for; UsageError where it is none."""
    try:
        return RunRecord.model_validate_json((path / RUN).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, ValidationError):
        raise UsageError(f"{path}: holds no run of `musl eval` (its {RUN} cannot be read)") from None


def read_lines(path: Path, model: type[R], lasting: Callable[[R], bool] = lambda record: True) -> dict[Key, R]:
    """The records of a whole file by problem and sample."""
    # Not splitlines: a text may hold other characters that end a line, which JSON leaves as they are.
    records = read_records(path.read_text(encoding="utf-8").split("\n")[:-1], model)
    return {key: record for key, record in records.items() if lasting(record)}


def _identity(run: RunRecord) -> dict[str, object]:
    return {key: value for key, value in run.model_dump(mode="json").items() if key not in _MAY_DIFFER}
