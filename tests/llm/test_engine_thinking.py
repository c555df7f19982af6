"""Models that think before they write, on real llama.cpp: the thought is bounded and out of sight."""

from __future__ import annotations

import math
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import gguf
import numpy as np
import pytest

from assistant.agents.generation import Agent, ChatMessage, Completion, FinishReason, Form, Role
from assistant.llm.engine import Engine
from assistant.llm.files.manifest import ModelFile
from tests.llm.families import QWEN3, Family, tiny_family

PROMPT = [ChatMessage(Role.SYSTEM, "Be kind"), ChatMessage(Role.USER, "Hello")]

# As in the family's real vocabulary, an empty line is one token, so that the end of a thought differs from its
# beginning.
FAMILY = replace(QWEN3, words=(" t", "\n\n"))
ANSWERS = {"\n\n": "y", "y": "e", "e": "s", "s": "<|im_end|>"}
"""What follows an empty line."""

ENDLESS = {"\n": "h", "h": "m", "m": "h"}
BRIEF = {"\n": "h", "h": "m", "m": "</think>"}
STOPPING = {"\n": "h", "h": "<|im_end|>"}
"""What follows the line that a thought begins after."""

NEW_LINES = {"\n": 10, "\n\n": 257}
"""Their numbers: the first words are the 256 bytes, then those of the family."""

SURE = 20.0
"""The logit of what follows; that of all else is 0."""


def bigrams(path: Path, follows: Mapping[str, str], *, family: Family = FAMILY, context: int = 1024) -> ModelFile:
    """A model that goes by its last token alone: what `follows` it comes next."""
    model = tiny_family(path, family, context=context)
    reader = gguf.GGUFReader(path, "r+")
    tokens = reader.get_field("tokenizer.ggml.tokens")
    assert tokens is not None
    ids = {text: number for number, text in enumerate(tokens.contents())} | NEW_LINES
    tensors = {tensor.name: tensor.data for tensor in reader.tensors}
    for name, data in tensors.items():
        if name.endswith(("attn_output.weight", "ffn_down.weight")) or name == "output.weight":
            data[:] = 0.0
    for place, (before, after) in enumerate(follows.items()):
        # Of length 8 in 64 dimensions, so that its normalisation changes nothing.
        tensors["token_embd.weight"][ids[before]] = 8.0 * np.eye(64)[place]
        tensors["output.weight"][ids[after], place] += SURE / 8.0
    reader.data.flush()
    return model


@contextmanager
def running(model: ModelFile, thinking: int) -> Iterator[Engine]:
    log_file = model.path.with_name("engine.log")
    with Engine(replace(model, thinking=thinking), embedder=None, log_file=log_file, threads=1) as engine:
        yield engine


@pytest.fixture(scope="module")
def endless_thinker(tmp_path_factory: pytest.TempPathFactory) -> ModelFile:
    return bigrams(tmp_path_factory.mktemp("models") / "endless.gguf", ENDLESS | ANSWERS)


@pytest.fixture(scope="module")
def silent(endless_thinker: ModelFile) -> Completion:
    """What it answers where it may not think."""
    with running(endless_thinker, 0) as engine:
        return engine.generate(Agent.ANSWER, PROMPT)


def test_a_model_that_may_not_think_answers_at_once(silent: Completion) -> None:
    assert (silent.text, silent.finish_reason, silent.thinking_tokens) == ("yes", FinishReason.STOP, 0)
    # 41 tokens of ChatML, then "<think>", an empty line, "</think>", an empty line.
    assert silent.prompt_tokens == 41 + 4


@pytest.mark.parametrize("allowed", [1, 2, 50])
def test_a_thought_ends_where_it_must(endless_thinker: ModelFile, silent: Completion, allowed: int) -> None:
    pieces: list[str] = []
    with running(endless_thinker, allowed) as engine:
        done = engine.generate(Agent.ANSWER, PROMPT, on_text=pieces.append)
        assert (done.text, "".join(pieces), done.finish_reason) == ("yes", "yes", FinishReason.STOP)
        assert (done.thinking_tokens, done.completion_tokens) == (allowed, 3)
        # "<think>" and a line are open at the prompt's end.
        assert done.prompt_tokens == 41 + 2
        # "yes" with its end, each of a probability that follows from one logit of 20 among 267 tokens.
        assert done.confidence == pytest.approx(silent.confidence, rel=1e-6)
        formed = engine.generate(Agent.ANSWER, PROMPT, form=Form('root ::= "no" [.!]'))
        assert formed.text in ("no.", "no!")
        assert formed.thinking_tokens == allowed
        assert engine.generate(Agent.ANSWER, PROMPT, max_tokens=2).text == "ye"


def test_only_what_is_written_counts_for_how_sure_the_model_was(tmp_path: Path) -> None:
    # A thought of even chances between a word and 266 others, before an answer that is certain.
    model = bigrams(tmp_path / "unsure.gguf", ENDLESS | ANSWERS)
    reader = gguf.GGUFReader(model.path, "r+")
    (output,) = (tensor.data for tensor in reader.tensors if tensor.name == "output.weight")
    output[:, : len(ENDLESS)] *= math.log(266) / SURE
    reader.data.flush()
    with running(model, 20) as engine:
        done = engine.generate(Agent.ANSWER, PROMPT)
    assert (done.text, done.thinking_tokens) == ("yes", 20)
    assert done.confidence > 0.999999


@pytest.mark.parametrize(("thought", "tokens"), [(BRIEF, 2), (STOPPING, 1)], ids=["says so", "ends its turn"])
def test_a_thought_that_ends_by_itself_is_followed_by_the_answer(
    tmp_path: Path, thought: dict[str, str], tokens: int
) -> None:
    with running(bigrams(tmp_path / "brief.gguf", thought | ANSWERS), 50) as engine:
        pieces: list[str] = []
        done = engine.generate(Agent.MANAGER, PROMPT, on_text=pieces.append)
        assert (done.text, "".join(pieces), done.finish_reason) == ("yes", "yes", FinishReason.STOP)
        assert (done.thinking_tokens, done.completion_tokens) == (tokens, 3)


def test_both_agents_think_and_what_was_thought_does_not_stay_in_the_cache(endless_thinker: ModelFile) -> None:
    with running(endless_thinker, 30) as engine:
        for agent in Agent:
            engine.generate(agent, PROMPT)
            again = engine.generate(agent, PROMPT)
            assert (again.text, again.prompt_tokens, again.cached_tokens) == ("yes", 43, 42)


def test_a_thought_is_cancelled_like_anything_else(tmp_path: Path) -> None:
    model = bigrams(tmp_path / "deep.gguf", ENDLESS | ANSWERS, context=32_768)
    with running(model, 15_000) as engine:
        engine.ready(60)
        cancel = threading.Event()
        pid = engine.pid
        pieces: list[str] = []
        threading.Timer(0.3, cancel.set).start()
        begun = time.monotonic()
        done = engine.generate(Agent.ANSWER, PROMPT, cancel=cancel, on_text=pieces.append)
        assert time.monotonic() - begun < 0.3 + 0.9
        assert (done.text, pieces, done.finish_reason) == ("", [], FinishReason.CANCELLED)
        assert 0 < done.thinking_tokens < 15_000
        assert done.completion_tokens == 0
        after = engine.generate(Agent.MANAGER, PROMPT, form=Form('root ::= "abc"'), cancel=timed(0.1))
        assert after.finish_reason is FinishReason.CANCELLED
        assert engine.pid == pid


def timed(seconds: float) -> threading.Event:
    event = threading.Event()
    threading.Timer(seconds, event.set).start()
    return event


def test_a_thought_leaves_room_for_the_answer(endless_thinker: ModelFile) -> None:
    with running(endless_thinker, 5000) as engine:
        long = [PROMPT[0], ChatMessage(Role.USER, "x" * 2000)]
        for prompt in (PROMPT, long):
            done = engine.generate(Agent.ANSWER, prompt, max_tokens=100)
            assert (done.text, done.finish_reason) == ("yes", FinishReason.STOP)
            assert 0 < done.thinking_tokens < 1024


READ_ALOUD = """
import sys
from assistant.agents.generation import Role
from assistant.llm import llama
from assistant.llm.protocol import Generate
from assistant.llm.writing import Desk, Writing

llama.prepare()
model = llama.ChatModel(sys.argv[1], threads=1)
context = model.new_context(1024)
names = {token: text for text, token in model.specials.items()}
heard = []
read = context.read

def listen(tokens, aborted):
    heard.extend(tokens)
    return read(tokens, aborted)

context.read = listen
replies = []
request = Generate(1, "answer", [("user", "Hello")], 'root ::= "no"', 20, 0.0, 0, False)
desk, grammar = Desk(model, context, int(sys.argv[2])), model.grammar(request.grammar)
for _ in Writing(desk, grammar, request, replies.append).steps(lambda: False):
    pass
said = "".join(names.get(token) or model.piece(token).decode() for token in heard)
print(replies[0].text, replies[0].thinking_tokens, repr(said.partition("Hello")[2]))
"""

CHANNELS = replace(
    QWEN3,
    template=(
        "{% for m in messages %}{{ '<|start|>' + m.role + '<|message|>' + m.content + '<|end|>' }}{% endfor %}"
        "{% if add_generation_prompt %}{{ '<|start|>assistant' }}{% endif %}"
        "{# <|channel|>analysis<|message|> #}"
    ),
    eos="<|return|>",
    control=("<|endoftext|>", "<|return|>", "<|call|>", "<|start|>", "<|end|>", "<|message|>", "<|channel|>"),
    defined=(),
)
SPELLED = replace(FAMILY, defined=("<tool_call>",))
"""Whose marks of thinking are no tokens."""
IN_BRACKETS = replace(
    FAMILY,
    template=FAMILY.template.replace("<think>", "[THINK]").replace("</think>", "[/THINK]"),
    defined=("[THINK]", "[/THINK]"),
)


@pytest.mark.parametrize(
    ("family", "thought", "allowed", "expected"),
    [
        (FAMILY, BRIEF, 50, "no 2 '<|im_end|>\\n<|im_start|>assistant\\n<think>\\nhm</think>\\n\\nno'"),
        (FAMILY, ENDLESS, 3, "no 3 '<|im_end|>\\n<|im_start|>assistant\\n<think>\\nhmh</think>\\n\\nno'"),
        (
            SPELLED,
            dict(zip("\n</think", "</think>", strict=True)),
            50,
            "no 8 '<|im_end|>\\n<|im_start|>assistant\\n<think>\\n</think>\\n\\nno'",
        ),
        (SPELLED, ENDLESS, 3, "no 3 '<|im_end|>\\n<|im_start|>assistant\\n<think>\\nhmh</think>\\n\\nno'"),
        (
            IN_BRACKETS,
            {"[THINK]": "h", "h": "m", "m": "[/THINK]"},
            50,
            "no 2 '<|im_end|>\\n<|im_start|>assistant\\n[THINK]hm[/THINK]no'",
        ),
        (
            CHANNELS,
            {"<|message|>": "h", "h": "m", "m": "<|end|>"},
            50,
            "no 2 '<|end|><|start|>assistant<|channel|>analysis<|message|>hm<|end|><|start|>assistant<|channel|>final"
            "<|message|>no'",
        ),
        (
            CHANNELS,
            {"<|message|>": "h", "h": "m", "m": "h"},
            3,
            "no 3 '<|end|><|start|>assistant<|channel|>analysis<|message|>hmh<|end|><|start|>assistant<|channel|>final"
            "<|message|>no'",
        ),
    ],
    ids=["tokens", "tokens cut", "spelled", "spelled cut", "brackets", "channels", "channels cut"],
)
def test_around_a_thought_stands_what_the_model_knows_to_stand_there(
    tmp_path: Path, family: Family, thought: dict[str, str], allowed: int, expected: str
) -> None:
    model = bigrams(tmp_path / "thinker.gguf", thought, family=family)
    command = [sys.executable, "-c", READ_ALOUD, str(model.path), str(allowed)]
    shown = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    assert shown.stdout == f"{expected}\n"
