"""Print finished runs of the loop as a page: commands, machine, commit, figures of every round, gains, comparisons.

python scripts/show_loop.py build/tiny/loop configs/tiny.yaml [RUN CONFIG ...] > docs/results/loop.md
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from musl.evaluation.bootstrap import Refused
from musl.evaluation.records import Interval
from musl.loop.status import loop_status
from musl.machine import describe_machine, find_commit
from musl.report.loop_figures import LoopDifference, LoopRun, figures_of, loop_gain, loop_pairs, read_loops


def page(folders: Sequence[Path], configs: Sequence[Path]) -> str:
    """The page; UsageError where a folder has no finished round."""
    loops = read_loops(folders)
    lines = [
        "# Runs of the loop",
        "",
        f"{describe_machine()}, commit {find_commit()}. Figures are in percent, with 95 %",
    ]
    lines += ["bootstrap intervals over held-out functions, which are never trained on. Round 0 is after the seed."]
    for loop, folder, config in zip(loops, folders, configs, strict=True):
        lines += ["", *_run(loop, folder, config)]
    for pair in loop_pairs(loops):
        lines += ["", f"## {pair.first} against {pair.second}, round {pair.number}", ""]
        lines += _differences(pair.differences)
    return "\n".join(lines)


def _run(loop: LoopRun, folder: Path, config: Path) -> Iterator[str]:
    yield f"## {loop.name}"
    yield ""
    switches = loop.config.switches.model_dump()
    named = ", ".join(f"{key} {value}" for key, value in switches.items() if value)
    yield f"`musl loop {config}`, seed {loop.config.seed}; {named}."
    yield ""
    figures = [figures_of(one) for one in loop.rounds]
    yield from _table(["", *(f"round {one.round}" for one in loop.rounds)], _figure_rows(figures))
    yield ""
    yield "What the rounds brought:"
    yield ""
    heads = ["", "sources", "translations", "compile", "distinct", "verified", "tests", "valid", "triplets", "minutes"]
    yield from _table(heads, _round_rows(loop, loop_status(folder).seconds))
    yield ""
    yield f"From round 0 to round {loop.rounds[-1].round}:"
    yield ""
    yield from _differences(loop_gain(loop))


def _figure_rows(rounds: Sequence[Mapping[str, Interval]]) -> Iterator[list[str]]:
    for name in rounds[0]:
        yield [name, *(_shown(figures[name]) if name in figures else "" for figures in rounds)]


def _round_rows(loop: LoopRun, seconds: Mapping[int, Mapping[str, float]]) -> Iterator[list[str]]:
    for one in loop.rounds:
        did = one.loop
        counts = (did.sources, did.translations, did.compiled, did.distinct, did.verified, did.tests, did.valid_tests)
        taken = sum(seconds.get(one.round, {}).values()) / 60
        yield [f"round {one.round}", *map(str, counts), str(did.triplets), f"{taken:.1f}"]


def _differences(differences: Iterable[LoopDifference]) -> Iterator[str]:
    for one in differences:
        found = one.difference
        if isinstance(found, Refused):
            yield f"- {one.figure}: {found.why}"
        else:
            spread = f"[{found.low:+.1f}, {found.high:+.1f}]"
            yield f"- {one.figure}: {found.difference:+.1f} {spread} over {found.count} functions, p = {found.p:.4f}"


def _shown(interval: Interval) -> str:
    if interval.value is None:
        return interval.why
    spread = "" if interval.low is None else f" [{interval.low:.0f}, {interval.high:.0f}]"
    return f"{interval.value:.1f}{spread}"


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(heads)} |"
    yield f"|{'---|' * len(heads)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"


def main() -> None:
    """Print the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "runs", nargs="+", type=Path, metavar="RUN CONFIG", help="a folder, and the config it was run by"
    )
    asked = parser.parse_args()
    if len(asked.runs) % 2:
        parser.error("a config is missing: give RUN CONFIG pairs")
    print(page(asked.runs[::2], asked.runs[1::2]))


if __name__ == "__main__":
    main()
