"""Corpora of functions that are nearly alike: what differs are names, an operator, a constant and the type."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from data.corpus.row import Row, row_id, write_shard

_NAMES = ("a", "b", "x", "y", "src", "dst", "values", "result")


def simple_rows(count: int, seed: int, language: Literal["c", "cuda"], operators: str = "+-*") -> Iterator[Row]:
    """C functions, or kernels that do the same as such functions."""
    draw = random.Random(f"{seed}/{language}")
    for number in range(count):
        target, source = draw.sample(_NAMES, 2)
        kind = draw.choice(("float", "double", "int"))
        head = f"{draw.choice(('step', 'apply', 'update'))}{number}({kind} *{target}, const {kind} *{source}, int n)"
        body = f"{target}[i] = {source}[i] {draw.choice(operators)} {draw.randint(3, 99)};"
        text = f"void {head}\n{{\n    for (int i = 0; i < n; i++)\n        {body}\n}}\n"
        if language == "cuda":
            index = "    int i = blockIdx.x * blockDim.x + threadIdx.x;\n    if (i < n)\n"
            text = f"__global__ void {head}\n{{\n{index}        {body}\n}}\n"
        what: Literal["function", "kernel"] = "function" if language == "c" else "kernel"
        name = head.partition("(")[0]
        yield Row(row_id(language, text), what, language, name, text, name, 1, 5, "test", family="simple")


def write_simple(path: Path, count: int, seed: int, language: Literal["c", "cuda"]) -> Path:
    """A file of such rows."""
    write_shard(simple_rows(count, seed, language), path)
    return path
