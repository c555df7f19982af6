"""The conversation as it scrolls: messages, what answers used, what was remembered, and what went wrong.

Promises that only a window of the conversation is mounted, and that it stays at its end unless the user scrolled away.
Knows nothing of the bank: it shows the entries it is given.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from textual.containers import VerticalScroll
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from assistant.errors import RecollectError
from assistant.memory.records import Message, MessageRole, Operation
from assistant.tui.events import Entry
from assistant.tui.shown import content, day_and_time
from assistant.tui.widgets.action_line import ActionLine
from assistant.tui.widgets.messages import Answer, Cited, UserMessage
from assistant.tui.widgets.receipt import Receipt, is_worth_telling

PAUSE = timedelta(hours=1)
"""A silence after which the time is told again."""
_WELCOME = Content.assemble(
    ("Hello.", "bold"),
    "\n\nTell me about yourself, and ask me later. I keep what matters,\n"
    "tell you each time what I kept, and you can take any of it back.\n\n",
    ("Try  ", "dim"),
    "I adopted a dog named Buddy.",
    ("\n\nEverything stays on this machine.", "dim"),
)


class Welcome(Static):
    """What an empty conversation says."""

    def __init__(self) -> None:
        super().__init__(_WELCOME)


class Moment(Static):
    """When what follows was said."""


class EarlierLine(ActionLine):
    """Stands where earlier messages are not shown."""

    def __init__(self) -> None:
        super().__init__(Content(""), "earlier messages")


class SeenLine(Static):
    """Stands above the oldest message that the model still reads."""

    def __init__(self) -> None:
        super().__init__("the model reads from here on; what it remembered of before stays")


class NoticeLine(ActionLine):
    """Something went wrong or is missing; with `retry`, that message can be answered now."""

    def __init__(self, text: Content, action: str = "", *, retry: Message | None = None, error: bool = False) -> None:
        super().__init__(text, action, classes="-error" if error else "")
        self.retry = retry


class Transcript(VerticalScroll, can_focus=False):
    """The messages that are mounted, in their order."""

    def on_mount(self) -> None:
        self.anchor()

    async def show(self, entries: Sequence[Entry], *, earlier: bool) -> None:
        """Shows these entries and nothing else."""
        await self.remove_children()
        widgets: list[Widget] = [EarlierLine()] if earlier else []
        widgets += _widgets(entries, None)
        if entries and entries[-1].message.role is MessageRole.USER:
            text = Content("This message has no answer yet.")
            widgets.append(NoticeLine(text, "answer it now", retry=entries[-1].message))
        await self.mount_all(widgets or [Welcome()])
        self.anchor()

    async def show_earlier(self, entries: Sequence[Entry], *, earlier: bool) -> None:
        """Puts these entries before the first one, without moving what is being read."""
        first = self._said()[0]
        height_on_screen = first.virtual_region.y - self.scroll_y
        self.release_anchor()
        await self.query(EarlierLine).remove()
        widgets: list[Widget] = [EarlierLine()] if earlier else []
        await self.mount_all([*widgets, *_widgets(entries, None)], before=0)
        self.call_after_refresh(lambda: self.scroll_to(y=first.virtual_region.y - height_on_screen, animate=False))

    async def mark_seen_from(self, message_id: int | None) -> None:
        """Draws a line above the message from which on the model reads; no line if it reads all of them."""
        here = next((said for said in self._said() if message_id is not None and said.message_id == message_id), None)
        line = next(iter(self.query(SeenLine)), None)
        if line is not None and here is not None and self.children.index(here) == self.children.index(line) + 1:
            return
        await self.query(SeenLine).remove()
        if here is not None:
            await self.mount(SeenLine(), before=here)

    @property
    def first_message_id(self) -> int | None:
        """The id of the oldest message that is mounted."""
        return next((said.message_id for said in self._said() if said.message_id is not None), None)

    async def begin_turn(self, message: Message, *, window: int) -> Answer:
        """Shows a message that was just saved, and the place of its answer. Drops what is older than the window."""
        await self.query("Welcome, NoticeLine").remove()
        answer = Answer(message.id)
        await self.mount_all([*_widgets([Entry(message)], self._last_said_at()), answer])
        await self._drop_older(window)
        self.anchor()
        return answer

    async def retry_turn(self, message: Message) -> Answer:
        """The place of another answer to a message that is shown."""
        await self.query(NoticeLine).remove()
        answer = Answer(message.id)
        await self._add_below(message.id, [answer])
        self.anchor()
        return answer

    async def finish_turn(self, answer: Answer, entry: Entry, note: str = "") -> None:
        """Shows the answer as it is saved, and the memories it used under it."""
        answer.finish(entry.message, note)
        if entry.citations:
            await self.mount(Cited(answer.turn_id, entry.citations), after=answer)

    async def add_receipts(self, turn_id: int, operations: Sequence[Operation]) -> None:
        """Tells under that turn what was remembered."""
        await self._add_below(turn_id, _receipts(turn_id, operations))

    async def add_error(self, error: RecollectError, action: str = "", *, retry: Message | None = None) -> None:
        """Says at the end what went wrong and what to do, in place of an earlier error that offers no retry."""
        for line in self.query(NoticeLine):
            if line.has_class("-error") and line.retry is None:
                await line.remove()
        text = Content.assemble(content(error.message).stylize("bold"), " ", content(error.hint))
        await self.mount(NoticeLine(text, action, retry=retry, error=True))

    def follow_undo(self, operation_id: int | None, undo: Operation) -> None:
        """Marks the receipt of what was undone, if it is shown."""
        for receipt in self.query(Receipt):
            if receipt.follow(operation_id, undo):
                receipt.scroll_visible(animate=False)

    def follow_acceptance(self, operation_id: int, operation: Operation) -> None:
        """Turns the receipt of what was held, if it is shown, into that of what was done."""
        for receipt in self.query(Receipt):
            if receipt.follow_acceptance(operation_id, operation):
                receipt.scroll_visible(animate=False)

    def newest_cited(self) -> Cited | None:
        """The memories under the newest answer that used any."""
        found = list(self.query(Cited))
        return found[-1] if found else None

    def _said(self) -> list[UserMessage | Answer]:
        return [child for child in self.children if isinstance(child, UserMessage | Answer)]

    def _last_said_at(self) -> datetime | None:
        return next((said.said_at for said in reversed(self._said()) if said.said_at is not None), None)

    async def _add_below(self, turn_id: int, widgets: Sequence[Widget]) -> None:
        """Puts `widgets` under all that belongs to that turn; nowhere, if it is not shown."""
        parts = UserMessage | Answer | Cited | Receipt
        of_turn = [child for child in self.children if isinstance(child, parts) and child.turn_id == turn_id]
        if of_turn and widgets:
            await self.mount_all(widgets, after=of_turn[-1])

    async def _drop_older(self, window: int) -> None:
        said = self._said()
        if len(said) <= window:
            return
        first_kept = self.children.index(said[-window])
        await self.remove_children(self.children[:first_kept])
        await self.mount(EarlierLine(), before=0)


def _widgets(entries: Sequence[Entry], said_at: datetime | None) -> Iterator[Widget]:
    """The widgets of `entries`, which follow something said at `said_at`; receipts stand under the answer."""
    now = datetime.now().astimezone()
    turn_id, receipts = 0, list[Receipt]()
    for entry in entries:
        message = entry.message
        if message.role is MessageRole.ASSISTANT:
            yield Answer(turn_id, message)
            if entry.citations:
                yield Cited(turn_id, entry.citations)
        else:
            yield from receipts
            if said_at is None or message.created_at - said_at > PAUSE:
                yield Moment(day_and_time(message.created_at, now))
            yield UserMessage(message)
            turn_id, receipts = message.id, _receipts(message.id, entry.operations)
        said_at = message.created_at
    yield from receipts


def _receipts(turn_id: int, operations: Sequence[Operation]) -> list[Receipt]:
    return [Receipt(turn_id, operation) for operation in operations if is_worth_telling(operation)]
