"""Whatever a user does who has not asked for a connection: nothing reaches for the network, and files are theirs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.pty_app import PtyApp

ROOT = Path(__file__).parent.parent
WATCHING = Path(__file__).parent / "watching"
SAID = {"uuid": "2", "sender": "human", "text": "Hello.", "created_at": "2026-01-05T09:00:00Z"}
CONVERSATION = [{"uuid": "1", "name": "Dogs", "created_at": "2026-01-05T09:00:00Z", "chat_messages": [SAID]}]
pytestmark = pytest.mark.slow


@pytest.fixture
def watched(tmp_path: Path) -> dict[str, str]:
    """An environment in which every Python writes each try to reach the network into a file."""
    known = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return known | {
        "RECOLLECT_DATA_DIR": str(tmp_path / "data"),
        "PYTHONPATH": f"{WATCHING}{os.pathsep}{ROOT}",
        "REACHED": str(tmp_path / "reached"),
        "OMP_NUM_THREADS": "1",
        "TERM": "xterm-256color",
    }


def reached(environment: dict[str, str]) -> str:
    path = Path(environment["REACHED"])
    return path.read_text() if path.exists() else ""


def recollect(environment: dict[str, str], *arguments: str) -> str:
    command = [sys.executable, "-m", "assistant", *arguments]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, cwd="/")
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_the_watch_sees_what_reaches_out(watched: dict[str, str]) -> None:
    script = "import socket\ntry:\n    socket.create_connection(('127.0.0.1', 9), 0.1)\nexcept OSError:\n    pass"
    subprocess.run([sys.executable, "-c", script], env=watched, check=True)
    assert "socket.connect ('127.0.0.1', 9)" in reached(watched).replace("((", "(").replace("),)", ")")


def test_no_command_reaches_for_the_network(watched: dict[str, str], tmp_path: Path) -> None:
    export = tmp_path / "conversations.json"
    export.write_text(json.dumps(CONVERSATION), "utf-8")
    for arguments in (
        ["ask", "I adopted a dog. His name is Buddy.", "--wait"],
        ["ask", "What is the name of my dog?", "--json"],
        ["memory", "list"],
        ["memory", "search", "dog", "--explain"],
        ["models"],
        ["models", "list", "--available"],
        ["models", "verify"],
        ["models", "speed"],
        ["conversations", "list"],
        ["settings", "list"],
        ["training", "data"],
        ["import", str(export), "--format", "claude"],
        ["export", str(tmp_path / "all.jsonl")],
        ["backup"],
        ["doctor"],
    ):
        recollect(watched, *arguments)
        assert reached(watched) == "", arguments


def test_the_chat_reaches_for_no_network_and_neither_does_its_model(watched: dict[str, str]) -> None:
    with PtyApp([sys.executable, "-m", "assistant"], watched) as app:
        app.wait_for("ready")
        app.type("I adopted a dog. His name is Buddy.\r")
        app.wait_for("remembered")
        for key, shown in (("\x1bOR", "Timeline"), ("\x1bOS", "recollect-starter"), ("\x1b[15~", "conversation"),
                           ("\x1b[17~", "Look and keys"), ("\x1bOQ", "Buddy")):  # fmt: skip
            app.type(key)
            app.wait_for(shown)
        family = [app.process, *app.process.children(recursive=True)]
        assert len(family) >= 2, "the model runs in a process of its own"
        sockets = [c for process in family for c in process.net_connections("inet")]
        app.type("\x11")
    assert sockets == []
    assert reached(watched) == ""


def test_only_the_server_that_was_chosen_is_reached_and_only_by_the_agent_it_was_chosen_for(
    watched: dict[str, str],
) -> None:
    asked: list[str] = []

    class Server(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.do_POST()

        def do_POST(self) -> None:
            asked.append(self.rfile.read(int(self.headers.get("Content-Length", 0))).decode())
            choice = {"index": 0, "delta": {"content": "Memories: none\nAnswer: Woof."}, "finish_reason": "stop"}
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.end_headers()
            self.wfile.write(f"data: {json.dumps({'choices': [choice]})}\n\ndata: [DONE]\n\n".encode())

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        address = f"http://127.0.0.1:{server.server_port}/v1"
        recollect(watched, "models", "add", address, "--model", "dog", "--structure", "none")
        recollect(watched, "models", "use", "dog", "--agent", "answer")
        assert (asked, reached(watched)) == ([], "")
        said = json.loads(recollect(watched, "ask", "I adopted a dog. His name is Buddy.", "--json", "--wait"))
        assert said["answer"] == "Woof."
        assert [operation["text"] for operation in said["operations"]] == ["User has a dog named Buddy."]
        assert all("Memory Manager" not in request for request in asked)
        assert str(server.server_port) in reached(watched)
        recollect(watched, "models", "use", "recollect-starter")
        before = len(asked)
        recollect(watched, "ask", "What is the name of my dog?")
        assert len(asked) == before
    finally:
        server.shutdown()


def test_all_that_is_written_is_for_its_owner_alone(watched: dict[str, str], tmp_path: Path) -> None:
    recollect(watched, "ask", "I adopted a dog. His name is Buddy.", "--wait")
    recollect(watched, "models", "use", "recollect-starter")
    recollect(watched, "backup")
    found = list((tmp_path / "data").rglob("*"))
    assert len(found) > 5
    assert [path for path in [tmp_path / "data", *found] if path.stat().st_mode & 0o077] == []
