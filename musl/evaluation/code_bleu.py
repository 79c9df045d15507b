"""CodeBLEU (Ren et al. 2020, arXiv 2009.10297) as codebleu 0.7.0 computes it, as a measure over problems.

Language `cpp`, equal weights, texts in BabelTower's token spacing (split at white space), one reference a problem, in
the target language of the direction. As in `calc_codebleu` of two lists all four parts pool their counts over pairs:

    BLEU (smoothed: 0.1 for an order without a match), BLEU of recall with keywords weighted,
    shapes of the reference's syntax tree found in the hypothesis, edges of its data flow found there.

Habits of the library are kept, since published numbers have them. Where no reference has a data flow, or none of its
edges is found, that part counts as 1 (`dataflow_match_score or 1`). The brevity penalty of the weighted part takes
every reference to be two tokens long (it measures a pair of tokens and weights). A directive swallows the rest of its
line, also where BabelTower writes a function with a pragma on one line.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from musl.evaluation.bleu import brevity_penalty
from musl.evaluation.bootstrap import Floats, Measure, ProblemId
from musl.evaluation.code_bleu_counts import ORDERS, WIDTH, count_pairs
from musl.evaluation.token_spacing import spaced

_SMOOTHED = 0.1  # matches of an order that has none (Chen and Cherry 2014, method 1)
_TAKEN_LENGTH = 2  # of a reference, for the weighted part's brevity penalty


def code_bleu(hypotheses: Mapping[ProblemId, Sequence[str]], references: Mapping[ProblemId, str]) -> Measure:
    """CodeBLEU in percent over all samples of all problems; the texts need no spacing yet. A problem's row is the sum
    over its samples of `code_bleu_counts.count`. KeyError for a problem without a reference."""
    pairs = {
        problem: [(spaced(sample), spaced(references[problem])) for sample in samples]
        for problem, samples in hypotheses.items()
    }
    distinct = list(dict.fromkeys(pair for of_problem in pairs.values() for pair in of_problem))
    counted = dict(zip(distinct, np.array(count_pairs(distinct)).reshape(-1, WIDTH), strict=True))
    rows = {problem: sum((counted[p] for p in of_problem), np.zeros(WIDTH)) for problem, of_problem in pairs.items()}
    return Measure(rows, code_bleu_of)


def code_bleu_of(sums: Floats) -> Floats:
    """CodeBLEU in percent from summed rows (..., WIDTH)."""
    return np.asarray(100 * sum(parts_of(sums).values(), np.zeros(sums.shape[:-1])) / 4)


def parts_of(sums: Floats) -> dict[str, Floats]:
    """The four parts, from 0 to 1, by the library's names, from summed rows (..., WIDTH); no data flow counts as 1."""
    pairs, length, reference_length = (sums[..., column] for column in range(3))
    first, second = sums[..., 3 : 3 + 2 * ORDERS], sums[..., 3 + 2 * ORDERS : 3 + 4 * ORDERS]
    shapes, all_shapes, edges, all_edges = (sums[..., column] for column in range(WIDTH - 4, WIDTH))
    return {
        "ngram_match_score": brevity_penalty(length, reference_length) * _precision(first),
        "weighted_ngram_match_score": brevity_penalty(length, _TAKEN_LENGTH * pairs) * _precision(second),
        "syntax_match_score": shapes / np.maximum(all_shapes, 1),
        "dataflow_match_score": np.where(edges > 0, edges / np.maximum(all_edges, 1), 1.0),
    }


def _precision(counts: Floats) -> Floats:
    """The geometric mean over the orders of matches by totals, (..., 2 * ORDERS) to (...); 0 where no token matches."""
    matches, totals = counts[..., :ORDERS], np.maximum(counts[..., ORDERS:], 1)
    shares = np.where(matches > 0, matches, _SMOOTHED) / totals
    return np.asarray(np.where(matches[..., 0] > 0, np.exp(np.log(shares).mean(axis=-1)), 0.0))
