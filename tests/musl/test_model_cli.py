"""The command `translate` with models: behind a server on loopback, and in a folder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from data.tokens.bpe import save_tokenizer, train_bpe
from models.model_form import ModelForm

TRANSLATE = [sys.executable, "-c", "from musl.cli import translate_main; translate_main()"]
SCALE = "void scale(int n, float a, float *x) { for (int i = 0; i < n; i++) x[i] = a * x[i]; }\n"
SHIFT = "void shift(int n, int *x) { for (int i = 0; i < n; i++) x[i] += 3; }\n"
INDEX = "int i = blockIdx.x * blockDim.x + threadIdx.x;"
KERNEL = f"__global__ void scale_gpu(int n, float a, float *x) {{ {INDEX} if (i < n) x[i] *= a; }}"
KEY = "sk-not-for-any-log-81723"


@dataclass
class Server:
    """A server that answers a chat by what its last message holds; `seen` are the bodies of the requests."""

    answers: Mapping[str, Sequence[str]]
    seen: list[dict[str, object]] = field(default_factory=list)
    keys: set[str | None] = field(default_factory=set)
    port: int = 0

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1#scripted"


@pytest.fixture
def server() -> Iterator[Server]:
    """Running on a free port of loopback."""
    state = Server({"`scale`": ["Sorry.", f"Here:\n```cuda\n{KERNEL}\n```"], "`shift`": ["I cannot do that."]})

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.reply({"object": "list", "data": [{"id": "scripted", "object": "model"}]})

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            state.seen.append(body)
            state.keys.add(self.headers["Authorization"])
            text = body["messages"][-1]["content"]
            texts = next(answers for key, answers in state.answers.items() if key in text)
            choices = [
                {
                    "index": i,
                    "message": {"role": "assistant", "content": texts[i % len(texts)]},
                    "finish_reason": "stop",
                }
                for i in range(body.get("n", 1))
            ]
            self.reply({"object": "chat.completion", "choices": choices, "usage": {"completion_tokens": 9}})

        def reply(self, body: object) -> None:
            content = json.dumps(body).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.port = http.server_address[1]
    thread = threading.Thread(target=http.serve_forever)
    thread.start()
    yield state
    http.shutdown()
    http.server_close()
    thread.join()


def translate(
    *arguments: object, command: Sequence[str] = TRANSLATE, **environment: str
) -> subprocess.CompletedProcess[str]:
    argv = [*command, *map(str, arguments)]
    variables = {**os.environ, "OMP_NUM_THREADS": "1", **environment}
    return subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False, env=variables)


def test_a_model_behind_a_server_and_the_analytic_translator_after_it(tmp_path: Path, server: Server) -> None:
    path = tmp_path / "two.c"
    path.write_text(SCALE + SHIFT)
    options = ("--samples", 2, "--also", "analytic", "--tests", 3, "--device", "emulator", "--json")
    run = translate(path, "--translator", server.address, *options, MUSL_API_KEY=KEY)
    assert run.returncode == 0, run.stderr
    report = json.loads(run.stdout)
    scale, shift = report["functions"]
    assert report["translator"] == f"{server.address} + analytic"
    assert [(f["status"], f["translator"]) for f in (scale, shift)] == [
        ("verified", server.address),
        ("verified", "analytic"),
    ]
    assert [remark["message"] for remark in shift["remarks"]] == ["the answer holds no code (2 of 2 samples)"]
    written = (tmp_path / "two.cu").read_text()
    assert "scale_gpu<<<grid, block>>>" in written and "shift_kernel<<<grid, block>>>" in written
    assert server.keys == {f"Bearer {KEY}"}
    assert KEY not in run.stdout + run.stderr + written
    assert {(body["temperature"], body["model"], body["n"]) for body in server.seen} == {(0.8, "scripted", 2)}


def test_a_server_that_is_down_is_one_line(tmp_path: Path, server: Server) -> None:
    path = tmp_path / "one.c"
    path.write_text(SCALE)
    run = translate(path, "--translator", "http://127.0.0.1:9/v1#gone")
    assert run.returncode == 1
    assert run.stderr.startswith("error: http://127.0.0.1:9/v1") and run.stderr.count("\n") == 1
    assert not (tmp_path / "one.cu").exists()


@pytest.fixture(scope="module")
def micro_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a model of 2 layers with random weights, asked in the short form."""
    import torch

    from models.pretraining.sizes import Shape, new_model

    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("micro")
    tokenizer = train_bpe([SCALE, SHIFT, KERNEL], 300)
    model = new_model("llama", Shape(2, 32, 2), vocabulary=300, context=256, end=0, seed=1)
    model.save_pretrained(folder)
    save_tokenizer(tokenizer, folder)
    ModelForm("short").save(folder)
    return folder


def test_what_a_model_with_random_weights_writes_is_malformed(tmp_path: Path, micro_model: Path) -> None:
    import musl
    from musl.translators import ModelOptions

    path = tmp_path / "one.c"
    path.write_text(SCALE)
    options = ModelOptions(max_new_tokens=24)
    report = musl.translate_file(path, translator=str(micro_model), samples=3, model=options, tests=3)
    (scale,) = report.functions
    assert (scale.status, report.output, report.exit_code) == ("not_translated", None, 3)
    assert scale.code in ("MUSL202", "MUSL203", "MUSL204", "MUSL205") and "samples)" in scale.reason
    again = musl.translate_file(path, translator=str(micro_model), samples=3, model=options, tests=3)
    assert again.functions[0].remarks == scale.remarks  # the same seed gives the same answers


def test_a_folder_without_a_model_is_refused_before_the_work(tmp_path: Path, micro_model: Path) -> None:
    path = tmp_path / "one.c"
    path.write_text(SCALE)
    run = translate(path, "--translator", tmp_path)
    assert run.returncode == 2
    assert run.stderr.startswith(f"error: {tmp_path}") and run.stderr.count("\n") == 1
    run = translate(path, "--translator", micro_model, "--adapter", tmp_path)
    assert run.returncode == 2 and run.stderr.count("\n") == 1


def test_a_machine_without_the_packages_of_models_is_told_what_to_install(tmp_path: Path, micro_model: Path) -> None:
    path = tmp_path / "one.c"
    path.write_text(SCALE)
    code = "import sys; sys.modules['torch'] = None; from musl.cli import translate_main; translate_main()"
    run = translate(path, "--translator", micro_model, command=[sys.executable, "-c", code])
    assert run.returncode == 1
    assert run.stderr == "error: torch is not installed: pip install 'musl-cuda[models]'\n"
