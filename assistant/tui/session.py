"""One chat: opening conversations, sending, answering, undoing, each away from the UI loop.

Promises that no method here waits and that every outcome arrives as an event. Quick work (the bank) and slow work (the
model) have a thread each, so that undo works while an answer streams. Knows nothing of widgets.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from textual.message import Message as Event

from assistant.errors import EngineError, InputError, RecollectError
from assistant.memory.records import Message
from assistant.tui import events
from assistant.tui.backstage import Backstage
from assistant.tui.events import Window

if TYPE_CHECKING:
    from assistant.memory.bank import MemoryBank

WINDOW = 40
"""Messages that are shown at first, and kept on the screen while one chats."""
PAGE = 40
"""Messages that are added when one goes back or forth."""
_JOURNAL_SEEN = 100
"""Rows of the journal looked through to tell which of them an undo without an id has undone."""


class Session:
    """The chat that is at hand. Call it from the UI loop."""

    def __init__(self, backstage: Backstage) -> None:
        self._at_hand = backstage.at_hand
        self._model = backstage.model
        self._quick = backstage.quick
        self._conversation_id: int | None = None
        self._temporary: MemoryBank | None = None
        self._undos: list[int] = []
        self._stop = threading.Event()

    # Asked for by the screen

    def open(self, tell: Callable[[Event], object]) -> None:
        """Starts the model, opens the bank and tells of the last conversation; `tell` is called from any thread."""
        self._at_hand.tell = tell
        self._quick.put(self._open)

    def open_conversation(self, conversation_id: int) -> None:
        """Shows the end of that conversation, which goes on there."""
        self._quick.put(partial(self._telling, self._open_conversation, conversation_id))

    def open_message(self, message_id: int) -> None:
        """Shows that message in its place in its conversation, which goes on there."""
        self._quick.put(partial(self._telling, self._open_message, message_id))

    def show_sibling(self, message_id: int, step: int) -> None:
        """Shows the branch of the message that stands `step` further among those in the place of that one."""
        self._quick.put(partial(self._telling, self._show_sibling, message_id, step))

    def begin_conversation(self, *, temporary: bool = False) -> None:
        """Leaves the conversation as it is; the next message begins a new one. Of a temporary one nothing is kept."""
        self._quick.put(partial(self._telling, self._begin_conversation, temporary))

    def send(self, text: str, instead_of: Message | None = None) -> None:
        """Saves `text` as a message of the user and answers it; it stands beside the message `instead_of`."""
        self._stop = threading.Event()
        self._quick.put(partial(self._save, text, instead_of, self._stop))

    def answer(self, message: Message, *, anew: bool = False) -> None:
        """Answers a message that is saved already; `anew` differently from the answer that it has, beside that."""
        self._stop = threading.Event()
        self._quick.put(partial(self._answer, message, self._stop, anew))

    def stop(self) -> None:
        """Ends the answer within one token; what was said is kept."""
        self._stop.set()

    def take_text(self) -> str:
        """What the answer has grown by since this was last asked."""
        return self._model.take_text()

    def keep_draft(self, text: str) -> None:
        """Keeps what was typed and not sent, for the conversation at hand."""
        self._quick.put(partial(self._telling, self._keep_draft, text))

    def measure(self) -> None:
        """Tells what stands in the next prompt; see `Gauged`."""
        self._quick.put(partial(self._telling, self._measure))

    def undo(self, operation_id: int | None = None) -> None:
        """Undoes that operation, or the newest that stands. Undoing an undo does it again."""
        self._quick.put(partial(self._telling, self._undo, operation_id))

    def redo(self) -> None:
        """Undoes the newest undo of this session."""
        self._quick.put(partial(self._telling, self._redo))

    def accept(self, operation_id: int, text: str | None = None) -> None:
        """Carries out an operation that was held for review, with another `text` if there is one."""
        self._quick.put(partial(self._telling, self._accept, operation_id, text))

    def load_earlier(self, before_id: int) -> None:
        """Fetches the messages before that one."""
        self._quick.put(partial(self._telling, self._load_earlier, before_id))

    def load_later(self, after_id: int) -> None:
        """Fetches the messages after that one."""
        self._quick.put(partial(self._telling, self._load_later, after_id))

    def pause(self, paused: bool) -> None:
        """Has nothing remembered of what is said from now on, or has it remembered again."""
        self._quick.put(partial(self._telling, self._pause, paused))

    @property
    def conversation_id(self) -> int | None:
        """The conversation at hand, None before its first message. Of a temporary one the bank knows nothing."""
        return self._conversation_id

    @property
    def is_temporary(self) -> bool:
        """Whether nothing is kept of the conversation at hand."""
        return self._temporary is not None

    # In the thread for quick work

    def _telling(self, work: Callable[..., None], *arguments: object) -> None:
        """Does `work`, and tells what is wrong if it fails."""
        try:
            work(*arguments)
        except RecollectError as error:
            self._at_hand.post(events.Failed(error))

    @property
    def _bank(self) -> MemoryBank:
        """Where the conversation at hand is."""
        return self._temporary if self._temporary is not None else self._at_hand.bank

    def _open(self) -> None:
        hopeless: EngineError | None = None
        try:
            self._at_hand.start_engine()
        except EngineError as error:
            hopeless = error
        try:
            last = self._at_hand.bank.latest_conversation()
            if last is not None:
                self._open_conversation(last.id)
            else:
                self._begin_conversation(temporary=False)
            self._at_hand.post_standing()
        except RecollectError as error:
            self._at_hand.post(events.OpenFailed(error))
            return
        if hopeless is not None:
            self._at_hand.post(events.EngineFailed(hopeless))
            self._model.back_up()
        else:
            self._model.load()

    def _open_conversation(self, conversation_id: int) -> None:
        self._leave_temporary()
        found = self._bank.messages(conversation_id, WINDOW + 1)
        self._show(conversation_id, found[-WINDOW:], earlier=len(found) > WINDOW, later=False)

    def _open_message(self, message_id: int) -> None:
        self._leave_temporary()
        if not self._bank.is_shown(message_id):
            self._bank.show_branch(message_id)
        around = self._bank.messages_around(message_id, WINDOW // 2 + 1, WINDOW // 2 + 1)
        at = next(place for place, message in enumerate(around) if message.id == message_id)
        before, after = around[:at], around[at:]
        shown = [*before[-(WINDOW // 2) :], *after[: WINDOW // 2 + 1]]
        earlier, later = len(before) > WINDOW // 2, len(after) > WINDOW // 2 + 1
        self._show(shown[0].conversation_id, shown, earlier=earlier, later=later, at=message_id)

    def _show_sibling(self, message_id: int, step: int) -> None:
        siblings = self._bank.siblings(message_id)
        other = siblings[(siblings.index(message_id) + step) % len(siblings)]
        self._bank.show_branch(other)
        conversation_id = self._bank.message(other).conversation_id
        found = self._bank.messages(conversation_id, WINDOW + 1)
        self._show(conversation_id, found[-WINDOW:], earlier=len(found) > WINDOW, later=False, at=other)

    def _show(
        self, conversation_id: int, messages: list[Message], *, earlier: bool, later: bool, at: int | None = None
    ) -> None:
        self._conversation_id = conversation_id
        window = self._at_hand.window(self._bank, messages, earlier=earlier, later=later)
        title, draft = self._bank.conversation(conversation_id).title, self._bank.draft(conversation_id)
        self._at_hand.post(events.Opened(conversation_id, title, window, at, self.is_temporary, draft))
        self._measure()

    def _begin_conversation(self, temporary: bool) -> None:
        from assistant.memory.bank import MemoryBank

        self._leave_temporary()
        self._conversation_id = None
        if temporary:
            self._temporary = MemoryBank.temporary()
        draft = "" if temporary else self._bank.draft(None)
        self._at_hand.post(events.Opened(None, "", Window(), temporary=temporary, draft=draft))
        self._measure()

    def _leave_temporary(self) -> None:
        # Not closed: an answer may still be written into it, and it goes when the last one lets go of it.
        self._temporary = None

    def _save(self, text: str, instead_of: Message | None, stop: threading.Event) -> None:
        from assistant.conversation.chat import save_message
        from assistant.conversation.inputs import title_of

        try:
            bank = self._bank
            message = save_message(bank, text, self._conversation_id, instead_of=instead_of)
            bank.keep_draft(self._conversation_id, "")
            place = bank.sibling_places([message.id]).get(message.id)
        except RecollectError as error:
            self._at_hand.post(events.NotSaved(text, error))
            return
        begins = self._conversation_id is None
        self._conversation_id = message.conversation_id
        title = title_of(message.text) if begins else ""
        replaced = instead_of.id if instead_of is not None else None
        self._at_hand.post(events.Saved(message, title, place, replaced))
        self._model.answer(bank, message, stop)

    def _answer(self, message: Message, stop: threading.Event, anew: bool) -> None:
        self._model.answer(self._bank, message, stop, anew=anew)

    def _measure(self) -> None:
        from assistant.conversation.context import gauge

        if (model := self._at_hand.answering) is not None:
            traits, context = model
            measured = gauge(self._bank, self._conversation_id, traits, context, self._model.scale)
            self._at_hand.post(events.Gauged(measured))

    def _keep_draft(self, text: str) -> None:
        if self._temporary is None:
            self._bank.keep_draft(self._conversation_id, text)

    def _undo(self, operation_id: int | None) -> None:
        bank = self._at_hand.bank
        standing = {row.id for row in bank.operations(_JOURNAL_SEEN) if not row.undone}
        undo = bank.undo(operation_id)
        if operation_id is None:
            rows = bank.operations(_JOURNAL_SEEN)
            operation_id = next((row.id for row in rows if row.undone and row.id in standing), None)
        is_redo = operation_id in self._undos
        if operation_id is not None and is_redo:
            self._undos.remove(operation_id)
        else:
            self._undos.append(undo.id)
        self._at_hand.post(events.Undone(operation_id, undo, is_redo))
        self._model.index()

    def _redo(self) -> None:
        if not self._undos:
            raise InputError("There is nothing to redo.")
        self._undo(self._undos[-1])

    def _accept(self, operation_id: int, text: str | None) -> None:
        operation = self._at_hand.bank.accept(operation_id, text)
        self._at_hand.post(events.Accepted(operation_id, operation))
        self._model.index()

    def _load_earlier(self, before_id: int) -> None:
        if self._conversation_id is None:
            return
        found = self._bank.messages(self._conversation_id, PAGE + 1, before_id)
        window = self._at_hand.window(self._bank, found[-PAGE:], earlier=len(found) > PAGE, later=True)
        self._at_hand.post(events.EarlierLoaded(window))

    def _load_later(self, after_id: int) -> None:
        if self._conversation_id is None:
            return
        found = self._bank.messages_after(self._conversation_id, after_id, PAGE + 1)
        window = self._at_hand.window(self._bank, found[:PAGE], earlier=True, later=len(found) > PAGE)
        self._at_hand.post(events.LaterLoaded(window))

    def _pause(self, paused: bool) -> None:
        if paused:
            self._at_hand.bank.pause()
        else:
            self._at_hand.bank.resume()
        self._at_hand.post_standing()
