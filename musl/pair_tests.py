"""The tests of a pair: its own, as typed calls of both sides, and fuzz tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from compile.capture import capture_call
from data.function import Function
from data.pairs import typed_tests
from data.snippets import NotConstant, bind, convert, evaluate
from data.testcase import TestCase
from musl.judge import Judge
from musl.pair_sides import PairSides, Unjudged
from musl.verdict import VerdictStatus
from tester.fuzz import BrokenMachineError, FuzzTester
from tester.protocol import TestSuite


@dataclass(frozen=True, eq=False)
class PairTests:
    """`suite` holds the C side's calls, `cuda` those of the CUDA side where they are others; `unusable` says why the
    first of the given ones is none, and `used` which ones are among those of `suite`: they come first there."""

    suite: TestSuite
    given: int
    cuda: tuple[TestCase, ...] | None = None
    unusable: str = ""
    used: tuple[int, ...] = ()


def make_pair_tests(judge: Judge, sides: PairSides) -> PairTests:
    pair = sides.pair
    if pair.c_calls is not None and pair.cuda_calls is not None:
        own = _from_snippets(judge, sides, pair.c_calls, pair.cuda_calls)
    elif pair.tests is not None:
        try:
            calls = typed_tests(sides.function, pair.tests)
        except ValueError as error:
            raise Unjudged(VerdictStatus.NO_VALID_TEST, str(error)) from None
        own = PairTests(TestSuite(tuple(calls), None, 0), len(calls), used=tuple(range(len(calls))))
    else:
        return PairTests(_fuzz(judge, sides, judge.tests), 0)
    return with_fuzz(judge, sides, own, judge.more) if judge.more else own


def with_fuzz(judge: Judge, sides: PairSides, own: PairTests, count: int) -> PairTests:
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


def _fuzz(judge: Judge, sides: PairSides, count: int) -> TestSuite:
    try:
        return FuzzTester(sides.source, judge.sandbox).make_tests(sides.function, count, judge.seed)
    except BrokenMachineError as error:
        raise Unjudged(VerdictStatus.INFRASTRUCTURE, str(error)) from None


def _from_snippets(judge: Judge, sides: PairSides, c_calls: Sequence[str], cuda_calls: Sequence[str]) -> PairTests:
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
    return PairTests(suite, len(c_calls), None if same_calls else tuple(cuda_side), unusable, tuple(used))


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


def _scalars(function: Function) -> tuple[np.dtype, ...]:
    return tuple(p.dtype for p in function.parameters)
