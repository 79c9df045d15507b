"""Servers that stall, drop connections, refuse, ignore what they are asked, or answer nonsense."""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections.abc import Sequence
from typing import cast

import pytest
from hostile_server import Body, HostileServer, Reply, Script, chat_reply

from models.errors import GenerationError
from models.generation.open_model import open_generator
from models.generation.protocol import Answer, NoAnswer, Prompt, Result, Sampling
from models.generation.server import ServerOptions, read_reply

KEY = "sk-secret-0123456789"
QUICK = ServerOptions(concurrency=4, timeout=0.5, patience=4.0, retries=2)
PROMPTS = [Prompt(f"p{n}", f"translate {n}", system="You write CUDA.") for n in range(6)]


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MUSL_API_KEY", KEY)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def asked(body: Body) -> str:
    """The user's message in a request."""
    messages = cast("Sequence[dict[str, str]]", body["messages"])
    return messages[-1]["content"]


def listing(chat: Script) -> Script:
    """The script with a list of models for those who ask."""
    return lambda path, body, number: chat(path, body, number) if body else Reply({"object": "list", "data": []})


def ask(
    script: Script,
    prompts: Sequence[Prompt] = PROMPTS,
    sampling: Sampling | None = None,
    options: ServerOptions = QUICK,
) -> tuple[dict[str, Sequence[Result]], HostileServer]:
    with HostileServer(listing(script)) as server:
        answers = open_generator(server.model, server=QUICK).generate(prompts, sampling or Sampling())
    return dict(answers), server


def test_answers_come_back_to_their_prompts() -> None:
    told: list[int] = []
    with HostileServer(listing(lambda path, body, number: chat_reply(f"answer to {asked(body)}"))) as server:
        sampling = Sampling(max_new_tokens=77, temperature=0.5, top_p=0.9)
        answers = open_generator(server.model, server=QUICK).generate(PROMPTS, sampling, told.append)
    assert answers == {f"p{n}": [Answer(f"answer to translate {n}", 7)] for n in range(6)}
    assert told == [1, 2, 3, 4, 5, 6]
    first = server.requests[0]
    assert first["model"] == "m"
    assert (first["max_tokens"], first["temperature"], first["top_p"]) == (77, 0.5, 0.9)
    assert cast("list[object]", first["messages"])[0] == {"role": "system", "content": "You write CUDA."}
    assert len({body["seed"] for body in server.requests}) == 6


def test_requests_run_beside_each_other_but_not_too_many() -> None:
    def slow(path: str, body: Body, number: int) -> Reply:
        return Reply(chat_reply("x").body, stall=0.1)

    _, server = ask(slow, [Prompt(str(n), "x") for n in range(20)])
    assert 2 <= server.most_at_once <= QUICK.concurrency


def test_samples_are_asked_for_in_one_request() -> None:
    def several(path: str, body: Body, number: int) -> Reply:
        return chat_reply(*(f"s{n}" for n in range(cast("int", body.get("n", 1)))))

    answers, server = ask(several, PROMPTS[:1], Sampling(samples=3, temperature=1.0))
    assert answers["p0"] == [Answer("s0", 7), Answer("s1", 7), Answer("s2", 7)]
    assert len(server.requests) == 1


def test_a_server_that_ignores_the_number_of_samples_is_asked_again() -> None:
    def one(path: str, body: Body, number: int) -> Reply:
        return chat_reply(f"with seed {body['seed']}")

    answers, server = ask(one, PROMPTS[:2], Sampling(samples=3, temperature=1.0))
    assert [len(set(map(str, results))) for results in answers.values()] == [3, 3]
    assert len(server.requests) == 6


def test_a_server_that_refuses_several_samples_is_asked_one_by_one() -> None:
    def strict(path: str, body: Body, number: int) -> Reply:
        if "n" in body:
            return Reply({"error": {"message": "n must be 1"}}, status=400)
        return chat_reply(str(body["seed"]))

    answers, _ = ask(strict, PROMPTS[:2], Sampling(samples=2, temperature=1.0))
    assert all(isinstance(one, Answer) for results in answers.values() for one in results)


def test_a_server_that_wants_another_name_for_the_limit_gets_it() -> None:
    def modern(path: str, body: Body, number: int) -> Reply:
        if "max_tokens" in body:
            message = "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."
            return Reply({"error": {"message": message}}, status=400)
        return chat_reply(f"up to {body['max_completion_tokens']}")

    answers, _ = ask(modern, PROMPTS[:1], Sampling(max_new_tokens=55))
    assert answers["p0"] == [Answer("up to 55", 7)]


def test_rate_limits_are_waited_for_as_long_as_the_server_says() -> None:
    def limited(path: str, body: Body, number: int) -> Reply:
        if number == 0:
            return Reply({"error": {"message": "slow down"}}, status=429, headers={"Retry-After": "1"})
        return chat_reply("done")

    answers, server = ask(limited, PROMPTS[:1])
    assert answers["p0"] == [Answer("done", 7)]
    assert 1.0 <= server.times[1] - server.times[0] < 3.0


@pytest.mark.parametrize(
    "fault", [Reply("broken", status=500), Reply("", status=503), Reply(drop=True), Reply(stall=2)]
)
def test_a_passing_fault_is_tried_again(fault: Reply) -> None:
    seen: set[str] = set()

    def once(path: str, body: Body, number: int) -> Reply:
        if asked(body) in seen:
            return chat_reply("done")
        seen.add(asked(body))
        return fault

    answers, _ = ask(once, PROMPTS[:2])
    assert answers == {"p0": [Answer("done", 7)], "p1": [Answer("done", 7)]}


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (Reply("broken", status=500), "status 500"),
        (Reply({"error": {"message": "slow down"}}, status=429), "status 429 (slow down)"),
        (Reply(drop=True), "the connection was lost"),
        (Reply(stall=20), "no answer in time"),
        (Reply({"detail": "prompt is too long"}, status=422), 'refuses the request ({"detail": "prompt is too long"})'),
        (Reply("<html>Welcome to the hotel's network</html>"), 'no completion ("<html>Welcome'),
        (Reply('{"choices": [{"mess'), "no completion"),
        (Reply({"choices": "none of them"}), "no completion"),
        (Reply({"choices": []}), "no completion"),
        (Reply({"choices": [{"message": {"content": None}, "finish_reason": "tool_calls"}]}), "has no text"),
        (Reply({"choices": [{"message": {"content": 12}}]}), "no completion"),
        (Reply([1, 2, 3]), "no completion"),
    ],
)
def test_a_lasting_fault_costs_its_prompt_alone_and_says_why(fault: Reply, reason: str) -> None:
    def one_bad(path: str, body: Body, number: int) -> Reply:
        return fault if asked(body) == "translate 2" else chat_reply("good")

    answers, _ = ask(one_bad, PROMPTS[:4])
    (bad,) = answers.pop("p2")
    assert isinstance(bad, NoAnswer)
    assert reason in bad.reason
    assert answers == {key: [Answer("good", 7)] for key in ("p0", "p1", "p3")}


def test_an_answer_that_was_cut_is_not_finished() -> None:
    answers, _ = ask(lambda path, body, number: chat_reply("cut", finish="length"), PROMPTS[:1])
    assert answers["p0"] == [Answer("cut", 7, finished=False)]


def test_thoughts_are_no_part_of_an_answer() -> None:
    answers, _ = ask(lambda path, body, number: chat_reply("<think>\nhm\n</think>\n\ncode"), PROMPTS[:1])
    assert answers["p0"] == [Answer("code", 7)]


def test_tokens_are_not_made_up_where_the_server_does_not_tell_them() -> None:
    assert read_reply('{"choices": [{"text": "x"}]}') == [Answer("x", 0)]


def failure_of(model: str, prompts: Sequence[Prompt] = PROMPTS) -> str:
    """The one line with which a request as a whole fails."""
    with pytest.raises(GenerationError) as failure:
        open_generator(model, server=QUICK).generate(prompts, Sampling())
    assert "\n" not in str(failure.value)
    return str(failure.value)


def test_a_server_that_is_down_is_an_error_in_one_line() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    line = failure_of(f"http://127.0.0.1:{port}/v1#m")
    assert line.startswith(f"http://127.0.0.1:{port}/v1: the server cannot be reached (")


def test_a_server_that_goes_down_underway_is_given_up_soon() -> None:
    def dying(path: str, body: Body, number: int) -> Reply:
        return chat_reply("good") if number < 5 else Reply(drop=True)

    started = time.monotonic()
    with HostileServer(listing(dying)) as server:
        line = failure_of(server.model, [Prompt(str(n), "x") for n in range(200)])
    assert "requests in a row failed, the last: the connection was lost" in line
    assert time.monotonic() - started < 15


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_key_is_an_error_that_does_not_show_it(status: int) -> None:
    refusal = Reply({"error": {"message": f"Incorrect API key provided: {KEY}"}}, status=status)
    with HostileServer(lambda path, body, number: refusal) as server:
        line = failure_of(server.model)
    assert "refuses the key" in line and "MUSL_API_KEY" in line
    assert KEY not in line


def test_a_model_that_the_server_does_not_have_is_an_error() -> None:
    missing = Reply({"error": {"message": "The model `m` does not exist"}}, status=404)
    with HostileServer(listing(lambda path, body, number: missing)) as server:
        assert "#m: the server does not have that (" in failure_of(server.model)


def test_the_key_is_sent_and_is_in_no_log_answer_or_reason(caplog: pytest.LogCaptureFixture) -> None:
    def spy(path: str, body: Body, number: int) -> Reply:
        if asked(body) == "translate 1":
            return Reply({"error": {"message": f"bad request with {KEY}"}}, status=400)
        return chat_reply(f"your key is {KEY}")

    with caplog.at_level(logging.DEBUG):
        answers, server = ask(spy, PROMPTS[:3])
    assert all(headers["authorization"] == f"Bearer {KEY}" for headers in server.headers)
    assert answers["p0"] == [Answer("your key is ***", 7)]
    assert caplog.records, "openai and the HTTP client log at this level"
    assert KEY not in caplog.text
    assert KEY not in str(answers)
    assert KEY not in repr(open_generator(server.model))


def test_a_server_can_be_asked_where_a_loop_is_running() -> None:
    async def notebook() -> dict[str, Sequence[Result]]:
        return ask(lambda path, body, number: chat_reply("fine"), PROMPTS[:1])[0]

    assert asyncio.run(notebook()) == {"p0": [Answer("fine", 7)]}
