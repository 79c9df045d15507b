"""`TransformersModel`: a causal model of this process answers prompts, in batches of about one length.

What is guaranteed: answers are by prompt id and sample, whatever the order they were made in; the same seed gives the
same answers (seeded_choice.py says how far the batch size matters); a batch that memory does not hold is halved, and
all later ones with it, which is said once. Not guaranteed: the same answers on another machine or precision.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import jinja2
import torch

from models.errors import GenerationError
from models.generation.decoding import Row, decode
from models.generation.own_seed import own_seed
from models.generation.protocol import Answer, Answers, NoAnswer, Prompt, Result, Sampling
from models.generation.seeded_choice import SeededChoice
from models.generation.thoughts import without_thoughts
from models.model_form import ModelForm

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


def say_on_stderr(line: str) -> None:
    """Where what happens underway is said if nobody asks for it elsewhere."""
    print(line, file=sys.stderr)


@dataclass(frozen=True)
class _Job:
    """One answer to be made, of at most `room` tokens."""

    prompt: str
    sample: int
    ids: Sequence[int]
    room: int


@dataclass
class TransformersModel:
    """A `Generator`. `batch`: answers at once; it shrinks where memory does not hold them. `ends`: the tokens that end
    an answer. `context`: the most tokens of prompt and answer together."""

    name: str
    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    form: ModelForm
    ends: frozenset[int]
    context: int
    batch: int
    say: Callable[[str], None] = say_on_stderr
    shrunk: bool = False

    def generate(
        self, prompts: Sequence[Prompt], sampling: Sampling, progress: Callable[[int], None] | None = None
    ) -> Answers:
        """As `Generator.generate`. A prompt that leaves no room in the context gets NoAnswer. An answer that the
        context or `max_new_tokens` cuts is not `finished`. At temperature 0 all samples of a prompt are one."""
        different = sampling.samples if sampling.temperature > 0 else 1
        made: dict[str, dict[int, Result]] = {prompt.id: {} for prompt in prompts}
        jobs: list[_Job] = []
        for prompt in prompts:
            ids = self.encode(prompt)
            room = min(self.context - len(ids), sampling.max_new_tokens)
            if room < 1:
                reason = f"the prompt's {len(ids)} tokens leave no room in the context of {self.context}"
                made[prompt.id] = {sample: NoAnswer(reason) for sample in range(different)}
            else:
                jobs += [_Job(prompt.id, sample, ids, room) for sample in range(different)]
        jobs.sort(key=lambda job: len(job.ids), reverse=True)  # what needs most memory comes first
        left = Counter(job.prompt for job in jobs)
        while True:
            if progress:
                progress(sum(not left[prompt.id] for prompt in prompts))
            if not jobs:
                break
            batch, answers = self._answer_first(jobs, sampling)
            jobs = jobs[len(batch) :]
            for job, answer in zip(batch, answers, strict=True):
                made[job.prompt][job.sample] = answer
            left.subtract(job.prompt for job in batch)
        copies = sampling.samples // different
        return {key: [results[sample] for sample in range(different)] * copies for key, results in made.items()}

    def encode(self, prompt: Prompt) -> Sequence[int]:
        """The prompt's token ids: as a chat where the model is asked so and has a chat template, else as plain text."""
        joined = f"{prompt.system}\n\n{prompt.text}" if prompt.system else prompt.text
        if not self._chats:
            return cast("Sequence[int]", self.tokenizer(joined, verbose=False)["input_ids"])
        if prompt.system:
            try:
                return self._chat_ids([("system", prompt.system), ("user", prompt.text)])
            except jinja2.TemplateError:
                pass  # some templates know no system message
        return self._chat_ids([("user", joined)])

    @property
    def _chats(self) -> bool:
        return self.form.style == "instruct" and bool(self.tokenizer.chat_template)

    def _chat_ids(self, messages: Sequence[tuple[str, str]]) -> Sequence[int]:
        text = self.tokenizer.apply_chat_template(
            [{"role": role, "content": content} for role, content in messages],
            add_generation_prompt=True,
            tokenize=False,
            enable_thinking=False,  # where a template has it: the answer's room is for the answer
        )
        return cast("Sequence[int]", self.tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"])

    def _answer_first(self, jobs: Sequence[_Job], sampling: Sampling) -> tuple[Sequence[_Job], list[Answer]]:
        """As many of the first jobs as memory holds, with their answers."""
        while True:
            batch = jobs[: self.batch]
            try:
                return batch, self._answer(batch, sampling)
            except RuntimeError as error:
                if not _is_memory(error):
                    raise
            # Past the handler, which held on to the failed batch's tensors.
            self._shrink(len(batch), len(batch[0].ids))

    def _shrink(self, rows: int, tokens: int) -> None:
        if rows == 1:
            raise GenerationError(f"{self.name}: no memory for a single prompt of {tokens} tokens")
        torch.cuda.empty_cache()
        self.batch = rows // 2
        if not self.shrunk:
            self.say(f"{self.name}: no memory for {rows} answers at once, goes on with {self.batch} or fewer")
        self.shrunk = True

    def _answer(self, batch: Sequence[_Job], sampling: Sampling) -> list[Answer]:
        prompts = {job.prompt: job.ids for job in batch}
        places = {prompt: place for place, prompt in enumerate(prompts)}
        rows = [Row(places[job.prompt], job.room) for job in batch]
        seeds = [own_seed(sampling.seed, job.prompt, job.sample) for job in batch]
        choose = SeededChoice(seeds, max(job.room for job in batch), sampling, self.model.device)
        return [self._read(ids) for ids in decode(self.model, list(prompts.values()), rows, self.ends, choose)]

    def _read(self, ids: Sequence[int]) -> Answer:
        text = self.tokenizer.decode(list(ids), skip_special_tokens=True, clean_up_tokenization_spaces=False)
        assert isinstance(text, str)
        return Answer(without_thoughts(text) if self._chats else text, len(ids), ids[-1] in self.ends)


def _is_memory(error: RuntimeError) -> bool:
    """Whether memory ran out; on the CPU torch has no class of its own for that."""
    return isinstance(error, torch.OutOfMemoryError) or "DefaultCPUAllocator" in str(error)
