"""What the models are trained on: which translations and tests are kept, and which of the triplets take part."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import zip_longest

from compile.cuda_parts import divides_work, kernels_of
from musl.loop.config import Filter, LoopConfig
from musl.loop.make_tests import SMALL
from musl.loop.records import Judged, Tested, Translated, Triplet
from musl.loop.source import Source, Unsuitable, c_side, text_key
from musl.verdict import VerdictStatus


def choose_triplets(
    config: LoopConfig,
    number: int,
    sources: Mapping[str, Source],
    translated: Sequence[Translated],
    tested: Sequence[Tested],
    judged: Sequence[Judged],
    earlier: Sequence[Triplet],
) -> list[Triplet]:
    """The new triplets of round `number`: of each source the translations that the filter keeps, with the tests that it
    keeps; no pair that is known already, and no more of a source than `selection.per_source`.

    The seed is always filtered by verdicts: what an ablation changes are the rounds after it.
    """
    wanted: Filter = "verified" if number == 0 else config.switches.filter
    verdicts = {(one.source, one.text_id): one for one in judged}
    kept_tests = _kept_tests(wanted, number, tested, judged)
    known = {triplet.key for triplet in earlier}
    room = Counter({triplet.source: 0 for triplet in earlier})
    room.update(triplet.source for triplet in earlier)
    chosen: list[Triplet] = []
    for text in _by_votes(one for one in translated if _is_kept(config, wanted, one, verdicts)):
        source = sources[text.source]
        if wanted == "verified" and number and config.selection.parallel and not _is_parallel(source, text):
            continue
        triplet = _triplet(source, text, tuple(kept_tests.get(source.id, ())), number)
        if triplet.key not in known and room[source.id] < config.selection.per_source:
            known.add(triplet.key)
            room[source.id] += 1
            chosen.append(triplet)
    return chosen


def _is_kept(config: LoopConfig, wanted: Filter, one: Translated, verdicts: Mapping[tuple[str, str], Judged]) -> bool:
    if one.fault:
        return False
    if wanted == "verified":
        verdict = verdicts.get((one.source, one.text_id))
        return verdict is not None and is_verified(verdict, config.judging.least_tests)
    return wanted == "none" or bool(one.compiles)


def _is_parallel(source: Source, one: Translated) -> bool:
    return source.language == "cuda" or divides_work(one.text)


def is_verified(verdict: Judged, least_tests: int) -> bool:
    """Whether a translation agrees with its source on every valid test, and there are enough of them."""
    counted = sum(result is not None for result in verdict.results)
    return verdict.verdict == VerdictStatus.EQUIVALENT and counted >= least_tests


def _by_votes(texts: object) -> list[Translated]:
    """One of each text of a source, those first that more samples agree on."""
    given: list[Translated] = list(texts)  # type: ignore[call-overload]
    votes = Counter((one.source, one.text_id) for one in given)
    first: dict[tuple[str, str], Translated] = {}
    places: dict[str, int] = {}
    for one in given:
        places.setdefault(one.source, len(places))
        first.setdefault((one.source, one.text_id), one)
    return sorted(first.values(), key=lambda one: (places[one.source], -votes[one.source, one.text_id], one.sample))


def _kept_tests(
    wanted: Filter, number: int, tested: Sequence[Tested], judged: Sequence[Judged]
) -> dict[str, list[str]]:
    """The snippets that are kept, by source. By verdicts: those that are valid, and told a translation from its source
    or raised coverage; of the seed every valid one, as its translations are hardly ever wrong."""
    telling = {
        (one.source, test)
        for one in judged
        for test, result in zip(one.tests, one.results, strict=False)
        if result is False
    }
    kept: dict[str, list[str]] = {}
    for test in tested:
        useful = test.covers or (test.source, test.test_id) in telling or (number == 0 and test.voice == SMALL)
        keep = {"verified": test.valid and useful, "compile": bool(test.call), "none": bool(test.snippet)}[wanted]
        if keep and test.snippet and test.snippet not in kept.setdefault(test.source, []):
            kept[test.source].append(test.snippet)
    return kept


def _triplet(source: Source, one: Translated, tests: tuple[str, ...], number: int) -> Triplet:
    if source.language == "c":
        kernels = kernels_of(one.text)
        name = kernels[-1].name if kernels else source.name
        sides = (source.name, source.text, name, one.text)
    else:
        sides = (_c_name(source, one.text), one.text, source.name, source.text)
    return Triplet(source.id, source.language, source.family, *sides, tests, one.voice, number)


def _c_name(source: Source, text: str) -> str:
    try:
        return c_side(source, text)[1].name
    except Unsuitable:  # with no filter anything may be kept
        return source.name


def balance(triplets: Sequence[Triplet], most: int) -> list[Triplet]:
    """At most `most` of the triplets: directions, families and lengths (by powers of two) take turns, so that what is
    plentiful does not crowd out what is rare."""
    groups: dict[tuple[str, str, int], list[Triplet]] = {}
    for triplet in sorted(triplets, key=lambda t: text_key(*t.key)):
        length = len(triplet.c).bit_length()
        groups.setdefault((triplet.language, triplet.family, length), []).append(triplet)
    turns = zip_longest(*(groups[key] for key in sorted(groups)))
    return [triplet for turn in turns for triplet in turn if triplet is not None][:most]
