"""What was held for the user to decide: one after the other, from the keyboard, each with what it rests on.

Knows nothing of the table of memories beside it.
"""

from __future__ import annotations

from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.widgets import Static

from assistant.memory.operations import Action
from assistant.memory.records import Operation
from assistant.tui.backstage import Backstage
from assistant.tui.screens.asking import AskText
from assistant.tui.widgets.memory import changes
from assistant.tui.widgets.memory.details import said
from assistant.tui.widgets.memory.inbox_detail import InboxDetail
from assistant.tui.widgets.memory.inbox_list import InboxList
from assistant.tui.widgets.memory.lines import MemoryLines
from assistant.tui.widgets.memory.part import MemoryPart

MOST = 200
"""Proposals that are looked through at once; more come as these are settled."""
_EMPTY = (
    "Nothing waits for you. What the model is not sure of, and what could be a trick, is held here until you decide. "
    "Esc leads back to the memories."
)


class InboxView(MemoryPart):
    """The list, and the one at hand in detail."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "accept", "Accept"),
        Binding("e", "edit", "Edit"),
        Binding("d,n", "decline", "Decline"),
        Binding("r", "read_again", "Read again"),
        Binding("o", "source", "Source"),
        Binding("u", "screen.undo", "Undo"),
        Binding("j,down", "move(1)", "Next", show=False),
        Binding("k,up", "move(-1)", "Before", show=False),
    ]

    def __init__(self, backstage: Backstage) -> None:
        super().__init__(backstage, id="inbox")
        self.list = InboxList()
        self.detail = InboxDetail()

    def compose(self) -> ComposeResult:
        yield Static(_EMPTY, id="inbox-empty", markup=False)
        with Horizontal():
            yield self.list
            yield self.detail

    async def arrive(self) -> None:
        proposals = await self.backstage.bank(lambda bank: bank.proposals(MOST))
        self.list.fill(proposals)
        self.set_class(not proposals, "-nothing")
        self._tell()

    def begin(self) -> None:
        self.list.focus()
        self._tell()

    def _tell(self) -> None:
        waiting = bool(self.list.proposals)
        how = "j and k go from one to the next · Enter goes into one, to scroll"
        self.say(how if waiting else "", lasting=True)

    def back(self) -> bool:
        in_detail = self.detail.has_focus
        if in_detail:
            self.list.focus()
        return in_detail

    @on(MemoryLines.Moved)
    @work(exclusive=True, group="detail")
    async def _look_closer(self) -> None:
        proposal = self.list.at_hand
        source = None
        if proposal is not None and proposal.message is not None:
            operation = proposal.operation
            source = await self.read(lambda bank: said(bank, operation.source_message_id, operation.quote))
        self.detail.show(proposal, source)

    @on(MemoryLines.Chosen)
    def _open(self) -> None:
        self.detail.focus()

    # What the user does

    def action_move(self, by: int) -> None:
        self.list.action_move(by)

    def action_accept(self) -> None:
        if (operation := self._carried_out()) is not None:
            self.ask(changes.accepting(operation))

    @work
    async def action_edit(self) -> None:
        if (operation := self._carried_out()) is None:
            return
        if operation.action is Action.DELETE:
            self.say("It lets go of a memory, so there is no text to edit. y accepts it, d declines it.")
        elif text := await self.app.push_screen_wait(AskText("What to remember", value=operation.text or "")):
            self.ask(changes.accepting(operation, text))

    def action_decline(self) -> None:
        if self.list.at_hand is not None:
            self.ask(changes.declining(self.list.at_hand.operation))

    def action_read_again(self) -> None:
        if self.list.at_hand is not None:
            self.ask(changes.reading_again(self.list.at_hand.operation))

    def action_source(self) -> None:
        proposal = self.list.at_hand
        if proposal is not None and proposal.message is not None:
            self.post_message(self.SourceWanted(proposal.message.id))
        elif proposal is not None:
            self.say("This came from no message.")

    def _carried_out(self) -> Operation | None:
        """The operation at hand, if there is anything in it to carry out."""
        proposal = self.list.at_hand
        if proposal is None:
            return None
        if proposal.operation.action is Action.NOOP:
            self.say("There is nothing in it to accept: d puts it away, r has the message read again.")
            return None
        return proposal.operation
