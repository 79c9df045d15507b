"""Settles the output file as a whole: it compiles, and its program (where it has one) does what the source's does."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from compile.outcome import Outcome, Status
from compile.toolchain import find_nvcc
from musl.bench import Bench, nvcc_outcome, program_verdict
from musl.report.records import ProgramRecord
from musl.verdict import Verdict, VerdictStatus
from musl.work import FunctionWork
from translator.protocol import Translation

NO_EVIDENCE = (VerdictStatus.NO_VALID_TEST, VerdictStatus.INFRASTRUCTURE)
Check = Callable[[Mapping[str, Translation]], str]


@dataclass
class Known:
    """What was found out about whole texts: nvcc's outcome and the program's verdict, by text."""

    compiled: dict[str, Outcome] = field(default_factory=dict)
    programs: dict[str, Verdict] = field(default_factory=dict)


@dataclass(frozen=True)
class WholeFile:
    """`text` is the CUDA file with every verified function in it, None where there is none."""

    text: str | None
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    program: ProgramRecord | None = None


def settle(bench: Bench, works: Mapping[str, FunctionWork], known: Known) -> WholeFile:
    """The file that may be written. Functions that the compiler or the program objects to get that as `objection`.

    What is in `known` is not asked again.
    """
    notes: list[str] = []
    if find_nvcc() is None:
        notes.append("nvcc was not found (PATH, or pip install 'musl-cuda[cuda]'); the output was compiled by g++ only")
    else:
        _object(works, lambda chosen: _ask_nvcc(bench, known, chosen))
    if bench.run_args:
        _object(works, lambda chosen: _ask_program(bench, known, chosen))
    chosen = _verified(works)
    if not chosen:
        return WholeFile(None, notes=tuple(notes))
    text = bench.cuda_text(chosen)
    outcome, verdict = known.compiled.get(text), known.programs.get(text)
    if outcome is not None and _is_unusable(outcome):
        notes.append(f"nvcc gave no answer ({outcome.status}): {_first_line(outcome.message)}")
    if verdict is not None and verdict.status in NO_EVIDENCE:
        notes.append(f"the whole program was not compared: {verdict.reason}")
    return WholeFile(bench.output_text(chosen), _warnings(outcome), tuple(notes), _program_record(verdict))


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


def _ask_nvcc(bench: Bench, known: Known, chosen: Mapping[str, Translation]) -> str:
    text = bench.cuda_text(chosen)
    if text not in known.compiled:
        known.compiled[text] = nvcc_outcome(bench, text)
    outcome = known.compiled[text]
    return "" if outcome.ok or _is_unusable(outcome) else f"nvcc: {_first_error(outcome.message)}"


def _is_unusable(outcome: Outcome) -> bool:
    """Whether nvcc gave no answer: it was stopped (by the sandbox, for its time or its flood of words) or broken."""
    stopped = outcome.message.startswith("stopped:")
    return stopped or outcome.status not in (Status.OK, Status.COMPILE_ERROR)


def _ask_program(bench: Bench, known: Known, chosen: Mapping[str, Translation]) -> str:
    text = bench.cuda_text(chosen)
    if text not in known.programs:
        known.programs[text] = program_verdict(bench, text)
    verdict = known.programs[text]
    if verdict.status in (VerdictStatus.EQUIVALENT, *NO_EVIDENCE):
        return ""
    return f"the whole program: {str(verdict.status).replace('_', ' ')}: {verdict.reason}"


def _program_record(verdict: Verdict | None) -> ProgramRecord | None:
    if verdict is None:
        return None
    return ProgramRecord(runs=verdict.tests_run, passed=verdict.tests_passed, reason=verdict.reason)


def _warnings(outcome: Outcome | None) -> tuple[str, ...]:
    lines: Sequence[str] = outcome.message.splitlines() if outcome is not None and outcome.ok else ()
    return tuple(line for line in lines if "warning" in line.lower())


def _first_error(message: str) -> str:
    lines = message.splitlines()
    return next((line.strip() for line in lines if "error" in line.lower()), _first_line(message))


def _first_line(message: str) -> str:
    lines = message.strip().splitlines()
    return lines[0].strip() if lines else "no message"
