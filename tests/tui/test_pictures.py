"""Every screen at two sizes, as it is meant to look. See `tests.tui.snapshots` for how to keep another picture."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from textual.pilot import Pilot

from assistant.agents.generation import Agent
from assistant.commands.shelf import Shelf
from assistant.conversation.sample import add_sample
from assistant.memory import times
from assistant.memory.bank import MemoryBank
from assistant.paths import Paths
from assistant.tui.app import RecollectApp
from assistant.tui.modeling.shelf import InstalledModel, OfferedModel, Stock
from tests.scripted import ScriptedGenerator, cites
from tests.tui.driving import ScriptedEngine, say, sees, until
from tests.tui.snapshots import matches

pytestmark = pytest.mark.asyncio
SIZES = [(80, 24), (120, 40)]
NOW = datetime(2026, 3, 5, 14, 30, tzinfo=UTC)


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A moment that does not pass."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    monkeypatch.setattr(times, "now", lambda: NOW)
    yield
    monkeypatch.undo()
    time.tzset()


class OnPaper(Shelf):
    """The models of a machine that is always the same."""

    def stock(self) -> Stock:
        starter = InstalledModel(
            "recollect-starter", used_by=tuple(Agent), came_along=True, trained=True,
            path="models/recollect-starter.gguf",
            size=11_200_000, memory=324_000_000, parameters=10_000_000, quantisation="Q8_0", context=1024,
            licence="Apache-2.0", checksum_known=True,
        )  # fmt: skip
        offered = [
            OfferedModel(
                name,
                f"https://models.example/{name}.gguf",
                "models.example",
                size=size,
                disk=size,
                memory=size + 10**9,
                family="Qwen",
                parameters=size,
                context=8192,
                licence="Apache-2.0",
                begun=begun,
            )
            for name, size, begun in (
                ("small-1b", 10**9, None),
                ("middle-4b", 3 * 10**9, 10**9),
                ("large-30b", 2 * 10**10, None),
            )
        ]
        return Stock((starter,), tuple(offered), memory=8 * 10**9, disk=10**11)


def pictured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, empty: bool = False) -> RecollectApp:
    """The app on the sample conversation, as somebody's own, in a folder that is called the same everywhere."""
    monkeypatch.chdir(tmp_path)
    paths = Paths(Path("data"))
    paths.create()
    with MemoryBank.open(paths) as bank:
        if not empty:
            add_sample(bank, NOW)
            talk = bank.new_conversation("A cake for Lena")
            for number, (said, answer) in enumerate(
                (("What cake can I bake for Lena?", "A lemon cake: no nuts."),) * 2
            ):
                at = NOW - timedelta(hours=2 - number)
                bank.add_message(talk.id, "user", said, created_at=at)
                reply = bank.add_message(talk.id, "assistant", answer, created_at=at + timedelta(seconds=3))
                bank.cite(reply.id, [memory for memory in bank.memories() if "Lena" in memory.text])
    engine = ScriptedEngine(
        ScriptedGenerator(answer=[cites(1, answer="Two: **Buddy** and\n\n- Scout\n")], default_manager="NOOP")
    )
    return RecollectApp(lambda: engine, lambda embedder: MemoryBank.open(paths, embedder), paths, shelf=OnPaper(paths))


async def settled(pilot: Pilot[None], text: str) -> None:
    """Waits until the screen shows `text` and draws no more."""
    await sees(pilot, text)
    await pilot.wait_for_scheduled_animations()
    await pilot.pause(0.2)


async def taken(pilot: Pilot[None], name: str, size: tuple[int, int]) -> None:
    matches(pilot, f"{name}-{size[0]}x{size[1]}")


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize(
    ("name", "keys", "shows"),
    [
        ("chat", ["ctrl+o"], "source"),
        ("chat-message", ["up"], "esc back"),
        ("chat-commands", ["/"], "/remember TEXT"),
        ("conversations", ["ctrl+b"], "A cake for Lena"),
        ("help", ["f1"], "Help: Chat"),
        ("problems", ["f8"], "Nothing went wrong"),
        ("memory", ["f3"], "User's sister Lena"),
        ("memory-history", ["f3", "end", "enter"], "and Scout+}"),
        ("inbox", ["f3", "i"], "Inbox 1"),
        ("timeline", ["f3", "t"], "Enter shows the memory"),
        ("models", ["f4"], "recollect-starter"),
        ("models-offered", ["f4", "end"], "Apache-2.0"),
        ("training", ["f5"], "Your conversations"),
        ("settings", ["f6"], "Look and keys"),
    ],
)
async def test_it_looks_as_it_is_meant_to(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    keys: list[str],
    shows: str,
    size: tuple[int, int],
) -> None:
    async with pictured(tmp_path, monkeypatch).run_test(size=size) as pilot:
        await settled(pilot, "● ready")
        for key in keys:
            await pilot.press(key)
            await pilot.pause(0.3)
        await settled(pilot, shows)
        await taken(pilot, name, size)


@pytest.mark.parametrize("size", SIZES, ids=str)
async def test_the_first_screen_looks_as_it_is_meant_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int]
) -> None:
    async with pictured(tmp_path, monkeypatch, empty=True).run_test(size=size) as pilot:
        await settled(pilot, "● ready")
        await taken(pilot, "first", size)


@pytest.mark.parametrize("size", SIZES, ids=str)
async def test_an_answer_in_the_light_look_looks_as_it_is_meant_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int]
) -> None:
    async with pictured(tmp_path, monkeypatch).run_test(size=size) as pilot:
        await settled(pilot, "● ready")
        await pilot.press("ctrl+t")
        await say(pilot, "How many dogs do I have?")
        await settled(pilot, "• Scout")
        await until(pilot, lambda: "▍" not in str(pilot.app.screen))
        await settled(pilot, "search by")
        await taken(pilot, "chat-light", size)
