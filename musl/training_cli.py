"""The commands that train models and try them: `musl pretrain`, `musl finetune`, `musl backtranslate`, `musl loop`
and `musl complete`, as thin as those of musl/cli.py."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Annotated

import typer

from musl.cli_options import Unsafe, one_of

Config = Annotated[Path, typer.Argument(metavar="CONFIG.yaml", help="What to train, on what, and where it goes.")]
FiguresAsJson = Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")]


def pretrain(
    config: Config,
    json: FiguresAsJson = False,
) -> None:
    """Train a model of code from scratch, as MonoCoder did; a killed run goes on where its last checkpoint was.

    Exit status: 0 the run is whole; 2 wrong usage, or data that cannot be read; 1 this machine lacks a package.
    """
    from musl.pretrain import pretrain_model
    from musl.pretrain_command import run_pretrain

    raise typer.Exit(run_pretrain(functools.partial(pretrain_model, config), json=json))


def finetune(
    config: Config,
    loss: Annotated[
        str | None,
        typer.Option(
            metavar="cross_entropy|limited_confidence", help="Instead of training.loss: the second is for Pass@N."
        ),
    ] = None,
    test_samples: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Instead of training.test_samples: the N of Pass@N.")
    ] = None,
    json: FiguresAsJson = False,
) -> None:
    """Train a model further on prompts and completions; a killed run goes on where its last checkpoint was.

    Exit status: 0 the run is whole; 2 wrong usage, or a model or data that cannot be used; 1 this machine lacks a
    package.
    """
    from musl.finetune import finetune_model
    from musl.finetune_command import run_finetune

    work = functools.partial(finetune_model, config, test_samples=test_samples)
    if loss is not None:
        work = functools.partial(work, loss=one_of("--loss", loss, "cross_entropy", "limited_confidence"))
    raise typer.Exit(run_finetune(work, json=json))


def backtranslate(
    config: Config,
    json: FiguresAsJson = False,
    unsafe_no_sandbox: Unsafe = False,
) -> None:
    """Train a translator without pairs, as TransCoder did; a killed run goes on where its last checkpoint was.

    Exit status: 0 the run is whole; 2 wrong usage, or data that cannot be read; 1 this machine lacks a package, or
    cannot judge pairs that are to be judged.
    """
    from musl.backtranslate import backtranslate_model
    from musl.backtranslate_command import run_backtranslate

    work = functools.partial(backtranslate_model, config, unsafe_no_sandbox=unsafe_no_sandbox)
    raise typer.Exit(run_backtranslate(work, json=json))


def loop(
    config: Annotated[
        Path | None, typer.Argument(metavar="CONFIG.yaml", help="What the loop starts from, and where it goes.")
    ] = None,
    status: Annotated[
        Path | None, typer.Option("--status", metavar="DIR", help="Show where the run in DIR is, and end.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False,
    unsafe_no_sandbox: Unsafe = False,
) -> None:
    """Train a Translator and a Tester on what each other's work shows to be right; a killed run goes on.

    Exit status: 0 the run is whole; 2 wrong usage, or data that cannot be read; 1 this machine cannot do it.
    """
    from musl.loop_command import loop_of_file, run_loop_command, run_status_command

    if (config is None) == (status is None):
        raise typer.BadParameter("give CONFIG.yaml, or --status DIR")
    if status is not None:
        raise typer.Exit(run_status_command(status, json=json))
    assert config is not None
    work = functools.partial(loop_of_file, config, unsafe_no_sandbox=unsafe_no_sandbox)
    raise typer.Exit(run_loop_command(work, json=json))


def complete(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The beginning of a C or CUDA text.")],
    model: Annotated[Path, typer.Option(metavar="RUN", help="Folder of a run of `musl pretrain`, or of a model.")],
    tokens: Annotated[int, typer.Option(min=1, metavar="N", help="The most tokens that are written.")] = 256,
    temperature: Annotated[float, typer.Option(min=0, metavar="T", help="0: the likeliest token each time.")] = 0.0,
    seed: Annotated[int, typer.Option(min=0, metavar="N", help="Seed of what is drawn above 0.")] = 0,
    language: Annotated[str | None, typer.Option(metavar="c|cuda", help="Default: what the text looks like.")] = None,
    json: Annotated[bool, typer.Option("--json", help='Print {"completion": ...}.')] = False,
) -> None:
    """Show how a trained model goes on with a text.

    Exit status: 0; 2 wrong usage, or no model there; 1 this machine lacks a package.
    """
    from musl.pretrain import complete_text
    from musl.pretrain_command import run_complete

    wanted = language if language is None else one_of("--language", language, "c", "cuda")
    work = functools.partial(
        complete_text, file, model, tokens=tokens, temperature=temperature, seed=seed, language=wanted
    )
    raise typer.Exit(run_complete(work, json=json))
