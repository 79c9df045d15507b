"""`TransformersModel`: a causal model of this process answers prompts (batched_model.py says what is guaranteed)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import jinja2

from models.generation.batched_model import BatchedModel, Job
from models.generation.decoding import Row, decode
from models.generation.protocol import Answer, Prompt, Sampling, refuse_beams
from models.generation.thoughts import without_thoughts


class TransformersModel(BatchedModel):
    """A `Generator`. `context` is the most tokens of prompt and answer together."""

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

    def room(self, ids: Sequence[int]) -> int:
        """What the prompt leaves of the context."""
        return self.context - len(ids)

    def answer(self, batch: Sequence[Job], sampling: Sampling) -> Sequence[Sequence[Answer]]:
        """One answer a job. GenerationError where a beam search is asked for."""
        refuse_beams(self.name, sampling)
        prompts = {job.prompt.id: job.ids for job in batch}
        places = {prompt: place for place, prompt in enumerate(prompts)}
        rows = [Row(places[job.prompt.id], job.room) for job in batch]
        choose = self.choice(batch, sampling)
        return [[self._read(ids)] for ids in decode(self.model, list(prompts.values()), rows, self.ends, choose)]

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

    def _read(self, ids: Sequence[int]) -> Answer:
        text = self.text_of(ids)
        return Answer(without_thoughts(text) if self._chats else text, len(ids), ids[-1] in self.ends)
