"""Our engine beside plain llama.cpp: each round is a pair, one after the other, on the same file and prompt.

`python -m benchmarks.pairs BODY SEED ROUNDS` prints as JSON what a round of each took; `benchmarks.engine` runs it. A
machine that others use is now faster, now slower, so that only what a pair has in common can be compared.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from assistant.agents.completions import answer_grammar, manager_grammar
from assistant.agents.generation import Agent, ChatMessage, Form, Role
from assistant.agents.prompts import answer_prompt, manager_prompt
from assistant.llm import llama
from assistant.llm.engine import Engine
from assistant.llm.prompting import build
from benchmarks.bodies import Body
from benchmarks.plain_llama import PlainLlama
from benchmarks.processes import cpu_seconds
from benchmarks.sentences import Fact, facts

Result = dict[str, Any]

LENGTHS = (100, 800)
"""Tokens of the prompts."""
MOST_TRIED = 400
"""Prompts that are tried until there are enough on which the model does not soon come to an end."""
FEWEST = 10
"""Tokens that an agent has to write for its speed to be measured."""


@dataclass(frozen=True, slots=True)
class Run:
    """Tokens read and written, seconds and seconds of the processor to the first token and from there to the last."""

    prompt_tokens: int
    cached_tokens: int
    tokens: int
    first_s: float
    rest_s: float
    first_cpu_s: float
    rest_cpu_s: float


@dataclass(frozen=True, slots=True)
class Ask:
    """What both are asked: as messages, and as the text that these become."""

    messages: tuple[ChatMessage, ...]
    text: str
    agent: Agent = Agent.ANSWER
    grammar: str | None = None


class Bench:
    """Both ways to run a model, each with a context of the same size and as many threads."""

    def __init__(self, body: Body, folder: Path) -> None:
        self.threads = max(1, (os.cpu_count() or 2) - 1)
        self.model = body.model()
        path = Path(body.path)
        self.plain = PlainLlama(path, context=body.context, batch=llama.CHUNK, threads=self.threads)
        self.engine = Engine(self.model, embedder=None, log_file=folder / "engine.log", threads=self.threads)
        self.engine.ready()
        self._vocabulary = llama.ChatModel(body.path, threads=self.threads)
        self._context = body.context

    def close(self) -> None:
        """Ends the engine's process, and frees what plain llama.cpp holds."""
        self.engine.close()
        self.plain.close()

    def ask(self, messages: Sequence[ChatMessage], agent: Agent = Agent.ANSWER, grammar: str | None = None) -> Ask:
        """Raises ValueError if both would not read the same tokens."""
        text = "".join(part.text for part in self._vocabulary.template.parts(messages))
        prompt = build(self._vocabulary.template, messages, self._vocabulary, budget=self._context)
        if list(prompt.tokens) != self.plain.tokens(text):
            raise ValueError(f"Both would read something else for {messages[-1].text!r}.")
        return Ask(tuple(messages), text, agent, grammar)

    def length(self, text: str) -> int:
        """Tokens of a prompt of one message."""
        return len(self.plain.tokens("".join(part.text for part in self._vocabulary.template.parts(_user(text)))))

    def ours(self, ask: Ask, count: int) -> Run:
        """As the app does it: in the child process, the text streamed."""
        pid = self.engine.pid
        assert pid is not None
        begin, cpu = time.perf_counter(), cpu_seconds(pid)
        first: list[tuple[float, float]] = []

        def receive(_: str) -> None:
            if not first:
                first.append((time.perf_counter() - begin, cpu_seconds(pid) - cpu))

        form = Form(ask.grammar) if ask.grammar is not None else None
        done = self.engine.generate(ask.agent, ask.messages, form=form, max_tokens=count, on_text=receive)
        taken, cpu_taken = time.perf_counter() - begin, cpu_seconds(pid) - cpu
        first_s, first_cpu_s = first[0] if first else (taken, cpu_taken)
        return Run(
            done.prompt_tokens,
            done.cached_tokens,
            done.completion_tokens,
            first_s,
            taken - first_s,
            first_cpu_s,
            cpu_taken - first_cpu_s,
        )

    def beside(self, ask: Ask, count: int) -> Run:
        """The same by plain llama.cpp, without a grammar."""
        done = self.plain.write(ask.text, count)
        rest_s, rest_cpu_s = done.all_s - done.first_s, done.all_cpu_s - done.first_cpu_s
        return Run(done.prompt_tokens, 0, len(done.tokens), done.first_s, rest_s, done.first_cpu_s, rest_cpu_s)

    def pair(self, ask: Ask, count: int, fewest: int) -> Result | None:
        """A round: ours, then plain llama.cpp with as many tokens as ours wrote; None if those were too few."""
        ours = self.ours(ask, count)
        if ours.tokens < fewest:
            return None
        return {"ours": asdict(ours), "plain": asdict(self.beside(ask, ours.tokens))}

    def pairs(self, asks: Iterator[Ask], count: int, fewest: int, rounds: int) -> list[Result]:
        """So many rounds, after one that warms up; fewer if the model too often comes to an end too soon."""
        found = (pair for ask in islice(asks, MOST_TRIED) if (pair := self.pair(ask, count, fewest)) is not None)
        return list(islice(found, rounds + 1))[1:]


def asks(bench: Bench, length: int, seed: int) -> Iterator[Ask]:
    """Prompts of `length` tokens, no two beginning alike."""
    source = facts(seed)
    while True:
        yield bench.ask(_user(_text(source, length, bench.length)))


def _text(source: Iterator[Fact], length: int, measure: Callable[[str], int]) -> str:
    """Sentences, the last one cut, that make a prompt of at most `length` tokens, and hardly fewer."""
    words: list[str] = []
    while measure(" ".join(words)) < length:
        words += next(source).text.split()
    while measure(" ".join(words)) > length:
        words.pop()
    return " ".join(words)


def agents_asks(bench: Bench, seed: int, agent: Agent) -> Iterator[Ask]:
    """What an agent is asked about one message with the memories near it, in the form it has to keep."""
    source = facts(seed)
    trained, offered = bench.model.traits.trained, bench.model.traits.memories_offered
    while True:
        memories = [fact.text for fact in islice(source, offered)]
        fact = next(source)
        if agent is Agent.MANAGER:
            prompt, grammar = manager_prompt(fact.text, memories, trained=trained), manager_grammar(memories)
        else:
            prompt = answer_prompt(fact.question, memories, trained=trained)
            grammar = answer_grammar(memories)
        yield bench.ask(prompt, agent, grammar)


def measure(body: Body, seed: int, rounds: int) -> list[Result]:
    """A result for each length of prompt, and one for each agent with its grammar."""
    results: list[Result] = []
    with tempfile.TemporaryDirectory(prefix="recollect-pairs-") as folder:
        bench = Bench(body, Path(folder))
        try:
            for length in LENGTHS:
                pairs = bench.pairs(asks(bench, length, seed), body.tokens, body.tokens, rounds)
                results.append({"part": "pairs", "model": body.label, "prompt": length, "rounds": pairs})
            for agent in Agent:
                pairs = bench.pairs(agents_asks(bench, seed, agent), body.tokens, FEWEST, rounds)
                results.append({"part": "grammar", "model": body.label, "agent": agent.value, "rounds": pairs})
        finally:
            bench.close()
    return results


def _user(text: str) -> tuple[ChatMessage, ...]:
    return (ChatMessage(Role.USER, text),)


if __name__ == "__main__":
    llama.prepare()
    print(json.dumps(measure(Body(**json.loads(sys.argv[1])), *map(int, sys.argv[2:4]))))
