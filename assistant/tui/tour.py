"""The tour: a look around, on a sample of which nothing is kept, for whoever asks for it.

Promises that it never touches the user's bank or chat: it goes through screens of its own, over a bank in memory alone,
which are gone when it ends. Knows nothing of how a step is shown.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Protocol, cast

from textual.app import SystemCommand
from textual.content import Content
from textual.screen import Screen
from textual.worker import Worker

from assistant.errors import EngineError, RecollectError
from assistant.tui.at_hand import ChatEngine
from assistant.tui.backstage import Backstage
from assistant.tui.modes import Mode
from assistant.tui.widgets.chat.transcript import Transcript
from assistant.tui.widgets.chat.transcript_lines import Welcome

if TYPE_CHECKING:
    from assistant.memory.bank import MemoryBank
    from assistant.tui.app import RecollectApp


class Shows(StrEnum):
    """What a step points at."""

    ANSWER = "answer"
    RECEIPT = "receipt"
    MEMORIES = "memories"
    INBOX = "inbox"
    BOX = "box"
    DATA = "data"


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to see, in a mode. Where the text says {data}, the data folder belongs."""

    shows: Shows
    mode: Mode
    title: str
    text: str


STEPS = (
    Step(
        Shows.ANSWER,
        Mode.CHAT,
        "An answer, and what it rests on",
        "Under an answer stand the memories that it used, each with its day, and with what you can do: go to where it "
        "comes from, edit it, or say that it is wrong or outdated.",
    ),
    Step(
        Shows.RECEIPT,
        Mode.CHAT,
        "What was kept, and how to take it back",
        "What was kept of a message is told under its answer, and “undo” takes it back, even a year from now. "
        "^z takes back what is newest. Try it: it is only a sample.",
    ),
    Step(
        Shows.MEMORIES,
        Mode.MEMORY,
        "All that is remembered",
        "Search it, edit it, pin it, forget it. A memory keeps all that it ever said, and the message that it comes "
        "from. Tab leads to the table, where Enter shows both of one, and v those that ended.",
    ),
    Step(
        Shows.INBOX,
        Mode.MEMORY,
        "What waits for you",
        "What is doubtful is not kept: it waits here, with the reason. Lena is allergic to nuts, and nobody said that "
        "you are. Tab leads to the list, where y accepts it, e edits it first, and d declines it.",
    ),
    Step(
        Shows.BOX,
        Mode.CHAT,
        "When nothing is to be kept",
        "/temp begins a chat of which nothing is kept. /pause remembers nothing of what you say, until /pause again. "
        "A single / shows all commands, and F1 the keys.",
    ),
    Step(
        Shows.DATA,
        Mode.CHAT,
        "It is yours, and it stays here",
        "All of it lies on this machine, in {data}. There is no account, and nothing is sent anywhere, unless you "
        "choose a model on a server. F6 makes backups. The sample goes now.",
    ),
)


HINT = "/ shows commands, F1 the keys"
_ONE_TURN = 2
"""Messages after the first answer, if nothing else was ever said."""


class TourScreen(Protocol):
    """A screen of the tour."""

    async def show_step(self, number: int) -> None: ...


_NAMES = {Mode.CHAT: "TOUR_CHAT", Mode.MEMORY: "TOUR_MEMORY"}
"""What the modes of the tour are called, beside the user's own."""


class Tour:
    """The tour of one app. Its methods do not wait; call them from the UI loop."""

    def __init__(self, app: RecollectApp) -> None:
        self._app = app
        self._backstage: Backstage | None = None
        self._at = 0
        self._is_open = self._has_hinted = False
        self._turn = asyncio.Lock()
        """Who begins, shows or ends waits for who does: the screens of the last tour go before those of the next."""

    @property
    def is_on(self) -> bool:
        return self._backstage is not None

    def begin(self) -> None:
        """Begins with the first step, unless the user's own chat is busy, which then is told."""
        if not self._is_open:  # What was typed there before is still to come into its box.
            self._app.chat.say("Your own chat is not open yet.")
        elif not self.is_on and self._app.chat.is_free():
            self._at = 0
            self._backstage = Backstage(_no_engine, _sample, self._app.backstage.paths)
            self._run(partial(self._begin, self._backstage))

    def chat_opened(self, *, is_empty: bool) -> None:
        """The user's own chat is open. An empty one offers the tour, if nothing was ever said."""
        self._is_open = True
        if is_empty:
            self._run(self._offer)

    def give_a_hint(self) -> None:
        """Says under the first answer of all how to find out more."""
        if not self._has_hinted and not self._app.chat.session.is_temporary:
            self._has_hinted = True
            self._run(self._hint)

    def go(self, by: int) -> None:
        """To the next step, or the one before. After the last one is the user's own chat."""
        if not self.is_on:
            return
        self._at = max(0, self._at + by)
        if self._at < len(STEPS):
            self._run(self._show)
        else:
            self.leave()

    def look(self, mode: Mode, then: Callable[[], object] | None = None) -> None:
        """Shows the sample in that mode and does `then`; a mode in which there is nothing of it ends the tour."""
        if mode in _NAMES:
            self._run(partial(self._look, mode, then))
        else:
            self.leave(mode)

    def leave(self, mode: Mode = Mode.CHAT, then: Callable[[], object] | None = None) -> None:
        """Ends the tour, goes to that mode of the user's own, and does `then` there."""
        backstage, self._backstage = self._backstage, None
        if backstage is not None:
            self._run(partial(self._end, backstage, mode, then))

    def close(self) -> None:
        """Ends what goes on behind the tour. It waits, so call it away from the UI loop."""
        if self._backstage is not None:
            self._backstage.close()

    def commands(self) -> Iterable[SystemCommand]:
        """What the palette offers of the tour."""
        if not self.is_on:
            yield SystemCommand("Take the tour", "A look around, on a sample", self.begin)
            return
        yield SystemCommand("Tour: next", "To the next step", partial(self.go, 1))
        yield SystemCommand("Tour: back", "To the step before", partial(self.go, -1))
        yield SystemCommand("Tour: leave", "To your own chat; nothing of the sample stays", self.leave)

    def _run(self, work: Callable[[], Coroutine[None, None, None]]) -> None:
        _: Worker[None] = self._app.run_worker(work, group="tour")

    async def _offer(self) -> None:
        with suppress(RecollectError):  # What is wrong with the bank is told by what needs it.
            if not await self._app.backstage.bank(lambda bank: bank.recent_conversations(1)):
                for welcome in self._app.chat.query(Welcome):
                    await welcome.offer_tour()

    async def _hint(self) -> None:
        with suppress(RecollectError):
            match await self._app.backstage.bank(lambda bank: bank.recent_conversations(2)):
                case [only] if only.message_count == _ONE_TURN:
                    for transcript in self._app.chat.query(Transcript):
                        await transcript.add_notice(Content.styled(HINT, "dim"))

    async def _begin(self, backstage: Backstage) -> None:
        from assistant.tui.screens.tour import TourChat

        def memory() -> Screen[None]:
            from assistant.tui.screens.tour_memory import TourMemory

            return TourMemory(backstage)

        async with self._turn:
            self._app.add_mode(_NAMES[Mode.CHAT], lambda: TourChat(backstage))
            self._app.add_mode(_NAMES[Mode.MEMORY], memory)
        await self._show()

    async def _show(self) -> None:
        await self._look(STEPS[self._at].mode, None)

    async def _look(self, mode: Mode, then: Callable[[], object] | None) -> None:
        async with self._turn:
            if self.is_on:
                await self._app.switch_mode(_NAMES[mode])
                await cast("TourScreen", self._app.screen_stack[0]).show_step(self._at)
                if then is not None:
                    then()

    async def _end(self, backstage: Backstage, mode: Mode, then: Callable[[], object] | None) -> None:
        async with self._turn:
            await self._app.switch_mode(mode.name)
            for name in _NAMES.values():
                await self._app.remove_mode(name)
            if mode is Mode.CHAT:
                self._app.chat.composer.focus()
            if then is not None:
                then()
            await asyncio.to_thread(backstage.close)


def _no_engine() -> ChatEngine:
    raise EngineError("Nothing is answered in the tour.", "Leave it with Esc.")


def _sample(_: ChatEngine | None) -> MemoryBank:
    from assistant.conversation.sample import add_sample
    from assistant.memory.bank import MemoryBank

    bank = MemoryBank.temporary()
    add_sample(bank)
    return bank
