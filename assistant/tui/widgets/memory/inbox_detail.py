"""One proposal, with all one needs to decide on it: what it would change, why it was held, what it rests on.

Promises that nothing in it is hidden: what nobody could see is shown as its code point, and said so. Knows nothing of
the bank.
"""

from __future__ import annotations

from collections import Counter

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from assistant.memory.operations import Action
from assistant.memory.records import Operation, Proposal
from assistant.tui.shown import content
from assistant.tui.widgets.memory.details import Said
from assistant.tui.widgets.memory.inbox_list import is_stale
from assistant.tui.widgets.memory.messages import MemoryMessages
from assistant.tui.widgets.memory.words import difference, seen

_QUESTIONS = {
    Action.ADD: "Remember this?",
    Action.UPDATE: "Change this memory?",
    Action.DELETE: "Let go of this memory?",
    Action.NOOP: "The model's reply could not be read",
}


class InboxDetail(VerticalScroll):
    """What a proposal says."""

    def __init__(self) -> None:
        super().__init__()
        self._what = Static(markup=False)
        self._why = Static(markup=False)
        self._came_from = Static(Content.styled("Where it came from", "bold $primary"), classes="-title")
        self._messages = MemoryMessages()

    def compose(self) -> ComposeResult:
        yield from (self._what, self._why, self._came_from, self._messages)

    def show(self, proposal: Proposal | None, said: Said | None) -> None:
        """Shows a proposal, or nothing."""
        self.display = proposal is not None
        if proposal is not None:
            self._what.update(_what(proposal.operation))
            self._why.update(_why(proposal))
        self._came_from.display = said is not None
        self._messages.show(said)
        self.scroll_home(animate=False)


def _what(operation: Operation) -> Content:
    question = Content.styled(_QUESTIONS[operation.action], "bold $primary")
    match operation.action:
        case Action.NOOP:
            said = seen(operation.completion or "(it said nothing)")
        case Action.UPDATE:
            said = difference(operation.text_before or "", operation.text or "")
        case Action.ADD:
            said = difference("", operation.text or "")
        case Action.DELETE:
            said = difference(operation.text_before or "", "")
    return Content("\n").join([question, said])


def _why(proposal: Proposal) -> Content:
    operation = proposal.operation
    lines = [Content.assemble("held because ", seen(operation.reason or "it has to be looked at"))]
    if proposal.hidden:
        lines.append(Content.styled(f"⚠ It has characters that nobody can see: {_hidden(proposal)}", "$warning"))
    if operation.action is Action.NOOP:
        lines.append(Content("There is nothing to accept: d puts it away, r has the message read again."))
    elif is_stale(proposal):
        lines.append(Content.assemble("✗ Stale: ", content(proposal.stale), ". r has the message read again."))
        lines[-1] = lines[-1].stylize("$warning")
    by = f"by {operation.model}" if operation.model else f"by {operation.actor}"
    lines.append(Content.styled(f"{operation.created_at.astimezone():%Y-%m-%d %H:%M} · {by}", "dim"))
    return Content("\n").join(lines)


def _hidden(proposal: Proposal) -> str:
    counted = Counter((found.code_point, found.name) for found in proposal.hidden)
    return ", ".join(
        f"⟨U+{code:04X}⟩ {name}{f' ({times} times)' if times > 1 else ''}" for (code, name), times in counted.items()
    )
