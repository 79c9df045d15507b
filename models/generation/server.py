"""`ServerModel`: a model behind an OpenAI-compatible server (vLLM, llama.cpp, `transformers serve`, a vendor) answers.

What is guaranteed: every prompt gets its results or a reason; a server that cannot be reached, refuses the key or does
not have the model ends the whole request in one line. The key is read from the environment when prompts are sent, is
held nowhere else, and is struck out of whatever the server says. Not guaranteed: the same answers for the same seed.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pydantic import BaseModel, ValidationError

from models.errors import GenerationError, ModelError
from models.generation.own_seed import own_seed
from models.generation.protocol import Answer, Answers, NoAnswer, Prompt, Result, Sampling, refuse_beams
from models.generation.thoughts import without_thoughts
from models.model_form import ModelForm

if TYPE_CHECKING:
    import httpx2
    from openai import APIStatusError, AsyncOpenAI

KEYS = ("MUSL_API_KEY", "OPENAI_API_KEY")
_SHORTEST_SECRET = 8
_MOST_WORDS = 200  # characters of what a server says about an error
_REFUSED = "the server refuses the request"


@dataclass(frozen=True)
class ServerOptions:
    """How a server is asked. `concurrency`: requests at once; `timeout`: seconds for one try; `patience`: seconds for a
    request with all its tries; `retries` after a lost connection, a time-out, or a status of 408, 409, 429 or 5xx, with
    growing pauses, or those that the server asks for (Retry-After)."""

    concurrency: int = 8
    timeout: float = 120.0
    patience: float = 300.0
    retries: int = 5


@dataclass(frozen=True)
class Address:
    """A server's URL, and the name that it has for the model."""

    url: str
    model: str

    @property
    def folder(self) -> Path | None:
        """The local folder that the model is named by, if any: vLLM and transformers name local models so."""
        return Path(self.model) if Path(self.model).is_dir() else None

    def __str__(self) -> str:
        return f"{self.url}#{self.model}"


def read_address(model: str) -> Address | None:
    """The server that `openai:URL#MODEL` or `http(s)://HOST/v1#MODEL` names; None for what is no address. ModelError
    for one without a model, or with a user name or key in it."""
    url = model.removeprefix("openai:")
    if url == model and not url.startswith(("http://", "https://")):
        return None
    url, _, name = url.partition("#")
    parts = urlsplit(url)
    if parts.username is not None or parts.query:
        raise ModelError(f"the address of {parts.hostname} has a user, a key or a query in it; keys go into {KEYS[0]}")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ModelError(f"{model}: not a server's address (openai:http://HOST:PORT/v1#MODEL)")
    if not name:
        raise ModelError(f"{url}: name the server's model after the address: {url}#MODEL")
    return Address(url, name)


@dataclass
class ServerModel:
    """A `Generator`. Instruct models are asked as a chat, others for a plain completion."""

    address: Address
    form: ModelForm
    options: ServerOptions = ServerOptions()
    name: str = field(init=False)

    def __post_init__(self) -> None:
        self.name = str(self.address)

    def generate(
        self, prompts: Sequence[Prompt], sampling: Sampling, progress: Callable[[int], None] | None = None
    ) -> Answers:
        """As `Generator.generate`. Where a server makes fewer samples than asked for, it is asked again for the rest.
        GenerationError where it is down, refuses the key, or does not have the model."""
        refuse_beams(self.name, sampling)
        if not prompts:
            return {}
        return _run(lambda: self._generate(prompts, sampling, progress))

    async def _generate(
        self, prompts: Sequence[Prompt], sampling: Sampling, progress: Callable[[int], None] | None
    ) -> Answers:
        try:
            from openai import AsyncOpenAI
        except ModuleNotFoundError:
            raise GenerationError("asking a server needs openai (pip install 'musl-cuda[models]')") from None
        key = next((os.environ[name] for name in KEYS if os.environ.get(name)), "")
        options = self.options
        async with AsyncOpenAI(
            base_url=self.address.url,
            api_key=key or "none",
            timeout=options.timeout,
            max_retries=options.retries,
        ) as client:
            slots = asyncio.Semaphore(options.concurrency)
            asking = _Asking(self.address, self.form, options, sampling, client, key, slots)
            try:
                return await asking.ask_all(prompts, progress)
            except BaseExceptionGroup as group:
                raise group.exceptions[0] from None


@dataclass
class _Asking:
    """One call of `generate`: what is learnt about the server underway is kept here."""

    address: Address
    form: ModelForm
    options: ServerOptions
    sampling: Sampling
    client: AsyncOpenAI
    key: str
    slots: asyncio.Semaphore
    failures: int = 0
    """Requests in a row that got no answer in spite of all retries."""
    one_at_a_time: bool = False
    """The server refuses several samples in one request."""
    limit: str = "max_tokens"
    """What the limit is called: `max_completion_tokens` once the server insists on that."""

    async def ask_all(self, prompts: Sequence[Prompt], progress: Callable[[int], None] | None) -> Answers:
        """The results of all prompts. GenerationError, perhaps in a group, where the server cannot be used."""
        await self._greet()
        different = self.sampling.samples if self.sampling.temperature > 0 else 1
        made: dict[str, Sequence[Result]] = {}

        async def ask_one(prompt: Prompt) -> None:
            results = await self._samples_of(prompt, different)
            made[prompt.id] = results * (self.sampling.samples // different)
            if progress:
                progress(len(made))

        async with asyncio.TaskGroup() as tasks:
            for prompt in prompts:
                tasks.create_task(ask_one(prompt))
        return made

    async def _greet(self) -> None:
        """Ask for the list of models, to learn in one request that the server is down or refuses the key."""
        from openai import APIConnectionError, APIStatusError, APITimeoutError

        client = self.client.with_options(max_retries=1, timeout=min(self.options.timeout, 20))
        try:
            await client.models.with_raw_response.list()
        except APITimeoutError:
            return  # it may be busy, and has a list to fetch
        except APIConnectionError as error:
            reason = _scrub(str(error.__cause__ or error), self.key)
            raise GenerationError(f"{self.address.url}: the server cannot be reached ({reason})") from None
        except APIStatusError as error:
            if error.status_code in (401, 403):
                self._refusal(error)

    async def _samples_of(self, prompt: Prompt, count: int) -> list[Result]:
        """`count` results; where one request does not bring them, one request a sample."""
        made: list[Result] = []
        if count > 1 and not self.one_at_a_time:
            made = (await self._request(prompt, count, 0))[:count]
            if len(made) == 1 and isinstance(made[0], NoAnswer) and not made[0].reason.startswith(_REFUSED):
                return made * count
            if len(made) == 1:  # it ignores the number of samples, or refuses it
                self.one_at_a_time = True
                made = [one for one in made if isinstance(one, Answer)]
        rest = [self._request(prompt, 1, sample) for sample in range(len(made), count)]
        return made + [result for results in await asyncio.gather(*rest) for result in results[:1]]

    async def _request(self, prompt: Prompt, count: int, sample: int) -> list[Result]:
        """The results of one request: as many as the server made, or the one reason why there is none."""
        from openai import APIConnectionError, APIStatusError, APITimeoutError

        async with self.slots:
            try:
                async with asyncio.timeout(self.options.patience):
                    results = read_reply(await self._send(prompt, count, sample))
            except (TimeoutError, APITimeoutError):
                return [self._failed("no answer in time")]
            except APIConnectionError as error:
                return [self._failed(f"the connection was lost ({error.__cause__ or error})")]
            except APIStatusError as error:
                return [self._refusal(error)]
        self.failures = 0
        return [self._clean(result) for result in results]

    async def _send(self, prompt: Prompt, count: int, sample: int) -> str:
        """The body of the reply. Raises openai's errors."""
        from openai import BadRequestError

        try:
            return await self._post(self._body(prompt, count, sample))
        except BadRequestError as error:
            if self.limit == "max_completion_tokens" or "max_completion_tokens" not in str(error):
                raise
        self.limit = "max_completion_tokens"
        return await self._post(self._body(prompt, count, sample))

    async def _post(self, body: dict[str, object]) -> str:
        path = "/completions" if self.form.style == "short" else "/chat/completions"
        reply = await self.client.post(path, body=body, cast_to=_response_class())
        return reply.text

    def _body(self, prompt: Prompt, count: int, sample: int) -> dict[str, object]:
        sampling = self.sampling
        body: dict[str, object] = {
            "model": self.address.model,
            self.limit: sampling.max_new_tokens,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "seed": own_seed(sampling.seed, prompt.id, sample) % 2**31,
        }
        if count > 1:
            body["n"] = count
        if self.form.style == "short":
            return body | {"prompt": f"{prompt.system}\n\n{prompt.text}" if prompt.system else prompt.text}
        messages = [{"role": "system", "content": prompt.system}] if prompt.system else []
        return body | {"messages": [*messages, {"role": "user", "content": prompt.text}]}

    def _refusal(self, error: APIStatusError) -> NoAnswer:
        """Why the server answered with an error. GenerationError where no other prompt would fare better."""
        status = error.status_code
        said = error.message.removeprefix(f"Error code: {status}").removeprefix(" - ") or error.response.text
        words = _scrub(" ".join(said.split()), self.key)[:_MOST_WORDS]
        if status in (401, 403):
            raise GenerationError(f"{self.address.url}: the server refuses the key (status {status}; set {KEYS[0]})")
        if status == 404:
            raise GenerationError(f"{self.address}: the server does not have that ({words})")
        if status in (408, 409, 429) or status >= 500:
            return self._failed(f"the server answers with status {status} ({words})")
        self.failures = 0
        return NoAnswer(f"{_REFUSED} ({words})")

    def _failed(self, reason: str) -> NoAnswer:
        reason = _scrub(reason, self.key)
        self.failures += 1
        if self.failures > max(self.options.concurrency, 3):
            raise GenerationError(f"{self.address.url}: {self.failures} requests in a row failed, the last: {reason}")
        return NoAnswer(reason)

    def _clean(self, result: Result) -> Result:
        """The result without the key, should the server have sent it back."""
        if isinstance(result, NoAnswer):
            return NoAnswer(_scrub(result.reason, self.key))
        return replace(result, text=_scrub(result.text, self.key))


class _Message(BaseModel):
    content: str | None = None


class _Choice(BaseModel):
    message: _Message | None = None
    text: str | None = None
    finish_reason: str | None = None


class _Usage(BaseModel):
    completion_tokens: int = 0


class _Reply(BaseModel):
    choices: list[_Choice]
    usage: _Usage | None = None


def read_reply(body: str) -> list[Result]:
    """The results in the body of a chat's or a completion's reply. The tokens of several answers are told in one sum,
    so each gets an even share (0 where the server does not tell them). What is no reply is one NoAnswer."""
    try:
        reply = _Reply.model_validate_json(body)
    except ValidationError:
        reply = _Reply(choices=[])
    if not reply.choices:
        return [NoAnswer(f"the server's reply is no completion ({' '.join(body.split())[:60]!r})")]
    tokens = (reply.usage.completion_tokens if reply.usage else 0) // len(reply.choices)
    return [_read_choice(choice, tokens) for choice in reply.choices]


def _read_choice(choice: _Choice, tokens: int) -> Result:
    text = choice.message.content if choice.message else choice.text
    if text is None or choice.finish_reason == "content_filter":
        return NoAnswer(f"the server's answer has no text (it ended by {choice.finish_reason})")
    return Answer(without_thoughts(text) if choice.message else text, tokens, choice.finish_reason != "length")


def _response_class() -> type[httpx2.Response]:
    """Asked for this class, openai hands out the response as it is; its own parsing lets nonsense through."""
    import httpx2

    return httpx2.Response


def _scrub(text: str, key: str) -> str:
    """The text without the key; a key of a few letters is a placeholder that may stand in any text."""
    return text.replace(key, "***") if len(key) >= _SHORTEST_SECRET else text


def _run(work: Callable[[], Coroutine[None, None, Answers]]) -> Answers:
    """Run to the end, in a thread of its own where this one already runs a loop (a notebook)."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work())
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(lambda: asyncio.run(work())).result()
