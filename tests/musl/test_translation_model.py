"""`translate` and `musl eval` with encoder-decoder models and beams, and with the baselines."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from micro_bart import write_micro_bart

import musl
from musl.errors import UsageError
from musl.testers import choose_testers
from musl.translators import ModelOptions, open_translator

RUN = "from musl.cli import main, translate_main; "
SCALE = "void scale(int n, float a, float *x) { for (int i = 0; i < n; i++) x[i] = a * x[i]; }\n"
SHIFT = "void shift(int n, int *x) { for (int i = 0; i < n; i++) x[i] += 3; }\n"
INDEX = "int i = blockIdx.x * blockDim.x + threadIdx.x;"
SCALE_KERNEL = f"__global__ void scale_gpu(int n, float a, float *x) {{ {INDEX} if (i < n) x[i] = a * x[i]; }}"
SHIFT_KERNEL = f"__global__ void shift_gpu(int n, int *x) {{ {INDEX} if (i < n) x[i] += 3; }}"
WRONG_KERNEL = SHIFT_KERNEL.replace("+=", "-=")


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that knows both pairs by heart."""
    return write_micro_bart(tmp_path_factory.mktemp("learned"), [(SCALE, SCALE_KERNEL), (SHIFT, SHIFT_KERNEL)])


@pytest.fixture(scope="module")
def doubtful(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One that has seen `shift` translated wrongly three times, and rightly twice."""
    pairs = [(SHIFT, WRONG_KERNEL)] * 3 + [(SHIFT, SHIFT_KERNEL)] * 2
    return write_micro_bart(tmp_path_factory.mktemp("doubtful"), pairs)


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Known pairs as a file."""
    path = tmp_path_factory.mktemp("known") / "pairs.jsonl"
    pairs = [(SCALE, SCALE_KERNEL), (SHIFT, SHIFT_KERNEL)]
    path.write_text("".join(json.dumps({"id": i, "c": c, "cuda": cuda}) + "\n" for i, (c, cuda) in enumerate(pairs)))
    return path


def command(name: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-c", f"{RUN}{name}()", *map(str, arguments)]
    variables = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False, env=variables)


def written(folder: Path, text: str) -> Path:
    path = folder / "file.c"
    path.write_text(text)
    return path


def test_a_translation_models_kernels_verify(tmp_path: Path, learned: Path) -> None:
    report = musl.translate_file(written(tmp_path, SCALE + SHIFT), translator=str(learned), tests=3, device="emulator")
    assert [(f.name, f.status, f.translator) for f in report.functions] == [
        ("scale", "verified", str(learned)),
        ("shift", "verified", str(learned)),
    ]
    assert "scale_kernel<<<grid, block>>>(n, a, x);" in (tmp_path / "file.cu").read_text()


def test_the_first_verified_beam_is_kept(tmp_path: Path, doubtful: Path) -> None:
    path = written(tmp_path, SHIFT)
    options = ("--tests", 3, "--device", "emulator", "--json")
    greedy = command("translate_main", path, "--translator", doubtful, *options)
    assert greedy.returncode == 3, greedy.stderr
    run = command("translate_main", path, "--translator", doubtful, "--beam", 5, *options)
    assert run.returncode == 0, run.stderr
    (shift,) = json.loads(run.stdout)["functions"]
    first, *others = shift["samples"]
    assert (first["sample"], first["status"]) == (0, "failed") and others[-1]["status"] == "verified"
    best = command("translate_main", path, "--translator", doubtful, "--beam", 5, "--samples", 1, *options)
    assert best.returncode == 3, "the likeliest of five beams alone"


def test_what_contradicts_beams_is_one_line(tmp_path: Path, learned: Path, known: Path) -> None:
    path = written(tmp_path, SCALE)
    for translator, options, message in (
        ("analytic", (), "--beam are for models"),
        ("copy", (), "--beam are for models"),
        (f"nearest:{known}", (), "--beam are for models"),
        (learned, ("--samples", 9), "--samples 9: 4 beams have 4 answers at most"),
        (learned, ("--temperature", 0.5), "--temperature 0.5: with --beam nothing is drawn"),
        ("http://127.0.0.1:9/v1#gone", (), "is no encoder-decoder model; --samples N draws from it"),
    ):
        run = command("translate_main", path, "--translator", translator, "--beam", 4, *options)
        assert (run.returncode, run.stderr.count("\n")) == (2, 1), run.stderr
        assert message in run.stderr


def test_a_translation_model_is_no_tester(learned: Path) -> None:
    with pytest.raises(UsageError, match="this model translates, and writes no tests"):
        choose_testers(str(learned))


STRETCH = "void stretch(int m, float by, float *v) { for (int k = 0; k < m; k++) v[k] = by * v[k]; }\n"


def test_the_nearest_known_pair_over_the_sources_names_verifies(tmp_path: Path, known: Path) -> None:
    path = written(tmp_path, STRETCH)
    report = musl.translate_file(path, translator=f"nearest:{known}", tests=3, device="emulator")
    assert [(f.status, f.translator) for f in report.functions] == [("verified", f"nearest:{known}")]
    assert "= by * v[" in (tmp_path / "file.cu").read_text()


def test_a_copied_source_asks_for_no_index_and_so_gets_one_thread(tmp_path: Path) -> None:
    report = musl.translate_file(written(tmp_path, STRETCH), translator="copy", tests=3, device="emulator")
    assert [(f.status, f.translator) for f in report.functions] == [("verified", "copy")]
    assert "stretch_kernel<<<1, 1>>>(m, by, v);" in (tmp_path / "file.cu").read_text()


def test_known_pairs_that_cannot_be_read_are_one_line(tmp_path: Path) -> None:
    empty = tmp_path / "empty.jsonl"
    empty.write_text("")
    for path, why in ((empty, "holds no pair"), (tmp_path / "gone.jsonl", "cannot be read")):
        with pytest.raises(UsageError, match=f"^--translator nearest:PAIRS.jsonl: .*{why}"):
            open_translator(f"nearest:{path}")


def test_sampling_with_beams() -> None:
    sampling = ModelOptions(beams=10).sampling(5)
    assert (sampling.samples, sampling.beams, sampling.temperature, sampling.top_p) == (5, 10, 0.0, 1.0)
