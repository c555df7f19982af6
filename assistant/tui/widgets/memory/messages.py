"""A few messages in their place in a conversation, one of them marked, and in it the words that count.

Promises that marks are signs as well as colours, and that a page-long message costs no more than a paragraph. Knows
nothing of why they are shown.
"""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from assistant.memory.records import Message, MessageRole
from assistant.tui.shown import plain
from assistant.tui.widgets.memory.details import AROUND, Said
from assistant.tui.widgets.memory.words import seen

_MOST = 900
"""Characters of the message that is marked, around the words that count."""
_MOST_AROUND = 220
"""Characters of each of the others."""


class MemoryMessages(Vertical):
    """The messages, oldest first; nothing until `show`."""

    DEFAULT_CSS = """
    MemoryMessages { height: auto; }
    MemoryMessages > Static { display: none; height: auto; padding: 0 1; color: $foreground 60%; border-left: blank; }
    MemoryMessages > .-around { display: block; }
    MemoryMessages > .-source {
        display: block; color: $foreground; border-left: outer $primary; background: $surface;
    }
    """

    def __init__(self) -> None:
        super().__init__()
        self._statics = [Static(markup=False) for _ in range(2 * AROUND + 1)]

    def compose(self) -> ComposeResult:
        yield from self._statics

    def show(self, said: Said | None) -> None:
        """Shows these from now on."""
        around = said.around if said is not None else ()
        for number, static in enumerate(self._statics):
            is_source = said is not None and number < len(around) and around[number].id == said.message.id
            static.set_class(is_source, "-source")
            static.set_class(not is_source and number < len(around), "-around")
            if said is not None and number < len(around):
                static.update(_told(around[number], said.quote if is_source else None, is_source=is_source))


def _told(message: Message, quote: str | None, *, is_source: bool) -> Content:
    who = "assistant" if message.role is MessageRole.ASSISTANT else message.speaker or "you"
    head = f"{'▸ ' if is_source else ''}{plain(who)} · {message.created_at.astimezone():%Y-%m-%d %H:%M}"
    text = quoted(message.text, quote, _MOST if is_source else _MOST_AROUND)
    return Content.assemble((head, "dim"), "\n", text)


def quoted(text: str, quote: str | None, most: int) -> Content:
    """At most so many characters of a message, the quote between » and «."""
    at = text.find(quote) if quote else -1
    if at < 0 or not quote:
        return Content.assemble(seen(text[:most]), "…" if len(text) > most else "")
    end = at + len(quote)
    room = max(0, most - len(quote)) // 2
    begin = max(0, at - room)
    return Content.assemble(
        "…" if begin else "",
        seen(text[begin:at]),
        Content.assemble("»", seen(quote).stylize("bold"), "«").stylize("$primary"),
        seen(text[end : end + room]),
        "…" if len(text) > end + room else "",
    )
