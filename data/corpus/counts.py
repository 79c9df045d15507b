"""`Counts`: what came in, what each filter dropped, and what stayed, of files and of rows."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Counts:
    """Adds up: `files_in` is `files` and all `file_drops`; `rows_in` is `rows` and all `row_drops`.

    `apis` and `languages` count the files that stayed, as HPCorpus reports them.
    """

    files_in: int = 0
    bytes_in: int = 0
    files: int = 0
    file_drops: Counter[str] = field(default_factory=Counter)
    rows_in: int = 0
    rows: int = 0
    row_drops: Counter[str] = field(default_factory=Counter)
    apis: Counter[str] = field(default_factory=Counter)
    languages: Counter[str] = field(default_factory=Counter)

    def add(self, other: Counts) -> None:
        """Adds the other's to these."""
        for name, value in vars(other).items():
            if isinstance(value, Counter):
                getattr(self, name).update(value)
            else:
                setattr(self, name, getattr(self, name) + value)

    def check(self) -> None:
        """AssertionError where something was lost or counted twice: a fault of this program."""
        assert self.files_in == self.files + self.file_drops.total(), f"files do not add up: {self}"
        assert self.rows_in == self.rows + self.row_drops.total(), f"rows do not add up: {self}"

    def to_json(self) -> str:
        """One line of JSON with sorted keys."""
        return json.dumps(vars(self), sort_keys=True)

    @staticmethod
    def from_json(text: str) -> Counts:
        """What `to_json` wrote."""
        counts = Counts()
        for name, value in json.loads(text).items():
            setattr(counts, name, Counter(value) if isinstance(value, dict) else value)
        return counts
