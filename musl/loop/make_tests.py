"""`make_tests`: from what a Tester wrote about a source to the rows of its tests, fuzz tests as a second voice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from data.testcase import TestCase
from musl.loop.bench import Bench, Validity, check_tests
from musl.loop.calls import write_call
from musl.loop.records import Tested
from musl.loop.source import Source, Unsuitable, c_side, function_of
from musl.loop.voices import Parts, SmallTests, Written
from tester.fuzz import BrokenMachineError, FuzzTester

MODEL, SMALL, FUZZ = "model", "small", "fuzz"
_TRIED = 3  # C translations of a kernel on which fuzz tests are tried


@dataclass(frozen=True)
class TestOrder:
    """What tests of one source are to be made: those that the Tester wrote, `small` and `large` fuzz tests that can be
    written down, and `fuzz` usual ones. `c_texts` are the C function, or the kernel's C translations that compile."""

    __test__ = False

    source: Source
    written: tuple[Written, ...]
    c_texts: tuple[str, ...]
    small: int
    large: int
    fuzz: int
    seed: int


@dataclass(frozen=True, eq=False)
class _Made:
    """A test before it is known to be valid."""

    voice: str
    snippet: str
    test: TestCase | None
    fault: str = ""


def make_tests(bench: Bench, parts: Parts, order: TestOrder) -> list[Tested]:
    """The tests of one source, the Tester's first."""
    return make_measured_tests(bench, parts, order)[0]


def make_measured_tests(bench: Bench, parts: Parts, order: TestOrder) -> tuple[list[Tested], Validity]:
    """The same, with what the valid ones execute together."""
    with bench.room() as sandbox:
        inner = Bench(sandbox, bench.device, bench.schedules, bench.seed)
        made = [*_from_model(inner, parts, order), *_from_fuzz(inner, parts, order)]
    return _rows(bench, order.source, made)


def make_fuzz_tests(bench: Bench, order: TestOrder) -> list[Tested]:
    """The usual fuzz tests of one source alone, as many as `order.fuzz`, which no model has a part in."""
    with bench.room() as sandbox:
        inner = Bench(sandbox, bench.device, bench.schedules, bench.seed)
        made = list(_from_fuzz(inner, None, replace(order, small=0)))
    return _rows(bench, order.source, made)[0]


def _rows(bench: Bench, source: Source, made: Sequence[_Made]) -> tuple[list[Tested], Validity]:
    first: dict[str, int] = {}
    for i, one in enumerate(made):
        if one.test is not None:
            first.setdefault(one.test.id, i)
    # Fuzz tests of a C function have been checked when they were made.
    places = [i for i in sorted(first.values()) if source.language == "cuda" or made[i].voice == MODEL]
    checked = check_tests(bench, source, [test for i in places if (test := made[i].test) is not None])
    known = dict.fromkeys(first.values(), ("", False))
    known |= dict(zip(places, zip(checked.faults, checked.covers, strict=True), strict=True))
    rows = []
    for i, one in enumerate(made):
        if one.test is None:
            rows.append(Tested(source.id, i, one.voice, one.snippet, b"", "", one.fault, False, False))
            continue
        fault, covers = known[first[one.test.id]]
        covers = covers and first[one.test.id] == i  # a call that came before covers nothing more
        call = write_call(one.test)
        rows.append(Tested(source.id, i, one.voice, one.snippet, call, one.test.id, fault, not fault, covers))
    return rows, checked


def _from_model(bench: Bench, parts: Parts, order: TestOrder) -> Iterator[_Made]:
    """What the Tester wrote, made into calls where that can be."""
    snippets = list(dict.fromkeys(written.text for written in order.written if not written.fault))
    calls = dict(
        zip(
            snippets,
            parts.materialize(snippets, function_of(order.source), order.source, bench.sandbox) if snippets else (),
            strict=True,
        )
    )
    for written in order.written:
        call = written.fault or calls[written.text]
        if isinstance(call, str):
            yield _Made(MODEL, written.text, None, call)
        else:
            yield _Made(MODEL, written.text, call)


def _from_fuzz(bench: Bench, parts: Parts | None, order: TestOrder) -> Iterator[_Made]:
    """Fuzz tests of the C function, or of the first C translation of a kernel that has some."""
    source = order.source
    for text in order.c_texts[:_TRIED] if order.small or order.fuzz else ():
        try:
            file, function = c_side(source, text)
        except Unsuitable:
            continue
        found: list[_Made] = []
        if order.small and parts is not None:
            asked = SmallTests(order.small, order.large, order.seed, bench.sandbox)
            small = parts.small_tests(source, function, text, asked)
            found += [_Made(SMALL, parts.print_test(test, function) or "", test) for test in small]
        if order.fuzz:
            suite = _fuzz(FuzzTester(file, bench.sandbox), order, text)
            found += [_Made(FUZZ, "", test) for test in suite]
        if found:
            yield from found
            return


def _fuzz(tester: FuzzTester, order: TestOrder, text: str) -> Sequence[TestCase]:
    _, function = c_side(order.source, text)
    try:
        return tester.make_tests(function, order.fuzz, order.seed).tests
    except BrokenMachineError as error:
        raise RuntimeError(f"the machine failed: {error}") from None
