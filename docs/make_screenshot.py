"""Draws docs/chat.svg, the picture in the README: `python docs/make_screenshot.py` where the app is installed.

The app, its bank and its queue are the real ones; only the model's words are written here, so that the picture does not
change with the model.
"""

from __future__ import annotations

import asyncio
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from threading import Event

from assistant.agents.generation import USUAL_TRAITS, Agent, ChatMessage, Completion, FinishReason, Form, ModelTraits
from assistant.memory.bank import MemoryBank
from assistant.paths import Paths
from assistant.tui.app import RecollectApp
from assistant.tui.widgets.chat.composer import Composer

TARGET = Path(__file__).resolve().parent / "chat.svg"
SIZE = (94, 26)
CONVERSATION = (
    (
        "I adopted a dog from the shelter today. His name is Buddy.",
        "Memories: none\nAnswer: How lovely! Welcome home, Buddy.",
        "ADD: User has a dog named Buddy.",
    ),
    (
        "Buddy was lonely, so I adopted another dog, Scout.",
        "Memories:\nUser has a dog named Buddy. [1]\nAnswer: Then Buddy has company now. Hello, Scout!",
        "UPDATE: User has a dog named Buddy. [1]\nWITH: User has two dogs named Buddy and Scout.",
    ),
    (
        "How many dogs do I have?",
        "Memories:\nUser has two dogs named Buddy and Scout. [1]\nAnswer: You have two dogs, Buddy and Scout.",
        "NOOP",
    ),
)


class Recited:
    """A model that recites the conversation."""

    name = "none"
    dimensions = 1
    traits: Mapping[Agent, ModelTraits] = dict.fromkeys(Agent, USUAL_TRAITS)
    contexts: Mapping[Agent, int] = dict.fromkeys(Agent, 2048)

    def __init__(self) -> None:
        self._lines: dict[Agent, Iterator[str]] = {
            Agent.ANSWER: iter([answer for _, answer, _ in CONVERSATION]),
            Agent.MANAGER: iter([operations for _, _, operations in CONVERSATION]),
        }

    def ready(self, timeout: float | None = None) -> None:
        return None

    def close(self) -> None:
        return None

    def embed(self, texts: Sequence[str]) -> list[bytes]:
        raise AssertionError("the bank was opened without an embedder")

    def generate(
        self,
        agent: Agent,
        prompt: Sequence[ChatMessage],
        *,
        form: Form | None = None,
        max_tokens: int = 256,
        temperature: float = 0.0,
        on_text: Callable[[str], None] | None = None,
        cancel: Event | None = None,
        seed: int | None = None,
    ) -> Completion:
        text = next(self._lines[agent])
        for piece in re.findall(r"\s*\S+", text):
            if on_text is not None:
                on_text(piece)
        return Completion(text, FinishReason.STOP)


async def draw(target: Path) -> None:
    """Has the conversation and saves the screen as it is at its end."""
    with tempfile.TemporaryDirectory() as folder:
        bank = MemoryBank.open(Path(folder) / "recollect.db")
        app = RecollectApp(Recited, lambda _: bank, Paths(Path(folder)))
        async with app.run_test(size=SIZE) as pilot:
            for number, (message, _, _) in enumerate(CONVERSATION, 1):
                app.screen.query_one(Composer).insert(message)
                await pilot.press("enter")
                while len(bank.operations()) < number:
                    await pilot.pause(0.02)
            await pilot.press("ctrl+o")
            await pilot.pause(1.0)
            target.write_text(without_fonts(app.export_screenshot(title="recollect")), encoding="utf-8")


def without_fonts(svg: str) -> str:
    """The picture without the addresses of fonts, so that looking at it asks no other server for anything."""
    return re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)


if __name__ == "__main__":
    asyncio.run(asyncio.wait_for(draw(TARGET), timeout=60))
