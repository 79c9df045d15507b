"""How good the host wrapper is that MuSL writes around somebody else's kernel: a benchmark's own kernels stand
in for a model's answers, and each is judged as a whole drop-in file (harness own).

    python scripts/bench_host_wrapper.py BENCHMARK.jsonl -o RUN [--jobs N]
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from models.generation.protocol import Answer, Answers, Prompt, Sampling
from models.model_form import ModelForm
from musl.evaluation.evaluate import EvaluationOptions, evaluate_benchmark
from musl.evaluation.problems import read_problems
from translator.neural.translator import NeuralTranslator


@dataclass
class ReferenceKernels:
    """A Generator that answers with the benchmark's kernel."""

    kernels: Mapping[str, str]
    name: str = "the benchmark's kernels"

    def generate(
        self, prompts: Sequence[Prompt], sampling: Sampling, progress: Callable[[int], None] | None = None
    ) -> Answers:
        return {prompt.id: [Answer(self.kernels[prompt.id], 0)] * sampling.samples for prompt in prompts}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("benchmark", type=Path)
    parser.add_argument("-o", "--out", type=Path, required=True, help="folder of the run (musl report shows it)")
    parser.add_argument("--jobs", type=int, default=2)
    arguments = parser.parse_args()
    kernels = {str(p.id): p.case.kernel_text for p in read_problems(arguments.benchmark, "c2cuda")}
    translator = NeuralTranslator(ReferenceKernels(kernels), ModelForm("short"))
    options = EvaluationOptions(translator=translator, harness="own", tests=5)
    metrics = evaluate_benchmark(arguments.benchmark, arguments.out, options, jobs=arguments.jobs, device="emulator")
    for name, scores in (("all", metrics.all), ("sound", metrics.sound)):
        passed = scores.pass_at["pass@1"].value
        failures = ", ".join(f"{count} {failure}" for failure, count in scores.failures.items())
        refusals = ", ".join(f"{count} {code}" for code, count in scores.refusals.items())
        shown = "none" if passed is None else f"{passed:.1f} %"
        print(f"{name}: {shown} of {scores.problems} problems; not passed: {failures}; refusals: {refusals}")


if __name__ == "__main__":
    main()
