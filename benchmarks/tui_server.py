"""A server on loopback, in a process of its own, that streams long replies at a steady rate and notes what went when.

`python -m benchmarks.tui_server` prints its port. A client says with a POST to /script what is streamed next, and gets
from /sent when each piece went. Times are those of the machine's steady clock, which all processes share. Knows nothing
of who asks.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.request import Request, urlopen

from benchmarks.tui_reply import pieces

ROOT = Path(__file__).resolve().parent.parent
MODEL = "scripted"
RATE = 200.0
_NOOP = "NOOP"
_NO_MEMORIES = "Memories: none\nAnswer: "
_SECONDS = 60.0
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Script:
    """What is streamed next: the pieces of the reply of that number, so many a second."""

    reply: int
    count: int
    seed: int
    rate: float = RATE


@dataclass(frozen=True, slots=True)
class Sent:
    """Seconds of the steady clock: when each piece of the last reply was sent, and when the whole was over."""

    pieces: list[float]
    over: float | None
    failures: list[str]


class ScriptedServer:
    """The server, started with the `with` block and ended with it."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.tui_server"],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self._process.stdout is not None
        self.url = f"http://127.0.0.1:{int(self._process.stdout.readline())}/v1"

    def will_stream(self, script: Script) -> None:
        """What is streamed to the next that asks."""
        self._ask("/script", asdict(script))

    def sent(self) -> Sent:
        """What was sent since `will_stream`."""
        return Sent(**self._ask("/sent", {}))

    def _ask(self, path: str, told: Json) -> Json:
        request = Request(self.url.removesuffix("/v1") + path, json.dumps(told).encode())
        with urlopen(request, timeout=_SECONDS) as reply:
            answer: Json = json.loads(reply.read())
        return answer

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.wait()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.script = Script(0, 10, 0)
        self.sent = Sent([], None, [])

    def told(self, script: Script) -> None:
        self.script, self.sent = script, Sent([], None, [])

    def is_over(self) -> None:
        self.sent = Sent(self.sent.pieces, time.perf_counter(), self.sent.failures)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    # Each piece is to leave at once, however small it is.
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        # That it is "llamacpp" lets a client hold the model to a grammar, whose text streams as it is.
        self._answer({"object": "list", "data": [{"id": MODEL, "object": "model", "owned_by": "llamacpp"}]})

    def do_POST(self) -> None:
        told = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        match self.path:
            case "/script":
                self.server.told(Script(**told))
                self._answer({})
            case "/sent":
                self._answer(asdict(self.server.sent))
            case "/v1/chat/completions":
                self._complete(told)
            case _:
                self.server.sent.failures.append(f"nothing is at {self.path}")
                self.send_error(404)

    def _complete(self, asked: Json) -> None:
        grammar = str(asked.get("grammar", ""))
        if not asked.get("stream"):
            self._answer(_completion("message", "A chat", "stop"))
        elif _NOOP in grammar:
            self._stream([_NOOP], None)
        else:
            script = self.server.script
            begin = [_NO_MEMORIES] if grammar else []
            with suppress(ConnectionError):  # Who asked may leave before the end.
                self._stream([*begin, *pieces(script.reply, script.count, script.seed)], script.rate, len(begin))
                self.server.is_over()

    def _stream(self, texts: list[str], rate: float | None, unseen: int = 0) -> None:
        """Sends each text when its time has come; those after the first `unseen` are noted."""
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        begin = time.perf_counter()
        for number, text in enumerate(texts):
            if rate is not None:
                time.sleep(max(0.0, begin + (number - unseen) / rate - time.perf_counter()))
                if number >= unseen:
                    self.server.sent.pieces.append(time.perf_counter())
            self._event(_completion("delta", text, None))
        self._event(_completion("delta", "", "stop"))
        self._event({"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": len(texts)}})
        self.wfile.write(b"data: [DONE]\n\n")

    def _event(self, value: Json) -> None:
        self.wfile.write(b"data: " + json.dumps(value).encode() + b"\n\n")

    def _answer(self, value: Json) -> None:
        data = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


def _completion(key: str, text: str, finish: str | None) -> Json:
    choice = {"index": 0, key: {"role": "assistant", "content": text}, "finish_reason": finish}
    return {"id": "chatcmpl-0", "object": f"chat.completion{'.chunk' * (key == 'delta')}", "created": 0,
            "model": MODEL, "choices": [choice]}  # fmt: skip


if __name__ == "__main__":
    with _Server() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        print(server.server_port, flush=True)
        sys.stdin.read()  # It ends when whoever started it does.
