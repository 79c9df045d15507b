"""The C side in one sandbox, with a scratch folder for each test."""

from __future__ import annotations

from pathlib import Path

import pytest
from c_side import CSide

from compile.sandbox import Sandbox


@pytest.fixture
def c_side(tmp_path: Path) -> CSide:
    """Builds and runs C functions below the test's own folder."""
    return CSide(Sandbox(tmp_path), tmp_path)
