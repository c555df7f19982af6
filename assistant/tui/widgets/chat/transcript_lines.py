"""What stands in a conversation beside what was said: dates, lines that tell or lead on; and all of it in its order.

Knows nothing of scrolling.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from textual.containers import Vertical
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from assistant.memory import times
from assistant.memory.records import Message, MessageRole, Operation
from assistant.tui.events import Entry
from assistant.tui.shown import day_and_time
from assistant.tui.widgets.action_line import ActionLine
from assistant.tui.widgets.chat.messages import Answer, UserMessage
from assistant.tui.widgets.chat.receipt import Receipt, is_worth_telling
from assistant.tui.widgets.chat.used import Cited

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
_TEMPORARY = Content.assemble(
    ("A temporary conversation.", "bold"),
    "\n\nNothing of it is written to the disk or remembered, and nothing that is\n"
    "remembered is used. It is gone as soon as you leave it.",
)

TOUR, IMPORT = "take the tour", "import an export"


class Welcome(Vertical):
    """What an empty conversation says, and where a look around begins, once that is offered."""

    def __init__(self, *, temporary: bool = False) -> None:
        super().__init__(Static(_TEMPORARY if temporary else _WELCOME))
        self._temporary = temporary

    async def offer_tour(self) -> None:
        """Has the user find the tour here, who may well be new."""
        if not self._temporary and not self.query(ActionLine):
            lines = [
                ActionLine(Content("\nOr bring along what you told ChatGPT or Claude"), IMPORT),
                ActionLine(Content("Or look around first, on a sample"), TOUR),
            ]
            for line in lines:
                line.styles.padding = 0
            await self.mount_all(lines)

    async def on_action_line_pressed(self, event: ActionLine.Pressed) -> None:
        event.stop()
        await self.run_action("app.tour" if event.action == TOUR else "app.import_export")


class Moment(Static):
    """When what follows was said."""


class EarlierLine(ActionLine):
    """Stands where earlier messages are not shown."""

    def __init__(self) -> None:
        super().__init__(Content(""), "earlier messages")


class LaterLine(ActionLine):
    """Stands where later messages are not shown."""

    def __init__(self) -> None:
        super().__init__(Content(""), "later messages")


class SeenLine(Static):
    """Stands above the oldest message that the model still reads."""

    def __init__(self) -> None:
        super().__init__("the model reads from here on; what it remembered of before stays")


class NoticeLine(ActionLine):
    """Something went wrong or is missing; with `retry`, that message can be answered now."""

    def __init__(self, text: Content, action: str = "", *, retry: Message | None = None, error: bool = False) -> None:
        super().__init__(text, action, classes="-error" if error else "")
        self.retry = retry


def widgets_of(entries: Sequence[Entry], said_at: datetime | None) -> Iterator[Widget]:
    """The widgets of `entries`, which follow something said at `said_at`; receipts stand under the answer."""
    now = times.now()
    turn_id, receipts = 0, list[Receipt]()
    for entry in entries:
        message = entry.message
        if message.role is MessageRole.ASSISTANT:
            yield Answer(turn_id, message, entry.place)
            if entry.used:
                yield Cited(turn_id, message.id, entry.used)
        else:
            yield from receipts
            if said_at is None or message.created_at - said_at > PAUSE:
                yield Moment(day_and_time(message.created_at, now))
            yield UserMessage(message, entry.place)
            turn_id, receipts = message.id, receipts_of(message.id, entry.operations)
        said_at = message.created_at
    yield from receipts


def receipts_of(turn_id: int, operations: Sequence[Operation]) -> list[Receipt]:
    return [Receipt(turn_id, operation) for operation in operations if is_worth_telling(operation)]
