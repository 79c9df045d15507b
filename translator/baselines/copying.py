"""`CopiedSource`: the source itself as its translation, with the head that the other language asks for.

    void scale(float *x, int n) { ... }      -->      __global__ void scale_kernel(float *x, int n) { ... }

Copying the input is the lower bound of the tables of code translation (CodeXGLUE's "naive copy", Lu et al., arXiv
2102.04664).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from compile.cuda_parts import host_functions
from models.generation.protocol import Answer, Answers, Prompt, Sampling, refuse_beams
from models.model_form import ModelForm

COPY_FORM = ModelForm("languages")
_KERNEL = re.compile(r"\b__global__\s*")


@dataclass
class CopiedSource:
    """A `Generator` for prompts in COPY_FORM."""

    name: str = "copy"

    def generate(
        self, prompts: Sequence[Prompt], sampling: Sampling, progress: Callable[[int], None] | None = None
    ) -> Answers:
        """As `Generator.generate`; all samples of a prompt are one."""
        refuse_beams(self.name, sampling)
        made = {}
        for prompt in prompts:
            text = _KERNEL.sub("", prompt.text) if prompt.task == "cuda2c" else as_kernel(prompt.text)
            made[prompt.id] = [Answer(text, len(text.split()))] * sampling.samples
            if progress is not None:
                progress(len(made))
        return made


def as_kernel(c_text: str) -> str:
    """The text with its last function as a kernel of the same parameters and body; as it is where it has none."""
    functions = host_functions(c_text)
    if not functions:
        return c_text
    last = functions[-1]
    own = c_text[last.start : last.end]
    found = re.search(rf"\b{re.escape(last.name)}\s*\(", own)
    if found is None:
        return c_text
    head = f"__global__ void {last.name}_kernel({own[found.end() :]}"
    return c_text[: last.start] + head + c_text[last.end :]
