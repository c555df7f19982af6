"""What is held for the user, a line each: what it would do, to what, and what to beware of.

Knows nothing of the bank.
"""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content

from assistant.memory import times
from assistant.memory.operations import Action
from assistant.memory.records import Proposal
from assistant.tui.widgets.memory.lines import HERE, MemoryLines
from assistant.tui.widgets.memory.rows import ago, on_one_line

VERBS = {Action.ADD: "remember", Action.UPDATE: "change", Action.DELETE: "let go", Action.NOOP: "unread"}
_VERB, _BEWARE, _WHEN = 10, 10, 9


class InboxList(MemoryLines):
    """The proposals, newest first."""

    def __init__(self) -> None:
        super().__init__()
        self.proposals: Sequence[Proposal] = ()
        self._now = times.now()

    def fill(self, proposals: Sequence[Proposal]) -> None:
        """Shows these. The one at hand stays it; if it is settled, the one that took its place is."""
        before = self.at_hand
        self.proposals, self._now = proposals, times.now()
        ids = [proposal.operation.id for proposal in proposals]
        is_there = before is not None and before.operation.id in ids
        self.renew(ids.index(before.operation.id) if before is not None and is_there else self.here)
        self.post_message(self.Moved(self))

    @property
    def at_hand(self) -> Proposal | None:
        return self.proposals[self.here] if 0 <= self.here < len(self.proposals) else None

    def count(self) -> int:
        return len(self.proposals)

    def draw(self, line: int, width: int) -> Content:
        proposal = self.proposals[line]
        operation = proposal.operation
        text = operation.text or operation.text_before or operation.completion or operation.reason
        room = max(8, width - 2 - _VERB - _BEWARE - _WHEN)
        beware = "⚠ hidden" if proposal.hidden else "✗ stale" if is_stale(proposal) else ""
        return Content.assemble(
            (f"{HERE if line == self.here else ' '} ", "bold $primary"),
            (VERBS[operation.action].ljust(_VERB), "$foreground 60%"),
            Content(on_one_line(text)).truncate(room - 1, ellipsis=True, pad=True),
            (f" {beware}".ljust(_BEWARE + 1), "$warning"),
            (ago(operation.created_at, self._now), "$foreground 60%"),
        )


def is_stale(proposal: Proposal) -> bool:
    """Whether it can no longer be carried out as it stands, though there was something to carry out."""
    return bool(proposal.stale) and proposal.operation.action is not Action.NOOP
