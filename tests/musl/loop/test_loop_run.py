"""A whole run: what its rounds leave behind, how it goes on, and what its switches change."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from lookup_parts import LookupParts
from loop_runs import FinishedRun, MakeConfig

from musl.errors import UsageError
from musl.loop.folder import (
    ARTIFACTS,
    CHECKPOINT,
    METRICS,
    TESTS,
    TRANSLATIONS,
    TRIPLETS,
    VERDICTS,
    LoopFolder,
    read_lines,
)
from musl.loop.metrics import RoundMetrics
from musl.loop.records import Judged, Tested, Translated, Triplet, read_records
from musl.loop.run import run_loop


def test_every_round_leaves_all_its_artifacts(finished: FinishedRun) -> None:
    for number in range(3):
        folder = finished.folder.round(number)
        assert [name for name in ARTIFACTS if folder.has(name)] == list(ARTIFACTS)
        assert not list(folder.path.glob(".*"))  # nothing that was not finished


def test_the_seed_is_made_of_verified_analytic_pairs_with_tests(finished: FinishedRun) -> None:
    triplets = read_records(finished.folder.round(0).artifact(TRIPLETS), Triplet)
    assert [triplet.voice for triplet in triplets] == ["analytic"] * 3
    verdicts = {one.source: one.verdict for one in read_records(finished.folder.round(0).artifact(VERDICTS), Judged)}
    assert all(verdicts[triplet.source] == "equivalent" for triplet in triplets)
    for triplet in triplets:
        assert "__global__" in triplet.cuda and "__global__" not in triplet.c
        assert all(f"{triplet.c_name}(" in test for test in triplet.tests) and triplet.tests


def test_verified_triplets_grow_and_all_of_them_agree_with_their_source(finished: FinishedRun) -> None:
    counts = [one.loop.triplets for one in finished.metrics]
    assert counts[0] == 3 and counts[2] > counts[0]
    for number in (1, 2):
        folder = finished.folder.round(number)
        verdicts = {(one.source, one.text_id): one for one in read_records(folder.artifact(VERDICTS), Judged)}
        texts = {(t.source, t.text): t.text_id for t in read_records(folder.artifact(TRANSLATIONS), Translated)}
        for triplet in read_records(folder.artifact(TRIPLETS), Triplet):
            written = triplet.cuda if triplet.language == "c" else triplet.c
            verdict = verdicts[triplet.source, texts[triplet.source, written]]
            assert verdict.verdict == "equivalent" and any(verdict.results)


def test_no_held_out_function_is_a_source_and_no_pair_comes_twice(finished: FinishedRun) -> None:
    held = {path.stem for path in finished.folder.path.glob("held_out")} | set(
        finished.metrics[0].translator["c2cuda"].outcomes
    )
    triplets = [t for n in range(3) for t in read_records(finished.folder.round(n).artifact(TRIPLETS), Triplet)]
    assert not held & {triplet.source for triplet in triplets}
    assert len({triplet.key for triplet in triplets}) == len(triplets)


def test_the_translator_learns_both_directions_and_the_tester_tests(finished: FinishedRun) -> None:
    checkpoint = finished.folder.round(2).artifact(CHECKPOINT)
    tasks = {}
    for role in ("translator", "tester"):
        lines = [json.loads(line) for line in (checkpoint / role / "examples.jsonl").read_text().splitlines()]
        tasks[role] = {line["task"] for line in lines}
        assert all("func_0" in line["prompt"] for line in lines)  # the model's form is anonymous
    assert tasks == {"translator": {"c2cuda", "cuda2c"}, "tester": {"tests"}}


def test_a_test_is_kept_only_if_it_is_valid(finished: FinishedRun) -> None:
    for number in range(3):
        folder = finished.folder.round(number)
        tests = {t.snippet: t for t in read_records(folder.artifact(TESTS), Tested)}
        for triplet in read_records(folder.artifact(TRIPLETS), Triplet):
            assert all(tests[snippet].valid for snippet in triplet.tests)


def test_a_finished_run_is_not_done_again_and_more_rounds_go_on_from_it(
    finished: FinishedRun, make_config: MakeConfig, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    shutil.copytree(finished.folder.path, folder)
    config = make_config(folder, rounds=2)
    stages: list[tuple[int, str]] = []
    again = run_loop(
        config, parts=LookupParts(config.training), on_progress=lambda n, stage, *_: stages.append((n, stage))
    )
    assert again == finished.metrics and stages == []
    longer = make_config(folder, rounds=3)
    run_loop(longer, parts=LookupParts(longer.training), on_progress=lambda n, stage, *_: stages.append((n, stage)))
    assert {number for number, _ in stages} == {3}


def test_an_artifact_that_is_lost_is_made_again_alike(
    finished: FinishedRun, make_config: MakeConfig, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    shutil.copytree(finished.folder.path, folder)
    for name in (VERDICTS, TRIPLETS, METRICS):
        LoopFolder(folder).round(2).artifact(name).unlink()
    shutil.rmtree(LoopFolder(folder).round(2).artifact(CHECKPOINT))
    config = make_config(folder, rounds=2)
    assert run_loop(config, parts=LookupParts(config.training)) == finished.metrics
    for name in (VERDICTS, TRIPLETS):
        own, other = (run.round(2).artifact(name).read_bytes() for run in (LoopFolder(folder), finished.folder))
        assert own == other


def test_another_config_is_refused_with_the_key_that_differs(finished: FinishedRun, make_config: MakeConfig) -> None:
    config = make_config(finished.config.output, rounds=2, generation={"samples": 2})
    with pytest.raises(UsageError, match=r"another generation\.samples"):
        run_loop(config, parts=LookupParts(config.training))


def test_two_runs_in_one_folder_are_refused(finished: FinishedRun, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("musl.loop.folder._PATIENCE", 0.2)
    with finished.folder.lock(), pytest.raises(UsageError, match="another `musl loop` works there"):
        run_loop(finished.config, parts=LookupParts(finished.config.training))


@pytest.mark.slow
def test_without_a_filter_wrong_translations_are_learned_too(
    finished: FinishedRun, make_config: MakeConfig, tmp_path: Path
) -> None:
    learned = {}
    for wanted in ("compile", "none"):
        config = make_config(tmp_path / wanted, switches={"filter": wanted})
        shutil.copytree(finished.folder.round(0).path, LoopFolder(config.output).round(0).path)
        shutil.copy(finished.folder.held_out, config.output)
        learned[wanted] = run_loop(config, parts=LookupParts(config.training))[1].loop
    assert learned["compile"].new_triplets == learned["compile"].compiled
    assert learned["none"].new_triplets == learned["none"].translations - learned["none"].malformed
    assert learned["none"].new_triplets >= finished.metrics[1].loop.new_triplets


@pytest.mark.slow
def test_frozen_models_stay_those_of_the_seed(finished: FinishedRun, make_config: MakeConfig, tmp_path: Path) -> None:
    config = make_config(tmp_path / "run", switches={"tester": "frozen", "translator": "frozen"})
    shutil.copytree(finished.folder.round(0).path, LoopFolder(config.output).round(0).path)
    shutil.copy(finished.folder.held_out, config.output)
    seed, after = run_loop(config, parts=LookupParts(config.training))
    named = json.loads((LoopFolder(config.output).round(1).artifact(CHECKPOINT) / "models.json").read_text())
    assert named == {role: f"round-00/{CHECKPOINT}/{role}/model" for role in ("translator", "tester")}
    assert after.translator == seed.translator and after.tester == seed.tester


@pytest.mark.slow
def test_separate_models_learn_one_direction_each_and_analytic_is_one_more_voice(
    make_config: MakeConfig, tmp_path: Path, corpora: Path
) -> None:
    switches = {"also": "analytic", "tester": "fuzz"}
    models = {"translator": str(corpora / "base"), "tester": str(corpora / "base"), "separate": True}
    config = make_config(tmp_path / "run", switches=switches, models=models, judging={"fuzz_tests": 2})
    metrics: list[RoundMetrics] = run_loop(config, parts=LookupParts(config.training))
    checkpoint = LoopFolder(config.output).round(1).artifact(CHECKPOINT)
    for role in ("c2cuda", "cuda2c"):
        lines = (checkpoint / role / "examples.jsonl").read_text().splitlines()
        assert {json.loads(line)["task"] for line in lines} == {role}
    assert metrics[1].loop.by_voice["analytic"] >= 1
    tests = read_records(LoopFolder(config.output).round(1).artifact(TESTS), Tested)
    assert {test.voice for test in tests} == {"fuzz"} and any(test.valid for test in tests)


def test_an_ablation_takes_over_the_seed_of_another_run(
    finished: FinishedRun, make_config: MakeConfig, tmp_path: Path
) -> None:
    run: dict[str, object] = {"seed_from": finished.folder.path}
    config = make_config(tmp_path / "run", switches={"tester": "frozen", "translator": "frozen"}, run=run)
    metrics = run_loop(config, parts=LookupParts(config.training))
    own, other = LoopFolder(config.output), finished.folder
    assert metrics[0] == finished.metrics[0]
    assert own.held_out.read_bytes() == other.held_out.read_bytes()
    assert {line["round"] for line in read_lines(own.progress)} == {1}
    models = json.loads((own.round(1).artifact(CHECKPOINT) / "models.json").read_text(encoding="utf-8"))
    assert set(models.values()) == {f"round-00/{CHECKPOINT}/{role}/model" for role in ("translator", "tester")}


def test_after_the_seed_a_translator_also_repairs_the_sources_so_far(make_config: MakeConfig, tmp_path: Path) -> None:
    """Two functions of each language come with each round; three are asked for at most."""
    config = make_config(tmp_path / "run", rounds=2, training={"repairs": 3, "start": "base"})
    run_loop(config, parts=LookupParts(config.training))
    folder = LoopFolder(config.output)
    rounds = []
    for number in (0, 1, 2):
        checkpoint = folder.round(number).artifact(CHECKPOINT)
        tasks = {
            role: [json.loads(line) for line in (checkpoint / role / "examples.jsonl").read_text().splitlines()]
            for role in ("translator", "tester")
        }
        assert not any(example["task"] == "repair" for example in tasks["tester"])
        rounds.append([example for example in tasks["translator"] if example["task"] == "repair"])
    languages = [[example["prompt"].split(" repair")[0] for example in repairs] for repairs in rounds]
    assert languages == [[], ["// C"] * 2 + ["// CUDA"] * 2, ["// C"] * 3 + ["// CUDA"] * 3]
    first, second = rounds[1], [rounds[2][i] for i in (0, 1, 3, 4)]
    assert [one["completion"] for one in first] == [one["completion"] for one in second]
    assert first != second  # other noise


def test_a_seed_that_is_not_the_same_is_not_taken_over(
    finished: FinishedRun, make_config: MakeConfig, tmp_path: Path
) -> None:
    run: dict[str, object] = {"seed_from": finished.folder.path}
    config = make_config(tmp_path / "run", seed_pairs={"most": 2}, run=run)
    with pytest.raises(UsageError, match=r"run.seed_from: .* holds a run with another seed_pairs.most"):
        run_loop(config, parts=LookupParts(config.training))


def test_what_every_stage_took_is_noted(finished: FinishedRun) -> None:
    noted = {(line["round"], line["stage"]) for line in read_lines(finished.folder.progress)}
    stages = {"translate", "verify", "triplets", "train", "measure"}
    assert noted == {(-1, "held out")} | {(number, stage) for number in range(3) for stage in stages}


@pytest.mark.slow
def test_given_pairs_are_verified_before_they_are_a_seed(
    finished: FinishedRun, make_config: MakeConfig, tmp_path: Path
) -> None:
    known = read_records(finished.folder.round(0).artifact(TRIPLETS), Triplet)
    pairs = [{"id": number, "c": t.c, "cuda": t.cuda} for number, t in enumerate(known)]
    pairs[1]["cuda"] = str(pairs[1]["cuda"]).replace("+=", "-=")  # its grid-stride loop
    (tmp_path / "pairs.jsonl").write_text("".join(json.dumps(pair) + "\n" for pair in pairs), encoding="utf-8")
    seed = {"pairs": "file", "c": [], "file": tmp_path / "pairs.jsonl"}
    config = make_config(tmp_path / "run", seed_pairs=seed, switches={"translator": "frozen"})
    shutil.copytree(finished.folder.path, config.output, ignore=shutil.ignore_patterns("round-*", "loop.json"))
    run_loop(config, parts=LookupParts(config.training))
    triplets = read_records(LoopFolder(config.output).round(0).artifact(TRIPLETS), Triplet)
    assert [triplet.c for triplet in triplets] == [known[0].c, known[2].c]
    assert {triplet.voice for triplet in triplets} == {"given"}
