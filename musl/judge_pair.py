"""`judge_pair`: the verdict on one pair as it was read: find the functions, type the tests, co-verify."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from compile.build import Build
from compile.build_cache import BuildCache
from compile.capture import capture_call
from compile.gpu.build import build_gpu
from compile.host import build_host
from compile.outcome import Outcome
from compile.sandbox import Sandbox
from data.find_functions import find_functions
from data.function import Function
from data.pairs import Pair, typed_tests
from data.read_source import SourceError
from data.snippets import NotConstant, bind, convert, evaluate
from data.source_file import SourceFile
from data.testcase import TestCase
from musl.case import SCHEDULES, Candidate, GpuOptions
from musl.co_verify import co_verify
from musl.errors import MachineError
from musl.reference import Reference, run_reference
from musl.report.records import CoverageRecord
from musl.report.verdict_record import MutantsRecord, VerdictRecord, VerdictTests, verdict_record
from musl.strength import Strength, measure_strength
from musl.verdict import Verdict, VerdictStatus, spread
from tester.fuzz import BrokenMachineError, FuzzTester
from tester.protocol import TestSuite

_FOLDER = Path("/pair")  # pairs come from no folder of this machine, and may include nothing


class _Unjudged(Exception):
    """The pair cannot be judged; with the verdict that says so."""

    def __init__(self, status: VerdictStatus, reason: str) -> None:
        super().__init__(reason)
        self.verdict = Verdict(status, 0, 0, (), reason)


@dataclass(frozen=True)
class Judge:
    """How pairs are judged: `tests` fuzz tests are made for a pair without its own, `more` in addition to its own;
    `threads` builds run at a time, and `cache` says whether what they make is kept. With `mutants` the strength of an
    equivalent pair's tests is measured too, with so many faults planted in the CUDA side (musl/strength.py)."""

    sandbox: Sandbox
    device: Literal["emulator", "gpu"] = "emulator"
    tests: int = 20
    more: int = 0
    seed: int = 0
    schedules: Sequence[str] = SCHEDULES
    threads: int = 1
    cache: bool = False
    gpu: GpuOptions | None = None
    mutants: int = 0


@dataclass(frozen=True, eq=False)
class _Sides:
    """The two sides of a pair; `candidate` is the host function of the CUDA side."""

    pair: Pair
    source: SourceFile
    function: Function
    candidate: Function | None = None


@dataclass(frozen=True, eq=False)
class _Tests:
    """`suite` holds the C side's calls, `cuda` those of the CUDA side where they are others; `unusable` says why the
    first of the given ones is none, and `used` which ones are among those of `suite`: they come first there."""

    suite: TestSuite
    given: int
    cuda: tuple[TestCase, ...] | None = None
    unusable: str = ""
    used: tuple[int, ...] = ()


def judge_pair(judge: Judge, pair: Pair) -> VerdictRecord:
    """The verdict on a pair. Never raises for what the pair holds."""
    folder = Path(tempfile.mkdtemp(prefix="pair-", dir=judge.sandbox.scratch)).resolve()
    own = replace(judge, sandbox=judge.sandbox.within(folder))
    tests: _Tests | None = None
    strength: Strength | None = None
    try:
        sides = _Sides(pair, *_c_side(pair))
        sides = replace(sides, candidate=_cuda_side(sides))
        tests = _make_tests(own, sides)
        verdict = _verdict(own, sides, tests)
        if verdict.status is VerdictStatus.NO_VALID_TEST and tests.given and judge.tests:
            tests = _with_fuzz(own, sides, tests, judge.tests)
            verdict = _with_note(_verdict(own, sides, tests), verdict.reason)
        if judge.mutants and verdict.status is VerdictStatus.EQUIVALENT:
            strength = measure_strength(
                *(sides.source, sides.function, _candidate(sides, tests), tests.suite.tests),
                sandbox=own.sandbox,
                mutants=judge.mutants,
                seed=judge.seed,
            )
    except _Unjudged as unjudged:
        verdict = unjudged.verdict
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    record = _record(judge, pair, verdict, tests)
    return record if strength is None else _strengthened(record, strength)


def _strengthened(record: VerdictRecord, strength: Strength) -> VerdictRecord:
    score = strength.mutants
    counts = MutantsRecord(
        killed=score.killed, survived=score.survived, equivalent=score.equivalent, stillborn=score.stillborn
    )
    found = {"coverage": strength.coverage, "cuda_coverage": strength.cuda_coverage}
    covered = {name: CoverageRecord(line=c.line, branch=c.branch) for name, c in found.items() if c is not None}
    return record.model_copy(update={"mutants": counts, **covered})


def prepare_for_gpu(judge: Judge, pair: Pair) -> tuple[Reference, Build | Outcome]:
    """What is done for a pair before its CUDA side runs on a GPU: the results of the C side, and the build for a device
    (which need not be there). For measuring; MachineError where the pair cannot come so far."""
    folder = Path(tempfile.mkdtemp(prefix="pair-", dir=judge.sandbox.scratch)).resolve()
    own = replace(judge, sandbox=judge.sandbox.within(folder))
    try:
        sides = _Sides(pair, *_c_side(pair))
        candidate = _cuda_side(sides)
        tests = _make_tests(own, replace(sides, candidate=candidate))
    except _Unjudged as unjudged:
        raise MachineError(unjudged.verdict.reason) from None
    reference = build_host(sides.source, sides.function, "sanitize", folder, own.sandbox)
    if isinstance(reference, Outcome):
        raise MachineError(reference.message)
    expected = run_reference(reference, tests.suite.tests, sides.function)
    build = build_gpu(pair.cuda, candidate, folder, own.sandbox, sides.source, require_device=False)
    shutil.rmtree(folder, ignore_errors=True)
    return expected, build


def _verdict(judge: Judge, sides: _Sides, tests: _Tests) -> Verdict:
    if not tests.suite.tests and tests.given and tests.unusable:
        reason = f"none of {tests.given} tests can be used: {tests.unusable}"
        return Verdict(VerdictStatus.NO_VALID_TEST, 0, 0, (), reason)
    return co_verify(
        sides.source,
        sides.function,
        _candidate(sides, tests),
        tests.suite,
        sandbox=judge.sandbox,
        scratch=judge.sandbox.scratch,
        schedules=judge.schedules if sides.pair.candidate == "cuda" else judge.schedules[:1],
        device=judge.device,
        seed=judge.seed,
        threads=judge.threads,
        cache=BuildCache() if judge.cache else None,
        gpu=judge.gpu,
    )


def _candidate(sides: _Sides, tests: _Tests) -> Candidate:
    assert sides.candidate is not None
    pair = sides.pair
    return Candidate(
        *(pair.cuda, sides.candidate, tests.cuda), given_wrapper=pair.given_wrapper, on_host=pair.candidate == "c"
    )


def _with_note(verdict: Verdict, why: str) -> Verdict:
    """The verdict on fuzz tests, with the reason why those of the pair did not do."""
    if verdict.reason == why:
        return verdict
    reason = f"{verdict.reason} (its own tests: {why})" if verdict.reason else f"by fuzz tests; its own tests: {why}"
    return replace(verdict, reason=reason)


def _record(judge: Judge, pair: Pair, verdict: Verdict, tests: _Tests | None) -> VerdictRecord:
    if tests is None:
        return verdict_record((pair.id, pair.sample), verdict, VerdictTests(), None, judge.device)
    counts = VerdictTests(
        given=tests.given,
        valid=len(tests.suite.tests) - verdict.tests_dropped,
        run=verdict.tests_run,
        passed=verdict.tests_passed,
        origin="+".join(sorted({test.origin for test in tests.suite.tests})),
        first_dropped=tests.unusable or verdict.drop_reason or tests.suite.first_error,
    )
    own, more = verdict.results[: len(tests.used)], verdict.results[len(tests.used) :]
    results = (*spread(own, tests.used, tests.given), *more)
    record = verdict_record((pair.id, pair.sample), verdict, counts, tests.suite.coverage, judge.device)
    return record.model_copy(update={"results": results})


# ------------------------------------------------------------------------------------------------------ the two sides


def _c_side(pair: Pair) -> tuple[SourceFile, Function]:
    suffix = ".c" if pair.language == "c" else ".cpp"
    source = SourceFile(_FOLDER / f"{re.sub(r'[^A-Za-z0-9_.-]', '_', str(pair.id))}{suffix}", pair.c, pair.language)
    try:
        table = find_functions(source)
    except SourceError as error:
        raise _Unjudged(VerdictStatus.NO_VALID_TEST, f"the C side cannot be read: {error}") from None
    names = [function.name for function in table.functions]
    if pair.function:
        chosen = [function for function in table.functions if function.name == pair.function]
    else:
        defined = [f for f in table.functions if re.search(rf"\b{re.escape(f.name)}\s*\(", pair.cuda)]
        chosen = list(table.functions) if len(names) == 1 else defined[-1:]
    if chosen:
        return source, chosen[0]
    for refused in table.unsupported:
        if refused.name == pair.function or not names:
            reason = f"{refused.code} {refused.name}: {refused.message}"
            raise _Unjudged(VerdictStatus.NO_VALID_TEST, f"no test can call the C function: {reason}")
    errors = "; ".join(str(error) for error in table.syntax_errors[:1])
    wanted = f"no function {pair.function}" if pair.function else "no function that the CUDA side defines too"
    reason = f"the C side defines {wanted} (it has {', '.join(names) or 'none'})"
    raise _Unjudged(VerdictStatus.NO_VALID_TEST, errors or reason)


def _cuda_side(sides: _Sides) -> Function:
    """The host function that is called on the CUDA side, with its own signature."""
    pair, function = sides.pair, sides.function
    heads = _host_heads(pair.cuda)
    name = pair.wrapper or function.name
    if pair.c_calls is not None and not pair.wrapper:  # no test names it
        name = next(iter(heads), "")
    head = heads.get(name)
    if head is not None and pair.given_wrapper and not head.launches:
        # Tests that call a sequential copy of the function instead of the wrapper that launches the kernel.
        others = [other for other in heads.values() if other.launches and other.parameters == head.parameters]
        head = others[0] if len(others) == 1 else head
    if head is None:
        raise _Unjudged(VerdictStatus.CANDIDATE_FAILED, f"{_side(pair)} defines no host function {name}".rstrip())
    if pair.c_calls is None:
        return function
    body = "{}" if re.match(r"\s*void\b(?!\s*\*)", head.text) else "{ return 0; }"
    source = SourceFile(_FOLDER / "wrapper.cpp", f"{head.text} {body}\n", "c++")
    try:
        found = find_functions(source).functions
    except SourceError:
        found = ()
    if len(found) != 1:  # its types are the file's own: the compiler will say whether it can be called
        return replace(function, name=head.name)
    wrapper = found[0]
    if _results(wrapper) != _results(function):
        theirs, ours = len(wrapper.parameters), len(function.parameters)
        what = f"takes {theirs} parameters, the C function {ours}" if theirs != ours else "has results of other types"
        raise _Unjudged(VerdictStatus.CANDIDATE_FAILED, f"the wrapper {wrapper.name} {what}")
    return wrapper


def _side(pair: Pair) -> str:
    return "the CUDA side" if pair.candidate == "cuda" else "the translation"


def _results(function: Function) -> tuple[object, ...]:
    """What two signatures must share for their results to be compared: all but the types of what is passed by value."""
    return (function.returns, *(p.dtype if p.is_array or p.reference else None for p in function.parameters))


def _scalars(function: Function) -> tuple[np.dtype, ...]:
    return tuple(p.dtype for p in function.parameters)


_HEAD = re.compile(r"((?:[A-Za-z_][\w:<>,]*[\s*&]+)+)([A-Za-z_]\w*)\s*\(([^()]*)\)\s*\{")
_NOT_A_TYPE = frozenset({"else", "return", "new", "delete", "case", "goto", "do", "throw"})


@dataclass(frozen=True)
class _Head:
    """The declaration of a host function, without `extern "C"` and the like, and whether its body launches a kernel."""

    name: str
    text: str
    parameters: str
    launches: bool


def _host_heads(text: str) -> dict[str, _Head]:
    """The host functions that the CUDA text defines, by name."""
    heads: dict[str, _Head] = {}
    matches = list(_HEAD.finditer(text))
    for match, following in zip(matches, [*(m.start() for m in matches[1:]), len(text)], strict=True):
        words = match[1].split()
        if "__global__" in words or ("__device__" in words and "__host__" not in words) or _NOT_A_TYPE & set(words):
            continue
        kept = [word for word in words if word not in ("static", "inline", "__host__", "__device__", "__forceinline__")]
        parameters = " ".join(match[3].split())
        launches = re.search(r"<<\s*<", text[match.end() : following]) is not None
        head = _Head(match[2], f"{' '.join(kept)} {match[2]}({parameters})", parameters, launches)
        heads.setdefault(match[2], head)
    return heads


# ----------------------------------------------------------------------------------------------------------- the tests


def _make_tests(judge: Judge, sides: _Sides) -> _Tests:
    pair = sides.pair
    if pair.c_calls is not None and pair.cuda_calls is not None:
        own = _from_snippets(judge, sides, pair.c_calls, pair.cuda_calls)
    elif pair.tests is not None:
        try:
            calls = typed_tests(sides.function, pair.tests)
        except ValueError as error:
            raise _Unjudged(VerdictStatus.NO_VALID_TEST, str(error)) from None
        own = _Tests(TestSuite(tuple(calls), None, 0), len(calls), used=tuple(range(len(calls))))
    else:
        return _Tests(_fuzz(judge, sides, judge.tests), 0)
    return _with_fuzz(judge, sides, own, judge.more) if judge.more else own


def _with_fuzz(judge: Judge, sides: _Sides, own: _Tests, count: int) -> _Tests:
    """The tests, and `count` fuzz tests with them."""
    more = _fuzz(judge, sides, count)
    suite = TestSuite(own.suite.tests + more.tests, more.coverage, more.dropped, more.first_error)
    candidate = sides.candidate
    assert candidate is not None
    cuda = own.cuda if own.cuda is not None else own.suite.tests
    alike = _scalars(candidate) == _scalars(sides.function)
    return replace(
        own, suite=suite, cuda=cuda + (more.tests if alike else tuple(_cast(t, candidate) for t in more.tests))
    )


def _cast(test: TestCase, function: Function) -> TestCase:
    """The test with scalars of the function's types."""
    arguments = (
        convert(a, p.dtype) if isinstance(a, np.generic) and not p.is_array and p.dtype.names is None else a
        for p, a in zip(function.parameters, test.arguments, strict=True)
    )
    return replace(test, arguments=tuple(arguments))


def _fuzz(judge: Judge, sides: _Sides, count: int) -> TestSuite:
    try:
        return FuzzTester(sides.source, judge.sandbox).make_tests(sides.function, count, judge.seed)
    except BrokenMachineError as error:
        raise _Unjudged(VerdictStatus.INFRASTRUCTURE, str(error)) from None


def _from_snippets(judge: Judge, sides: _Sides, c_calls: Sequence[str], cuda_calls: Sequence[str]) -> _Tests:
    """The tests whose snippets can be used on both sides."""
    function, candidate = sides.function, sides.candidate
    assert candidate is not None
    c_side, cuda_side, used, unusable = [], [], [], ""
    alike = _scalars(candidate) == _scalars(function)
    for number, (c_call, cuda_call) in enumerate(zip(c_calls, cuda_calls, strict=False)):
        try:
            test = _typed(judge, c_call, function)
            same = alike and cuda_call.replace(candidate.name, function.name) == c_call
            other = test if same else _typed(judge, cuda_call, candidate)
        except NotConstant as error:
            unusable = unusable or str(error)
            continue
        c_side.append(test)
        cuda_side.append(other)
        used.append(number)
    same_calls = all(a is b for a, b in zip(c_side, cuda_side, strict=True))
    suite = TestSuite(tuple(c_side), None, 0)
    return _Tests(suite, len(c_calls), None if same_calls else tuple(cuda_side), unusable, tuple(used))


def _typed(judge: Judge, snippet: str, function: Function) -> TestCase:
    try:
        call = evaluate(snippet)
    except NotConstant:
        if "wrapper" not in snippet:
            raise
        call = capture_call(snippet, judge.sandbox)  # the compiler understands more
    if call.callee != function.name:
        raise NotConstant(f"it calls {call.callee}, not {function.name}")
    return bind(call, function)
