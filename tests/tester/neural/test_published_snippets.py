"""The benchmark's own test snippets, read as if a model had written them, are the tests that they are for `verify`."""

from __future__ import annotations

from pathlib import Path

from compile.sandbox import Sandbox
from data.babeltower import read_cases
from data.pairs import pair_of_case
from data.snippets import bind, evaluate
from data.testcase import TestCase
from musl.pair_sides import Unjudged, read_c_side
from tester.neural.materialize import Request, materialize
from tester.neural.read_answer import read_answer
from tester.neural.snippet import Snippet


def test_published_snippets_are_read_and_materialized(shared_data: Path, tmp_path: Path) -> None:
    requests, expected = [], []
    for case in read_cases(shared_data / "babeltower" / "unit_tests.dev.jsonl"):
        try:
            source, function = read_c_side(pair_of_case(case))
        except Unjudged:
            continue
        for call in filter(str.strip, case.c_calls):
            (part,) = read_answer(call, function)
            assert isinstance(part, Snippet), part
            requests.append(Request(part, function, source))
            expected.append(bind(evaluate(call), function).id)
    made = materialize(requests, Sandbox(tmp_path.resolve()))
    assert len(made) > 500
    assert [test.id if isinstance(test, TestCase) else test for test in made] == expected
