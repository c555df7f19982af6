"""What the Models mode shares among all it does: questions, work beside the screen, and what goes wrong with it.

Promises that what takes time runs beside the screen and can be stopped. Mixed into the mode, which shows it.
"""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any

from assistant.agents.generation import Agent
from assistant.errors import InputError, InterruptedByUser, RecollectError
from assistant.tui.modeling.downloads import Downloads
from assistant.tui.modeling.shelf import ModelShelf, Stock
from assistant.tui.screens.asking import Confirm
from assistant.tui.screens.mode import ModeScreen
from assistant.tui.widgets.models import text
from assistant.tui.widgets.models.list import ModelList


@dataclass(slots=True)
class Busy:
    """Something that takes a while, and how far it is; `done` and `total` are written by its thread."""

    what: str
    cancel: threading.Event = field(default_factory=threading.Event)
    done: int = 0
    total: int | None = None

    def follow(self, done: int, total: int | None, _: float) -> None:
        self.done, self.total = done, total

    @property
    def said(self) -> str:
        """As "Reading qwen3-4b ████░░░░ 34 % · Esc stops"."""
        far = f" {text.bar(self.done, self.total)} {text.percent(self.done, self.total)}" if self.total else "…"
        return f"{self.what}{far} · Esc stops"


class ModelActs(ModeScreen):
    """The actions of the Models mode."""

    shelf: ModelShelf | None
    stock: Stock
    downloads: Downloads
    busy: Busy | None = None
    damage: dict[str, str]
    """What was found when models were read whole, by their names."""
    former: Mapping[Agent, str] = {}
    """What the agents used before the last choice."""

    def show(self) -> None:
        raise NotImplementedError

    def draw_frames(self) -> None:
        raise NotImplementedError

    @property
    def models(self) -> ModelList:
        raise NotImplementedError

    @property
    def trouble(self) -> RecollectError | None:
        raise NotImplementedError

    def _begin(self, act: Coroutine[Any, Any, None]) -> None:
        """Has `act` run beside the screen; what goes wrong is told."""
        self.run_worker(self._told(act), group="acts")

    async def _told(self, act: Awaitable[None]) -> None:
        try:
            await act
        except InterruptedByUser as error:
            self.say(str(error))
        except RecollectError as error:
            self.report(error)

    async def _ask(self, title: str, lines: list[str], yes: str, *, careful: bool = False) -> bool:
        question = Confirm(title, "\n".join(line for line in lines if line), yes, careful=careful)
        answer: bool | None = await self.app.push_screen_wait(question)
        return answer is True

    async def _busy_with(self, what: str, act: Callable[[Busy], Coroutine[Any, Any, None]]) -> None:
        if self.busy is not None:
            self.say("Something else is still at work. Esc stops it.")
            return
        self.busy = Busy(what)
        self.draw_frames()
        try:
            await act(self.busy)
        finally:
            self.busy.cancel.set()  # Leaving the app ends this, and its thread has to end as well.
            self.busy = None

    def _the_shelf(self) -> ModelShelf:
        if self.shelf is None:
            raise InputError("There is nothing here that keeps models.")
        return self.shelf
