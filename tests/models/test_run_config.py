"""A config may extend another."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.errors import ModelError
from models.run_config import read_yaml


def _write(folder: Path, **files: str) -> None:
    for name, text in files.items():
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")


def test_a_file_says_what_differs_from_the_one_it_extends(tmp_path: Path) -> None:
    _write(
        tmp_path,
        first="output: a\nseed: 1\ndata: {train: [x, y], share: 0.5}\n",
        second="extends: first.yaml\noutput: b\ndata: {train: [z]}\n",
        third="extends: second.yaml\nseed: 2\nrun: {jobs: 3}\n",
    )
    assert read_yaml(tmp_path / "third.yaml") == {
        "output": "b",
        "seed": 2,
        "data": {"train": ["z"], "share": 0.5},
        "run": {"jobs": 3},
    }


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("extends: self.yaml", "extends this file itself"),
        ("extends: none.yaml", "none.yaml: cannot be read"),
        ("extends: words.yaml", "has no keys"),
    ],
)
def test_what_cannot_be_extended_is_refused(tmp_path: Path, text: str, words: str) -> None:
    _write(tmp_path, self=text, words="just words")
    with pytest.raises(ModelError, match=words):
        read_yaml(tmp_path / "self.yaml")
