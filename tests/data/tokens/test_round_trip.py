"""What came back from Tokompiler is compiled, and computes what the original computes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest

from compile.sandbox import Sandbox
from data.babeltower import read_cases
from data.corpus.language import parse
from data.function import Language
from data.pairs import Pair, pair_of_case
from data.synthesis.synthesize import synthesize
from data.tokens.bpe import text_of_row
from data.tokens.lexical import lexical_tokens
from data.tokens.tokompiler import decode, encode
from musl.judge import Judge
from musl.judge_pair import judge_pair
from musl.verdict import VerdictStatus

SUM = """
#define AT(i) values[(i)]
typedef struct { float x, weight; } item_t; /* a comment that is lost */
static float scaled(const float *values, int i) { return 1.5f * AT(i); }
float total(const float *values, int n) {
    float sum = 0.0f;
    for (int i = 0; i < n; i++) { item_t item = {scaled(values, i), 0.25f}; sum += item.x * item.weight; }
    if (sum > 100.0f) goto done;
    { float n = 3.0f; sum -= n; }
done:
    return sum;
}
"""


def there_and_back(text: str, language: Language, seed: int | None = 11) -> str:
    return decode(encode(text, language, seed))


def status(judge: Judge, pair: Pair) -> VerdictStatus:
    record = judge_pair(judge, pair)
    assert record.tests.passed == record.tests.run > 0, record.reason
    return record.verdict


def test_a_function_with_macros_structs_and_shadowed_names_computes_the_same(tmp_path: Path) -> None:
    assert there_and_back(SUM, "c") != SUM
    pair = Pair(1, SUM, there_and_back(SUM, "c"), function="total", candidate="c")
    assert status(Judge(Sandbox(tmp_path)), pair) is VerdictStatus.EQUIVALENT


@pytest.mark.parametrize("index", [0, 7])
def test_a_development_pair_computes_the_same_on_both_sides(shared_data: Path, tmp_path: Path, index: int) -> None:
    case = read_cases(shared_data / "babeltower" / "unit_tests.dev.jsonl")[index]
    judge, pair = Judge(Sandbox(tmp_path)), pair_of_case(case)
    back = replace(pair, c=there_and_back(pair.c, "c++"), cuda=there_and_back(pair.cuda, "cuda"))
    assert status(judge, back) is VerdictStatus.EQUIVALENT


@pytest.mark.parametrize("language", ["c", "cuda"])
def test_synthesized_rows_come_back_and_parse(language: Literal["c", "cuda"]) -> None:
    for row in synthesize(60, 4, language):
        text = f"{row.types}\n{text_of_row(row)}"
        encoded = encode(text, language, 11)
        assert row.name not in lexical_tokens(encoded.text)
        assert not parse(language, encoded.text.encode()).root_node.has_error
        assert lexical_tokens(decode(encoded)) == lexical_tokens(text)
