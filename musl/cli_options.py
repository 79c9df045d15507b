"""Options that several commands share, and what checks a choice."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeVar

import typer

Adapter = Annotated[str | None, typer.Option(metavar="DIR|HUB", help="PEFT adapter of the model.")]
FourBit = Annotated[bool, typer.Option("--four-bit", help="The model's weights in 4 bits (bitsandbytes).")]
Temperature = Annotated[
    float | None, typer.Option(min=0, metavar="T", help="Of the model. Default: 0 for one sample, 0.8 for several.")
]
Beam = Annotated[
    int | None,
    typer.Option(
        "--beam", min=1, metavar="N", help="Beam search of an encoder-decoder model: its N best, or --samples of them."
    ),
]
MaxNewTokens = Annotated[int, typer.Option(min=1, metavar="N", help="The most tokens of one answer.")]
Pairs = Annotated[
    Path, typer.Argument(metavar="PAIRS.jsonl", help="Lines of {id, c, cuda}, or the BabelTower unit tests.")
]
Ids = Annotated[list[str] | None, typer.Option("--id", metavar="ID", help="Only this pair. May be repeated.")]
Device = Annotated[str, typer.Option(metavar="auto|emulator|gpu", help="Where the CUDA side runs.")]
Seed = Annotated[int, typer.Option(min=0, metavar="N", help="Seed of tests and schedules.")]
Jobs = Annotated[int | None, typer.Option(min=1, metavar="N", help="Pairs at a time. Default: all usable cores.")]
Seconds = Annotated[float, typer.Option(min=1, metavar="SECONDS", help="Time for one pair.")]
Arch = Annotated[str | None, typer.Option(metavar="sm_NN", help="On a GPU: what nvcc compiles for.")]
SanitizerName = Annotated[
    str | None,
    typer.Option(
        "--sanitizer", metavar="TOOL", help="On a GPU: watch with compute-sanitizer (memcheck, racecheck, ...)."
    ),
]
NoCache = Annotated[bool, typer.Option("--no-cache", help="Build everything anew, and keep nothing.")]
Unsafe = Annotated[bool, typer.Option("--unsafe-no-sandbox", help="Run the code under test without isolation.")]

Choice = TypeVar("Choice", bound=str)


def one_of(option: str, value: str, *choices: Choice) -> Choice:
    """`value`, if it is one of the choices. BadParameter that names them where it is not."""
    for choice in choices:
        if value == choice:
            return choice
    raise typer.BadParameter(f"{option} {value}: choose {' or '.join(choices)}")
