"""Configs of small runs with a model that learns by heart, and one such run that tests look at."""

from __future__ import annotations

from pathlib import Path

import pytest
from lookup_parts import LookupParts, write_memory
from loop_runs import FinishedRun, MakeConfig
from simple_rows import write_simple

from musl.loop.config import LoopConfig
from musl.loop.folder import LoopFolder
from musl.loop.run import run_loop

TRAINING = {"training": {"epochs": 1, "batch_sequences": 1, "micro_batch": 1, "learning_rate": 1e-3}}


@pytest.fixture(scope="session")
def corpora(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the corpora of a small run, and a model that knows nothing."""
    folder = tmp_path_factory.mktemp("loop")
    write_simple(folder / "seed.parquet", 3, 1, "c")
    write_simple(folder / "c.parquet", 4, 2, "c")
    write_simple(folder / "cuda.parquet", 4, 3, "cuda")
    write_simple(folder / "held.parquet", 2, 4, "c")
    write_memory(folder / "base", [])
    return folder


@pytest.fixture(scope="session")
def make_config(corpora: Path) -> MakeConfig:
    """Makes the config of a small run; keywords replace keys of a group: `switches={"filter": "none"}`."""

    def make(output: Path, *, rounds: int = 1, **groups: dict[str, object]) -> LoopConfig:
        base = str(corpora / "base")
        given: dict[str, dict[str, object]] = {
            "models": {"translator": base, "tester": base},
            "sources": {"c": [corpora / "c.parquet"], "cuda": [corpora / "cuda.parquet"], "functions": 2},
            "seed_pairs": {"c": [corpora / "seed.parquet"], "most": 3, "tests": 4, "large_tests": 1},
            "generation": {"samples": 1, "tests": 4, "chunk": 2},
            "judging": {"schedules": ["forward"]},
            "switches": {},
            "selection": {},
            "training": {"translator": TRAINING, "tester": TRAINING},
            "evaluation": {
                "held_out": [corpora / "held.parquet"],
                "resembling": "kept",  # the corpora have a few dozen distinct texts
                "functions": 2,
                "samples": 1,
                "tests": 4,
                "tester_tests": 2,
            },
            "run": {"jobs": 2},
        }
        merged = {group: {**given[group], **groups.get(group, {})} for group in given}
        return LoopConfig.model_validate({"output": output, "seed": 1, "rounds": rounds, **merged})

    return make


@pytest.fixture(scope="session")
def finished(make_config: MakeConfig, tmp_path_factory: pytest.TempPathFactory) -> FinishedRun:
    """One run that tests look at and do not change."""
    config = make_config(tmp_path_factory.mktemp("run") / "run", rounds=2)
    metrics = run_loop(config, parts=LookupParts(config.training))
    return FinishedRun(config, LoopFolder(config.output), metrics)
