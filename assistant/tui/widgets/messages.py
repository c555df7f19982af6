"""What was said: a message of the user, and an answer as it grows, as plain text or as Markdown.

Promises that an answer that needs no Markdown costs one widget, and that each can be gone to, so that keys act on it.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message as Event
from textual.widget import Widget
from textual.widgets import Markdown, Static

from assistant.memory.records import Message, MessageState
from assistant.tui.chosen import chosen
from assistant.tui.shown import content, plain

CURSOR = "▍"
PLAIN_AT_MOST = 4000
"""Characters up to which a growing text without Markdown is laid out whole at each frame."""
_MARKDOWN = re.compile(r"^(?:#{1,6} |[-*+] |\d+[.)] |> |```|~~~|\|.*\|)|\*\*|__|`|\]\(|\[\^|\n\n.*\n\n", re.MULTILINE)
"""What plain words do not have; paragraphs are laid out one by one as well."""
ACTS = (
    ("copy", "c"),
    ("code", "b"),
    ("again", "r"),
    ("edit", "e"),
    ("previous", "left"),
    ("next", "right"),
    ("memories", "m"),
    ("why", "w"),
)
"""What can be done with a message, and the key for it."""
_ENDS = {
    MessageState.STOPPED: "stopped here",
    MessageState.PARTIAL: "cut off here",
    MessageState.COMPLETE: "",
}


class Said(Widget, can_focus=True):
    """A message that one can go to. `turn_id` is the id of the message of the user that it belongs to.

    `message` is None for an answer that is not saved yet. `place` is set if there are others in its place: which of how
    many it is.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "screen.go(-1)", show=False),
        Binding("down,j", "screen.go(1)", show=False),
        *(Binding(key, f"screen.act_on('{act}')", show=False) for act, key in ACTS),
    ]

    class Chosen(Event):
        """The user went to a message."""

        def __init__(self, said: Said) -> None:
            super().__init__()
            self.said = said

    def __init__(self, turn_id: int) -> None:
        super().__init__()
        self.turn_id = turn_id
        self.message: Message | None = None
        self.place: tuple[int, int] | None = None

    @property
    def message_id(self) -> int | None:
        return self.message.id if self.message is not None else None

    @property
    def said_at(self) -> datetime | None:
        return self.message.created_at if self.message is not None else None

    @property
    def text(self) -> str:
        """What it says so far."""
        return self.message.text if self.message is not None else ""

    def on_focus(self) -> None:
        self.post_message(self.Chosen(self))


class UserMessage(Said):
    """What the user said, word for word."""

    def __init__(self, message: Message, place: tuple[int, int] | None = None) -> None:
        super().__init__(message.id)
        self.message, self.place = message, place

    def render(self) -> Content:
        assert self.message is not None
        said = content(self.message.text)
        if self.message.speaker is not None:
            said = Content.assemble((f"{plain(self.message.speaker)}  ", "bold"), said)
        return Content.assemble(said, "\n", (_place(self.place), "dim")) if self.place else said


class Answer(Said):
    """An answer: waited for, growing, or whole. It draws plain words itself, and has Markdown drawn by a child."""

    def __init__(self, turn_id: int, message: Message | None = None, place: tuple[int, int] | None = None) -> None:
        super().__init__(turn_id)
        self.message, self.place = message, place
        self._text = plain(message.text) if message is not None else ""
        self._waits = ""
        self._end = self._end_of(message) if message is not None else ""
        self._markdown: Markdown | None = None

    def compose(self) -> ComposeResult:
        if self._needs_markdown:
            self._markdown = Markdown(self._text, open_links=False)
            yield self._markdown
            yield Static(Content.styled(self._end, "dim italic"), classes="end")

    def render(self) -> Content:
        if not self._text and not self._end:
            return Content.styled(self._waits, "dim")
        if self.message is None and not self._end:
            return Content.assemble(self._text, (CURSOR, "dim"))
        separator = "\n" if self._text and self._end else ""
        return Content.assemble(self._text, separator, (self._end, "dim italic"))

    @property
    def has_text(self) -> bool:
        return bool(self._text)

    @property
    def text(self) -> str:
        return self._text

    def wait(self, what: str) -> None:
        """Says what is being waited for, until there is text."""
        self._waits = what
        self.refresh(layout=True)

    async def grow(self, text: str) -> None:
        """Adds a piece of the answer."""
        piece = plain(text)
        self._text += piece
        if self._markdown is not None:
            await self._markdown.append(piece)
        else:
            await self._draw()

    async def finish(self, message: Message, place: tuple[int, int] | None = None, note: str = "") -> None:
        """Shows the answer as it is saved, with a `note` if there is something to say about it."""
        self.message, self.place = message, place
        said, self._text = self._text.strip(), plain(message.text)
        self._end = self._end_of(message, note)
        if self._markdown is not None and said != self._text.strip():
            await self._markdown.update(self._text)
        await self._draw()

    async def cut_off(self) -> None:
        """Shows that no more will come."""
        self._end = _ENDS[MessageState.PARTIAL]
        await self._draw()

    def _end_of(self, message: Message, note: str = "") -> str:
        return "\n".join(filter(None, [note or _ENDS[message.state], _place(self.place)]))

    @property
    def _needs_markdown(self) -> bool:
        is_wanted = chosen(self).markdown
        return is_wanted and (len(self._text) > PLAIN_AT_MOST or bool(_MARKDOWN.search(self._text)))

    async def _draw(self) -> None:
        if self._markdown is not None:
            self.query_one(".end", Static).update(Content.styled(self._end, "dim italic"))
        elif self.is_attached and self._needs_markdown:
            await self.mount_all(self.compose())
        self.refresh(layout=True)


def _place(place: tuple[int, int] | None) -> str:
    return f"◂ {place[0]} of {place[1]} ▸" if place is not None else ""


def code_blocks(text: str) -> list[str]:
    """What stands in fences in Markdown, each without its fences; an unclosed one goes to the end."""
    blocks: list[list[str]] = []
    fence = ""
    for line in text.split("\n"):
        mark = re.match(r" {0,3}(`{3,}|~{3,})", line)
        if fence and mark and mark[1].startswith(fence) and line.strip() == mark[1]:
            fence = ""
        elif fence:
            blocks[-1].append(line)
        elif mark:
            fence = mark[1]
            blocks.append([])
    return ["\n".join(block) for block in blocks]
