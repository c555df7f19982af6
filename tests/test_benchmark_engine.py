"""The engine's benchmarks compare like with like; how fast anything is, is not asked here."""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import gguf
import pytest

from assistant.agents.answer import AnswerAgent
from assistant.agents.generation import Agent, ChatMessage, Completion, FinishReason, Form, ModelTraits, Role
from assistant.agents.prompts import answer_prompt
from assistant.llm.engine import Engine
from assistant.llm.files.manifest import Adapter
from assistant.memory.bank import MemoryBank
from benchmarks import engine as benchmark
from benchmarks import engine_table as table
from benchmarks import pairs
from benchmarks.bodies import STARTER, Body, write_adapter, write_padded_body
from benchmarks.long_chat import Call, Forced, LongChat, literal, usual_order
from benchmarks.pairs import Bench
from benchmarks.processes import cpu_seconds, first_child_s, memory_of
from benchmarks.random_body import Shape, write_body
from benchmarks.terminal import Terminal
from tests.tiny_model import tiny_model

SHAPE = Shape(hidden=64, layers=2, feed_forward=96, heads=2, kv_heads=1, context=1024)


on_linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells of processes in this way")


def rounds(*firsts: tuple[float, float]) -> list[dict[str, Any]]:
    """Rounds with these seconds to the first token, ours and plain, 11 tokens and as many seconds for the rest."""
    return [
        {
            who: {"tokens": 11, "first_s": first, "first_cpu_s": first / 2, "rest_s": rest, "rest_cpu_s": rest}
            for who, first, rest in zip(("ours", "plain"), pair, (2.0, 1.0), strict=True)
        }
        for pair in firsts
    ]


@pytest.fixture(scope="module")
def body(tmp_path_factory: pytest.TempPathFactory) -> Body:
    """A body so small that nothing takes long, with the tokens of the model that ships."""
    path = tmp_path_factory.mktemp("body") / "tiny.gguf"
    write_body(path, STARTER, shape=SHAPE)
    return Body("tiny", str(path), 1024, tokens=24)


def test_pairs_are_compared_before_their_median_is_taken() -> None:
    assert table.ratios([1.0, 9.0, 4.0], [2.0, 3.0, 4.0]) == (1.0, 0.5, 3.0)
    assert table.rates(rounds((0.1, 0.1)), "ours") == [5.0]
    assert table.rates(rounds((0.1, 0.1)), "plain") == [10.0]


def test_a_first_token_may_come_a_tenth_and_20_ms_later() -> None:
    assert table.too_long(rounds((1.12, 1.0), (1.0, 2.0), (9.0, 1.0))) == pytest.approx(0.0)
    assert table.too_long(rounds((1.5, 1.0))) == pytest.approx(0.38)


def test_a_row_says_where_a_floor_is_missed() -> None:
    result = {"part": "pairs", "model": "tiny", "prompt": 100, "rounds": rounds((0.15, 0.1))}
    assert table.grid([result])[1:] == [
        ["tiny, 100 read, 11 written: tokens a second", "5.0", "10.0", "0.500", "0.50 to 0.50", "≥ 95% of it",
         "missed"],
        ["tiny, 100 read: ms of the processor a token", "200.000", "100.000", "2.000", "2.00 to 2.00", "", ""],
        ["tiny, 100 read: first token, ms", "150.0", "100.0", "1.500", "1.50 to 1.50", "≤ 110% of it + 20 ms",
         "missed by 20.0 ms"],
        ["tiny, 100 read: ms of the processor until then", "75.0", "50.0", "1.500", "1.50 to 1.50", "", ""],
    ]  # fmt: skip


def test_a_model_that_came_to_an_end_too_soon_has_a_row_that_says_so() -> None:
    for part in ({"part": "pairs", "prompt": 100}, {"part": "grammar", "agent": "answer"}):
        [_, *rows] = table.grid([{**part, "model": "tiny", "rounds": []}])
        assert [row[0].rpartition(": ")[2] for row in rows] == ["too little was written"]


def test_a_start_is_held_to_its_slowest_key_its_largest_memory_and_the_order_of_things() -> None:
    good = {"key_s": 0.3, "key_cpu_s": 0.2, "paint_s": 0.3, "model_s": 0.4, "ready_s": None, "started_mb": 50.0}
    starts = [{**good, "idle_mb": 50.0} for _ in range(20)]
    result = {"part": "start", "bank": "new", "starts": starts}
    assert [row[0] for row in table.grid([result])[1:] if row[-1]] == []
    starts[0] |= {"key_s": 0.5, "idle_mb": 130.0, "model_s": 0.2}
    assert [row[0] for row in table.grid([result])[1:] if row[-1]] == [
        "start, new: model begun before the first paint",
        "start, new: app's own process idle, MB",
    ]
    starts[1]["key_s"] = 0.4
    assert table.grid([result])[1] == [
        "start, new: first key, s, p50 (p95)", "0.300 (0.400)", "", "", "", "< 0.4 s", "missed",
    ]  # fmt: skip


def test_only_parts_that_there_are_can_be_asked_for() -> None:
    assert benchmark._parts("stop,pairs") == ("stop", "pairs")
    with pytest.raises(argparse.ArgumentTypeError, match="speed: choose from pairs, stop, memory, chat, start"):
        benchmark._parts("pairs,speed")


def test_the_usual_order_says_the_same_with_the_memories_first() -> None:
    history = [ChatMessage(Role.USER, "Hi."), ChatMessage(Role.ASSISTANT, "Hello.")]
    ours = answer_prompt("Which pet?", ["User has a dog."], history=history, trained=True)
    assert usual_order(ours, ["User has a dog."], "Which pet?") == [
        ChatMessage(Role.SYSTEM, "Answer Agent\n\nMemories:\nUser has a dog. [1]"),
        *history,
        ChatMessage(Role.USER, "Which pet?"),
    ]


def test_a_text_becomes_a_grammar_of_nothing_else() -> None:
    assert literal('a "b"\n\\c') == 'root ::= "a \\"b\\"\\n\\\\c"'


class Scripted:
    """Stands for an engine: writes the text of the grammar it is given."""

    def __init__(self) -> None:
        self.prompts: list[list[ChatMessage]] = []

    def generate(
        self, agent: Agent, prompt: Sequence[ChatMessage], *, form: Form, on_text: Callable[[str], None], **_: object
    ) -> Completion:
        self.prompts.append(list(prompt))
        text = form.grammar.removeprefix('root ::= "').removesuffix('"').replace("\\n", "\n")
        on_text(text)
        return Completion(text, FinishReason.STOP, prompt_tokens=100, cached_tokens=40)


def test_both_orders_get_the_same_messages_memories_and_replies(tmp_path: Path) -> None:
    one, other = Scripted(), Scripted()
    ours, usual = Forced(one), Forced(other)  # type: ignore[arg-type]
    with MemoryBank.open(tmp_path / "bank.db") as bank:
        bank.add("User has a dog named Buddy.")
        chat = LongChat(bank, ModelTraits(trained=True), seed=3)
        chat.turn("What is my dog called?", ours, usual)
        chat.turn("And Buddy is what?", ours, usual)
    for mine, theirs in zip(one.prompts, other.prompts, strict=True):
        assert mine[1:-1] == theirs[1:-1]
        assert mine[-1].text.startswith("Memories:\nUser has a dog named Buddy. [1]\nNow: User: ")
        assert theirs[0].text == "Answer Agent\n\nMemories:\nUser has a dog named Buddy. [1]"
        assert mine[-1].text.endswith(theirs[-1].text)
    assert [len(prompt) for prompt in one.prompts] == [2, 4]
    assert one.prompts[1][1].text == "What is my dog called?"
    assert ours.calls == [Call(100, 60, call.first_s, 0) for call in ours.calls]


ECHOES = """
import os, termios, time, tty
tty.setraw(0, termios.TCSANOW)
time.sleep(0.2)
os.write(1, b"begin ")
key = os.read(0, 10)
time.sleep(0.3)
os.write(1, b"<" + key + b">")
"""


def test_a_key_counts_once_the_program_shows_it_even_if_it_was_typed_before() -> None:
    with Terminal([sys.executable, "-c", ECHOES], os.environ) as terminal:
        terminal.send("ж")
        key_s = terminal.wait_for("ж", 20)
        begin_s = terminal.shown_at("begin")
        assert key_s is not None
        assert begin_s is not None
        assert begin_s > 0.2
        assert key_s - begin_s > 0.25
        assert terminal.wait_for("<ж>", 20) == pytest.approx(key_s, abs=0.5)
        assert terminal.wait_for("never", 1) is None


@on_linux
def test_what_a_process_has_used_is_read_while_it_runs() -> None:
    begin, told, memory = cpu_seconds(os.getpid()), time.process_time(), memory_of(os.getpid())
    kept = bytearray(os.urandom(1 << 20) * 64)
    while time.process_time() - told < 0.3:
        sum(range(100_000))
    assert 0.2 < cpu_seconds(os.getpid()) - begin < 0.6
    assert memory_of(os.getpid()).private - memory.private > 50
    assert memory.private <= memory.proportional <= memory.resident
    del kept


@on_linux
def test_the_first_child_of_a_process_is_found_with_the_time_that_it_took_to_come() -> None:
    script = "import subprocess, time; time.sleep(0.5); subprocess.run(['sleep', '5'])"
    with subprocess.Popen([sys.executable, "-c", script], start_new_session=True) as parent:
        try:
            assert first_child_s(parent.pid) is None
            deadline = time.monotonic() + 20
            while (after := first_child_s(parent.pid)) is None and time.monotonic() < deadline:
                time.sleep(0.02)
        finally:
            os.killpg(parent.pid, signal.SIGKILL)
    assert after is not None
    assert 0.5 <= after < 5


@pytest.mark.slow
def test_plain_llama_and_the_engine_write_the_same(body: Body, tmp_path: Path) -> None:
    bench = Bench(body, tmp_path)
    try:
        ask = bench.ask([ChatMessage(Role.USER, "Tell me of the sea.")])
        plain = bench.plain.write(ask.text, 24)
        text: list[str] = []
        done = bench.engine.generate(Agent.ANSWER, ask.messages, max_tokens=24, on_text=text.append)
        pair = bench.pair(ask, 24, 24)
    finally:
        bench.close()
    assert len(plain.tokens) == done.completion_tokens == 24
    assert done.text == "".join(text) == plain.text.decode()
    assert pair is not None
    assert (pair["ours"]["tokens"], pair["plain"]["tokens"]) == (24, 24)
    assert pair["ours"]["prompt_tokens"] == pair["plain"]["prompt_tokens"] == plain.prompt_tokens > 10


@pytest.mark.slow
def test_prompts_have_the_length_asked_for_and_are_read_anew(body: Body, tmp_path: Path) -> None:
    bench = Bench(body, tmp_path)
    try:
        asks = list(islice(pairs.asks(bench, 200, seed=1), 3))
        lengths = [len(bench.plain.tokens(ask.text)) for ask in asks]
        runs = [bench.ours(ask, 24) for ask in asks]
        rounds = bench.pairs(iter(asks), 24, 24, 5)
        none = bench.pairs(iter(asks), 24, 25, 5)
    finally:
        bench.close()
    assert all(180 <= length <= 200 for length in lengths)
    # All that need not be read again is what every prompt begins with.
    assert all(run.cached_tokens < 12 for run in runs)
    assert all(run.first_s > 0 and run.rest_cpu_s > 0 for run in runs)
    assert [(each["ours"]["tokens"], each["plain"]["tokens"]) for each in rounds] == [(24, 24), (24, 24)]
    assert none == []


@pytest.mark.slow
def test_a_reply_is_forced_upon_a_model_that_would_write_something_else(body: Body, tmp_path: Path) -> None:
    with Engine(body.model(), embedder=None, log_file=tmp_path / "log") as engine:
        forced = Forced(engine)
        forced.reply = 'Memories: none\nAnswer: "Buddy", or Bo.'
        reply = AnswerAgent(forced, ModelTraits(trained=True, answer_tokens=100)).reply("Which?", [])
    assert reply.malformed is None
    assert reply.answer.text == '"Buddy", or Bo.'
    assert [(call.prompt_tokens, call.read_tokens) for call in forced.calls] == [
        (reply.completion.prompt_tokens, reply.completion.prompt_tokens)
    ]


@pytest.mark.slow
def test_a_body_is_padded_with_words_that_no_text_is_read_as_and_takes_an_adapter(tmp_path: Path) -> None:
    tiny_model(tmp_path / "tokenizer.gguf")
    path = tmp_path / "padded.gguf"
    write_padded_body(path, tmp_path / "tokenizer.gguf", SHAPE, 400, seed=1)
    tokens = gguf.GGUFReader(path).fields["tokenizer.ggml.tokens"].contents()
    assert (len(tokens), tokens[260], tokens[399]) == (400, "Ġpad260", "Ġpad399")
    write_adapter(tmp_path / "lora.gguf", SHAPE, rank=4)
    write_body(tmp_path / "plain.gguf", tmp_path / "tokenizer.gguf", shape=SHAPE)
    for name in ("padded.gguf", "plain.gguf"):
        model = Body("padded", str(tmp_path / name), 256).model({Agent.ANSWER: Adapter(tmp_path / "lora.gguf")})
        with Engine(model, embedder=None, log_file=tmp_path / "log") as engine:
            done = [engine.generate(agent, [ChatMessage(Role.USER, "Say pad300.")], max_tokens=8) for agent in Agent]
        assert [each.completion_tokens > 0 or each.finish_reason is FinishReason.STOP for each in done] == [True, True]
