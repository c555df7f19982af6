"""The conversation as it scrolls: messages, what answers used, what was remembered, and what went wrong.

Promises that only a window of the conversation is mounted, however far one scrolls, and that it stays at its end unless
the user scrolled away. Knows nothing of the bank: it shows the entries it is given.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from textual.containers import VerticalScroll
from textual.content import Content
from textual.geometry import Size
from textual.message import Message as Event
from textual.reactive import Reactive
from textual.widget import Widget

from assistant.errors import RecollectError
from assistant.memory.records import Memory, Message, MessageRole, Operation
from assistant.tui.events import Entry, Window
from assistant.tui.shown import content
from assistant.tui.widgets.action_line import ActionLine
from assistant.tui.widgets.chat.messages import Answer, Said
from assistant.tui.widgets.chat.receipt import Receipt
from assistant.tui.widgets.chat.transcript_lines import (
    EarlierLine,
    LaterLine,
    NoticeLine,
    SeenLine,
    Welcome,
    receipts_of,
    widgets_of,
)
from assistant.tui.widgets.chat.used import Cited

MOUNTED = 80
"""Messages that are mounted at most; more of them at one end make room at the other."""
_LAYOUT_SECONDS = 0.02


class Transcript(VerticalScroll, can_focus=False):
    """The messages that are mounted, in their order."""

    # As with an answer; and room for its scrollbar is always kept, so that one that comes changes nothing either.
    virtual_size = Reactive(Size(0, 0), repaint=False)

    class Reached(Event):
        """The user scrolled to an end behind which there is more."""

        def __init__(self, *, earlier: bool) -> None:
            super().__init__()
            self.earlier = earlier

    def __init__(self) -> None:
        super().__init__()
        self._is_settling = False

    def on_mount(self) -> None:
        self.anchor()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        if new_value != old_value and self.is_where_more_is(earlier=new_value < old_value):
            self.post_message(self.Reached(earlier=new_value < old_value))

    def is_where_more_is(self, *, earlier: bool) -> bool:
        """Whether one has scrolled to an end behind which there is more, on that side."""
        if self._is_settling:
            return False
        if earlier:
            return self.scroll_y <= 1 and bool(self.query(EarlierLine))
        return self.scroll_y >= self.max_scroll_y - 1 and bool(self.query(LaterLine))

    async def show(self, window: Window, *, at: int | None = None, temporary: bool = False) -> None:
        """Shows these entries and nothing else, at that message or at the end."""
        entries = window.entries
        widgets: list[Widget] = [EarlierLine()] if window.earlier else []
        widgets += widgets_of(entries, None)
        if window.later:
            widgets.append(LaterLine())
        elif entries and entries[-1].message.role is MessageRole.USER:
            text = Content("This message has no answer yet.")
            widgets.append(NoticeLine(text, "answer it now", retry=entries[-1].message))
        with self.app.batch_update():
            await self.remove_children()
            await self.mount_all(widgets or [Welcome(temporary=temporary)])
            await self.mark_seen_from(window.seen_from)
        said = next((said for said in self.said() if said.message_id == at), None)
        if said is None or at is None:
            self.anchor()
        else:
            self.release_anchor()
            self.call_after_refresh(self.scroll_to_widget, said, animate=False, top=True)

    async def show_earlier(self, window: Window) -> None:
        """Puts these entries before the first one, without moving what is being read."""
        first = self.said()[0]
        self._is_settling = True
        height_on_screen = first.virtual_region.y - self.scroll_y
        self.release_anchor()
        self._leave_to(first, EarlierLine)
        await self.query(EarlierLine).remove()
        await self._drop_newer(MOUNTED - len(window.entries))
        new = [*([EarlierLine()] if window.earlier else []), *widgets_of(window.entries, None)]
        await self.mount_all(new, before=0)
        await self.mark_seen_from(window.seen_from)
        self._settle(first, height_on_screen, new)

    async def show_later(self, window: Window) -> None:
        """Puts these entries after the last one, without moving what is being read."""
        last = self.said()[-1]
        self._is_settling = True
        height_on_screen = last.virtual_region.y - self.scroll_y
        self._leave_to(last, LaterLine)
        await self.query(LaterLine).remove()
        await self._drop_older(MOUNTED - len(window.entries))
        new = [*widgets_of(window.entries, last.said_at), *([LaterLine()] if window.later else [])]
        await self.mount_all(new)
        await self.mark_seen_from(window.seen_from)
        self._settle(last, height_on_screen, new)

    @property
    def first_message_id(self) -> int | None:
        """The id of the oldest message that is mounted."""
        return next((said.message_id for said in self.said() if said.message_id is not None), None)

    @property
    def last_message_id(self) -> int | None:
        """The id of the newest message that is mounted."""
        return next((said.message_id for said in reversed(self.said()) if said.message_id is not None), None)

    @property
    def is_at_end(self) -> bool:
        """Whether the newest message of the conversation is mounted."""
        return not self.query(LaterLine)

    async def begin_turn(self, entry: Entry, *, window: int) -> Answer:
        """Shows a message that was just saved, and the place of its answer. Drops what is older than the window."""
        await self.query("Welcome, NoticeLine").remove()
        answer = Answer(entry.message.id)
        said = Entry(entry.message, place=entry.place)
        receipts = receipts_of(entry.message.id, entry.operations)
        await self.mount_all([*widgets_of([said], self._last_said_at()), answer, *receipts])
        await self._drop_older(window)
        self.anchor()
        return answer

    async def answer_anew(self, message: Message) -> Answer:
        """The place of another answer to a message that is shown, in the place of all that came after it."""
        await self.query(NoticeLine).remove()
        answer = Answer(message.id)
        asked = next((said for said in self.said() if said.message_id == message.id), None)
        if asked is not None:
            after = self.children[self.children.index(asked) + 1 :]
            # What was remembered of the message stands, whatever is answered.
            kept = [child for child in after if isinstance(child, Receipt) and child.turn_id == message.id]
            await self.remove_children([child for child in after if child not in kept])
        await self.mount(answer, after=asked)
        self.anchor()
        return answer

    async def remove_from(self, message_id: int) -> None:
        """Takes away a message and all that came after it."""
        said = next((said for said in self.said() if said.message_id == message_id), None)
        if said is not None:
            await self.remove_children(self.children[self.children.index(said) :])

    async def finish_turn(self, answer: Answer, entry: Entry, note: str = "") -> None:
        """Shows the answer as it is saved, and the memories it used under it."""
        await answer.finish(entry.message, entry.place, note)
        if entry.used:
            await self.mount(Cited(answer.turn_id, entry.message.id, entry.used), after=answer)

    async def add_receipts(self, turn_id: int, operations: Sequence[Operation]) -> bool:
        """Tells under that turn what was remembered. Says whether the turn is shown."""
        return await self._add_below(turn_id, receipts_of(turn_id, operations))

    async def add_notice(self, text: Content) -> None:
        """Says something at the end, in place of what was said so before."""
        await self.query("NoticeLine.-told").remove()
        line = NoticeLine(text)
        line.add_class("-told")
        await self.mount(line)

    async def add_error(self, error: RecollectError, action: str = "", *, retry: Message | None = None) -> None:
        """Says at the end what went wrong and what to do, in place of an earlier error that offers no retry."""
        for line in self.query(NoticeLine):
            if line.has_class("-error") and line.retry is None:
                await line.remove()
        text = Content.assemble(content(error.message).stylize("bold"), " ", content(error.hint))
        await self.mount(NoticeLine(text, action, retry=retry, error=True))

    def follow_undo(self, operation_id: int | None, undo: Operation) -> None:
        """Marks the receipt of what was undone, if it is shown."""
        for receipt in self.query(Receipt):
            if receipt.follow(operation_id, undo):
                receipt.scroll_visible(animate=False)

    def follow_acceptance(self, operation_id: int, operation: Operation) -> None:
        """Turns the receipt of what was held, if it is shown, into that of what was done."""
        for receipt in self.query(Receipt):
            if receipt.follow_acceptance(operation_id, operation):
                receipt.scroll_visible(animate=False)

    def follow_memory(self, memory: Memory) -> None:
        """Shows under the answers that used it how a memory stands by now."""
        for cited in self.query(Cited):
            cited.follow(memory)

    def newest_cited(self) -> Cited | None:
        """The memories under the newest answer that used any."""
        found = list(self.query(Cited))
        return found[-1] if found else None

    def cited_of(self, said: Said) -> Cited | None:
        """The memories that the answer to that turn used."""
        return next((cited for cited in self.query(Cited) if cited.turn_id == said.turn_id), None)

    def said(self) -> list[Said]:
        """The messages that are mounted, oldest first."""
        return [child for child in self.children if isinstance(child, Said)]

    def _settle(self, said: Said, height_on_screen: float, new: Sequence[Widget]) -> None:
        """Scrolls to where `said` stands as high as before the `new` ones came.

        What moves until then is nobody who scrolls to an end.
        """

        async def scroll() -> None:
            # Textual lays out when it comes to it: after the next refresh is too early on a machine that is busy.
            if not all(widget.outer_size for widget in new if widget.is_attached):
                self.set_timer(_LAYOUT_SECONDS, scroll)
                return
            await self.stop_animation("scroll_y", complete=False)
            self.scroll_to(y=said.virtual_region.y - height_on_screen, animate=False, force=True)
            self.call_after_refresh(end)

        def end() -> None:
            self._is_settling = False

        self.call_after_refresh(scroll)

    def _leave_to(self, said: Said, line: type[ActionLine]) -> None:
        """Gives the focus of a line that goes to a message, or Textual would scroll to wherever it gives it."""
        if isinstance(self.screen.focused, line):
            self.screen.set_focus(said, scroll_visible=False)

    def _last_said_at(self) -> datetime | None:
        return next((said.said_at for said in reversed(self.said()) if said.said_at is not None), None)

    async def mark_seen_from(self, message_id: int | None) -> None:
        """Draws a line above the message from which on the model reads; no line if it reads all of them."""
        here = next((said for said in self.said() if message_id is not None and said.message_id == message_id), None)
        line = next(iter(self.query(SeenLine)), None)
        if line is not None and here is not None and self.children.index(here) == self.children.index(line) + 1:
            return
        await self.query(SeenLine).remove()
        if here is not None:
            await self.mount(SeenLine(), before=here)

    async def _add_below(self, turn_id: int, widgets: Sequence[Widget]) -> bool:
        """Puts `widgets` under all that belongs to that turn; nowhere, and False, if it is not shown."""
        parts = Said | Cited | Receipt
        of_turn = [child for child in self.children if isinstance(child, parts) and child.turn_id == turn_id]
        if of_turn and widgets:
            await self.mount_all(widgets, after=of_turn[-1])
        return bool(of_turn)

    async def _drop_older(self, window: int) -> None:
        said = self.said()
        if len(said) <= window:
            return
        first_kept = self.children.index(said[-window])
        await self.remove_children(self.children[:first_kept])
        await self.mount(EarlierLine(), before=0)

    async def _drop_newer(self, window: int) -> None:
        said = self.said()
        if len(said) <= window:
            return
        await self.remove_children(self.children[self.children.index(said[window]) :])
        await self.mount(LaterLine())
