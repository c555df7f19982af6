"""Servers on the loopback that speak OpenAI's chat completions as real ones do, faults included."""

from __future__ import annotations

import json
import ssl
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

MODEL = "tiny"


class Profile(StrEnum):
    """Whose habits a server has."""

    LLAMA_SERVER = "llama-server"
    VLLM = "vllm"
    OLLAMA = "ollama"
    LM_STUDIO = "lm studio"
    OLD = "old"
    """Refuses a `response_format` that it does not know."""


_OWNERS = {
    Profile.LLAMA_SERVER: "llamacpp",
    Profile.VLLM: "vllm",
    Profile.OLLAMA: "library",
    Profile.LM_STUDIO: "organization_owner",
    Profile.OLD: "me",
}
_HEADERS = {Profile.LLAMA_SERVER: "llama.cpp", Profile.VLLM: "uvicorn"}
_GRAMMAR: Mapping[Profile, Callable[[Mapping[str, Any]], object]] = {
    Profile.LLAMA_SERVER: lambda body: body.get("grammar"),
    Profile.VLLM: lambda body: body.get("structured_outputs", {}).get("grammar"),
}
_REASONING = {Profile.VLLM: "reasoning", Profile.OLLAMA: "reasoning", Profile.LM_STUDIO: "reasoning_content"}


@dataclass(frozen=True, slots=True)
class Request:
    """One request as the server got it."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: Mapping[str, Any]

    @property
    def texts(self) -> list[str]:
        return [message["content"] for message in self.body["messages"]]


@dataclass(frozen=True, slots=True)
class Says:
    """What the model says under a grammar, under a schema, and when it is free; `thought` goes before it."""

    lines: str = "NOOP"
    json: str = '{"operations": []}'
    free: str = "Nothing to remember."
    thought: str = ""
    finish: str | None = "stop"


@dataclass(frozen=True, slots=True)
class Status:
    """A reply that is no completion."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    type: str = "application/json"


@dataclass(frozen=True, slots=True)
class Raw:
    """The bytes of a stream as they are, each after its pause; without `ends`, the connection breaks off."""

    pieces: Sequence[bytes | float]
    ends: bool = True
    type: str = "text/event-stream"


Reply = Says | Status | Raw


def chunk(content: str | None = None, finish: str | None = None, **delta: Any) -> bytes:
    """One event of a stream."""
    if content is not None:
        delta["content"] = content
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return event({"object": "chat.completion.chunk", "choices": [choice]})


def event(value: object) -> bytes:
    return b"data: " + json.dumps(value, ensure_ascii=False).encode() + b"\n\n"


DONE = b"data: [DONE]\n\n"
USAGE = {
    "prompt_tokens": 40,
    "completion_tokens": 12,
    "prompt_tokens_details": {"cached_tokens": 30},
    "completion_tokens_details": {"reasoning_tokens": 5},
}


class FakeServer:
    """A server that replies with `replies` in their order, the last of them again and again, and keeps all requests.

    `models` are those it names; None: it knows no such path. `closed` is set when a client went away while it wrote.
    """

    def __init__(
        self,
        *replies: Reply,
        profile: Profile = Profile.OLLAMA,
        models: Sequence[str] | Status | None = (MODEL,),
        piece: int = 3,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.profile = profile
        self.requests: list[Request] = []
        self.closed = threading.Event()
        self.asked = threading.Event()
        self._replies = list(replies) or [Says()]
        self._models = models
        self._piece = piece
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._scheme = "http"
        if tls is not None:
            self._scheme = "https"
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        return f"{self._scheme}://127.0.0.1:{self.port}/v1"

    @property
    def completions(self) -> list[Request]:
        """The requests for a completion."""
        return [request for request in self.requests if request.path == "/v1/chat/completions"]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _handler(fake) -> type[BaseHTTPRequestHandler]:  # noqa: N805
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def version_string(self) -> str:
                return _HEADERS.get(fake.profile, "")

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                pass

            def do_GET(self) -> None:
                fake._keep(self, {})
                if isinstance(fake._models, Status):
                    fake._answer(self, fake._models)
                elif fake._models is None or self.path != "/v1/models":
                    fake._answer(self, Status(404))
                else:
                    owner = _OWNERS[fake.profile]
                    listed = [{"id": name, "object": "model", "owned_by": owner} for name in fake._models]
                    fake._answer(self, Status(200, json.dumps({"object": "list", "data": listed}).encode()))

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                fake._keep(self, body)
                with fake._lock:
                    reply = fake._replies.pop(0) if len(fake._replies) > 1 else fake._replies[0]
                try:
                    fake._answer(self, fake._as_bytes(reply, body))
                except OSError:
                    fake.closed.set()

        return Handler

    def _keep(self, handler: BaseHTTPRequestHandler, body: Mapping[str, Any]) -> None:
        headers = {name.lower(): value for name, value in handler.headers.items()}
        self.requests.append(Request(handler.command, handler.path, headers, body))
        self.asked.set()

    def _as_bytes(self, reply: Reply, body: Mapping[str, Any]) -> Status | Raw:
        if not isinstance(reply, Says):
            return reply
        if self.profile is Profile.OLD and "response_format" in body:
            return Status(400, b'{"detail": "response_format.type must be one of text, json_object"}')
        if _GRAMMAR.get(self.profile, lambda _: None)(body):
            text = reply.lines
        elif "response_format" in body:
            text = reply.json
        else:
            text = reply.free
        pieces = [chunk("", role="assistant")]
        if self.profile in _REASONING:
            pieces += [chunk(**{_REASONING[self.profile]: part}) for part in self._split(reply.thought)]
        elif reply.thought:
            text = f"<think>{reply.thought}</think>\n\n{text}"
        pieces += [chunk(part) for part in self._split(text)]
        pieces += [chunk(finish=reply.finish), event({"choices": [], "usage": USAGE}), DONE]
        return Raw(pieces)

    def _split(self, text: str) -> list[str]:
        return [text[i : i + self._piece] for i in range(0, len(text), self._piece)]

    def _answer(self, handler: BaseHTTPRequestHandler, reply: Status | Raw) -> None:
        status = reply.status if isinstance(reply, Status) else 200
        headers = dict(reply.headers) if isinstance(reply, Status) else {}
        handler.send_response(status)
        handler.send_header("Content-Type", reply.type)
        for name, value in headers.items():
            handler.send_header(name, value)
        if isinstance(reply, Status):
            handler.send_header("Content-Length", str(len(reply.body)))
            handler.end_headers()
            handler.wfile.write(reply.body)
            return
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        for piece in reply.pieces:
            if isinstance(piece, float):
                self._pause(handler, piece)
            else:
                handler.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        if reply.ends:
            handler.wfile.write(b"0\r\n\r\n")
        handler.close_connection = True

    def _pause(self, handler: BaseHTTPRequestHandler, seconds: float) -> None:
        """Waits, unless the client goes away, as servers do that look after each token."""
        handler.connection.settimeout(0.01)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                if not handler.connection.recv(1):
                    raise ConnectionResetError
            except TimeoutError:
                continue
        handler.connection.settimeout(None)
