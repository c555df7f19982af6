"""Instructions that were read by an earlier process, on real llama.cpp."""

from __future__ import annotations

import shutil
import struct
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from assistant.agents.generation import Agent, ChatMessage, Completion, Role
from assistant.llm.engine import Engine
from assistant.llm.files.manifest import ModelFile
from tests.llm.tiny_adapter import tiny_adapter
from tests.tiny_model import tiny_model

INSTRUCTIONS = "Be kind and brief." * 6
OTHERS = "Be good and quick." * 6
PREFIX = 124
"""Tokens of "<system\n" with 108 letters and ">\n<user\n"."""


@pytest.fixture
def states(tmp_path: Path) -> Path:
    return tmp_path / "states"


def ask(
    model: ModelFile,
    states: Path | None,
    said: str = "Hello",
    *,
    system: str = INSTRUCTIONS,
    agent: Agent = Agent.ANSWER,
) -> Completion:
    """What a new process answers."""
    log_file = model.path.with_name("engine.log")
    with Engine(model, embedder=None, log_file=log_file, states=states, threads=1) as engine:
        return engine.generate(agent, prompt(said, system), max_tokens=30)


def prompt(said: str, system: str = INSTRUCTIONS) -> list[ChatMessage]:
    return [ChatMessage(Role.SYSTEM, system), ChatMessage(Role.USER, said)]


@pytest.fixture(scope="module")
def plain(tiny: ModelFile) -> str:
    """What is answered where nothing is kept."""
    return ask(tiny, None).text


@pytest.fixture(scope="module")
def kept(tiny: ModelFile, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what one process kept of the instructions; copied by those who change it."""
    folder = tmp_path_factory.mktemp("kept") / "states"
    assert ask(tiny, folder).cached_tokens == 0
    return folder


@pytest.fixture
def filled(kept: Path, states: Path) -> Path:
    shutil.copytree(kept, states)
    return states


def test_a_new_process_does_not_read_the_instructions_again(tiny: ModelFile, filled: Path, plain: str) -> None:
    again = ask(tiny, filled)
    assert (again.text, again.cached_tokens) == (plain, PREFIX)
    (before,) = filled.iterdir()
    assert before.suffix == ".state"


def test_each_agent_keeps_its_own(tiny: ModelFile, filled: Path, plain: str) -> None:
    other = ask(tiny, filled, agent=Agent.MANAGER)
    assert (other.text, other.cached_tokens) == (plain, 0)
    assert sorted(path.name.split("-")[0] for path in filled.iterdir()) == ["answer", "manager"]


def test_what_is_kept_is_for_its_owner_alone(kept: Path) -> None:
    (path,) = kept.iterdir()
    assert kept.stat().st_mode & 0o777 == 0o700
    assert path.stat().st_mode & 0o777 == 0o600


def test_nothing_that_was_said_is_kept(tiny: ModelFile, kept: Path, states: Path) -> None:
    ask(tiny, states, "My bank's number is 7812.")
    (path,), (other,) = states.iterdir(), kept.iterdir()
    data = path.read_bytes()
    # The same for whatever is said, to the last bit.
    assert (path.name, data) == (other.name, other.read_bytes())
    *_, count = struct.unpack("<III", data[:12])
    tokens = struct.unpack(f"<{count}i", data[12 : 12 + 4 * count])
    assert count == PREFIX
    start, end = 258, 259
    assert tokens == (start, *f"system\n{INSTRUCTIONS}".encode(), end, *b"\n", start, *b"user\n")
    # 2 layers of 64 keys and 64 values in two bytes, and 12 bytes of position and sequence.
    assert 0 < len(data) - count * (4 + 12 + 2 * 2 * 64 * 2) < 200


def test_short_instructions_are_not_kept(tiny: ModelFile, states: Path) -> None:
    ask(tiny, states, system="Be kind")
    assert not states.exists()


def test_other_instructions_take_the_place_of_those_kept(tiny: ModelFile, filled: Path) -> None:
    before = {path.name for path in filled.iterdir()}
    told = ask(tiny, filled, system=OTHERS)
    assert (told.text, told.cached_tokens) == (ask(tiny, None, system=OTHERS).text, 0)
    (after,) = filled.iterdir()
    assert after.name not in before


def test_another_adapter_is_not_confused_with_the_base(tiny: ModelFile, filled: Path, plain: str) -> None:
    adapter = tiny_adapter(filled.with_name("adapter.gguf"), tiny)
    adapted = replace(tiny, adapters={Agent.ANSWER: adapter})
    first = ask(adapted, filled)
    assert (first.text, first.cached_tokens) == (ask(adapted, None).text, 0)
    assert first.text != plain
    assert len(list(filled.iterdir())) == 1


def test_a_model_that_took_the_place_of_another_is_not_confused_with_it(tmp_path: Path, states: Path) -> None:
    model = tiny_model(tmp_path / "model.gguf", seed=5)
    old = ask(model, states)
    newer = tiny_model(tmp_path / "newer.gguf", seed=6)
    newer.path.replace(model.path)
    first = ask(model, states)
    assert (first.text, first.cached_tokens) == (ask(model, None).text, 0)
    assert first.text != old.text
    assert len(list(states.iterdir())) == 1


@pytest.mark.parametrize("damage", ["cut off", "a position", "a number", "nothing", "noise"])
def test_a_damaged_file_costs_no_more_than_the_reading(tiny: ModelFile, filled: Path, plain: str, damage: str) -> None:
    (path,) = filled.iterdir()
    data = bytearray(path.read_bytes())
    whole = bytes(data)
    match damage:
        case "cut off":
            data = data[:20_000]
        case "a position":
            # 12 bytes of head, the tokens, the number of streams and of cells, then the first cell's position.
            data[12 + 4 * PREFIX + 8] ^= 5
        case "a number":
            for place in range(30_000, 30_200):
                data[place] ^= 0x3F
        case "nothing":
            data = bytearray()
        case "noise":
            data = bytearray(range(256)) * 100
    path.write_bytes(data)
    told = ask(tiny, filled)
    assert (told.text, told.cached_tokens) == (plain, 0)
    assert path.read_bytes() == whole
    assert list(filled.iterdir()) == [path]


def test_what_a_process_died_of_is_not_tried_again(tiny: ModelFile, filled: Path, plain: str) -> None:
    (path,) = filled.iterdir()
    path.replace(path.with_suffix(".tried"))
    told = ask(tiny, filled)
    assert (told.text, told.cached_tokens) == (plain, 0)
    assert list(filled.iterdir()) == [path]


def test_a_folder_that_cannot_be_made_is_no_error(tiny: ModelFile, tmp_path: Path, plain: str) -> None:
    taken = tmp_path / "taken"
    taken.write_bytes(b"")
    assert ask(tiny, taken).text == plain


CANCELLED_WHILE_READING = """
import sys
from pathlib import Path
from assistant.llm import llama
from assistant.llm.prefixes import SavedPrefix
from assistant.llm.protocol import AgentOptions, Done, Generate
from assistant.llm.writing import Desk, Writing

path, states = sys.argv[1], Path(sys.argv[2])
llama.prepare()
model = llama.ChatModel(path, threads=1)
desk = Desk(model, model.new_context(4096), 0, SavedPrefix(states, "answer", AgentOptions(path)))

def write(desk, cancelled):
    replies = []
    messages = [("system", "x" * 1500), ("user", "Hello")]
    request = Generate(1, "answer", messages, None, 20, 0.0, 0, False)
    for _ in Writing(desk, None, request, replies.append).steps(cancelled):
        pass
    (done,) = replies
    return done

done = write(desk, lambda: desk.context.length == 512)
print(done.finish_reason, repr(done.text), desk.context.length, list(states.glob("*")))
fresh = Desk(model, model.new_context(4096))
print(write(desk, lambda: False).text == write(fresh, lambda: False).text)
"""


def test_cancelling_while_the_instructions_are_read_keeps_nothing_half_read(endless: ModelFile, states: Path) -> None:
    command = [sys.executable, "-c", CANCELLED_WHILE_READING, str(endless.path), str(states)]
    shown = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    assert shown.stdout == "cancelled '' 512 []\nTrue\n"
