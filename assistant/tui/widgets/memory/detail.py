"""What is known of one memory, to be read: its text, when it holds, how it came to say that, and where it came from.

Knows nothing of the bank.
"""

from __future__ import annotations

from textwrap import shorten

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from assistant.memory import times
from assistant.memory.operations import Action
from assistant.memory.records import MemoryOrigin, MemoryRow, MemoryStatus
from assistant.tui.widgets.memory.details import Details, Made
from assistant.tui.widgets.memory.messages import MemoryMessages
from assistant.tui.widgets.memory.rows import ago
from assistant.tui.widgets.memory.table import NEVER_USED, PINNED
from assistant.tui.widgets.memory.words import difference, seen

ACTORS = {"manager": "the model", "user": "you", "import": "an import", "undo": "undo"}
"""Who does what is in the journal, in words."""
_ORIGINS = {
    MemoryOrigin.SAID: "said in a chat",
    MemoryOrigin.WRITTEN: "written by you",
    MemoryOrigin.IMPORTED: "imported",
}
REPLY_CHARACTERS = 60
"""What is shown of a reply that used the memory."""
_ENDS = {
    MemoryStatus.RETIRED: "retired: it holds no longer",
    MemoryStatus.FORGOTTEN: "forgotten: it does not come back from what was said before",
    MemoryStatus.PURGED: "purged: its text is wiped",
}


class MemoryDetail(VerticalScroll):
    """One memory, or a word on why there is none."""

    def __init__(self) -> None:
        super().__init__()
        self._text = Static(markup=False)
        self._facts = Static(markup=False)
        self._versions = Static(markup=False)
        self._came_from = Static(Content.styled("Where it came from", "bold $primary"), classes="-title")
        self._messages = MemoryMessages()

    def compose(self) -> ComposeResult:
        yield from (self._text, self._facts, self._versions, self._came_from, self._messages)

    def show(self, details: Details | None, instead: str = "") -> None:
        """Shows a memory, or else the text `instead`."""
        text = Content.styled(instead, "dim") if details is None else seen(details.row.memory.text).stylize("bold")
        _update(self._text, text)
        _update(self._facts, _facts(details) if details is not None else Content(""))
        _update(self._versions, _versions(details.versions) if details is not None else Content(""))
        said = details.said if details is not None else None
        self._came_from.display = said is not None
        self._messages.show(said)
        self.scroll_home(animate=False)


def _update(static: Static, text: Content) -> None:
    static.display = bool(text.plain)
    static.update(text)


def _facts(details: Details) -> Content:
    row, memory = details.row, details.row.memory
    lines: list[Content] = []
    if memory.status is not MemoryStatus.ACTIVE:
        lines.append(Content.styled(f"✗ {_ENDS[memory.status]}", "$warning"))
    if memory.pinned:
        lines.append(Content.assemble((PINNED, "$primary"), " pinned: always on offer, never changed unasked"))
    if memory.never_use:
        lines.append(Content.assemble((NEVER_USED, "$primary"), " never used: known, but never on offer"))
    lines.append(Content(f"{row.kind} · {_ORIGINS[row.origin]}"))
    if memory.holds_from is not None or memory.holds_until is not None:
        since = f" from {memory.holds_from}" if memory.holds_from is not None else ""
        until = f" until {memory.holds_until}" if memory.holds_until is not None else ""
        lines.append(Content(f"holds{since}{until}"))
    lines.append(Content(_uses(row)))
    for reply in details.replies:
        said = shorten(reply.text, REPLY_CHARACTERS, placeholder="…")
        lines.append(Content.assemble((f"  {reply.created_at.astimezone():%Y-%m-%d}  ", "dim"), seen(f"“{said}”")))
    return Content("\n").join(lines)


def _uses(row: MemoryRow) -> str:
    if not row.uses:
        return "no reply has used it yet"
    replies = "one reply" if row.uses == 1 else f"{row.uses} replies"
    return f"used by {replies}, last {ago(row.last_used, times.now())}"


def _versions(versions: tuple[Made, ...]) -> Content:
    title = "How it came to say that" if len(versions) > 1 else "When it came"
    lines = [Content.styled(title, "bold $primary")]
    for newer, older in zip(versions, (*versions[1:], None), strict=True):
        lines.append(_head(newer, older))
        before = older.version.memory.text if older is not None else ""
        if older is not None and before != newer.version.memory.text:
            lines.append(difference(before, newer.version.memory.text))
        elif len(versions) > 1 and older is None:
            lines.append(seen(newer.version.memory.text))
    return Content("\n").join(lines)


def _head(made: Made, older: Made | None) -> Content:
    version = made.version
    who = f" by {ACTORS.get(made.by.actor, made.by.actor)}" if made.by is not None else ""
    when = f"{version.since.astimezone():%Y-%m-%d %H:%M}"
    return Content.assemble((f"{version.memory.version}. {when} · {_what(made, older)}{who}", "dim"))


def _what(made: Made, older: Made | None) -> str:
    status = made.version.memory.status
    if status is not MemoryStatus.ACTIVE:
        return str(status)
    if older is None:
        return "added"
    if older.version.memory.status is not MemoryStatus.ACTIVE:
        return "brought back"
    return "changed" if made.by is None or made.by.action is Action.UPDATE else "added"
