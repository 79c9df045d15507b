"""CodeBLEU over pooled counts is the library's score of the same pairs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from musl.evaluation.bootstrap import interval
from musl.evaluation.code_bleu import code_bleu, code_bleu_of, parts_of
from musl.evaluation.token_spacing import spaced

REFERENCES = {
    1: "__global__ void scale(float *x, float a, int n) { int i = blockIdx.x * blockDim.x + threadIdx.x; x[i] *= a; }",
    2: "__global__ void fill(int *out, int v) { for (int i = 0; i < 4; i++) { int k = v; out[i] = k * v; v = k; } }",
    "three": "__global__ void count(char *s, int *n) { if (s[threadIdx.x] == 'a') atomicAdd(n, 1); else n[1]--; }",
    4: "void nothing() { }",
}
HYPOTHESES = {
    1: [
        "__global__ void scale(float *x, float a, int n) { int t = threadIdx.x; if (t < n) x[t] = a * x[t]; }",
        "__global__ void scale(float *x, float a, int n)\n{\n  // grid\n  int i = threadIdx.x;\n  x[i] *= a;\n}\n",
    ],
    2: ["void fill(int *o, int w) { int i = 3; while (i >= 0) { int k = w + i; o[i] = k * w; w = k; i--; } }", ""],
    "three": ["#define N 4\nvoid count() { int b = N; }", "no code at all ( {"],
    4: ["void nothing() { }"],
}
LIBRARY = """
import json, sys
from codebleu import calc_codebleu
print(json.dumps([calc_codebleu(r, h, "cpp") for r, h in json.load(sys.stdin)]))
"""


def library(*sets: list[tuple[str, str]]) -> list[dict[str, float]]:
    """codebleu's own scores, from 0 to 1, of sets of (hypothesis, reference) pairs, under the same seed of hashes."""
    done = subprocess.run(
        [sys.executable, "-c", LIBRARY],
        input=json.dumps([[[r for _, r in pairs], [h for h, _ in pairs]] for pairs in sets]),
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONHASHSEED": "0"},
        check=True,
    )
    scores: list[dict[str, float]] = json.loads(done.stdout)
    return scores


def test_it_is_the_librarys_score_of_all_pairs_part_by_part() -> None:
    (theirs,) = library([(spaced(h), spaced(REFERENCES[p])) for p, samples in HYPOTHESES.items() for h in samples])
    measure = code_bleu(HYPOTHESES, REFERENCES)
    assert measure.value == pytest.approx(100 * theirs.pop("codebleu"), abs=1e-9)
    parts = {name: float(part) for name, part in parts_of(measure.matrix().sum(axis=0)).items()}
    assert parts == pytest.approx(theirs, abs=1e-12)


def test_it_is_the_librarys_score_of_each_pair() -> None:
    pairs = [(h, REFERENCES[p]) for p, samples in HYPOTHESES.items() for h in samples]
    theirs = [scores["codebleu"] for scores in library(*([(spaced(h), spaced(r))] for h, r in pairs))]
    ours = code_bleu({i: [h] for i, (h, _) in enumerate(pairs)}, {i: r for i, (_, r) in enumerate(pairs)})
    assert code_bleu_of(ours.matrix()) == pytest.approx(100 * np.array(theirs), abs=1e-9)


def test_the_references_themselves_score_100() -> None:
    same = {problem: [text] for problem, text in REFERENCES.items()}
    measure = code_bleu(same, REFERENCES)
    assert measure.value == pytest.approx(100)
    assert code_bleu_of(measure.matrix()) == pytest.approx(100)  # each alone too, without a data flow or with one


def test_what_gets_a_text_into_the_spacing_changes_no_score() -> None:
    loose = {
        p: [text.replace(";", " ;\n").replace("(", " (/**/ ") for text in texts] for p, texts in HYPOTHESES.items()
    }
    loose["three"] = HYPOTHESES["three"]  # its directive ends where its line ends
    assert code_bleu(loose, REFERENCES).value == pytest.approx(code_bleu(HYPOTHESES, REFERENCES).value)


def test_babeltowers_pairs_score_as_the_library_says(shared_data: Path) -> None:
    c, cuda = (
        (shared_data / "babeltower" / f"{side}.para.valid.tok").read_text(encoding="utf-8").splitlines()
        for side in ("cpp", "cuda")
    )
    measure = code_bleu({i: [text] for i, text in enumerate(c)}, dict(enumerate(cuda)))
    (theirs,) = library(list(zip(c, cuda, strict=True)))
    assert measure.value == pytest.approx(100 * theirs["codebleu"], abs=1e-9)
    found = interval(measure)
    assert found.value is not None and found.low is not None and found.high is not None
    assert found.low < found.value < found.high
    assert np.allclose(code_bleu({i: [text] for i, text in enumerate(cuda)}, dict(enumerate(cuda))).value, 100)
