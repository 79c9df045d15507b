"""`judge_pair`: the verdict on one pair as it was read: find the functions, type the tests, co-verify."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

from compile.build_cache import BuildCache
from data.pairs import Pair
from musl.case import Candidate
from musl.co_verify import co_verify
from musl.judge import Judge
from musl.pair_sides import PairSides, Unjudged, read_sides
from musl.pair_tests import PairTests, make_pair_tests, with_fuzz
from musl.report.records import CoverageRecord
from musl.report.verdict_record import MutantsRecord, VerdictRecord, VerdictTests, verdict_record
from musl.strength import Strength, measure_strength
from musl.verdict import Verdict, VerdictStatus, spread


def judge_pair(judge: Judge, pair: Pair) -> VerdictRecord:
    """The verdict on a pair. Never raises for what the pair holds."""
    folder = Path(tempfile.mkdtemp(prefix="pair-", dir=judge.sandbox.scratch)).resolve()
    own = replace(judge, sandbox=judge.sandbox.within(folder))
    tests: PairTests | None = None
    strength: Strength | None = None
    try:
        sides = read_sides(pair)
        tests = make_pair_tests(own, sides)
        verdict = _verdict(own, sides, tests)
        if verdict.status is VerdictStatus.NO_VALID_TEST and tests.given and judge.tests:
            tests = with_fuzz(own, sides, tests, judge.tests)
            verdict = _with_note(_verdict(own, sides, tests), verdict.reason)
        if judge.mutants and verdict.status is VerdictStatus.EQUIVALENT:
            strength = measure_strength(
                *(sides.source, sides.function, candidate_of(sides, tests), tests.suite.tests),
                sandbox=own.sandbox,
                mutants=judge.mutants,
                seed=judge.seed,
            )
    except Unjudged as unjudged:
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


def _verdict(judge: Judge, sides: PairSides, tests: PairTests) -> Verdict:
    if not tests.suite.tests and tests.given and tests.unusable:
        reason = f"none of {tests.given} tests can be used: {tests.unusable}"
        return Verdict(VerdictStatus.NO_VALID_TEST, 0, 0, (), reason)
    return co_verify(
        sides.source,
        sides.function,
        candidate_of(sides, tests),
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


def candidate_of(sides: PairSides, tests: PairTests) -> Candidate:
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


def _record(judge: Judge, pair: Pair, verdict: Verdict, tests: PairTests | None) -> VerdictRecord:
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
