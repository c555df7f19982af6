"""A server on loopback that speaks as much of OpenAI's protocol as a client needs for chat completions and embeddings.

Serves one request after the other, in the thread that asks it to. Knows nothing of what computes the answers. A request
that it cannot answer gets a plain reason and is kept in `failures`: clients tend to go on without a word.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Sequence
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

from assistant.agents.generation import ChatMessage, Role
from benchmarks.forced import Cost

MODEL = "local"
Json = dict[str, Any]
Write = Callable[[Sequence[ChatMessage]], tuple[str, Cost]]
Embed = Callable[[str], bytes]


class OpenAIServer(HTTPServer):
    """Listens on a free port. `write` completes chats, `embed` gives vectors (little-endian float32).

    `on_turn` gets the number that is posted to /turn, with which a client says what its next requests belong to.
    """

    def __init__(self, write: Write, embed: Embed, on_turn: Callable[[int], None]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self._write = write
        self._embed = embed
        self._on_turn = on_turn
        self.failures: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def answer(self, path: str, request: Json) -> Json:
        """What is answered to `request`. Raises ValueError or KeyError for one that is not understood."""
        match path:
            case "/v1/chat/completions":
                return self._chat(request)
            case "/v1/embeddings":
                return self._embeddings(request)
            case "/turn":
                self._on_turn(request["number"])
                return {}
        raise ValueError(f"There is nothing at {path}.")

    def _chat(self, request: Json) -> Json:
        if request.get("stream"):
            raise ValueError("Nothing is streamed here.")
        messages = [ChatMessage(Role(message["role"]), message["content"]) for message in request["messages"]]
        text, cost = self._write(messages)
        return {
            "id": "chatcmpl-0",
            "object": "chat.completion",
            "created": 0,
            "model": request["model"],
            "choices": [
                {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"},
            ],
            "usage": {
                "prompt_tokens": cost.prompt,
                "completion_tokens": cost.written,
                "total_tokens": cost.prompt + cost.written,
                "prompt_tokens_details": {"cached_tokens": cost.prompt - cost.read},
            },
        }

    def _embeddings(self, request: Json) -> Json:
        if request.get("encoding_format", "float") != "float":
            raise ValueError("Vectors come as lists of numbers.")
        texts = [request["input"]] if isinstance(request["input"], str) else request["input"]
        rows = [
            {"object": "embedding", "index": index, "embedding": _numbers(self._embed(text))}
            for index, text in enumerate(texts)
        ]
        return {
            "object": "list",
            "data": rows,
            "model": request["model"],
            "usage": {"prompt_tokens": 0, "total_tokens": 0},
        }


def _numbers(vector: bytes) -> list[float]:
    return list(struct.unpack(f"<{len(vector) // 4}f", vector))


class _Handler(BaseHTTPRequestHandler):
    server: OpenAIServer
    # HTTP/1.0: a connection that a client keeps open would keep the only thread waiting for its next request.
    protocol_version = "HTTP/1.0"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        try:
            status, answer = HTTPStatus.OK, self.server.answer(self.path, json.loads(body))
        except (KeyError, ValueError) as error:
            reason = f"{type(error).__name__}: {error}"
            self.server.failures.append(reason)
            status, answer = HTTPStatus.BAD_REQUEST, {"error": {"message": reason, "type": "invalid_request_error"}}
        data = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Says nothing."""
