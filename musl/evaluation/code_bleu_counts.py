"""What CodeBLEU counts in a pair of texts, by the functions of codebleu 0.7.0: a process of its own.

The library names the variables of a data flow in the order of a set of strings, so its scores depend on the seed of
Python's string hashes: 0.1 points between two runs. `count_pairs` therefore starts Python with PYTHONHASHSEED=0, and
its counts are those of the library under that seed, in every run.

    python -m musl.evaluation.code_bleu_counts
        reads {"texts": [...], "pairs": [[hypothesis, reference], ...]} (indices), writes a row of counts a pair
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from musl.evaluation.extra import require

LANGUAGE = "cpp"
ORDERS = 4
WIDTH = 3 + 4 * ORDERS + 4
_COMMON = 0.2  # weight of a token that is no keyword, against 1 (Ren et al. 2020, section 3.1)

Gram = tuple[str, ...]
Edge = tuple[str, str, Gram]


def count_pairs(pairs: Sequence[tuple[str, str]]) -> list[list[float]]:
    """A row of WIDTH counts for each (hypothesis, reference): see `count`. MachineError without codebleu,
    RuntimeError where the process fails."""
    require("codebleu")
    index = {text: i for i, text in enumerate(dict.fromkeys(text for pair in pairs for text in pair))}
    request = {
        "texts": list(index),
        "pairs": [[index[hypothesis], index[reference]] for hypothesis, reference in pairs],
    }
    done = subprocess.run(
        [sys.executable, "-m", "musl.evaluation.code_bleu_counts"],
        input=json.dumps(request),
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONHASHSEED": "0"},
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"the process that takes CodeBLEU's counts failed:\n{done.stderr.strip()}")
    rows: list[list[float]] = json.loads(done.stdout)
    return rows


@dataclass(frozen=True)
class Features:
    """What is compared of a text: its tokens' n-grams by order, the shapes of its syntax tree's inner nodes (as
    s-expressions), the edges of its data flow with variables numbered as they come."""

    length: int
    grams: tuple[Counter[Gram], ...]
    shapes: tuple[str, ...]
    edges: Counter[Edge]


def count(hypothesis: Features, reference: Features, keywords: frozenset[str]) -> list[float]:
    """(1 pair; hypothesis tokens, reference tokens; matching n-grams and n-grams of the hypothesis by order, for BLEU;
    matching n-grams and n-grams of the reference by order, single tokens weighted, for weighted BLEU; matching and all
    shapes of the reference; matching and all edges of the reference). A pair has one n-gram at least, as in the
    library."""
    row: list[float] = [1, hypothesis.length, reference.length]
    precision = [(h & r, h) for h, r in zip(hypothesis.grams, reference.grams, strict=True)]
    row += [part.total() for part, _ in precision] + [max(1, whole.total()) for _, whole in precision]
    single, longer = precision[0][0], precision[1:]
    row += [_weigh(single, keywords), *(part.total() for part, _ in longer)]
    row += [max(1, _weigh(reference.grams[0], keywords)), *(max(1, grams.total()) for grams in reference.grams[1:])]
    found = frozenset(hypothesis.shapes)
    row += [sum(shape in found for shape in reference.shapes), len(reference.shapes)]
    return [*row, (hypothesis.edges & reference.edges).total(), reference.edges.total()]


def _weigh(tokens: Counter[Gram], keywords: frozenset[str]) -> float:
    return sum(number * (1 if token in keywords else _COMMON) for (token,), number in tokens.items())


def make_extractor() -> Callable[[str], Features]:
    """The function from a text to its features, with the library's parser, comment removal and data flow."""
    from codebleu.dataflow_match import dfg_function, get_data_flow, normalize_dataflow
    from codebleu.parser import remove_comments_and_docstrings
    from codebleu.utils import get_tree_sitter_language
    from tree_sitter import Node, Parser

    parser = Parser(get_tree_sitter_language(LANGUAGE))

    def shapes(root: Node) -> list[str]:
        inner, found = [root], []
        while inner:
            node = inner.pop()
            found.append(str(node))
            inner += [child for child in node.children if child.children]
        return found

    def extract(text: str) -> Features:
        tokens = text.split()
        grams = (Counter(zip(*(tokens[i:] for i in range(n)), strict=False)) for n in range(1, ORDERS + 1))
        code = remove_comments_and_docstrings(text.strip(), LANGUAGE)
        flow = normalize_dataflow(get_data_flow(code, [parser, dfg_function[LANGUAGE]]))
        edges = Counter((name, kind, tuple(sources)) for name, kind, sources in flow)
        return Features(len(tokens), tuple(grams), tuple(shapes(parser.parse(code.encode()).root_node)), edges)

    return extract


def read_keywords() -> frozenset[str]:
    """The library's list of C++ keywords."""
    from codebleu.codebleu import PACKAGE_DIR

    return frozenset((PACKAGE_DIR / "keywords" / f"{LANGUAGE}.txt").read_text(encoding="utf-8").split())


def main() -> None:
    """Answer the request on the standard input."""
    request = json.load(sys.stdin)
    extract, keywords = make_extractor(), read_keywords()
    features = [extract(text) for text in request["texts"]]
    json.dump([count(features[h], features[r], keywords) for h, r in request["pairs"]], sys.stdout)


if __name__ == "__main__":
    main()
