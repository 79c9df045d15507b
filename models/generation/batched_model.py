"""`BatchedModel`: what every model of this process shares: prompts as jobs, batches of about one length, and memory.

What is guaranteed: answers are by prompt id and sample, whatever the order they were made in; the same seed gives the
same answers (seeded_choice.py says how far the batch size matters); a batch that memory does not hold is halved, and
all later ones with it, which is said once. Not guaranteed: the same answers on another machine or precision.
"""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from models.errors import GenerationError
from models.generation.own_seed import own_seed
from models.generation.protocol import Answer, Answers, NoAnswer, Prompt, Result, Sampling
from models.generation.seeded_choice import SeededChoice
from models.model_form import ModelForm

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


def say_on_stderr(line: str) -> None:
    """Where what happens underway is said if nobody asks for it elsewhere."""
    print(line, file=sys.stderr)


@dataclass(frozen=True)
class Job:
    """Answers to a prompt that are made together, of at most `room` tokens each: the one of number `sample`, or those
    of a beam search."""

    prompt: Prompt
    sample: int
    ids: Sequence[int]
    room: int


@dataclass
class BatchedModel(ABC):
    """A `Generator`. `batch`: answers at once; it shrinks where memory does not hold them. `ends`: the tokens that end
    an answer. `context`: the most tokens that the model takes."""

    name: str
    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    form: ModelForm
    ends: frozenset[int]
    context: int
    batch: int
    say: Callable[[str], None] = say_on_stderr
    shrunk: bool = False

    @abstractmethod
    def encode(self, prompt: Prompt) -> Sequence[int]:
        """The prompt's token ids."""

    @abstractmethod
    def room(self, ids: Sequence[int]) -> int:
        """The most tokens that an answer to a prompt of these ids can have; below 1 where the model cannot take it."""

    @abstractmethod
    def answer(self, batch: Sequence[Job], sampling: Sampling) -> Sequence[Sequence[Answer]]:
        """The answers of each job."""

    def generate(
        self, prompts: Sequence[Prompt], sampling: Sampling, progress: Callable[[int], None] | None = None
    ) -> Answers:
        """As `Generator.generate`. A prompt that leaves no room in the context gets NoAnswer. An answer that the
        context or `max_new_tokens` cuts is not `finished`. At temperature 0 all samples of a prompt are one."""
        different = sampling.samples if sampling.temperature > 0 or sampling.beams else 1
        made: dict[str, dict[int, Result]] = {prompt.id: {} for prompt in prompts}
        jobs: list[Job] = []
        for prompt in prompts:
            ids = self.encode(prompt)
            room = min(self.room(ids), sampling.max_new_tokens)
            if room < 1:
                reason = f"the prompt's {len(ids)} tokens leave no room in the context of {self.context}"
                made[prompt.id] = {sample: NoAnswer(reason) for sample in range(different)}
            else:
                jobs += [Job(prompt, sample, ids, room) for sample in range(1 if sampling.beams else different)]
        jobs.sort(key=lambda job: len(job.ids), reverse=True)  # what needs most memory comes first
        left = Counter(job.prompt.id for job in jobs)
        while True:
            if progress:
                progress(sum(not left[prompt.id] for prompt in prompts))
            if not jobs:
                break
            batch, answers = self._answer_first(jobs, sampling)
            jobs = jobs[len(batch) :]
            for job, its in zip(batch, answers, strict=True):
                made[job.prompt.id] |= dict(enumerate(its, job.sample))
            left.subtract(job.prompt.id for job in batch)
        copies = sampling.samples // different
        return {key: [results[sample] for sample in range(different)] * copies for key, results in made.items()}

    def choice(self, batch: Sequence[Job], sampling: Sampling) -> SeededChoice:
        """How the tokens of a batch's rows are chosen: each row with random numbers of its own."""
        seeds = [own_seed(sampling.seed, job.prompt.id, job.sample) for job in batch]
        return SeededChoice(seeds, max(job.room for job in batch), sampling, self.model.device)

    def text_of(self, ids: Sequence[int]) -> str:
        """The text of an answer's tokens, without special ones."""
        text = self.tokenizer.decode(list(ids), skip_special_tokens=True, clean_up_tokenization_spaces=False)
        assert isinstance(text, str)
        return text

    def _answer_first(
        self, jobs: Sequence[Job], sampling: Sampling
    ) -> tuple[Sequence[Job], Sequence[Sequence[Answer]]]:
        """As many of the first jobs as memory holds, with their answers."""
        width = max(1, sampling.beams)
        while True:
            batch = jobs[: max(1, self.batch // width)]
            try:
                return batch, self.answer(batch, sampling)
            except RuntimeError as error:
                if not _is_memory(error):
                    raise
            # Past the handler, which held on to the failed batch's tensors.
            self._shrink(len(batch), width, len(batch[0].ids))

    def _shrink(self, jobs: int, width: int, tokens: int) -> None:
        if jobs == 1:
            beams = f" and {width} beams" if width > 1 else ""
            raise GenerationError(f"{self.name}: no memory for a single prompt of {tokens} tokens{beams}")
        torch.cuda.empty_cache()
        self.batch = jobs // 2 * width
        if not self.shrunk:
            self.say(f"{self.name}: no memory for {jobs * width} answers at once, goes on with {self.batch} or fewer")
        self.shrunk = True


def _is_memory(error: RuntimeError) -> bool:
    """Whether memory ran out; on the CPU torch has no class of its own for that."""
    return isinstance(error, torch.OutOfMemoryError) or "DefaultCPUAllocator" in str(error)
