"""What the model's process is to the machine: quiet, out of the terminal's reach, and gone with its parent."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from assistant.agents.generation import Agent, ChatMessage, Form, Role
from assistant.llm.engine import Engine
from assistant.llm.files.manifest import ModelFile
from tests.llm.processes import gone

PROMPT = [ChatMessage(Role.USER, "Hello")]


def test_the_process_is_out_of_reach_of_the_terminal(tiny: ModelFile, log_file: Path) -> None:
    with Engine(tiny, embedder=None, log_file=log_file, threads=1) as engine:
        engine.ready(60)
        assert engine.pid is not None
        assert os.getsid(engine.pid) == engine.pid != os.getsid(0)
        os.kill(engine.pid, signal.SIGINT)
        assert engine.generate(Agent.ANSWER, PROMPT, form=Form('root ::= "abc"')).text == "abc"


def test_closing_leaves_no_process_behind(tiny: ModelFile, log_file: Path) -> None:
    with Engine(tiny, embedder=None, log_file=log_file, threads=1) as engine:
        engine.ready(60)
        pid = engine.pid
    assert pid is not None
    assert not psutil.pid_exists(pid)


PARENT = """
import os, sys, time
from pathlib import Path
from assistant.agents.generation import Agent, ChatMessage, Form, Role
from assistant.llm.engine import Engine
from assistant.llm.files.manifest import ModelFile

model, log, held_open, busy = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3] == "held", sys.argv[4] == "busy"
engine = Engine(ModelFile("m", model), embedder=None, log_file=log, threads=1)
engine.ready(60)
forked = 0
if held_open:
    forked = os.fork()
    if forked == 0:
        time.sleep(600)
def tell(_):
    global told
    if not told:
        told = True
        print(engine.pid, forked, flush=True)
told = False
if busy:
    engine.generate(Agent.ANSWER, [ChatMessage(Role.USER, "Hello")], max_tokens=4000, on_text=tell)
else:
    tell("")
time.sleep(600)
"""


@pytest.mark.parametrize("busy", ["busy", "idle"])
@pytest.mark.parametrize("pipe", ["alone", "held"])
def test_the_process_ends_when_its_parent_is_killed(slow: ModelFile, log_file: Path, pipe: str, busy: str) -> None:
    """Also if a process that the parent forked keeps the pipe open."""
    command = [sys.executable, "-c", PARENT, str(slow.path), str(log_file), pipe, busy]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child, forked = (int(word) for word in parent.stdout.readline().split())
        assert psutil.pid_exists(child)
        parent.kill()
        try:
            assert gone(child)
        finally:
            if forked:
                os.kill(forked, signal.SIGKILL)


ON_A_TERMINAL = """
import os, signal, sys
from pathlib import Path
from assistant.agents.generation import Agent, ChatMessage, Form, Role
from assistant.errors import EngineError
from assistant.llm.engine import Engine
from assistant.llm.files.manifest import ModelFile

model, folder = Path(sys.argv[1]), Path(sys.argv[2])
prompt = [ChatMessage(Role.USER, "Hello")]
def failing(what):
    try:
        what()
    except EngineError as error:
        print(type(error).__name__)
print("begin")
with Engine(ModelFile("m", model), embedder=folder / "none", log_file=folder / "engine.log", threads=1) as engine:
    print(len(engine.generate(Agent.ANSWER, prompt, max_tokens=20, temperature=1.0).text) > 0)
    failing(lambda: engine.generate(Agent.ANSWER, prompt, form=Form("root ::= (")))
    failing(lambda: engine.embed(["Hello"]))
    failing(lambda: engine.generate(
        Agent.ANSWER, prompt, temperature=2.0, max_tokens=4000,
        on_text=lambda _: os.kill(engine.pid, signal.SIGSEGV) if engine.pid else None))
(folder / "broken.gguf").write_bytes(model.read_bytes()[:5000])
broken = ModelFile("b", folder / "broken.gguf")
with Engine(broken, embedder=None, log_file=folder / "engine.log") as engine:
    failing(lambda: engine.ready(60))
print("end")
"""


def test_nothing_of_it_reaches_the_terminal(endless: ModelFile, tmp_path: Path) -> None:
    master, terminal = pty.openpty()
    command = [sys.executable, "-c", ON_A_TERMINAL, str(endless.path), str(tmp_path)]
    with subprocess.Popen(command, stdin=terminal, stdout=terminal, stderr=terminal, start_new_session=True) as script:
        os.close(terminal)
        shown = b""
        while True:
            try:
                data = os.read(master, 4096)
            except OSError:
                break
            if not data:
                break
            shown += data
        assert script.wait(60) == 0
    os.close(master)
    assert shown.decode().split() == [
        "begin", "True", "EngineError", "EngineError", "EngineCrashed", "ModelFileError", "end",
    ]  # fmt: skip
    log = (tmp_path / "engine.log").read_text()
    assert "Segmentation fault" in log
    assert "tensor" in log


def test_what_is_written_to_standard_output_goes_to_the_log_and_not_among_the_replies() -> None:
    script = """
import os
from assistant.llm import child
requests, replies = child._take_pipes()
os.write(1, b"noise\\n")
os.system("echo more noise")
replies.write(b"reply to " + os.read(requests, 100) + os.read(0, 100))
replies.flush()
"""
    done = subprocess.run([sys.executable, "-c", script], input=b"request", capture_output=True, check=True)
    assert (done.stdout, done.stderr) == (b"reply to request", b"noise\nmore noise\n")
