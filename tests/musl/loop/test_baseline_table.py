"""scripts/baseline_table.py on a small loop's folder: every row by one judge, and none measured twice."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import pytest
from lookup_parts import LookupParts, write_memory
from loop_runs import MakeConfig
from micro_bart import write_micro_bart
from simple_rows import simple_rows, write_simple

from data.corpus.row import row_id, write_shard
from models.generation.open_model import open_generator
from models.generation.protocol import Generator
from musl.errors import UsageError
from musl.loop.config import LoopConfig
from musl.loop.folder import CHECKPOINT, METRICS, TRIPLETS, LoopFolder, write_whole
from musl.loop.records import Triplet, write_records

SAME = "void twice(float *x, const float *y, int n)\n{\n    for (int i = 0; i < n; i++)\n        x[i] = y[i] * 7;\n}\n"
ADDS = SAME.replace("x[i] = y[i] * 7", "x[i] += y[i] + 7").replace("twice", "more")
INDEX = "    int i = blockIdx.x * blockDim.x + threadIdx.x;\n    if (i < n)\n"


def kernel_of(c_text: str) -> str:
    return "__global__ " + c_text.replace("    for (int i = 0; i < n; i++)\n", INDEX)


class MixedParts(LookupParts):
    """Models that learned by heart beside real ones, as their folders say."""

    def open_generator(self, model: str) -> Generator:
        return super().open_generator(model) if (Path(model) / "memory.json").is_file() else open_generator(model)


@pytest.fixture(scope="module")
def script(repository: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("baseline_table", repository / "scripts" / "baseline_table.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    import sys

    sys.modules[spec.name] = module  # dataclasses look there
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def loop(make_config: MakeConfig, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a loop whose round 0 is over: it knows one pair, which its Translator can say by heart."""
    from data.tokens.tokompiler import encode

    folder = LoopFolder(tmp_path_factory.mktemp("loop") / "run")
    config = make_config(folder.path)
    write_whole(folder.path / "loop.json", config.model_dump_json() + "\n")
    first = folder.round(0)
    first.path.mkdir(parents=True)
    known = SAME.replace("twice", "scale").replace("7", "3")
    triplet = Triplet("s", "c", "f", "scale", known, "scale", kernel_of(known), (), "analytic", 0)
    write_records(first.artifact(TRIPLETS), Triplet, [triplet])
    source = encode(SAME.strip("\n"), "c++")
    answer = source.encode_other(kernel_of(SAME), "cuda").text
    own = first.artifact(CHECKPOINT) / "translator"
    write_memory(own / "model", [(f"// C to CUDA\n{source.text}\n// CUDA\n", answer)])
    write_whole(own / "result.json", json.dumps({"tokens": 5000}))
    models = dict.fromkeys(("translator", "tester"), f"{first.path.name}/{CHECKPOINT}/translator/model")
    write_whole(first.artifact(CHECKPOINT) / "models.json", json.dumps(models))
    write_whole(first.artifact(METRICS), "{}")
    return folder.path


@pytest.fixture(scope="module")
def back_translation(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of back-translation whose model can translate one of the two held-out functions; it went on from another
    run's model."""
    before = tmp_path_factory.mktemp("before")
    (before / "model").mkdir()
    write_whole(before / "result.json", json.dumps({"training_tokens": 1_000_000}))
    folder = tmp_path_factory.mktemp("back")
    write_whole(folder / "config.json", json.dumps({"start": str(before / "model")}))
    write_micro_bart(folder / "model", [(ADDS, kernel_of(ADDS))])
    write_whole(folder / "result.json", json.dumps({"training_tokens": 500_000}))
    return folder


@pytest.fixture(scope="module")
def held_out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A corpus of two functions: of one any thread may do all the work, of the other none may."""
    path = tmp_path_factory.mktemp("held") / "c.parquet"
    (row,) = simple_rows(1, 1, "c")
    texts = {"twice": SAME, "more": ADDS}
    rows = [type(row)(**{**vars(row), "id": row_id("c", t), "name": n, "text": t}) for n, t in texts.items()]
    write_shard(iter(rows), path)
    return path


def table(script: ModuleType, out: Path, *words: object) -> Sequence[object]:
    def parts(config: LoopConfig) -> MixedParts:
        return MixedParts(config.training)

    rows: Sequence[object] = script.run(script.arguments([str(out), *map(str, words), "--jobs", "2"]), parts)
    return rows


def test_all_translators_stand_in_one_table(
    script: ModuleType, loop: Path, back_translation: Path, held_out: Path, tmp_path: Path
) -> None:
    words = ("--loop", loop, "--held-out", held_out, "--back-translation", f"no filter={back_translation}")
    table(script, tmp_path / "out", *words)
    whole = json.loads((tmp_path / "out" / "table.json").read_text())
    assert (whole["functions"], whole["functions_with_kernel"]) == (2, 2)
    rows = {row["name"]: row for row in whole["rows"]}
    figures = {
        name: [round(row["figures"][key]["value"]) for key in ("compile_pass", "pass@1", "parallel_pass@1")]
        for name, row in rows.items()
    }
    assert figures == {
        "the source, copied": [100, 50, 0],  # x[i] = y[i] * 7 by every thread is right, x[i] += is not
        "nearest neighbour": [100, 50, 50],
        "back-translation, no filter": [100, 50, 50],
        "loop, round 0": [100, 50, 50],
    }
    right = {name: {i for i, given in row["outcomes"].items() if given == [True]} for name, row in rows.items()}
    assert right["nearest neighbour"] != right["back-translation, no filter"]
    assert (
        rows["the source, copied"]["figures"]["bleu"]["value"] < rows["nearest neighbour"]["figures"]["bleu"]["value"]
    )
    assert [row["training_tokens"] for row in rows.values()] == [0, 0, 1_500_000, None]
    lines = (tmp_path / "out" / "table.md").read_text().splitlines()
    assert lines[0].startswith(
        "| C to CUDA | training tokens | compile pass | Pass@1 | parallel Pass@1 | BLEU | CodeBLEU |"
    )
    assert lines[4].startswith("| back-translation, no filter | 1.5 M | 100.00 [34.2, 100.0] | 50.00 [9.5, 90.5] |")

    made = {path: path.stat().st_mtime_ns for path in (tmp_path / "out" / "rows").iterdir()}
    assert len(made) == 4
    spoiled = tmp_path / "out" / "rows" / "loop-round-0.json"
    spoiled.unlink()
    table(script, tmp_path / "out", *words)
    assert json.loads((tmp_path / "out" / "table.json").read_text())["rows"] == whole["rows"]
    again = {path: path.stat().st_mtime_ns for path in made}
    assert [path for path in made if made[path] != again[path]] == [spoiled], "whole rows are not measured again"


def test_what_cannot_be_measured_is_one_line(script: ModuleType, loop: Path, tmp_path: Path) -> None:
    for words, message in (
        (("--loop", tmp_path), "holds no run of `musl loop`"),
        (("--loop", loop), "has no held-out functions yet; wait for them, or give --held-out"),
        (("--loop", loop, "--back-translation", "none"), "NAME=DIR, where DIR is the folder"),
    ):
        held = ("--held-out", write_simple(tmp_path / "one.parquet", 1, 9, "c")) if "none" in words else ()
        with pytest.raises(UsageError, match=message):
            table(script, tmp_path / "out", *words, *held)
