"""`warm_up`: MuSL's own parts are compiled once, before the workers start, instead of by each of them."""

from __future__ import annotations

import functools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Literal

from compile.cache import OwnBuildFailedError
from compile.emulator.build import Check, Library, emulator_host, precompiled_header
from compile.host import MODES, mode_host
from compile.program import program_object
from musl.errors import MachineError


def warm_up(device: Literal["emulator", "gpu"], *, programs: bool = False) -> None:
    """Compile what the machine's cache lacks (about ten seconds the first time). Raises MachineError where a part does
    not compile."""
    parts: list[Callable[[], object]] = [functools.partial(mode_host, mode) for mode in MODES]
    if device == "emulator":
        checks: tuple[Check, ...] = ("bounds", "races")
        libraries: tuple[Library, ...] = ("lean", "usual")
        headers = [functools.partial(precompiled_header, check, library) for check in checks for library in libraries]
        parts += [emulator_host, *headers]
    if programs:
        parts.append(program_object)
    try:
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda part: part(), parts))
    except OwnBuildFailedError as error:
        raise MachineError(f"a part of MuSL does not compile on this machine: {error}") from None
