"""The item-response model finds the difficulty and discrimination that simulated (synthetic) answers were made with."""

from __future__ import annotations

import numpy as np
import pytest

from musl.evaluation.item_response import Fit, fit_items

Answers = dict[tuple[int, int], dict[tuple[int, int], bool | None]]


def simulate(problems: int, translations: int, tests: int, seed: int = 0) -> tuple[Answers, dict[str, np.ndarray]]:
    """Synthetic answers: every problem has its own tests and translations, abilities are standard normal."""
    generator = np.random.default_rng(seed)
    b = generator.uniform(-1.5, 1.5, (problems, tests))
    a = generator.uniform(0.4, 2.5, (problems, tests))
    theta = generator.normal(size=(problems, translations))
    chance = 1 / (1 + np.exp(-a[:, :, None] * (theta[:, None, :] - b[:, :, None])))
    passed = generator.random(chance.shape) < chance
    answers: Answers = {
        (p, i): {(p, j): bool(passed[p, i, j]) for j in range(translations)}
        for p in range(problems)
        for i in range(tests)
    }
    return answers, {"difficulty": b, "discrimination": a, "ability": theta}


def rank_correlation(x: np.ndarray, y: np.ndarray) -> float:
    return float(np.corrcoef(x.argsort().argsort(), y.argsort().argsort())[0, 1])


def test_the_parameters_of_synthetic_answers_are_found_again() -> None:
    answers, truth = simulate(problems=3, translations=1500, tests=8)
    fit = fit_items(answers)
    assert fit.silent == ()
    difficulty = np.array([fit.items[key].difficulty for key in answers], dtype=float)
    discrimination = np.array([fit.items[key].discrimination for key in answers], dtype=float)
    assert rank_correlation(difficulty, truth["difficulty"].ravel()) > 0.97
    assert rank_correlation(discrimination, truth["discrimination"].ravel()) > 0.9
    assert np.abs(difficulty - truth["difficulty"].ravel()).mean() < 0.15
    assert np.abs(discrimination / truth["discrimination"].ravel() - 1).mean() < 0.15


def test_ranks_are_found_with_as_few_answers_as_a_benchmark_gives() -> None:
    answers, truth = simulate(problems=100, translations=20, tests=5)
    fit = fit_items(answers)
    telling = [key for key in answers if fit.items[key].tells]
    index = tuple(np.array(telling).T)
    difficulty = np.array([fit.items[key].difficulty for key in telling], dtype=float)
    assert rank_correlation(difficulty, truth["difficulty"][index]) > 0.85
    abilities = np.array(list(fit.abilities.values()))
    known = truth["ability"][tuple(np.array(list(fit.abilities)).T)]
    assert rank_correlation(abilities, known) > 0.7
    assert abs(abilities.mean()) < 0.1


def test_a_test_that_fails_the_weak_alone_tells_more_than_one_that_fails_at_random() -> None:
    weak = [True] * 6 + [False] * 6
    mixed = [i % 2 == 0 for i in range(12)]
    rows = {"sharp": weak, "like it": weak, "noise": mixed}
    fit: Fit[str, int] = fit_items({name: dict(enumerate(row)) for name, row in rows.items()})
    sharp, noise = fit.items["sharp"], fit.items["noise"]
    assert sharp.discrimination is not None and noise.discrimination is not None
    assert sharp.discrimination > 1.5 * noise.discrimination


def test_a_test_that_more_translations_fail_is_harder() -> None:
    rows = {"easy": [True] * 9 + [False], "even": [True] * 5 + [False] * 5, "hard": [True] + [False] * 9}
    fit: Fit[str, int] = fit_items({name: dict(enumerate(row)) for name, row in rows.items()})
    easy, even, hard = (fit.items[name].difficulty for name in rows)
    assert easy is not None and even is not None and hard is not None
    assert easy < even < hard
    assert (fit.items["hard"].given, fit.items["hard"].failed) == (10, 9)
    assert fit.abilities[0] > fit.abilities[5] > fit.abilities[9]


def test_tests_that_tell_nothing_apart_are_named_and_have_no_parameters() -> None:
    answers: dict[str, dict[int, bool | None]] = {
        "all pass": {0: True, 1: True},
        "all fail": {0: False, 1: False},
        "not run": {0: None},
        "tells": {0: True, 1: False, 2: None},
    }
    fit = fit_items(answers)
    assert fit.silent == ("all pass", "all fail", "not run")
    assert all(fit.items[name].difficulty is fit.items[name].discrimination is None for name in fit.silent)
    assert (fit.items["tells"].given, fit.items["tells"].failed) == (2, 1)
    assert set(fit.abilities) == {0, 1}
    assert fit_items({"all pass": {0: True}}).silent == ("all pass",)


def test_the_fit_is_the_same_every_time_and_in_every_order() -> None:
    answers, _ = simulate(problems=4, translations=15, tests=5, seed=3)
    first, second = fit_items(answers), fit_items(answers)
    assert first == second
    backwards = fit_items({key: dict(reversed(given.items())) for key, given in reversed(answers.items())})
    for key, item in first.items.items():
        assert backwards.items[key].difficulty == pytest.approx(item.difficulty, abs=1e-6)
        assert backwards.items[key].discrimination == pytest.approx(item.discrimination, abs=1e-6)
