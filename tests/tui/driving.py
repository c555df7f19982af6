"""What user stories need: an app on a real bank with a scripted model, and patience with its threads."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from textual.pilot import Pilot

from assistant.agents.generation import USUAL_TRAITS, Agent, ChatMessage, Completion, Form, ModelTraits
from assistant.memory.bank import MemoryBank
from assistant.paths import Paths
from assistant.tui.app import RecollectApp
from assistant.tui.at_hand import ChatEngine
from assistant.tui.widgets.chat.composer import Composer
from tests.scripted import FakeEmbedder, ScriptedGenerator

PATIENCE_SECONDS = 60.0


class ScriptedEngine(FakeEmbedder):
    """A scripted generator with the rest of an engine around it.

    `pause_after`: the answer waits after so many pieces until `go` is set, or until it is cancelled. `loading`, if
    given, is waited for before the model counts as loaded.
    """

    def __init__(
        self,
        script: ScriptedGenerator,
        *,
        pause_after: int | None = None,
        loading: threading.Event | None = None,
        load_error: Exception | None = None,
        traits: ModelTraits = USUAL_TRAITS,
    ) -> None:
        super().__init__()
        self.script = script
        self.traits = dict.fromkeys(Agent, traits)
        self.contexts = dict.fromkeys(Agent, 2048)
        self.go = threading.Event()
        self.closed = threading.Event()
        self._pause_after = pause_after
        self._loading = loading
        self.load_error = load_error

    def ready(self, timeout: float | None = None) -> None:
        while self._loading is not None and not self._loading.wait(0.01) and not self.closed.is_set():
            pass
        if self.load_error is not None:
            raise self.load_error

    def close(self) -> None:
        self.closed.set()

    def generate(
        self,
        agent: Agent,
        prompt: Sequence[ChatMessage],
        *,
        form: Form | None = None,
        max_tokens: int = 256,
        temperature: float = 0.0,
        on_text: Callable[[str], None] | None = None,
        cancel: threading.Event | None = None,
        seed: int | None = None,
    ) -> Completion:
        pieces = 0

        def receive(piece: str) -> None:
            nonlocal pieces
            pieces += 1
            if on_text is not None:
                on_text(piece)
            while pieces == self._pause_after and not self.go.wait(0.01):
                if cancel is not None and cancel.is_set():
                    break

        return self.script.generate(
            agent, prompt, form=form, on_text=receive if agent is Agent.ANSWER else on_text, cancel=cancel
        )


def app_with(data: Path, engine: ChatEngine) -> RecollectApp:
    """The app on the bank in that folder."""
    paths = Paths(data)
    paths.create()
    return RecollectApp(lambda: engine, lambda embedder: MemoryBank.open(paths, embedder), paths)


async def until(pilot: Pilot[None], happened: Callable[[], bool]) -> None:
    """Waits until `happened`; fails, showing the screen, if it does not."""
    give_up = time.monotonic() + PATIENCE_SECONDS
    while not happened():
        assert time.monotonic() < give_up, f"it did not happen; the screen says:\n{screen_text(pilot)}"
        await pilot.pause(0.01)
    await pilot.pause()


async def say(pilot: Pilot[None], text: str) -> None:
    """Types `text` and sends it."""
    composer = pilot.app.screen.query_one(Composer)
    composer.focus()
    composer.insert(text)
    await pilot.press("enter")


async def sees(pilot: Pilot[None], text: str) -> None:
    """Waits until the screen shows `text`."""
    await until(pilot, lambda: text in screen_text(pilot))


def screen_text(pilot: Pilot[None]) -> str:
    """What stands on the screen now, line by line."""
    screen = pilot.app.screen
    return "\n".join(
        "".join(segment.text for segment in strip).rstrip() for strip in screen._compositor.render_strips()
    )
