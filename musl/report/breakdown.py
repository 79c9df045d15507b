"""What became of the translations of a run: counts by outcome, and equal messages brought together."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from musl.report.read_run import EvaluationRun
from musl.report.svg import KINDS, PASSED

# What differs between equal messages: quoted names, numbers.
_VARIES = re.compile(r"""(["'`])(?P<quoted>.+?)(["'`])|-?\b\d+(?:\.\d+)?(?:e[+-]?\d+)?\b|0x[0-9a-f]+""", re.IGNORECASE)
ELLIPSIS = "…"


@dataclass(frozen=True)
class MessageGroup:
    """Translations that fail alike: `pattern` is their message without what varies among them, `example` one message in
    full, and `where` are the problems that have it, as text, in order."""

    kind: str
    pattern: str
    example: str
    count: int
    where: tuple[str, ...]


@dataclass(frozen=True)
class Breakdown:
    """The outcomes of one run: how many translations of each of KINDS, the messages, the most frequent first, and how
    many fail only because their parameter list differs from the reference wrapper's."""

    counts: dict[str, int]
    groups: tuple[MessageGroup, ...]
    signatures: int
    signature_problems: tuple[str, ...]


def break_down(run: EvaluationRun) -> Breakdown:
    """The breakdown over all problems of a run."""
    verdicts = [sample.verdict for problem in run.problems for sample in run.samples[str(problem.id)]]
    counts = Counter(verdict.failure or PASSED for verdict in verdicts)
    found: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for verdict in verdicts:
        message = verdict.message or verdict.reason
        if verdict.failure and message:
            found.setdefault((verdict.failure, pattern_of(message)), []).append((message, str(verdict.id)))
    groups = [
        _group(kind, pattern, [message for message, _ in some], _unique([identity for _, identity in some]))
        for (kind, pattern), some in found.items()
    ]
    differing = [str(verdict.id) for verdict in verdicts if verdict.signature]
    return Breakdown(
        counts={kind: counts[kind] for kind in KINDS if counts[kind]},
        groups=tuple(sorted(groups, key=lambda group: (-group.count, group.kind, group.pattern))),
        signatures=len(differing),
        signature_problems=_unique(differing),
    )


def _group(kind: str, pattern: str, messages: Sequence[str], where: tuple[str, ...]) -> MessageGroup:
    alike = len(set(messages)) == 1  # then nothing varies, and the message is said in full
    return MessageGroup(kind, _first_line(messages[0]) if alike else pattern, messages[0], len(messages), where)


def pattern_of(message: str) -> str:
    """A message without its numbers and quoted names: two that say the same have the same."""

    def replacement(match: re.Match[str]) -> str:
        return f"{match[1]}{ELLIPSIS}{match[3]}" if match["quoted"] is not None else ELLIPSIS

    return _VARIES.sub(replacement, _first_line(message))


def _first_line(message: str) -> str:
    return message.strip().partition("\n")[0]


def _unique(names: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))
