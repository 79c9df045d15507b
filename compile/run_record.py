"""`TestRun`: what one call of a function under test returned, and `Touched`: which elements it used."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from compile.fault import Fault, FaultKind
from compile.outcome import Outcome
from data.testcase import Argument


@dataclass(frozen=True)
class Touched:
    """Elements of one array argument that a traced call loaded or stored: the half-open range [low, high) of element
    indices (low may be negative: the call went before the array). `low == high == 0` when none was touched."""

    low: int
    high: int
    read: bool
    written: bool


@dataclass(frozen=True, eq=False)
class TestRun:
    """One call. `arguments` are the arguments after the call, in order (arrays as left by the call; scalars as passed,
    references as left); empty when the call did not finish. `returned` is None for void or when it did not finish.
    `launches` counts kernel launches (0 on the C side). `touched` has one entry per parameter in a trace run (None for
    scalars and null pointers), and is empty otherwise. `remarks` is what the runtime has to say of a call that
    finished. `skipped` says that it was not begun, as enough others had used up their time (`TestLimits.hangs`).
    """

    __test__ = False

    outcome: Outcome
    returned: np.generic | None = None
    arguments: tuple[Argument, ...] = ()
    launches: int = 0
    touched: tuple[Touched | None, ...] = ()
    remarks: Mapping[FaultKind, Fault] = field(default_factory=dict)
    skipped: bool = False
