"""What back-translation's pairs are filtered by: that the translation compiles, and that co-verify finds it right."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest

from data.corpus.row import Row, row_id, write_shard
from musl.pair_filter import open_judges
from translator.back_translation.config import BackTranslationConfig
from translator.back_translation.judging import Candidate, Judge

C = "void scale(float *x, int count)\n{\n    for (int i = 0; i < count; i++)\n        x[i] = 3.5f * x[i];\n}\n"
KERNEL = """\
__global__ void shift(int *values, int size)
{
    int place = blockIdx.x * blockDim.x + threadIdx.x;
    if (place < size) values[place] = values[place] + 7;
}
"""
NO_ARRAY = "float half(float x) { return 0.5f * x; }\n"
INDEX = "int var_1 = blockIdx.x * blockDim.x + threadIdx.x; if (var_1 < var_0)"
TO_CUDA = (
    f"__global__ void func_0 ( float * arr_0 , int var_0 ) {{ {INDEX} arr_0 [ var_1 ] = real_0f * arr_0 [ var_1 ] ; }}"
)
TO_C = (
    "void func_0 ( int * arr_0 , int var_0 ) { for ( int var_1 = 0 ; var_1 < var_0 ; var_1 ++ )"
    " arr_0 [ var_1 ] = arr_0 [ var_1 ] + num_0 ; }"
)


def _row(text: str, name: str) -> Row:
    language, kind = ("cuda", "kernel") if "__global__" in text else ("c", "function")
    return Row(row_id(language, text), kind, language, name, text, "", 1, 1, "")  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def judges(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, Judge]]:
    folder = tmp_path_factory.mktemp("corpora")
    write_shard([_row(C, "scale"), _row(NO_ARRAY, "half")], folder / "c.parquet")
    write_shard([_row(KERNEL, "shift")], folder / "cuda.parquet")
    config = BackTranslationConfig.model_validate(
        {
            "output": folder / "run",
            "data": {"c": [folder / "c.parquet"], "cuda": [folder / "cuda.parquet"], "tokenizer": folder},
            "filter": {"kind": "test"},
            "judging": {"tests": 2, "schedules": ["forward"]},
        }
    )
    with open_judges(config) as opened:
        yield opened


def _candidate(text: str, written: str) -> Candidate:
    row = _row(text, "")
    return Candidate(row.id, "cuda" if row.language == "cuda" else "c", written)


RIGHT = [_candidate(C, TO_CUDA), _candidate(KERNEL, TO_C)]
WRONG = [
    _candidate(C, TO_CUDA.replace("real_0f *", "real_0f +")),
    _candidate(KERNEL, TO_C.replace("num_0", "1")),
]
BROKEN = [
    _candidate(C, TO_CUDA.replace("arr_0 [ var_1 ] =", "arr_9 [ var_1 ] =")),
    _candidate(C, "__global__ void func_0 ("),
    _candidate(NO_ARRAY, "__global__ void func_0 ( float var_0 ) { }"),
    _candidate(KERNEL, KERNEL),
]


def test_what_compiles_passes_the_compile_filter(judges: Mapping[str, Judge]) -> None:
    assert judges["compile"]([*RIGHT, *WRONG, *BROKEN]) == [True] * 4 + [False] * 4
    assert judges["compile"]([]) == []


@pytest.mark.slow
def test_only_what_computes_the_same_passes_the_test_filter(judges: Mapping[str, Judge]) -> None:
    assert judges["test"]([*BROKEN[:1], *RIGHT, *WRONG]) == [False, True, True, False, False]
    assert judges["test"]([*WRONG, *RIGHT]) == [False, False, True, True]  # with the tests that are known


def test_nothing_is_opened_where_nothing_is_judged() -> None:
    config = BackTranslationConfig.model_validate(
        {"output": "run", "data": {"c": ["c"], "cuda": ["cuda"], "tokenizer": "t"}}
    )
    with open_judges(config) as opened:
        assert opened == {}
