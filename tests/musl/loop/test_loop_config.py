"""What a config of the loop refuses, with the key named, and what of it may differ when a run goes on."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from loop_runs import MakeConfig

from models.run_config import differing_keys
from musl.errors import UsageError
from musl.loop.config import FREE, LoopConfig, finetune_config, read_loop_config

Groups = dict[str, dict[str, object]]


def _written(config: LoopConfig, path: Path, **groups: dict[str, object]) -> Path:
    """The config as a YAML file, with other keys in some groups."""
    given = config.model_dump(mode="json")
    for group, keys in groups.items():
        given[group] = {**given[group], **keys}
    path.write_text(yaml.safe_dump(given), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("groups", "said"),
    [
        ({"switches": {"filtre": "none"}}, "switches.filtre: no such key"),
        ({"switches": {"filter": "all"}}, "switches.filter: "),
        ({"switches": {"tester": "fuzz"}}, "judging.fuzz_tests: missing (switches.tester is fuzz"),
        ({"generation": {"samples": 4, "temperature": 0.0}}, "samples (4) and temperature contradict"),
        ({"seed_pairs": {"pairs": "none"}}, "c and pairs contradict: with pairs none it is not used"),
        ({"seed_pairs": {"pairs": "file", "c": []}}, "file: missing (pairs is file)"),
        ({"sources": {"c": [], "cuda": []}}, "sources: c: missing"),
        ({"evaluation": {"held_out": []}}, "evaluation.held_out: "),
        (
            {"evaluation": {"held_out": ["h"], "resembling": "kept", "unlike": ["c"]}},
            "unlike and resembling contradict",
        ),
        ({"training": {"translator": {"training": {"epochs": 1}}}}, "translator.training.batch_sequences: "),
        ({"training": {"tester": {"output": "there"}}}, "tester.output: is the loop's to say"),
        ({"models": {"translator": "a", "tester": "b", "shared": True}}, "models.shared: no such key"),
    ],
)
def test_a_config_that_cannot_be_is_refused_with_its_key(
    make_config: MakeConfig, tmp_path: Path, groups: Groups, said: str
) -> None:
    path = _written(make_config(tmp_path / "run"), tmp_path / "loop.yaml", **groups)
    with pytest.raises(UsageError) as refused:
        read_loop_config(path)
    assert said in str(refused.value) and "\n" not in str(refused.value)


def test_a_written_config_is_read_as_it_was(make_config: MakeConfig, tmp_path: Path) -> None:
    config = make_config(tmp_path / "run")
    assert read_loop_config(_written(config, tmp_path / "loop.yaml")) == config


@pytest.mark.parametrize("name", ["micro", "tiny", "brief", "small", "tiny-no-filter", "brief-no-filter"])
def test_the_shipped_configs_are_whole(repository: Path, name: str) -> None:
    read_loop_config(repository / "configs" / f"{name}.yaml")


@pytest.mark.parametrize("size", ["tiny", "brief"])
def test_a_shipped_ablation_differs_in_its_switch_alone_and_begins_with_the_same_seed(
    repository: Path, size: str
) -> None:
    run, ablation = (read_loop_config(repository / "configs" / f"{size}{suffix}.yaml") for suffix in ("", "-no-filter"))
    assert differing_keys(run, ablation, FREE - {"rounds"}) == ["switches.filter"]
    assert ablation.run.seed_from == run.output != ablation.output


def test_a_file_that_is_no_yaml_or_is_not_there_is_one_line(tmp_path: Path) -> None:
    broken = tmp_path / "broken.yaml"
    broken.write_text("a: [", encoding="utf-8")
    for path, said in ((broken, "not YAML"), (tmp_path / "absent.yaml", "cannot be read")):
        with pytest.raises(UsageError, match=said) as refused:
            read_loop_config(path)
        assert "\n" not in str(refused.value)


def test_jobs_rounds_and_output_may_differ_and_nothing_else(make_config: MakeConfig, tmp_path: Path) -> None:
    one = make_config(tmp_path / "one")
    other = make_config(tmp_path / "other", rounds=5, run={"jobs": 1})
    assert differing_keys(one, other, FREE) == []
    changed = make_config(tmp_path / "one", judging={"least_tests": 3}, switches={"filter": "none"})
    assert differing_keys(one, changed, FREE) == ["judging.least_tests", "switches.filter"]


def test_the_groups_of_a_training_become_a_run_of_fine_tuning() -> None:
    groups = {
        "model": {"method": "lora"},
        "training": {"steps": 3, "batch_sequences": 2, "micro_batch": 2, "learning_rate": 0.1},
    }
    config = finetune_config(groups, "base", Path("examples.jsonl"), Path("out"), 7, adapter=Path("adapter"))
    assert (config.model.base, config.model.method, config.model.continue_from) == ("base", "lora", Path("adapter"))
    assert (config.data.train, config.output, config.seed) == ([Path("examples.jsonl")], Path("out"), 7)


def test_an_adapter_that_is_trained_further_keeps_its_shape() -> None:
    training = {"steps": 3, "batch_sequences": 2, "micro_batch": 2, "learning_rate": 0.1}
    groups = {"model": {"method": "lora"}, "adapter": {"rank": 4}, "training": training}
    fresh = finetune_config(groups, "base", Path("examples.jsonl"), Path("out"), 7)
    assert fresh.adapter is not None and fresh.adapter.rank == 4
    further = finetune_config(groups, "base", Path("examples.jsonl"), Path("out"), 7, adapter=Path("adapter"))
    assert further.adapter is None and further.model.continue_from == Path("adapter")
