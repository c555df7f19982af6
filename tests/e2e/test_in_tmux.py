"""The whole program in a real terminal: somebody types, the machine dies, and all is there when it is up again."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from assistant.memory.bank import MemoryBank, MessageRole, MessageState
from benchmarks.random_body import Shape, write_body

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed"),
]
STARTER = Path(__file__).parents[2] / "models" / "recollect-starter.gguf"
PATIENCE_SECONDS = 90.0


class Tmux:
    """A tmux server of its own, with one window of 100 columns and 30 lines."""

    def __init__(self, socket: Path, environment: dict[str, str]) -> None:
        self._socket = socket
        self._environment = environment

    def __call__(self, *arguments: str) -> str:
        done = subprocess.run(
            ["tmux", "-S", str(self._socket), "-f", "/dev/null", *arguments], capture_output=True, text=True, check=True
        )
        return done.stdout

    def start(self) -> None:
        """Runs `recollect` in the window."""
        names = [f"{name}={value}" for name, value in self._environment.items()]
        command = shlex.join(["env", *names, sys.executable, "-m", "assistant"])
        self("new-session", "-d", "-x", "100", "-y", "30", command)

    @property
    def screen(self) -> str:
        return self("capture-pane", "-p")

    @property
    def pid(self) -> int:
        return int(self("display-message", "-p", "#{pane_pid}"))

    def type(self, text: str) -> None:
        self("send-keys", "-l", text)

    def press(self, key: str) -> None:
        self("send-keys", key)

    def wait_for(self, what: str) -> None:
        wait(lambda: what in self.screen, lambda: f"{what!r} is not on the screen:\n{self.screen}")


def wait(happened: Callable[[], bool], otherwise: Callable[[], str]) -> None:
    give_up = time.monotonic() + PATIENCE_SECONDS
    while not happened():
        assert time.monotonic() < give_up, otherwise()
        time.sleep(0.02)


@pytest.fixture
def tmux(tmp_path: Path) -> Iterator[Tmux]:
    """A terminal in which the model takes seconds for an answer: a body of random weights that talks nonsense."""
    model = tmp_path / "babbler.gguf"
    write_body(model, STARTER, shape=Shape(hidden=512, layers=8))
    environment = {
        "RECOLLECT_DATA_DIR": str(tmp_path / "data"),
        "RECOLLECT_MODEL": str(model),
        "TERM": "screen-256color",
    }
    tmux = Tmux(tmp_path / "tmux", environment)
    yield tmux
    subprocess.run(["tmux", "-S", str(tmp_path / "tmux"), "kill-server"], capture_output=True)


def test_killed_in_the_middle_of_a_reply_it_finds_the_message_the_part_and_the_queue(
    tmux: Tmux, tmp_path: Path
) -> None:
    tmux.start()
    tmux.wait_for("ready")
    tmux.type("My sister Ada moved to Lisbon, wörtlich: 東京 👋")
    tmux.press("Enter")
    with MemoryBank.open(tmp_path / "data" / "recollect.db") as bank:

        def part() -> str:
            said = bank.messages(1, limit=2) if bank.conversations() else []
            return said[-1].text if said and said[-1].role is MessageRole.ASSISTANT else ""

        wait(lambda: len(part()) > 10, lambda: f"there is no reply yet:\n{tmux.screen}")
        os.kill(tmux.pid, signal.SIGKILL)
        wait(lambda: subprocess.run(["tmux", "-S", str(tmp_path / "tmux"), "ls"], capture_output=True).returncode != 0,
             lambda: "the window is still there")  # fmt: skip
        message, reply = bank.messages(1, limit=9)
        assert message.text == "My sister Ada moved to Lisbon, wörtlich: 東京 👋"
        assert (message.state, reply.state) == (MessageState.COMPLETE, MessageState.PARTIAL)
        assert bank.pending_jobs() == 1

    tmux.start()
    tmux.wait_for("My sister Ada moved to Lisbon, wörtlich: 東京 👋")
    tmux.wait_for("cut off here")
    begin = " ".join(reply.text.split())[:8]
    assert begin in " ".join(tmux.screen.split())
    tmux.wait_for("to remember")
    tmux.type("half a thought")
    tmux.wait_for("half a thought")
    with MemoryBank.open(tmp_path / "data" / "recollect.db") as bank:
        wait(lambda: bank.pending_jobs() == 0, lambda: f"the queue is not done:\n{tmux.screen}")
        wait(lambda: bank.draft(1) == "half a thought", lambda: "the draft is not kept")
    tmux.press("C-q")
