"""`HostileServer`: an HTTP server on loopback that answers each request as a test's script says."""

from __future__ import annotations

import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self, TypeAlias

Body: TypeAlias = Mapping[str, object]


@dataclass(frozen=True)
class Reply:
    """What is sent: a status, a body (an object becomes JSON), headers; before that `stall` seconds pass, and with
    `drop` the connection is reset instead."""

    body: object = ""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    stall: float = 0.0
    drop: bool = False


# The path and the body of a request (empty for GET), and how many requests came before it.
Script: TypeAlias = Callable[[str, Body, int], Reply]


def chat_reply(*texts: str, tokens: int = 7, finish: str = "stop") -> Reply:
    """A whole reply of a chat with one choice a text."""
    choices = [
        {"index": place, "message": {"role": "assistant", "content": text}, "finish_reason": finish}
        for place, text in enumerate(texts)
    ]
    usage = {"prompt_tokens": 3, "completion_tokens": tokens * len(texts), "total_tokens": 3 + tokens * len(texts)}
    return Reply(
        {"id": "1", "object": "chat.completion", "created": 0, "model": "m", "choices": choices, "usage": usage}
    )


class HostileServer:
    """Serves between `with` and its end. `requests`: the bodies of the POSTs; `times`: when each came (seconds);
    `headers`: the headers of each request, in small letters; `most_at_once`: of POSTs."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.requests: list[Body] = []
        self.times: list[float] = []
        self.headers: list[Mapping[str, str]] = []
        self.most_at_once = 0
        self._at_once = 0
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True

    @property
    def model(self) -> str:
        """The name under which `open_generator` finds it."""
        return f"http://127.0.0.1:{self._server.server_port}/v1#m"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._server.shutdown()
        self._server.server_close()

    def _answer(self, path: str, headers: Mapping[str, str], body: Body | None) -> Reply:
        with self._lock:
            number = len(self.requests)
            self.headers.append(headers)
            if body is not None:
                self.requests.append(body)
                self.times.append(time.monotonic())
                self._at_once += 1
                self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            reply = self.script(path, body or {}, number)
            self._stop.wait(reply.stall)
            return reply
        finally:
            if body is not None:
                with self._lock:
                    self._at_once -= 1

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        answer = self._answer

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._send(answer(self.path, self._headers(), None))

            def do_POST(self) -> None:
                read = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                self._send(answer(self.path, self._headers(), read))

            def _headers(self) -> dict[str, str]:
                return {name.lower(): value for name, value in self.headers.items()}

            def _send(self, reply: Reply) -> None:
                if reply.drop:
                    linger = struct.pack("ii", 1, 0)  # a reset instead of an orderly end
                    self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                    self.connection.close()
                    self.close_connection = True
                    return
                data = (reply.body if isinstance(reply.body, str) else json.dumps(reply.body)).encode()
                try:
                    self.send_response(reply.status)
                    for name, value in {"Content-Type": "application/json", **reply.headers}.items():
                        self.send_header(name, value)
                    self.send_header("Content-Length", str(len(data)))
                    self.end_headers()
                    self.wfile.write(data)
                except OSError:
                    self.close_connection = True  # the client did not wait

            def log_message(self, format: str, *args: object) -> None:
                pass

        return Handler
