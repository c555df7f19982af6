"""Everything a chat needs that can take time: the bank, the model, the manager's queue, each away from the UI loop.

Promises that no method here waits, that every outcome arrives as an event, and that `close` leaves nothing half done:
a stopped answer is saved and an unfinished job goes back into its queue. Quick work (the bank) and slow work (the
model) have a thread each, so that undo works while an answer streams. Knows nothing of widgets.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial

from textual.message import Message as Event

from assistant.errors import EngineError, InputError, RecollectError
from assistant.memory.records import Message
from assistant.tui import events
from assistant.tui.at_hand import AtHand, MakeEngine, OpenBank
from assistant.tui.events import Entry
from assistant.tui.lane import Lane
from assistant.tui.model_work import ModelWork

WINDOW = 60
"""Messages that are shown at first, and kept on the screen while one chats."""
PAGE = 40
"""Messages that are added when one goes back."""
CLOSE_SECONDS = 3.0
"""How long `close` waits for each thread. The engine ends a stopped generation within one second."""
_JOURNAL_SEEN = 100
"""Rows of the journal looked through to tell which of them an undo without an id has undone."""


class Session:
    """One chat: opens what it needs, answers, remembers, undoes. Call it from the UI loop."""

    def __init__(self, make_engine: MakeEngine, open_bank: OpenBank) -> None:
        self._at_hand = AtHand(make_engine, open_bank)
        self._model = ModelWork(self._at_hand)
        self._quick = Lane("bank", self._at_hand.post_bug)
        self._conversation_id: int | None = None
        self._undos: list[int] = []
        self._stop = threading.Event()

    # Asked for by the screen

    def open(self, tell: Callable[[Event], object]) -> None:
        """Starts the model, opens the bank and tells of the last conversation; `tell` is called from any thread."""
        self._at_hand.tell = tell
        self._quick.put(self._open)

    def send(self, text: str) -> None:
        """Saves `text` as a message of the user and answers it."""
        self._stop = threading.Event()
        self._quick.put(partial(self._save, text, self._stop))

    def answer(self, message: Message) -> None:
        """Answers a message that is saved already."""
        self._stop = threading.Event()
        self._model.answer(message, self._stop)

    def stop(self) -> None:
        """Ends the answer within one token; what was said is kept."""
        self._stop.set()

    def take_text(self) -> str:
        """What the answer has grown by since this was last asked."""
        return self._model.take_text()

    def undo(self, operation_id: int | None = None) -> None:
        """Undoes that operation, or the newest that stands. Undoing an undo does it again."""
        self._quick.put(partial(self._undo, operation_id))

    def redo(self) -> None:
        """Undoes the newest undo of this session."""
        self._quick.put(self._redo)

    def accept(self, operation_id: int) -> None:
        """Carries out an operation that was held for review."""
        self._quick.put(partial(self._accept, operation_id))

    def load_earlier(self, before_id: int) -> None:
        """Fetches the messages before that one."""
        self._quick.put(partial(self._load_earlier, before_id))

    def begin_conversation(self) -> None:
        """Leaves the conversation as it is; the next message begins a new one."""
        self._quick.put(self._begin_conversation)

    def close(self) -> None:
        """Ends all work, then closes model and bank. It waits, so call it away from the UI loop."""
        self._stop.set()
        self._quick.close(drop=False)  # A message that was sent is saved, even if it was the last thing done.
        self._model.close()
        self._quick.join(CLOSE_SECONDS)
        if self._at_hand.loaded:  # Else there is nothing to finish, and only closing the engine ends the wait for it.
            self._model.join(CLOSE_SECONDS)
        self._at_hand.closing = True
        self._at_hand.close_engine()
        self._model.join(CLOSE_SECONDS)
        self._at_hand.close_bank()

    # In the thread for quick work

    def _open(self) -> None:
        hopeless: EngineError | None = None
        try:
            self._at_hand.start_engine()
        except EngineError as error:
            hopeless = error
        try:
            conversation = self._at_hand.bank.latest_conversation()
            self._conversation_id = conversation.id if conversation is not None else None
            title, seen_from = (conversation.title, conversation.seen_from) if conversation is not None else ("", None)
            entries, earlier = self._entries(WINDOW)
            self._at_hand.post(events.Opened(title, entries, earlier, seen_from))
            self._at_hand.post_standing()
        except RecollectError as error:
            self._at_hand.post(events.OpenFailed(error))
            return
        if hopeless is not None:
            self._at_hand.post(events.EngineFailed(hopeless))
            self._model.back_up()
        else:
            self._model.load()

    def _entries(self, limit: int, before_id: int | None = None) -> tuple[tuple[Entry, ...], bool]:
        """Up to `limit` entries, oldest first, and whether there are earlier ones."""
        if self._conversation_id is None:
            return (), False
        found = self._at_hand.bank.messages(self._conversation_id, limit + 1, before_id)
        return tuple(self._at_hand.entry(message) for message in found[-limit:]), len(found) > limit

    def _save(self, text: str, stop: threading.Event) -> None:
        from assistant.conversation.chat import save_message
        from assistant.conversation.inputs import title_of

        try:
            message = save_message(self._at_hand.bank, text, self._conversation_id)
        except RecollectError as error:
            self._at_hand.post(events.NotSaved(text, error))
            return
        begins = self._conversation_id is None
        self._conversation_id = message.conversation_id
        self._at_hand.post(events.Saved(message, title_of(message.text) if begins else ""))
        self._model.answer(message, stop)

    def _undo(self, operation_id: int | None) -> None:
        try:
            standing = {row.id for row in self._at_hand.bank.operations(_JOURNAL_SEEN) if not row.undone}
            undo = self._at_hand.bank.undo(operation_id)
            if operation_id is None:
                rows = self._at_hand.bank.operations(_JOURNAL_SEEN)
                operation_id = next((row.id for row in rows if row.undone and row.id in standing), None)
        except RecollectError as error:
            self._at_hand.post(events.Failed(error))
            return
        is_redo = operation_id in self._undos
        if operation_id is not None and is_redo:
            self._undos.remove(operation_id)
        else:
            self._undos.append(undo.id)
        self._at_hand.post(events.Undone(operation_id, undo, is_redo))
        self._model.index()

    def _redo(self) -> None:
        if self._undos:
            self._undo(self._undos[-1])
        else:
            self._at_hand.post(events.Failed(InputError("There is nothing to redo.")))

    def _accept(self, operation_id: int) -> None:
        try:
            operation = self._at_hand.bank.accept(operation_id)
        except RecollectError as error:
            self._at_hand.post(events.Failed(error))
            return
        self._at_hand.post(events.Accepted(operation_id, operation))
        self._model.index()

    def _load_earlier(self, before_id: int) -> None:
        if self._conversation_id is None:
            return
        try:
            entries, earlier = self._entries(PAGE, before_id)
            seen_from = self._at_hand.bank.conversation(self._conversation_id).seen_from
        except RecollectError as error:
            self._at_hand.post(events.Failed(error))
            return
        self._at_hand.post(events.EarlierLoaded(entries, earlier, seen_from))

    def _begin_conversation(self) -> None:
        self._conversation_id = None
        self._at_hand.post(events.Opened("", (), False))
