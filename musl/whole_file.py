"""Settles the output file as a whole: it compiles, and its program (where it has one) does what the source's does."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from compile.outcome import Outcome, Status
from compile.toolchain import find_nvcc
from musl.bench import Bench, nvcc_outcome
from musl.report.records import ProgramRecord
from musl.work import FunctionWork
from translator.protocol import Translation

Check = Callable[[Mapping[str, Translation]], str]


@dataclass(frozen=True)
class WholeFile:
    """`text` is the CUDA file with every verified function in it, None where there is none."""

    text: str | None
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    program: ProgramRecord | None = None


def settle(bench: Bench, works: Mapping[str, FunctionWork], compiled: dict[str, Outcome]) -> WholeFile:
    """The file that may be written. Functions that the compiler or the program objects to get that as `objection`.

    `compiled` holds what nvcc is known to say; it is asked again only about other texts.
    """
    notes: list[str] = []
    if find_nvcc() is None:
        notes.append("nvcc was not found (PATH, or pip install 'musl-cuda[cuda]'); the output was compiled by g++ only")
    else:
        _object(works, _nvcc_check(bench, compiled, notes))
    chosen = _verified(works)
    if not chosen:
        return WholeFile(None, notes=tuple(notes))
    text = bench.cuda_text(chosen)
    return WholeFile(text, _warnings(compiled.get(text)), tuple(notes))


def find_culprits(check: Check, chosen: Mapping[str, Translation]) -> dict[str, str]:
    """The translations without which `check` has nothing to say, each with what it says of it.

    Tried together, then one by one; where only a combination is objected to, all of it is.
    """
    message = check(chosen)
    if not message:
        return {}
    alone: dict[str, str] = {}
    for name in chosen if len(chosen) > 1 else ():
        found = check({name: chosen[name]})
        if found:
            alone[name] = found
    rest = {name: translation for name, translation in chosen.items() if name not in alone}
    if rest and (not alone or check(rest)):
        return {name: alone.get(name, message) for name in chosen}
    return alone


def _object(works: Mapping[str, FunctionWork], check: Check) -> None:
    chosen = _verified(works)
    if chosen:
        for name, message in find_culprits(check, chosen).items():
            works[name].objection = message


def _verified(works: Mapping[str, FunctionWork]) -> dict[str, Translation]:
    return {name: work.checked.translation for name, work in works.items() if work.checked and work.is_verified}


def _nvcc_check(bench: Bench, compiled: dict[str, Outcome], notes: list[str]) -> Check:
    def check(chosen: Mapping[str, Translation]) -> str:
        text = bench.cuda_text(chosen)
        if text not in compiled:
            compiled[text] = nvcc_outcome(bench, text)
        outcome = compiled[text]
        if outcome.status in (Status.INFRASTRUCTURE, Status.TIMEOUT):
            notes.append(f"nvcc could not be used ({outcome.status}): {_first_line(outcome.message)}")
            return ""
        return "" if outcome.ok else f"nvcc: {_first_error(outcome.message)}"

    return check


def _warnings(outcome: Outcome | None) -> tuple[str, ...]:
    lines: Sequence[str] = outcome.message.splitlines() if outcome is not None and outcome.ok else ()
    return tuple(line for line in lines if "warning" in line.lower())


def _first_error(message: str) -> str:
    lines = message.splitlines()
    return next((line.strip() for line in lines if "error" in line.lower()), _first_line(message))


def _first_line(message: str) -> str:
    lines = message.strip().splitlines()
    return lines[0].strip() if lines else "no message"
