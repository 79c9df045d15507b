"""A benchmark file becomes problems in either direction; what is none is refused in one line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from benchmark import ADD2D, CASES, FLAG, NEGATE, SCALE, read_benchmark, write_benchmark

from musl.errors import UsageError
from musl.evaluation.problems import Problem, problem_record, read_problems
from musl.report.verdict_record import VerdictRecord, VerdictTests
from musl.verdict import VerdictStatus


def test_source_and_reference_change_places_with_the_direction(tmp_path: Path) -> None:
    forth, back = (read_benchmark(tmp_path, direction)[SCALE] for direction in ("c2cuda", "cuda2c"))
    case = CASES[SCALE]
    assert (forth.source.strip(), forth.reference.strip()) == (case.c_text, case.kernel)
    assert (back.source.strip(), back.reference.strip()) == (case.kernel, case.c_text)
    assert forth.id == back.id == SCALE


def test_a_kernel_with_another_list_is_not_alike(tmp_path: Path) -> None:
    problems = read_benchmark(tmp_path)
    assert [problem.id for problem in problems if not problem.is_alike] == [FLAG]


def test_ids_choose_problems_and_stay_what_they_are(tmp_path: Path) -> None:
    path = write_benchmark(tmp_path)
    assert [problem.id for problem in read_problems(path, "c2cuda", ("3", "1"))] == [ADD2D, FLAG]
    with pytest.raises(UsageError, match="there is no problem with the id 99"):
        read_problems(path, "c2cuda", ("1", "99"))


LINE = CASES[SCALE].line()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "holds no problem"),
        ("not JSON", ":1: not JSON"),
        ("3", ":1: a line is an object with the keys cpp_code"),
        ('{"id": 1, "c": "", "cuda": ""}', ":1: it has no cpp_code, cuda_code"),
        (json.dumps(LINE) + "\n" + json.dumps({**LINE, "cuda_wrapper": 5}), ":2: cuda_wrapper is not a text"),
        (json.dumps({**LINE, "consistent_cpp_inputs": [1]}), ":1: consistent_cpp_inputs is not a list of texts"),
        (b"\xff\xfe", "not UTF-8"),
    ],
)
def test_what_is_no_benchmark_is_refused(tmp_path: Path, text: str | bytes, message: str) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(UsageError) as raised:
        read_problems(path, "c2cuda")
    assert str(raised.value).startswith(str(path))
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"absent.jsonl: cannot be read \(No such file"):
        read_problems(tmp_path / "absent.jsonl", "c2cuda")


def test_empty_lines_and_odd_line_ends_are_no_problems(tmp_path: Path) -> None:
    path = tmp_path / "benchmark.jsonl"
    odd = json.dumps({**LINE, "cpp_code": f"// one\u2028two\x85\n{CASES[SCALE].c_text}"}, ensure_ascii=False)
    path.write_text(f"\n{odd}\n\n{json.dumps(CASES[ADD2D].line())}\n", encoding="utf-8")
    problems = read_problems(path, "c2cuda")
    assert [(problem.id, problem.case.c_name) for problem in problems] == [(0, "scale_cpu"), (1, "add2d_cpu")]


def reference(verdict: VerdictStatus, reason: str = "", **tests: object) -> VerdictRecord:
    return VerdictRecord(id=0, verdict=verdict, reason=reason, tests=VerdictTests.model_validate(tests))


def test_a_problem_is_bad_where_its_own_reference_is(tmp_path: Path) -> None:
    problem: Problem = read_benchmark(tmp_path)[NEGATE]
    good = problem_record(problem, reference(VerdictStatus.EQUIVALENT, "by fuzz tests", given=1, valid=3))
    assert (good.bad, good.broken, good.name) == ("", "", "negate_cpu")
    bad = problem_record(problem, reference(VerdictStatus.DIFFERENT, "a[0]: expected 1, got 2", given=1, valid=1))
    assert (bad.bad, bad.broken) == ("a[0]: expected 1, got 2", "")
    dropped = {"given": 1, "valid": 0, "first_dropped": "it does not compile"}
    broken = problem_record(problem, reference(VerdictStatus.NO_VALID_TEST, **dropped))
    assert (broken.bad, broken.broken) == ("no_valid_test", "it does not compile")
