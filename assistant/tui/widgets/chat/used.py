"""The memories that an answer used: one line, which unfolds into one for each, with what can be said of it.

Promises that folded it costs one widget. Knows nothing of what becomes of an action.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content

from assistant.memory.records import Memory, MemoryStatus
from assistant.settings import Fold
from assistant.tui.chosen import chosen
from assistant.tui.events import Used
from assistant.tui.shown import content, plain
from assistant.tui.widgets.action_line import ActionLine

SOURCE, EDIT, WRONG, OUTDATED, NEVER_USE, USE_AGAIN = "source", "edit", "wrong", "outdated", "never use", "use again"


class UsedMemory(ActionLine):
    """One memory: where it stood among those used, what it said, since when it is known, and how it stands now."""

    def __init__(self, reply_id: int | None, used: Used) -> None:
        self.reply_id = reply_id
        self.used = used
        super().__init__(Content(""))
        self.follow(used.memory)

    def follow(self, memory: Memory) -> None:
        """Shows how the memory stands by now."""
        self.used = replace(self.used, memory=memory)
        citation = self.used.citation
        said = Content.assemble((f"{citation.rank}. ", "dim"), content(citation.text).stylize("$foreground"))
        known = f"  {memory.observed_at.astimezone():%Y-%m-%d}"
        now = _standing(self.used)
        text = Content.assemble(said, (known, "dim"), (f"  {now}" if now else "", "italic"), "\n")
        source = SOURCE if memory.source_message_id is not None else ""
        if memory.status is not MemoryStatus.ACTIVE:
            self.show(text, source)
        else:
            self.show(text, source, EDIT, WRONG, OUTDATED, USE_AGAIN if memory.never_use else NEVER_USE)


def _standing(used: Used) -> str:
    """What has become of a memory since an answer used it; "" if nothing has."""
    memory = used.memory
    if memory.status is not MemoryStatus.ACTIVE:
        return f"({memory.status} since)"
    if memory.text != used.citation.text:
        return f"(now: {plain(memory.text)})"
    return "(never used again)" if memory.never_use else ""


class Cited(Vertical):
    """All memories that one answer used."""

    def __init__(self, turn_id: int, reply_id: int | None, used: Sequence[Used]) -> None:
        super().__init__()
        self.turn_id = turn_id
        self.reply_id = reply_id
        self.used = tuple(used)
        self.folded = True

    def compose(self) -> ComposeResult:
        self.folded = chosen(self).show_memories is Fold.FOLDED
        yield ActionLine(Content(""), self._head())
        if not self.folded:
            yield from self._lines()

    def _lines(self) -> Iterator[UsedMemory]:
        return (UsedMemory(self.reply_id, used) for used in self.used)

    def _head(self) -> str:
        count = len(self.used)
        return f"{'▸' if self.folded else '▾'} {count} {'memory' if count == 1 else 'memories'} used"

    async def toggle(self) -> None:
        """Folds or unfolds."""
        self.folded = not self.folded
        self.query(ActionLine).first().show(Content(""), self._head())
        if self.folded:
            await self.query(UsedMemory).remove()
        else:
            await self.mount_all(self._lines())

    def follow(self, memory: Memory) -> None:
        """Shows how one of them stands by now."""
        self.used = tuple(replace(one, memory=memory) if one.memory.id == memory.id else one for one in self.used)
        for line in self.query(UsedMemory):
            if line.used.memory.id == memory.id:
                line.follow(memory)
