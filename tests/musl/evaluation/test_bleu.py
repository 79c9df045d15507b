"""BLEU over pooled counts is sacrebleu's corpus BLEU."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import sacrebleu
from hypothesis import given
from hypothesis import strategies as st

from musl.evaluation.bleu import Tokenization, bleu, bleu_of
from musl.evaluation.bootstrap import interval
from musl.evaluation.token_spacing import spaced

REFERENCES = {
    1: "__global__ void scale(float *x, float a, int n) { int i = blockIdx.x * blockDim.x + threadIdx.x; x[i] *= a; }",
    2: "__global__ void fill(int *out, int v) { out[threadIdx.x] = v; }",
    "three": "__global__ void count(const char *s, int *n) { if (s[threadIdx.x] == 'a') atomicAdd(n, 1); }",
}
HYPOTHESES = {
    1: [
        "__global__ void scale(float *x, float a, int n) { int t = threadIdx.x; if (t < n) x[t] = a * x[t]; }",
        "__global__ void scale(float *x, float a, int n)\n{\n  // grid\n  int i = threadIdx.x;\n  x[i] *= a;\n}\n",
    ],
    2: ["__global__ void fill(int *out, int v) { out[threadIdx.x] = v; }", ""],
    "three": ["void count() { }", "int main() { return 0; }"],
}
TOKENIZATIONS: dict[Tokenization, str] = {"spaced": "none", "13a": "13a"}


@pytest.mark.parametrize("tokenization", TOKENIZATIONS)
def test_it_is_sacrebleus_score_of_all_pairs(tokenization: Tokenization) -> None:
    pairs = [(spaced(h), spaced(REFERENCES[p])) for p, samples in HYPOTHESES.items() for h in samples]
    theirs = sacrebleu.corpus_bleu(
        [h for h, _ in pairs], [[r for _, r in pairs]], tokenize=TOKENIZATIONS[tokenization], force=True
    )
    assert bleu(HYPOTHESES, REFERENCES, tokenization).value == pytest.approx(theirs.score, abs=1e-9)


@given(st.lists(st.tuples(st.text("ab ", max_size=12), st.text("abc ", min_size=1, max_size=12)), min_size=1))
def test_it_is_sacrebleus_score_where_orders_have_no_match_and_texts_are_short(pairs: list[tuple[str, str]]) -> None:
    theirs = sacrebleu.corpus_bleu(
        [spaced(h) for h, _ in pairs], [[spaced(r) for _, r in pairs]], tokenize="none", force=True
    )
    ours = bleu({i: [h] for i, (h, _) in enumerate(pairs)}, {i: r for i, (_, r) in enumerate(pairs)})
    assert ours.value == pytest.approx(theirs.score, abs=1e-9)


@pytest.mark.parametrize("tokenization", TOKENIZATIONS)
def test_the_references_themselves_score_100_however_they_are_laid_out(tokenization: Tokenization) -> None:
    relaid = {p: [re.sub(r"([;{])", r"\1 // note\n   ", text)] for p, text in REFERENCES.items()}
    assert bleu(relaid, REFERENCES, tokenization).value == pytest.approx(100)


def test_rows_of_problems_add_up_so_that_resampling_counts_no_n_gram_again() -> None:
    whole = bleu(HYPOTHESES, REFERENCES)
    parts = [bleu({p: HYPOTHESES[p]}, REFERENCES).matrix()[0] for p in whole.problems()]
    assert np.array_equal(whole.matrix(), np.stack(parts))
    twice = bleu({p: [*s, *s] for p, s in HYPOTHESES.items()}, REFERENCES)
    assert twice.value == pytest.approx(whole.value)


def test_many_sums_are_scored_at_once_as_each_alone() -> None:
    rows = bleu(HYPOTHESES, REFERENCES).matrix()
    assert bleu_of(rows) == pytest.approx([float(bleu_of(row)) for row in rows])


def test_a_problem_without_a_reference_is_an_error() -> None:
    with pytest.raises(KeyError):
        bleu({9: ["x"]}, REFERENCES)


def test_babeltowers_c_functions_score_as_sacrebleu_says(shared_data: Path) -> None:
    c, cuda = (
        (shared_data / "babeltower" / f"{side}.para.valid.tok").read_text(encoding="utf-8").splitlines()
        for side in ("cpp", "cuda")
    )
    measure = bleu({i: [text] for i, text in enumerate(c)}, dict(enumerate(cuda)))
    found = interval(measure)
    assert found.value == pytest.approx(sacrebleu.corpus_bleu(c, [cuda], tokenize="none", force=True).score)
    assert found.low is not None and found.high is not None
    assert found.low < found.value < found.high
    assert bleu({i: [text] for i, text in enumerate(cuda)}, dict(enumerate(cuda))).value == pytest.approx(100)
