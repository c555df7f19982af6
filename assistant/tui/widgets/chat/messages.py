"""What was said: a message of the user, and an answer as it grows, as plain text or as Markdown.

Promises that an answer costs one widget, and each piece of it only what it changes; and that each message can be gone
to, so that keys act on it.
"""

from __future__ import annotations

import asyncio
import re
from datetime import datetime
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.geometry import Region, Size
from textual.message import Message as Event
from textual.reactive import Reactive
from textual.selection import Selection
from textual.strip import Strip
from textual.style import Style
from textual.visual import RenderOptions
from textual.widget import Widget

from assistant.memory.records import Message, MessageState
from assistant.tui.chosen import chosen
from assistant.tui.markdown.blocks import Block, Kind
from assistant.tui.markdown.growing import Growing
from assistant.tui.markdown.highlighting import coloured
from assistant.tui.markdown.parsing import as_it_stands, parse
from assistant.tui.markdown.visual import BlocksVisual
from assistant.tui.shown import content, plain

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
    """An answer: waited for, growing, or whole; one widget, whatever is in it."""

    # Textual takes a new height, once it has laid it out, for a reason to lay out all anew: twice the work a line.
    virtual_size = Reactive(Size(0, 0), repaint=False)

    def __init__(self, turn_id: int, message: Message | None = None, place: tuple[int, int] | None = None) -> None:
        super().__init__(turn_id)
        self.message, self.place = message, place
        self._text = plain(message.text) if message is not None else ""
        self._waits = ""
        self._end = self._end_of(message) if message is not None else ""
        self._growing: Growing | None = None
        self._whole: list[Block] | None = None
        self._visual = BlocksVisual()
        self._is_shown = False
        self._is_colouring = False

    def render(self) -> BlocksVisual:
        if not self._is_shown:
            self._show()
        return self._visual

    def render_line(self, y: int) -> Strip:
        """One row; Textual asks for those that are seen, and would else make all of them each time."""
        selection = self.text_selection
        style = Style.from_styles(self.screen.get_component_styles("screen--selection")) if selection else None
        options = RenderOptions(self._get_style, {}, selection, style)
        strip = self._visual.strip(y, self.size.width, self.visual_style, options)
        if self._visual.uncoloured and not self._is_colouring:
            self._is_colouring = True
            self.run_worker(self._colour())
        return strip

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        return self._visual.copied(selection, self.size.width), "\n"

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._visual.forget_strips()

    @property
    def has_text(self) -> bool:
        return bool(self._text)

    @property
    def text(self) -> str:
        return self._text

    def wait(self, what: str) -> None:
        """Says what is being waited for, until there is text."""
        self._waits = what
        self._draw()

    async def grow(self, text: str) -> None:
        """Adds a piece of the answer."""
        piece = plain(text)
        self._text += piece
        if self._growing is None and chosen(self).markdown:
            self._growing = Growing()
        if self._growing is not None:
            self._growing.add(piece)
        self._draw()

    async def finish(self, message: Message, place: tuple[int, int] | None = None, note: str = "") -> None:
        """Shows the answer as it is saved, with a `note` if there is something to say about it."""
        self.message, self.place = message, place
        said, self._text = self._text, plain(message.text)
        self._end = self._end_of(message, note)
        if self._growing is not None and said.strip() == self._text.strip():
            self._growing.finish()
            self._whole = self._growing.blocks
        self._growing = None
        self._draw()

    async def cut_off(self) -> None:
        """Shows that no more will come."""
        self._end = _ENDS[MessageState.PARTIAL]
        self._draw()

    def _end_of(self, message: Message, note: str = "") -> str:
        return "\n".join(filter(None, [note or _ENDS[message.state], _place(self.place)]))

    def _draw(self) -> None:
        """Has what changed drawn, with all that stands below it if the height changed."""
        if not self.is_attached or not self.size.width:
            self._is_shown = False
            self.refresh(layout=True)
            return
        width = self.size.width
        height = self._visual.get_height({}, width)
        changed = self._show()
        if self._visual.get_height({}, width) != height:
            self.refresh(layout=True)
        else:
            self.refresh(Region(0, changed, width, height - changed))

    def _show(self) -> int:
        self._is_shown = True
        self._visual.cursor = bool(self._text) and self.message is None and not self._end
        blocks = self._blocks() if self._text else []
        if self._end:
            blocks.append(Block(Kind.TEXT, Content.styled(self._end, "dim italic")))
        elif not blocks:
            blocks.append(Block(Kind.TEXT, Content.styled(self._waits, "dim")))
        return self._visual.show(blocks)

    def _blocks(self) -> list[Block]:
        if self._growing is not None:
            return self._growing.blocks
        if not chosen(self).markdown:
            return as_it_stands(self._text)
        if self._whole is None:
            self._whole = parse(self._text)
        return list(self._whole)

    async def _colour(self) -> None:
        """Finds the colours of the code that is seen, in a thread: it takes long."""
        while self._visual.uncoloured:
            code = next(iter(self._visual.uncoloured))
            self._visual.take_colours(code, await asyncio.to_thread(coloured, *code))
            self.refresh()
        self._is_colouring = False


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
