"""A real OpenAI-compatible server: `transformers serve` with the micro model, on loopback."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from models.generation.open_model import form_of, open_generator
from models.generation.protocol import Answer, NoAnswer, Prompt, Sampling
from models.generation.server import ServerOptions
from models.model_form import ModelForm

pytest.importorskip("fastapi")
pytest.importorskip("uvicorn")
pytestmark = pytest.mark.slow

TEMPLATE = "{% for message in messages %}{{ message['role'] }}: {{ message['content'] }}\n{% endfor %}assistant:"
PROMPTS = [Prompt(f"p{n}", "void f(float *x, int n)"[: 4 + 3 * n], system="You write CUDA.") for n in range(4)]
OPTIONS = ServerOptions(timeout=30, patience=60)


@pytest.fixture(scope="module")
def chat_model(make_model: Callable[..., Path]) -> Path:
    return make_model("chat", form=ModelForm("instruct"), template=TEMPLATE)


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a running server, which loads the models that it is asked for."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder = tmp_path_factory.mktemp("serve")
    command = [Path(sys.executable).with_name("transformers"), "serve", "--host", "127.0.0.1", "--port", str(port)]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "HF_HOME": str(folder)}
    with (folder / "log").open("w") as log:
        server = subprocess.Popen([*command, "--device", "cpu"], env=environment, stdout=log, stderr=log)
    try:
        _wait_for(f"http://127.0.0.1:{port}/health", server, folder / "log")
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        server.terminate()
        server.wait(timeout=30)


def _wait_for(address: str, server: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + 120
    while time.monotonic() < end and server.poll() is None:
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    pytest.fail(f"transformers serve did not start:\n{log.read_text()[-2000:]}")


def test_a_chat_gets_the_answers_that_the_model_gives_here(url: str, chat_model: Path) -> None:
    sampling = Sampling(max_new_tokens=12)
    told: list[int] = []
    served = open_generator(f"{url}#{chat_model}", server=OPTIONS).generate(PROMPTS, sampling, told.append)
    assert served == open_generator(str(chat_model)).generate(PROMPTS, sampling)
    assert told[-1] == len(PROMPTS)


def test_a_model_of_the_short_form_is_asked_for_plain_completions(url: str, model_folder: Path) -> None:
    name = f"{url}#{model_folder}"
    assert form_of(name) == ModelForm("short", anonymous=True)
    sampling = Sampling(max_new_tokens=12)
    served = open_generator(name, server=OPTIONS).generate(PROMPTS, sampling)
    assert served == open_generator(str(model_folder)).generate(PROMPTS, sampling)


def test_it_makes_one_sample_a_request_and_is_asked_again(url: str, chat_model: Path) -> None:
    sampling = Sampling(samples=3, max_new_tokens=8, temperature=1.0)
    answers = open_generator(f"{url}#{chat_model}", server=OPTIONS).generate(PROMPTS[:2], sampling)
    assert [len(results) for results in answers.values()] == [3, 3]
    assert all(isinstance(result, Answer) for results in answers.values() for result in results)


def test_a_model_that_it_cannot_load_is_said(url: str) -> None:
    quick = ServerOptions(timeout=10, patience=20, retries=0)
    answers = open_generator(f"{url}#nobody/absent", server=quick).generate(PROMPTS[:1], Sampling())
    (answer,) = answers["p0"]
    assert isinstance(answer, NoAnswer)
    assert "the server answers with status 500" in answer.reason
