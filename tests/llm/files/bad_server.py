"""A real HTTP server on loopback that serves one file, with every fault that a test asks for.

Knows nothing of who downloads.
"""

from __future__ import annotations

import re
import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

PIECE = 16_384


class BadServer:
    """Serves `data` at /model.gguf, with ranges, and redirects from /there to `redirect_to`.

    The attributes are its faults; a test sets them before it asks or while it runs.
    """

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.etag: str | None = '"first"'
        self.modified: str | None = None
        self.redirect_to = ""
        self.stated_hash: str | None = None
        """What X-Linked-Etag says, on redirects alone, as the hub does."""
        self.break_off_after: list[int] = []
        """After how many bytes of the body each answer ends, one item an answer; the later ones are whole."""
        self.announce_more = 0
        """By how much the announced length differs from what is sent."""
        self.range_total: int | None = None
        """The length of the file that Content-Range claims."""
        self.range_shift = 0
        """By how much a range begins later than asked for."""
        self.ignores_ranges = False
        self.ignores_if_range = False
        self.refuses_ranges = False
        self.chunked = False
        self.status = 200
        self.page: bytes | None = None
        """What is sent, with status 200, in place of the file."""
        self.first_piece = PIECE
        """How many bytes come by themselves at the beginning of a body."""
        self.seconds_a_piece = 0.0
        self.stalls_after: int | None = None
        self.requests: list[dict[str, str]] = []
        """The headers of each request, with its path as "path", in lower case."""
        self.ended = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    def url(self, path: str = "/model.gguf", host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self._server.server_address[1]}{path}"

    def asked(self, header: str) -> list[str | None]:
        """What each request said in `header`."""
        return [request.get(header) for request in self.requests]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.ended.set()
        self._server.shutdown()
        self._server.server_close()


def _handler(server: BadServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            server.requests.append(headers | {"path": self.path})
            self.close_connection = True
            with suppress(BrokenPipeError, ConnectionResetError):
                if self.path.startswith("/there"):
                    self._redirect()
                elif server.status != 200:
                    self._send(server.status, b"no", {})
                elif server.page is not None:
                    self._send(200, server.page, {"Content-Type": "text/html"})
                else:
                    self._serve(headers)

        def log_message(self, *args: Any) -> None:
            pass

        def _redirect(self) -> None:
            headers = {"Location": server.redirect_to}
            if server.stated_hash is not None:
                headers["X-Linked-Etag"] = f'"{server.stated_hash}"'
            self._send(302, b"", headers)

        def _serve(self, asked: dict[str, str]) -> None:
            headers = {"ETag": server.etag} if server.etag is not None else {}
            if server.modified is not None:
                headers["Last-Modified"] = server.modified
            wanted = re.fullmatch(r"bytes=(\d+)-", asked.get("range", ""))
            unchanged = server.ignores_if_range or asked.get("if-range") in (None, server.etag, server.modified)
            if not wanted or server.ignores_ranges or not unchanged:
                self._send(200, server.data, headers)
            elif server.refuses_ranges or int(wanted[1]) >= len(server.data):
                self._send(416, b"", headers | {"Content-Range": f"bytes */{len(server.data)}"})
            else:
                begin = int(wanted[1]) + server.range_shift
                total = server.range_total or len(server.data)
                span = f"bytes {begin}-{len(server.data) - 1}/{total}"
                self._send(206, server.data[begin:], headers | {"Content-Range": span})

        def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            if server.chunked:
                self.send_header("Transfer-Encoding", "chunked")
            else:
                self.send_header("Content-Length", str(len(body) + server.announce_more))
            self.end_headers()
            whole = status >= 300 or not server.break_off_after
            self._send_pieces(body if whole else body[: server.break_off_after.pop(0)], whole=whole)

        def _send_pieces(self, body: bytes, *, whole: bool) -> None:
            sent = 0
            while sent < len(body):
                piece = body[sent : sent + (PIECE if sent else server.first_piece)]
                if server.stalls_after is not None and sent + len(piece) > server.stalls_after:
                    self._write(piece[: server.stalls_after - sent])
                    server.ended.wait()
                    return
                self._write(piece)
                sent += len(piece)
                time.sleep(server.seconds_a_piece)
            if server.chunked and whole:
                self.wfile.write(b"0\r\n\r\n")

        def _write(self, piece: bytes) -> None:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece) if server.chunked else piece)
            self.wfile.flush()

    return Handler
