"""Corpus BLEU (Papineni et al. 2002) of translations in BabelTower's token spacing, as a measure over problems.

Two tokenizations, since the field prints both without saying which:

`spaced`  the tokens of the spacing as they are (sacrebleu's tokenize="none"): `bleu` of `metrics.json`.
`13a`     the mteval-v13a tokenization of the spaced text, which splits names at underscores too: sacrebleu's default,
          and what the scripts of CodeRosetta and MuSL call (`evaluate.load("bleu")`, tokenizer_13a): `bleu_13a`.

n-grams up to four, case-sensitive, one reference a problem. Counts are pooled over all pairs before the score is taken,
so it is no mean of pair scores (which MuSL's fine-tuning script logs). Smoothing is sacrebleu's ("exp"), which acts
only where an order has no match in the whole set; there those scripts say 0, everywhere else the same as here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np

from musl.evaluation.bootstrap import Floats, Measure, ProblemId
from musl.evaluation.extra import require
from musl.evaluation.token_spacing import spaced

Tokenization = Literal["spaced", "13a"]
_SACREBLEU: dict[Tokenization, str] = {"spaced": "none", "13a": "13a"}
ORDERS = 4


def bleu(
    hypotheses: Mapping[ProblemId, Sequence[str]],
    references: Mapping[ProblemId, str],
    tokenization: Tokenization = "spaced",
) -> Measure:
    """BLEU in percent over all samples of all problems; the texts need no spacing yet.

    A problem's row is the sum over its samples of (hypothesis tokens, reference tokens, matching n-grams of order 1 to
    4, n-grams of order 1 to 4). KeyError for a problem without a reference, MachineError without sacrebleu.
    """
    require("sacrebleu")
    from sacrebleu.metrics.bleu import BLEU

    # effective_order changes sentence scores alone, which are not used: it keeps sacrebleu from advising it.
    scorer = BLEU(tokenize=_SACREBLEU[tokenization], effective_order=True)
    known: dict[tuple[str, str], Floats] = {}
    rows: dict[ProblemId, Floats] = {}
    for problem, samples in hypotheses.items():
        reference = spaced(references[problem])
        rows[problem] = np.zeros(2 + 2 * ORDERS)
        for sample in samples:
            pair = spaced(sample), reference
            if pair not in known:
                score = scorer.sentence_score(pair[0], [reference])
                known[pair] = np.array([score.sys_len, score.ref_len, *score.counts, *score.totals], dtype=np.float64)
            rows[problem] = rows[problem] + known[pair]
    return Measure(rows, bleu_of)


def bleu_of(sums: Floats) -> Floats:
    """BLEU in percent from summed rows (..., 10): what sacrebleu's `BLEU.compute_bleu` gives, smoothed by "exp"."""
    matches, totals = sums[..., 2 : 2 + ORDERS], sums[..., 2 + ORDERS :]
    logs = np.zeros(sums.shape[:-1])
    smoothing = np.ones(sums.shape[:-1])
    for order in range(ORDERS):
        missed = matches[..., order] == 0
        smoothing = np.where(missed, 2 * smoothing, smoothing)
        found = np.where(missed, 1 / smoothing, matches[..., order])
        logs += np.log(found / np.maximum(totals[..., order], 1)) / ORDERS
    nothing = (matches.sum(axis=-1) == 0) | (totals.min(axis=-1) == 0)
    return np.where(nothing, 0.0, 100 * brevity_penalty(sums[..., 0], sums[..., 1]) * np.exp(logs))


def brevity_penalty(length: Floats, reference_length: Floats) -> Floats:
    """exp(1 - r/c) where the hypotheses are shorter than the references, 1 elsewhere, 0 for no token at all."""
    shortage = np.maximum(reference_length / np.maximum(length, 1), 1)
    return np.asarray(np.where(length > 0, np.exp(1 - shortage), np.where(reference_length > 0, 0.0, 1.0)))
