"""The packages of the extra `eval`, which the commands do without until something is scored."""

from __future__ import annotations

import importlib.util

from musl.errors import MachineError


def require(package: str) -> None:
    """MachineError, with the command that installs it, where a package of the extra is missing."""
    if importlib.util.find_spec(package) is None:
        raise MachineError(f"{package} is not installed, which scoring needs: pip install 'musl-cuda[eval]'")
