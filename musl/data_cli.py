"""The commands `musl data ...`: thin layers over functions of the same words. Nothing heavy is imported before one
runs."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Annotated

import typer


def build(
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCE...",
            help="Folders, git checkouts, tarballs, .parquet, .jsonl and .tok files, source files, hub:NAME.",
        ),
    ],
    out: Annotated[
        Path, typer.Option("-o", "--out", metavar="CORPUS", help="Folder of the corpus; a killed run goes on there.")
    ],
    against: Annotated[
        list[str] | None,
        typer.Option("--against", metavar="SOURCE", help="Leave out what is in this benchmark. May be repeated."),
    ] = None,
    kind: Annotated[
        list[str] | None,
        typer.Option(
            "--kind", metavar="function|kernel|file", help="What to mine. May be repeated. Default: function, kernel."
        ),
    ] = None,
    min_chars: Annotated[int, typer.Option(min=0, metavar="N", help="Leave out shorter ones.")] = 40,
    max_chars: Annotated[int, typer.Option(min=1, metavar="N", help="Leave out longer ones (not of files).")] = 20_000,
    no_loop: Annotated[bool, typer.Option("--no-loop", help="Keep functions without a loop.")] = False,
    keep_generated: Annotated[bool, typer.Option("--keep-generated", help="Keep files that a program wrote.")] = False,
    compile_check: Annotated[
        bool, typer.Option("--compile", help="Keep only what compiles, with the types that it needs (slow).")
    ] = False,
    near: Annotated[
        float, typer.Option(min=0.1, metavar="SIMILARITY", help="Near duplicates from here on; above 1: only exact.")
    ] = 0.8,
    rows_per_shard: Annotated[int, typer.Option(min=1, metavar="N", help="Rows of one Parquet file.")] = 20_000,
    jobs: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Worker processes. Default: all usable cores.")
    ] = None,
    executor: Annotated[
        str | None, typer.Option(metavar="ray://HOST:PORT", help="Work on a Ray cluster instead.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print card.json instead of text.")] = False,
    unsafe_no_sandbox: Annotated[
        bool, typer.Option("--unsafe-no-sandbox", help="Run the compilers of --compile without isolation.")
    ] = False,
) -> None:
    """Mine functions and kernels from sources, clean them, leave out duplicates, and write shards with a card.

    Exit status: 0; 2 wrong usage, unreadable input or a full disk (the same command goes on where it ended); 1 this
    machine lacks something.
    """
    from musl.data_command import Build, run_build

    def load() -> Build:
        from musl.corpus import build_corpus

        return functools.partial(
            build_corpus,
            sources,
            out,
            against=against or (),
            kinds=kind or ("function", "kernel"),
            min_chars=min_chars,
            max_chars=max_chars,
            loop=not no_loop,
            generated=keep_generated,
            compile_check=compile_check,
            near=near,
            rows_per_shard=rows_per_shard,
            jobs=jobs,
            executor=executor,
            unsafe_no_sandbox=unsafe_no_sandbox,
        )

    raise typer.Exit(run_build(load, out, json=json))


def synth(
    count: Annotated[
        int, typer.Argument(min=1, metavar="COUNT", help="How many functions or kernels to draw.")
    ] = 10_000,
    out: Annotated[Path | None, typer.Option("-o", "--out", metavar="CORPUS", help="New folder of the corpus.")] = None,
    language: Annotated[str, typer.Option("--language", metavar="c|cuda", help="What to draw.")] = "c",
    seed: Annotated[int, typer.Option(metavar="N", help="The same seed gives the same bytes.")] = 0,
    family: Annotated[
        list[str] | None, typer.Option("--family", metavar="NAME", help="Draw from this family. May be repeated.")
    ] = None,
    rows_per_shard: Annotated[int, typer.Option(min=1, metavar="N", help="Rows of one Parquet file.")] = 20_000,
    list_families: Annotated[bool, typer.Option("--list", help="Print the families and end.")] = False,
) -> None:
    """Write synthesized C functions, or CUDA kernels with their host function, as shards. They are never pairs.

    Exit status: 0; 2 wrong usage or a full disk; 1 this machine lacks something.
    """
    from musl.synthesis_command import print_families, run_synth

    if list_families:
        raise typer.Exit(print_families())
    if out is None:
        raise typer.BadParameter("name the folder of the corpus", param_hint="--out")
    raise typer.Exit(
        run_synth(count, out, language=language, seed=seed, families=family or (), rows_per_shard=rows_per_shard)
    )


def tokenizer(
    corpora: Annotated[list[Path], typer.Argument(metavar="CORPUS...", help="Folders of shards, or .parquet files.")],
    out: Annotated[Path, typer.Option("-o", "--out", metavar="DIR", help="Folder that transformers then loads.")],
    vocab_size: Annotated[int, typer.Option(min=264, metavar="N", help="Entries of the vocabulary, at most.")] = 8192,
    tokompiler: Annotated[
        bool, typer.Option("--tokompiler", help="Train on the texts with names and literals made anonymous.")
    ] = False,
    lexical: Annotated[
        bool, typer.Option("--lexical", help="One entry for each frequent lexical token, without layout.")
    ] = False,
    seed: Annotated[
        int | None, typer.Option(min=0, metavar="N", help="With --tokompiler: number at random, not in order.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False,
) -> None:
    """Train a byte-level BPE vocabulary on corpora; prints how many tokens they take with it.

    Exit status: 0; 2 wrong usage or unreadable input; 1 this machine lacks something.
    """
    from musl.tokens_command import run_tokenizer

    status = run_tokenizer(
        corpora, out, vocab_size=vocab_size, tokompiler=tokompiler, lexical=lexical, seed=seed, json=json
    )
    raise typer.Exit(status)


def tokompile(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="C, C++ or CUDA file.")],
    table: Annotated[
        Path | None, typer.Option("--table", metavar="TABLE.json", help="Write there what each placeholder stands for.")
    ] = None,
    back: Annotated[
        Path | None, typer.Option("--back", metavar="TABLE.json", help="FILE is anonymous: give it its names again.")
    ] = None,
    language: Annotated[str | None, typer.Option(metavar="c|c++|cuda", help="Default: as the text shows.")] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, metavar="N", help="Number placeholders at random. Default: in order.")
    ] = None,
) -> None:
    """Print a file with its names and literals made anonymous (Tokompiler), or the way back.

    Exit status: 0; 2 wrong usage or unreadable input; 1 this machine lacks something.
    """
    from musl.tokens_command import run_tokompile

    raise typer.Exit(run_tokompile(file, table=table, back=back, language=language, seed=seed))


def new_data_app(app: typer.Typer) -> typer.Typer:
    """The sub-application with its commands, added to `app`, which is new and empty."""
    app.command(no_args_is_help=True)(build)
    app.command(no_args_is_help=True)(tokenizer)
    app.command(no_args_is_help=True)(tokompile)
    app.command(no_args_is_help=True)(synth)
    return app
