"""Where an answer comes from: which memories it used, what each came from, and how they were found.

Knows nothing of the chat: it gives the id of the message that one wants to go to.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from assistant.errors import RecollectError
from assistant.memory.records import Citation, Hit, Memory, Message
from assistant.tui.backstage import Backstage
from assistant.tui.shown import content
from assistant.tui.widgets.action_line import ActionLine

if TYPE_CHECKING:
    from assistant.memory.bank import MemoryBank

LOOKED_AT = 8
"""As many memories are on offer to an answer as a rule."""


@dataclass(frozen=True, slots=True)
class _Reason:
    """A memory that was used, what it came from, and how a search for the question finds it now, if it does."""

    citation: Citation
    memory: Memory
    source: Message | None
    quote: str | None
    hit: Hit | None
    rank: int | None


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
            asked, reasons = await self._backstage.bank(lambda bank: _reasons(bank, self._reply))
        except RecollectError as error:
            text.update(content(str(error)))
            return
        question = content(asked.text if asked is not None else "?")
        if not reasons:
            said = "\n\nIt uses nothing that is remembered: only the conversation, and what the model knows by itself."
            text.update(Content.assemble(("Asked: ", "dim"), question, said))
            return
        count = f"{len(reasons)} {'memory' if len(reasons) == 1 else 'memories'}"
        text.update(Content.assemble(("Asked: ", "dim"), question, f"\n\nIt uses {count}, in the order of its naming:"))
        lines = [_Line(reason) for reason in reasons]
        await self.query_one("#asking").mount_all(lines)
        lines[0].focus()

    @on(ActionLine.Pressed)
    def _go(self, event: ActionLine.Pressed) -> None:
        if isinstance(event.line, _Line) and event.line.source_id is not None:
            self.dismiss(event.line.source_id)

    def on_click(self, event: object) -> None:
        if getattr(event, "widget", None) is self:
            self.dismiss(None)


class _Line(ActionLine):
    """One memory and its reasons."""

    def __init__(self, reason: _Reason) -> None:
        self.source_id = reason.source.id if reason.source is not None else None
        super().__init__(_told(reason), "go to the message" if self.source_id is not None else "", classes="reason")


def _reasons(bank: MemoryBank, reply: Message) -> tuple[Message | None, list[_Reason]]:
    asked = bank.message(reply.parent_id) if reply.parent_id is not None else None
    hits = bank.search(asked.text, limit=LOOKED_AT, floor=False) if asked is not None else []
    ranks = {hit.memory.id: number for number, hit in enumerate(hits, 1) if hit.memory is not None}
    reasons = []
    for citation in bank.citations(reply.id):
        memory = bank.memory(citation.memory_id)
        source = bank.message(memory.source_message_id) if memory.source_message_id is not None else None
        rows = bank.operations(source_message_id=source.id) if source is not None else []
        quote = next((row.quote for row in rows if row.memory_id == memory.id and row.quote), None)
        rank = ranks.get(memory.id)
        reasons.append(_Reason(citation, memory, source, quote, hits[rank - 1] if rank else None, rank))
    return asked, reasons


def _told(reason: _Reason) -> Content:
    memory, said = reason.memory, [content(f"{reason.citation.rank}. {reason.citation.text}").stylize("bold")]
    if memory.text != reason.citation.text:
        said.append(content(f"   now: {memory.text}"))
    if reason.source is None:
        said.append(content(f"   you wrote it down on {memory.observed_at.astimezone():%Y-%m-%d}"))
    else:
        words = (reason.quote or reason.source.text).replace("\n", " ")
        said.append(content(f"   you said on {reason.source.created_at.astimezone():%Y-%m-%d %H:%M}: “{words}”"))
    said.append(content(f"   {_found(reason)}").stylize("dim"))
    return Content("\n").join(said)


def _found(reason: _Reason) -> str:
    if reason.memory.pinned:
        return "it is pinned, so it is always on offer"
    if reason.hit is None:
        return "a search for the question does not find it any more"
    why = reason.hit.why
    parts = []
    if why.words:
        parts.append("shares the words " + ", ".join(why.words))
    if why.cosine is not None:
        parts.append(f"is near in meaning ({why.cosine:.2f})")
    return f"found as number {reason.rank}: " + (" and ".join(parts) or "it is one of the newest")
