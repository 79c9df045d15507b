"""`EncoderDecoderGenerator`: a translation model of this process, which is told the languages by tokens.

    encoder   <c> void func_0 ( float * arr_0 ...  end          the language of the source, the source
    decoder   <cuda>  -->  __global__ void func_0 ( ...  end    begins with the language that is wanted

The form is that of XLM (Lample and Conneau, arXiv 1901.07291) and TransCoder (arXiv 2006.03511), with tokens where
those add embeddings. batched_model.py says what is guaranteed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, cast

from models.errors import GenerationError, ModelError
from models.generation.batched_model import BatchedModel, Job
from models.generation.decoding import Row
from models.generation.encoder_decoder_decoding import SourceIds, decode_pairs, search_beams
from models.generation.protocol import Answer, Answers, Prompt, Sampling

if TYPE_CHECKING:
    from collections.abc import Callable

    from transformers import PreTrainedTokenizerBase

# What stands for a language in a vocabulary, as in that of data/tokens/bpe.py.
LANGUAGE_TOKENS = {"c": "<c>", "cuda": "<cuda>"}
DIRECTIONS: Mapping[str, tuple[str, str]] = {"c2cuda": ("c", "cuda"), "cuda2c": ("cuda", "c")}


def language_ids(tokenizer: PreTrainedTokenizerBase, name: str) -> dict[str, int]:
    """The ids of LANGUAGE_TOKENS, by language. ModelError, which begins with `name`, where the vocabulary lacks one."""
    found = {}
    for language, token in LANGUAGE_TOKENS.items():
        number = tokenizer.convert_tokens_to_ids(token)
        if number is None or number == tokenizer.unk_token_id:
            raise ModelError(f"{name}: its tokenizer has no token {token}, which tells the model a language")
        found[language] = cast("int", number)
    return found


class EncoderDecoderGenerator(BatchedModel):
    """A `Generator` for prompts with a `task`. `context` is the most tokens of a source and of an answer, each."""

    def encode(self, prompt: Prompt) -> Sequence[int]:
        """The encoder's tokens: the source's language, the source, the end. GenerationError where the prompt asks for
        something else than a translation."""
        if prompt.task not in DIRECTIONS:
            raise GenerationError(f"{self.name}: it translates between C and CUDA, and answers no other question")
        text = self.tokenizer(prompt.text, add_special_tokens=False, split_special_tokens=True, verbose=False)
        ids = cast("Sequence[int]", text["input_ids"])
        end = cast("int", self.tokenizer.eos_token_id)
        return [language_ids(self.tokenizer, self.name)[DIRECTIONS[prompt.task][0]], *ids, end]

    def room(self, ids: Sequence[int]) -> int:
        """The decoder has places of its own."""
        return self.context if len(ids) <= self.context else 0

    def generate(
        self, prompts: Sequence[Prompt], sampling: Sampling, progress: Callable[[int], None] | None = None
    ) -> Answers:
        """As `BatchedModel.generate`. GenerationError for beams that contradict the rest of `sampling`."""
        if sampling.beams and (sampling.samples > sampling.beams or sampling.temperature > 0):
            raise GenerationError(
                f"{self.name}: {sampling.beams} beams give as many answers at most, at temperature 0, "
                f"not {sampling.samples} at {sampling.temperature:g}"
            )
        return super().generate(prompts, sampling, progress)

    def answer(self, batch: Sequence[Job], sampling: Sampling) -> Sequence[Sequence[Answer]]:
        """One answer a job; with beams the `samples` likeliest."""
        wanted = language_ids(self.tokenizer, self.name)
        by_id = {job.prompt.id: SourceIds(job.ids, wanted[DIRECTIONS[job.prompt.task][1]]) for job in batch}
        sources, places = list(by_id.values()), {prompt: place for place, prompt in enumerate(by_id)}
        if sampling.beams:
            room = max(job.room for job in batch)
            found = search_beams(self.model, sources, room, self.ends, sampling.beams, sampling.samples)
            return [[self._read(ids) for ids in of_job] for of_job in found]
        rows = [Row(places[job.prompt.id], job.room) for job in batch]
        made = decode_pairs(self.model, sources, rows, self.ends, self.choice(batch, sampling))
        return [[self._read(ids)] for ids in made]

    def _read(self, ids: Sequence[int]) -> Answer:
        return Answer(self.text_of(ids), len(ids), ids[-1] in self.ends)
