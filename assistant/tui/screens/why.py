"""Where an answer comes from: which memories it used, what each came from, and how they were found.

Knows nothing of the chat: it gives the id of the message that one wants to go to.
"""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from assistant.conversation.reasons import Reason, lines, reasons
from assistant.errors import RecollectError
from assistant.memory.records import Message
from assistant.tui.backstage import Backstage
from assistant.tui.shown import content
from assistant.tui.widgets.action_line import ActionLine


class WhyScreen(ModalScreen[int | None]):
    """One answer explained. Esc closes; Enter on a memory goes to the message that it came from."""

    CSS_PATH = "asking.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q", "dismiss(None)", "Close")]

    def __init__(self, backstage: Backstage, reply: Message) -> None:
        super().__init__()
        self._backstage = backstage
        self._reply = reply

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="asking"):
            yield Static("Looking…", id="text")

    def on_mount(self) -> None:
        box = self.query_one("#asking")
        box.border_title = "Why this answer"
        box.border_subtitle = "Enter goes to the source · Esc closes"
        self.run_worker(self._fill())

    async def _fill(self) -> None:
        text = self.query_one("#text", Static)
        try:
            asked, found = await self._backstage.bank(lambda bank: reasons(bank, self._reply))
        except RecollectError as error:
            text.update(content(str(error)))
            return
        question = content(asked.text if asked is not None else "?")
        if not found:
            said = "\n\nIt uses nothing that is remembered: only the conversation, and what the model knows by itself."
            text.update(Content.assemble(("Asked: ", "dim"), question, said))
            return
        count = f"{len(found)} {'memory' if len(found) == 1 else 'memories'}"
        text.update(Content.assemble(("Asked: ", "dim"), question, f"\n\nIt uses {count}, in the order of its naming:"))
        told = [_Line(reason) for reason in found]
        await self.query_one("#asking").mount_all(told)
        told[0].focus()

    @on(ActionLine.Pressed)
    def _go(self, event: ActionLine.Pressed) -> None:
        if isinstance(event.line, _Line) and event.line.source_id is not None:
            self.dismiss(event.line.source_id)

    def on_click(self, event: object) -> None:
        if getattr(event, "widget", None) is self:
            self.dismiss(None)


class _Line(ActionLine):
    """One memory and its reasons."""

    def __init__(self, reason: Reason) -> None:
        self.source_id = reason.source.id if reason.source is not None else None
        super().__init__(_told(reason), "go to the message" if self.source_id is not None else "", classes="reason")


def _told(reason: Reason) -> Content:
    first, *rest = lines(reason)
    *said, found = map(content, rest)
    return Content("\n").join([content(first).stylize("bold"), *said, found.stylize("dim")])
