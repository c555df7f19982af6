"""How soon a generation ends that is cancelled, and how soon there is an answer after the model's process was killed.

`python -m benchmarks.stopping BODY SEED ROUNDS` prints the times as JSON; `benchmarks.engine` runs it.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from assistant.agents.generation import Agent, ChatMessage, Form, Role
from assistant.agents.prompts import answer_prompt
from assistant.llm.engine import Engine
from benchmarks.bodies import Body
from benchmarks.sentences import facts

Result = dict[str, Any]

UNENDING = 'root ::= "a" root'
"""A form in which no model comes to an end."""
WRITTEN = 5
"""Pieces that are written before a generation is cancelled."""
LEAST_READING, MOST_READING = 0.1, 1.0
"""Seconds after which one is cancelled that reads, drawn at random."""
LONG = 4096
"""Tokens of a context in which reading takes long enough to be cancelled."""
SENTENCES = 600
"""Of a prompt that fills a context."""


def measure(body: Body, seed: int, rounds: int) -> list[Result]:
    """Seconds for each of `rounds` cancelled writings and readings, and for three kills at least."""
    with tempfile.TemporaryDirectory(prefix="recollect-stopping-") as folder:
        place = Path(folder)
        with Engine(body.model(), embedder=None, log_file=place / "log", states=place / "states") as engine:
            engine.ready()
            writing = [_stop_writing(engine) for _ in range(rounds)]
            reading = _stop_reading(engine, seed, rounds) if body.context >= LONG else []
            killed = _kill(engine, body, seed, max(3, rounds // 3))
    told = {"model": body.label}
    return [
        {"part": "cancel", "when": "writing", "seconds": writing, **told},
        *([{"part": "cancel", "when": "reading", "seconds": reading, **told}] if reading else []),
        {"part": "kill", "seconds": killed, **told},
    ]


def _stop_writing(engine: Engine) -> float:
    cancel = threading.Event()
    pieces = 0
    cancelled_at = 0.0

    def receive(_: str) -> None:
        nonlocal pieces, cancelled_at
        pieces += 1
        if pieces == WRITTEN:
            cancelled_at = time.perf_counter()
            cancel.set()

    prompt = [ChatMessage(Role.USER, "Go on.")]
    done = engine.generate(Agent.ANSWER, prompt, form=Form(UNENDING), max_tokens=500, on_text=receive, cancel=cancel)
    assert done.finish_reason == "cancelled", done
    return time.perf_counter() - cancelled_at


def _stop_reading(engine: Engine, seed: int, rounds: int) -> list[float]:
    """Of those that had not come to write before they were cancelled."""
    chance, source = random.Random(seed), facts(seed)
    taken: list[float] = []
    for _ in range(rounds):
        text = " ".join(fact.text for fact in islice(source, SENTENCES))
        cancel = threading.Event()
        at: list[float] = []

        def stop(cancel: threading.Event = cancel, at: list[float] = at) -> None:
            at.append(time.perf_counter())
            cancel.set()

        timer = threading.Timer(chance.uniform(LEAST_READING, MOST_READING), stop)
        timer.start()
        done = engine.generate(
            Agent.ANSWER, [ChatMessage(Role.USER, text)], form=Form(UNENDING), max_tokens=500, cancel=cancel
        )
        timer.join()
        if done.finish_reason == "cancelled" and not done.completion_tokens:
            taken.append(time.perf_counter() - at[0])
    return taken


def _kill(engine: Engine, body: Body, seed: int, rounds: int) -> list[float]:
    """Seconds from the kill of the idle process to the first piece of the next answer, its prompt of usual length."""
    source, traits = facts(seed), body.model().traits
    taken: list[float] = []
    for number in range(rounds + 1):
        memories = [fact.text for fact in islice(source, traits.memories_offered)]
        prompt = answer_prompt(next(source).question, memories, trained=traits.trained)
        begin = time.perf_counter()
        # The first round only leaves on the disk what was made of the instructions.
        if number and (pid := engine.pid) is not None:
            os.kill(pid, signal.SIGKILL)
            while engine.pid == pid:
                time.sleep(0.001)
        pieces: list[float] = []
        _generate_noting(engine, prompt, pieces)
        if number:
            taken.append(pieces[0] - begin)
    return taken


def _generate_noting(engine: Engine, prompt: Sequence[ChatMessage], pieces: list[float]) -> None:
    """Has a few tokens written, and notes in `pieces` when each came, and the end."""
    engine.generate(Agent.ANSWER, prompt, max_tokens=5, on_text=lambda _: pieces.append(time.perf_counter()))
    pieces.append(time.perf_counter())


if __name__ == "__main__":
    print(json.dumps(measure(Body(**json.loads(sys.argv[1])), *map(int, sys.argv[2:4]))))
