"""The conversations that may be learned from, a line each, with a box to leave each out.

Promises that what is out says why in words, and that the boxes are signs, not colours. Knows nothing of the bank.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message

from assistant.training.learnable import Source
from assistant.tui.shown import content
from assistant.tui.widgets.memory.lines import HERE, MemoryLines

_BOX = 6
"""Cells before the title: the line at hand, the box, a space."""
_NUMBERS = (("said", 6), ("kept", 6), ("declined", 10), ("edited", 8), ("undone", 8), ("marked", 8))
_FEW_NUMBERS = (("said", 6), ("decided", 9))
_WHY = 15
_WIDE = 84


class TrainingSources(MemoryLines):
    """All conversations in which something was said."""

    HEADED = True
    BINDINGS: ClassVar[list[BindingType]] = [Binding("space", "use_or_not", "Use or not")]

    class Toggled(Message):
        """The conversation is to be learned from, or not any more."""

        def __init__(self, source: Source) -> None:
            super().__init__()
            self.source = source

    def __init__(self) -> None:
        super().__init__()
        self.sources: Sequence[Source] = ()

    def fill(self, sources: Sequence[Source]) -> None:
        """Shows these; the one at hand stays, if it is still there."""
        before = self.at_hand
        self.sources = sources
        here = self.here
        if before is not None:
            number = before.lessons.conversation_id
            here = next((n for n, one in enumerate(sources) if one.lessons.conversation_id == number), here)
        self.renew(here)
        self.post_message(self.Moved(self))

    @property
    def at_hand(self) -> Source | None:
        """The conversation of the line at hand."""
        return self.sources[self.here] if 0 <= self.here < len(self.sources) else None

    def pressed(self, line: int, x: int) -> bool:
        if line < 0 or x >= _BOX - 1:
            return False
        self.here = line
        self.action_use_or_not()
        return True

    def action_use_or_not(self) -> None:
        if self.at_hand is not None:
            self.post_message(self.Toggled(self.at_hand))

    def count(self) -> int:
        return len(self.sources)

    def head(self, width: int) -> Content:
        cells = "".join(f"{name:>{cells}}" for name, cells in _columns(width))
        return Content(f"{'':{_BOX}}{'conversation':{_title_width(width)}}{cells}  learned from")

    def draw(self, line: int, width: int) -> Content:
        source = self.sources[line]
        title = content(" ".join(source.lessons.title.split()) or "untitled")
        counted = zip(_counts(source, width), _columns(width), strict=True)
        numbers = "".join(f"{count or '·':>{cells}}" for count, (_, cells) in counted)
        drawn = Content.assemble(
            (f"{HERE if line == self.here else ' '} ", "bold $primary"),
            (f"{box(source)} ", "bold"),
            title.truncate(_title_width(width), ellipsis=True, pad=True),
            (numbers, "$foreground 80%"),
            f"  {why(source)}",
        )
        return drawn if source.is_learned_from else drawn.stylize("$foreground 60%")


def box(source: Source) -> str:
    """Whether it is learned from: a crossed box, an empty one, or none to cross."""
    return " - " if source.bar is not None else "[ ]" if source.lessons.is_excluded else "[x]"


def why(source: Source) -> str:
    """Why it is not learned from, in a few words; what is held out, if it is."""
    if source.bar is not None:
        return f"no: {source.bar}"
    if source.lessons.is_excluded:
        return "no: your choice"
    return f"yes, {source.held_out} held out" if source.held_out else "yes"


def _columns(width: int) -> Sequence[tuple[str, int]]:
    return _NUMBERS if width >= _WIDE else _FEW_NUMBERS


def _counts(source: Source, width: int) -> Sequence[int]:
    counted = source.lessons
    if width < _WIDE:
        return counted.user_messages, source.signals
    return (
        *(counted.user_messages, counted.accepted, counted.declined),
        *(counted.edited, counted.undone, counted.feedback),
    )


def _title_width(width: int) -> int:
    return max(8, width - _BOX - sum(cells for _, cells in _columns(width)) - _WHY - 4)
