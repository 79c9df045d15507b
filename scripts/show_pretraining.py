"""Print a finished pretraining run as a page: command, machine, commit, curve, figures, and how the bars are met.

python scripts/show_pretraining.py RUN CONFIG.yaml > docs/results/pretraining.md
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
from pathlib import Path

from models.pretraining.run_folder import RunFolder
from models.training_folder import read_lines

PERPLEXITIES = ("per_character", "per_lexical_token", "per_token")


def cpu_name() -> str:
    """The processor's name as Linux says it."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def page(run: Path, config: Path) -> str:
    """The page of a run; FileNotFoundError where it is not finished."""
    folder = RunFolder(run)
    result = json.loads(folder.result.read_text(encoding="utf-8"))
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True).stdout
    curve = read_lines(folder.evaluations)
    first = curve[0]
    lines = [
        "# A pretraining run",
        "",
        f"- command: `musl pretrain {config}`",
        f"- machine: {cpu_name()}, {os.cpu_count()} cores",
        f"- commit: {commit.strip()}",
        f"- parameters: {result['parameters']:,}, tokens trained on: {result['tokens']:,}",
        f"- time: {result['seconds'] / 60:.1f} minutes, {result['tokens_per_second']:,.0f} tokens/s,"
        f" {result['tflops_per_second']:.3f} TFLOP/s",
        "",
        "| step | held-out perplexity per character | per lexical token | per token |",
        "|---:|---:|---:|---:|",
        *(_row(f"{line['step']:.0f}", [line[name] for name in PERPLEXITIES]) for line in curve),
    ]
    if "ngram_per_character" in result:
        lines.append(_row("n-grams", [result[f"ngram_{name}"] for name in PERPLEXITIES]))
    falls = [f"{first[name] / result[name]:,.1f} ({name.replace('_', ' ')})" for name in PERPLEXITIES]
    lines += ["", f"The perplexity fell by a factor of {', '.join(falls)}."]
    if "codebleu" in result:
        lines.append(f"CodeBLEU of completions: {result['codebleu']:.1f}.")
    return "\n".join(lines)


def _row(name: str, figures: list[float]) -> str:
    return f"| {name} | {' | '.join(f'{figure:,.3f}' for figure in figures)} |"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("config", type=Path)
    asked = parser.parse_args()
    print(page(asked.run, asked.config))
