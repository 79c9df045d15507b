"""How difficult each test is and how sharply it tells translations apart: a two-parameter logistic item-response model.

    P(translation j passes test i) = 1 / (1 + exp(-a_i (theta_j - b_i)))        (Birnbaum 1968)

theta_j is the ability of a translation, b_i the difficulty of a test on the same scale (half of the translations of
ability b pass), a_i > 0 its discrimination. Translations of different problems meet no common test: what puts them on
one scale is the standard normal prior on ability. Difficulty and the logarithm of discrimination have weak normal
priors, so that few answers give moderate numbers instead of infinite ones. The estimate is marginal maximum a
posteriori: abilities are integrated over a grid (Bock and Aitkin 1981), items are fitted by Fisher scoring within EM.
Nothing in it is random.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt

from musl.evaluation.bootstrap import Floats

ItemKey = TypeVar("ItemKey", bound=Hashable)
PersonKey = TypeVar("PersonKey", bound=Hashable)

Integers = npt.NDArray[np.int64]

# Spread of the priors: difficulties lie within +-4 of the average ability, discriminations between 0.37 and 2.7 of 1.
DIFFICULTY_SD = 2.0
LOG_DISCRIMINATION_SD = 0.5
_GRID = np.linspace(-5.0, 5.0, 41)
_WEIGHTS = np.exp(-(_GRID**2) / 2) / np.exp(-(_GRID**2) / 2).sum()
_ROUNDS, _STEPS = 500, 3
_STEP = 0.5  # the farthest that a parameter moves in one step of Fisher scoring
_SETTLED = 1e-5


@dataclass(frozen=True)
class Item:
    """A test: of `given` translations it failed `failed`. `difficulty` and `discrimination` are None where it tells
    nothing apart: all of them pass, all fail, or none was run."""

    given: int
    failed: int
    difficulty: float | None = None
    discrimination: float | None = None

    @property
    def tells(self) -> bool:
        """Whether some translations pass it and some fail."""
        return 0 < self.failed < self.given


@dataclass(frozen=True)
class Fit(Generic[ItemKey, PersonKey]):
    """The items, the names of those that tell nothing apart, and the expected ability of each translation that met one
    which does."""

    items: Mapping[ItemKey, Item]
    silent: tuple[ItemKey, ...]
    abilities: Mapping[PersonKey, float]


def fit_items(answers: Mapping[ItemKey, Mapping[PersonKey, bool | None]]) -> Fit[ItemKey, PersonKey]:
    """Fit the tests' answers: for each test, for each translation that it was run on, whether it passed (None and a
    missing entry: not known). Tests that tell nothing apart are left out of the fit and named in `silent`."""
    known = {item: {p: passed for p, passed in given.items() if passed is not None} for item, given in answers.items()}
    items = {item: Item(len(given), sum(not passed for passed in given.values())) for item, given in known.items()}
    telling = [item for item, counted in items.items() if counted.tells]
    silent = tuple(item for item, counted in items.items() if not counted.tells)
    if not telling:
        return Fit(items, silent, {})
    persons = {person: i for i, person in enumerate(dict.fromkeys(p for item in telling for p in known[item]))}
    table = _Table(
        np.array([row for row, item in enumerate(telling) for _ in known[item]]),
        np.array([persons[person] for item in telling for person in known[item]]),
        np.array([passed for item in telling for passed in known[item].values()], dtype=np.float64),
    )
    difficulty, discrimination = _fit(table)
    for item, b, a in zip(telling, difficulty, discrimination, strict=True):
        items[item] = Item(items[item].given, items[item].failed, float(b), float(a))
    abilities = table.posterior(difficulty, discrimination) @ _GRID
    return Fit(items, silent, {person: float(abilities[i]) for person, i in persons.items()})


@dataclass(frozen=True)
class _Table:
    """Answers as three vectors of one length: the row of the item, of the translation, and 1.0 for a pass."""

    item: Integers
    person: Integers
    passed: Floats

    def posterior(self, difficulty: Floats, discrimination: Floats) -> Floats:
        """The weight of each ability of the grid for each translation, (persons, grid); rows sum to 1."""
        z = discrimination[:, None] * (_GRID - difficulty[:, None])
        log_pass, log_fail = -np.logaddexp(0, -z), -np.logaddexp(0, z)
        answers = np.where(self.passed[:, None] > 0, log_pass[self.item], log_fail[self.item])
        likelihood = np.tile(np.log(_WEIGHTS), (int(self.person.max()) + 1, 1))
        np.add.at(likelihood, self.person, answers)
        weights = np.exp(likelihood - likelihood.max(axis=1, keepdims=True))
        return np.asarray(weights / weights.sum(axis=1, keepdims=True))

    def expected(self, posterior: Floats) -> tuple[Floats, Floats]:
        """Expected numbers of translations of each ability, and of those that pass, for each item: (items, grid)."""
        met = np.zeros((int(self.item.max()) + 1, len(_GRID)))
        passed = np.zeros_like(met)
        np.add.at(met, self.item, posterior[self.person])
        np.add.at(passed, self.item, posterior[self.person] * self.passed[:, None])
        return met, passed


def _fit(table: _Table) -> tuple[Floats, Floats]:
    """(difficulty, discrimination) of each item, by EM."""
    count = int(table.item.max()) + 1
    difficulty, log_discrimination = np.zeros(count), np.zeros(count)
    for _ in range(_ROUNDS):
        before = np.stack([difficulty, log_discrimination])
        met, passed = table.expected(table.posterior(difficulty, np.exp(log_discrimination)))
        for _ in range(_STEPS):
            difficulty, log_discrimination = _score(difficulty, log_discrimination, met, passed)
        if np.abs(np.stack([difficulty, log_discrimination]) - before).max() < _SETTLED:
            break
    return difficulty, np.exp(log_discrimination)


def _score(b: Floats, log_a: Floats, met: Floats, passed: Floats) -> tuple[Floats, Floats]:
    """One step of Fisher scoring on the expected log-posterior of each item's (b, log a)."""
    a = np.exp(log_a)[:, None]
    distance = _GRID - b[:, None]
    chance = 1 / (1 + np.exp(-a * distance))
    left, spread = passed - met * chance, met * chance * (1 - chance)
    slope_b = -(a * left).sum(axis=1) - b / DIFFICULTY_SD**2
    slope_a = (a * distance * left).sum(axis=1) - log_a / LOG_DISCRIMINATION_SD**2
    bb = (a**2 * spread).sum(axis=1) + 1 / DIFFICULTY_SD**2
    aa = ((a * distance) ** 2 * spread).sum(axis=1) + 1 / LOG_DISCRIMINATION_SD**2
    ab = -(a**2 * distance * spread).sum(axis=1)
    determinant = bb * aa - ab**2
    step_b = (aa * slope_b - ab * slope_a) / determinant
    step_a = (bb * slope_a - ab * slope_b) / determinant
    return b + np.clip(step_b, -_STEP, _STEP), log_a + np.clip(step_a, -_STEP, _STEP)
