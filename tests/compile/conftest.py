"""The C side in one sandbox, with a scratch folder for each test."""

from __future__ import annotations

from pathlib import Path

import pytest
from c_side import CSide
from cuda_side import CudaSide

from compile.sandbox import Sandbox


@pytest.fixture
def c_side(tmp_path: Path) -> CSide:
    """Builds and runs C functions below the test's own folder."""
    return CSide(Sandbox(tmp_path), tmp_path)


@pytest.fixture
def cuda_side(tmp_path: Path) -> CudaSide:
    """Builds and runs CUDA functions in the emulator below the test's own folder."""
    return CudaSide(Sandbox(tmp_path), tmp_path)
