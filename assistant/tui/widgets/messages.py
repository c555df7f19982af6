"""What was said: a message of the user, an answer as it grows, and the memories that an answer used."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from textual.content import Content
from textual.widgets import Static

from assistant.memory.records import Citation, Message, MessageState
from assistant.tui.shown import content, plain
from assistant.tui.widgets.action_line import ActionLine

CURSOR = "▍"
_ENDS = {
    MessageState.STOPPED: "stopped here",
    MessageState.PARTIAL: "cut off here",
    MessageState.COMPLETE: "",
}


class UserMessage(Static):
    """What the user said, word for word."""

    def __init__(self, message: Message) -> None:
        said = content(message.text)
        if message.speaker is not None:
            said = Content.assemble((f"{plain(message.speaker)}  ", "bold"), said)
        super().__init__(said)
        self.message_id = message.id
        self.turn_id = message.id
        self.said_at = message.created_at


class Answer(Static):
    """An answer: waited for, growing, or whole. `turn_id` is the id of the message that it answers."""

    def __init__(self, turn_id: int, message: Message | None = None) -> None:
        super().__init__()
        self.turn_id = turn_id
        self.message_id: int | None = None
        self.said_at: datetime | None = None
        self._text = ""
        if message is not None:
            self.finish(message)

    @property
    def has_text(self) -> bool:
        return bool(self._text)

    def wait(self, what: str) -> None:
        """Says what is being waited for, until there is text."""
        if not self._text:
            self.update(Content.styled(what, "dim"))

    def grow(self, text: str) -> None:
        """Adds a piece of the answer."""
        self._text += plain(text)
        self.update(Content.assemble(self._text, (CURSOR, "dim")))

    def finish(self, message: Message, note: str = "") -> None:
        """Shows the answer as it is saved, with a `note` if there is something to say about it."""
        self.message_id = message.id
        self.said_at = message.created_at
        self._text = plain(message.text)
        self._show_end(note or _ENDS[message.state])

    def cut_off(self) -> None:
        """Shows that no more will come."""
        self._show_end(_ENDS[MessageState.PARTIAL])

    def _show_end(self, end: str) -> None:
        separator = "\n" if self._text and end else ""
        self.update(Content.assemble(self._text, separator, (end, "dim italic")))


class Cited(ActionLine):
    """The memories that an answer used: one line, which unfolds."""

    def __init__(self, turn_id: int, citations: Sequence[Citation]) -> None:
        self.turn_id = turn_id
        self._citations = tuple(citations)
        self._folded = True
        super().__init__(self._content())
        self.can_focus = True

    def on_click(self) -> None:
        self.toggle()

    def action_act(self) -> None:
        self.toggle()

    def toggle(self) -> None:
        """Folds or unfolds."""
        self._folded = not self._folded
        self.update(self._content())

    def _content(self) -> Content:
        count = len(self._citations)
        head = f"{'▸' if self._folded else '▾'} {count} {'memory' if count == 1 else 'memories'} used"
        if self._folded:
            return Content(head)
        return Content("\n").join([Content(head), *(content(f"  {citation.text}") for citation in self._citations)])
