from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from assistant.agents.generation import Agent, ChatMessage, FinishReason, Form, Role
from assistant.errors import EngineCrashed
from assistant.llm.engine import Engine
from assistant.llm.files.manifest import ModelFile
from tests.llm.processes import gone

PROMPT = [ChatMessage(Role.SYSTEM, "Be kind"), ChatMessage(Role.USER, "Hello")]
LONG_PROMPT = [ChatMessage(Role.USER, "x" * 7000)]


def when_it_writes(act: Callable[[], object]) -> Callable[[str], None]:
    """A receiver of streamed text that acts once, at the first piece."""
    acted = threading.Event()

    def receive(_: str) -> None:
        if not acted.is_set():
            acted.set()
            act()

    return receive


def kill_child(engine: Engine, number: signal.Signals) -> int:
    pid = engine.pid
    assert pid is not None
    os.kill(pid, number)
    return pid


def test_cancelling_ends_a_generation_and_keeps_what_was_written(endless: ModelFile, log_file: Path) -> None:
    cancel = threading.Event()
    pieces: list[str] = []

    def receive(piece: str) -> None:
        pieces.append(piece)
        if len(pieces) == 5:
            cancel.set()

    with Engine(endless, embedder=None, log_file=log_file, threads=1) as engine:
        engine.ready(60)
        pid = engine.pid
        done = engine.generate(Agent.ANSWER, PROMPT, max_tokens=3000, on_text=receive, cancel=cancel)
        assert done.finish_reason is FinishReason.CANCELLED
        assert done.text == "".join(pieces)
        assert 5 <= done.completion_tokens < 3000
        assert engine.pid == pid


def test_cancelling_ends_the_reading_of_a_prompt(slow: ModelFile, log_file: Path) -> None:
    with Engine(slow, embedder=None, log_file=log_file, threads=1) as engine:
        engine.ready(60)
        pid = engine.pid
        cancel = threading.Event()
        threading.Timer(0.3, cancel.set).start()
        cancelled = engine.generate(Agent.ANSWER, LONG_PROMPT, cancel=cancel)
        assert cancelled.finish_reason is FinishReason.CANCELLED
        assert cancelled.completion_tokens == 0
        assert engine.pid == pid
        after = engine.generate(Agent.ANSWER, PROMPT, max_tokens=10)
        other = engine.generate(Agent.MANAGER, PROMPT, max_tokens=10)
        assert after.text == other.text


def test_reading_is_stopped_between_two_operations_of_a_chunk(slow: ModelFile) -> None:
    script = f"""
from assistant.llm import llama
llama.prepare()
model = llama.ChatModel({str(slow.path)!r}, threads=1)
context = model.new_context(1024)
asked = []
def aborted():
    asked.append(True)
    return len(asked) == 3
print(context.read([65] * 512, aborted), len(asked), context.keep_prefix([65] * 512))
print(context.read([65] * 512, lambda: False), context.keep_prefix([65] * 512))
"""
    shown = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert shown.stdout == "False 3 0\nTrue 511\n"


def test_a_request_that_waits_for_its_turn_is_cancelled_at_once(endless: ModelFile, log_file: Path) -> None:
    with Engine(endless, embedder=None, log_file=log_file, threads=1) as engine, ThreadPoolExecutor(1) as pool:
        writing, stop, cancel = threading.Event(), threading.Event(), threading.Event()
        first = pool.submit(
            engine.generate, Agent.ANSWER, PROMPT, max_tokens=4000, on_text=lambda _: writing.set(), cancel=stop
        )
        assert writing.wait(60)
        cancel.set()
        waiting = engine.generate(Agent.ANSWER, PROMPT, cancel=cancel)
        assert (waiting.finish_reason, waiting.text) == (FinishReason.CANCELLED, "")
        assert not first.done()
        stop.set()
        assert first.result(60).completion_tokens > waiting.completion_tokens == 0


def test_a_generation_cancelled_while_the_model_loads_never_begins(tiny: ModelFile, log_file: Path) -> None:
    cancel = threading.Event()
    cancel.set()
    with Engine(tiny, embedder=None, log_file=log_file, threads=1) as engine:
        done = engine.generate(Agent.ANSWER, PROMPT, cancel=cancel)
    assert (done.finish_reason, done.prompt_tokens, done.text) == (FinishReason.CANCELLED, 0, "")


def test_a_process_that_does_not_react_is_killed_and_started_anew(endless: ModelFile, log_file: Path) -> None:
    with Engine(endless, embedder=None, log_file=log_file, threads=1) as engine:
        engine.ready(60)
        cancel = threading.Event()
        pieces: list[str] = []

        def freeze(piece: str) -> None:
            pieces.append(piece)
            if not cancel.is_set():
                kill_child(engine, signal.SIGSTOP)
                cancel.set()

        frozen = engine.pid
        done = engine.generate(Agent.ANSWER, PROMPT, max_tokens=3000, on_text=freeze, cancel=cancel)
        assert done.finish_reason is FinishReason.CANCELLED
        assert done.text == "".join(pieces) != ""
        assert engine.generate(Agent.ANSWER, PROMPT, max_tokens=5).completion_tokens == 5
        assert frozen is not None
        assert engine.pid != frozen
        assert gone(frozen)


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGKILL, signal.SIGABRT])
def test_a_crash_is_an_error_and_the_next_request_works(
    endless: ModelFile, tmp_path: Path, number: signal.Signals
) -> None:
    log = tmp_path / "logs" / "engine.log"
    with Engine(endless, embedder=None, log_file=log, threads=1) as engine:
        with pytest.raises(EngineCrashed) as caught:
            engine.generate(
                Agent.ANSWER,
                PROMPT,
                max_tokens=3000,
                on_text=when_it_writes(lambda: kill_child(engine, number)),
            )
        assert str(caught.value) == (
            f"The model process ended unexpectedly (signal {int(number)}). "
            f"The next request starts it again. What it wrote before is in {log}."
        )
        assert engine.generate(Agent.ANSWER, PROMPT, max_tokens=5).completion_tokens == 5


def test_a_crash_ends_every_request_that_waits(endless: ModelFile, log_file: Path) -> None:
    with Engine(endless, embedder=None, log_file=log_file, threads=1) as engine, ThreadPoolExecutor(3) as pool:
        writing = threading.Event()
        requests = [
            pool.submit(engine.generate, agent, PROMPT, max_tokens=3000, on_text=lambda _: writing.set())
            for agent in (Agent.ANSWER, Agent.MANAGER, Agent.MANAGER)
        ]
        assert writing.wait(60)
        kill_child(engine, signal.SIGKILL)
        for request in requests:
            with pytest.raises(EngineCrashed, match="signal 9"):
                request.result(60)


def test_a_crash_between_two_requests_is_not_noticed(tiny: ModelFile, log_file: Path) -> None:
    with Engine(tiny, embedder=None, log_file=log_file, threads=1) as engine:
        engine.ready(60)
        dead = kill_child(engine, signal.SIGKILL)
        assert gone(dead)
        while engine.pid == dead:
            time.sleep(0.01)
        assert engine.generate(Agent.ANSWER, PROMPT, form=Form('root ::= "abc"')).text == "abc"
