"""Which translations and tests are trained on: the filters, the rules for tests, duplicates, and the balance."""

from __future__ import annotations

from pathlib import Path

import pytest
from loop_runs import MakeConfig

from musl.loop.config import LoopConfig
from musl.loop.records import Judged, Tested, Translated, Triplet
from musl.loop.select import balance, choose_triplets, is_verified
from musl.loop.source import Source, text_key

C = "void f(float *a, int n) { for (int i = 0; i < n; i++) a[i] = 1.0f; }"
RIGHT = "__global__ void k(float *a, int n) { if (threadIdx.x < n) a[threadIdx.x] = 1.0f; }"
WRONG = "__global__ void k(float *a, int n) { if (threadIdx.x < n) a[threadIdx.x] = 2.0f; }"
BROKEN = "__global__ void k(float *a, int n) { a[; }"
SOURCE = Source("s", "c", "f", C)


def _translated(sample: int, text: str, compiles: bool | None = True, fault: str = "") -> Translated:
    return Translated("s", sample, "model", text, text_key(text) if text else "", fault, compiles)


def _judged(text: str, verdict: str, results: tuple[bool | None, ...]) -> Judged:
    return Judged("s", text_key(text), verdict, "", ("t0", "t1", "t2")[: len(results)], results)


def _tested(number: int, *, valid: bool, covers: bool) -> Tested:
    return Tested(
        "s", number, "model", f"f(x, {number});", b"call", f"t{number}", "" if valid else "bad", valid, covers
    )


TRANSLATED = [
    _translated(0, WRONG),
    _translated(1, RIGHT),
    _translated(2, BROKEN, False),
    _translated(3, "", None, "syntax"),
]
JUDGED = [_judged(WRONG, "different", (True, False, None)), _judged(RIGHT, "equivalent", (True, True, None))]
TESTED = [
    _tested(0, valid=True, covers=True),
    _tested(1, valid=True, covers=False),
    _tested(2, valid=False, covers=False),
]


@pytest.fixture
def config(make_config: MakeConfig, tmp_path: Path) -> LoopConfig:
    return make_config(tmp_path / "run", selection={"per_source": 9})


def _choose(config: LoopConfig, number: int = 1, earlier: tuple[Triplet, ...] = ()) -> list[Triplet]:
    return choose_triplets(config, number, {"s": SOURCE}, TRANSLATED, TESTED, JUDGED, earlier)


def test_a_verified_translation_is_kept_with_tests_that_cover_or_tell(config: LoopConfig) -> None:
    (triplet,) = _choose(config)
    assert (triplet.c, triplet.cuda, triplet.c_name, triplet.cuda_name) == (C, RIGHT, "f", "k")
    assert triplet.tests == ("f(x, 0);", "f(x, 1);")  # the second told the wrong translation from the source


def test_a_test_that_neither_covers_nor_tells_is_left_out(config: LoopConfig) -> None:
    judged = [_judged(WRONG, "different", (False, True, None)), JUDGED[1]]
    (triplet,) = choose_triplets(config, 1, {"s": SOURCE}, TRANSLATED, TESTED, judged, ())
    assert triplet.tests == ("f(x, 0);",)


@pytest.mark.parametrize(
    ("filter_", "kept", "tests"), [("compile", {WRONG, RIGHT}, 3), ("none", {WRONG, RIGHT, BROKEN}, 3)]
)
def test_other_filters_keep_what_is_wrong(
    make_config: MakeConfig, tmp_path: Path, filter_: str, kept: set[str], tests: int
) -> None:
    config = make_config(tmp_path / "run", selection={"per_source": 9}, switches={"filter": filter_})
    chosen = _choose(config)
    assert {triplet.cuda for triplet in chosen} == kept and len(chosen[0].tests) == tests
    assert {triplet.cuda for triplet in _choose(config, number=0)} == {RIGHT}  # the seed is always verified


def test_a_pair_that_is_known_and_a_source_that_has_its_share_are_left_out(
    config: LoopConfig, make_config: MakeConfig, tmp_path: Path
) -> None:
    (known,) = _choose(config)
    assert _choose(config, number=2, earlier=(known,)) == []
    other = Triplet("s", "c", "", "f", C, "k", "other", (), "model", 0)
    assert _choose(make_config(tmp_path / "one"), number=2, earlier=(other,)) == []


def test_enough_tests_have_to_count(config: LoopConfig) -> None:
    assert is_verified(JUDGED[1], 2) and not is_verified(JUDGED[1], 3) and not is_verified(JUDGED[0], 1)


def test_the_text_that_more_samples_agree_on_comes_first(make_config: MakeConfig, tmp_path: Path) -> None:
    other = RIGHT.replace("threadIdx.x <", "(int)threadIdx.x <")
    translated = [_translated(0, RIGHT), _translated(1, other), _translated(2, other)]
    judged = [_judged(RIGHT, "equivalent", (True,)), _judged(other, "equivalent", (True,))]
    (triplet,) = choose_triplets(make_config(tmp_path / "run"), 1, {"s": SOURCE}, translated, TESTED, judged, ())
    assert triplet.cuda == other


def test_a_kernel_whose_threads_all_do_all_of_the_work_is_no_lesson(make_config: MakeConfig, tmp_path: Path) -> None:
    copied = "__global__ void k(float *a, int n) { for (int i = 0; i < n; i++) a[i] = 1.0f; }"
    translated, judged = [_translated(0, copied)], [_judged(copied, "equivalent", (True,))]

    def chosen(number: int, parallel: bool) -> list[Triplet]:
        config = make_config(tmp_path / str(parallel), selection={"parallel": parallel})
        return choose_triplets(config, number, {"s": SOURCE}, translated, TESTED, judged, ())

    assert chosen(1, True) == []
    assert [triplet.cuda for triplet in chosen(1, False)] == [copied]
    assert [triplet.cuda for triplet in chosen(0, True)] == [copied]  # a seed is taken as it is given


def test_families_directions_and_lengths_take_turns() -> None:
    def triplet(number: int, language: str, family: str, length: int) -> Triplet:
        return Triplet(
            f"s{number}", language, family, "f", f"{number}" + "x" * length, "k", str(number), (), "model", 0
        )

    plenty = [triplet(n, "c", "axpy", 100) for n in range(50)]
    rare = [triplet(50, "c", "scan", 100), triplet(51, "cuda", "axpy", 100), triplet(52, "c", "axpy", 1000)]
    chosen = balance([*plenty, *rare], 8)
    assert len(chosen) == 8 and set(rare) < set(chosen)
    assert chosen == balance([*reversed(plenty), *reversed(rare)], 8)
