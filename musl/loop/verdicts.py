"""`VerdictCache`: verdicts by what they depend on, in a file that only grows: no text is judged twice on the same
tests, whether in another round or after a kill."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from musl.loop.bench import Bench
from musl.loop.folder import add_line, read_lines
from musl.loop.records import Judged
from musl.loop.source import Source
from musl.verdict import VerdictStatus


class VerdictCache:
    """The verdicts in a file. Those about the machine are not kept: they are to be tried again."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._known: dict[str, tuple[str, str, tuple[bool | None, ...]]] = {}
        for line in read_lines(path):
            key, verdict, reason, results = (line.get(name) for name in ("key", "verdict", "reason", "results"))
            if isinstance(key, str) and isinstance(results, list):
                self._known[key] = str(verdict), str(reason), tuple(None if r is None else bool(r) for r in results)

    def find(self, key: str, source: Source, text_id: str, tests: Sequence[str]) -> Judged | None:
        """The verdict under that key, for this text."""
        if key not in self._known:
            return None
        verdict, reason, results = self._known[key]
        return Judged(source.id, text_id, verdict, reason, tuple(tests), results)

    def add(self, key: str, judged: Judged) -> None:
        """Keep a verdict, unless it is about the machine."""
        if judged.verdict == VerdictStatus.INFRASTRUCTURE:
            return
        self._known[key] = judged.verdict, judged.reason, judged.results
        results = list(judged.results)
        add_line(self.path, {"key": key, "verdict": judged.verdict, "reason": judged.reason, "results": results})


def verdict_key(bench: Bench, kind: str, source: Source, text: str, tests: Sequence[str]) -> str:
    """What the verdict on a text depends on, as 32 hex digits."""
    settings = f"{kind}/{bench.device}/{','.join(bench.schedules)}/{bench.seed}"
    parts = (settings, source.language, source.name, source.before, source.host, source.text, text, *tests)
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part.encode(errors="surrogatepass"))
        digest.update(b"\0")
    return digest.hexdigest()[:32]
