"""Everything a chat needs that can take time: the bank, the model, the manager's queue, each away from the UI loop.

Promises that no method here waits, that every outcome arrives as an event, and that `close` leaves nothing half done:
a stopped answer is saved and an unfinished job goes back into its queue. Quick work (the bank) and slow work (the
model) have a thread each, so that undo works while an answer streams. Knows nothing of widgets.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Protocol

from textual.message import Message as Event

from assistant.agents.generation import USUAL_TRAITS, Agent, FinishReason, Generator, ModelTraits
from assistant.errors import EngineError, InputError, RecollectError
from assistant.memory.records import Embedder, Message, MessageRole
from assistant.tui import events
from assistant.tui.events import Entry
from assistant.tui.lane import Lane

if TYPE_CHECKING:  # The bank's driver is imported in a thread, after the first paint.
    from assistant.conversation.chat import Event as ChatEvent
    from assistant.conversation.chat import Turn
    from assistant.conversation.queue import Receipt
    from assistant.memory.bank import MemoryBank

WINDOW = 60
"""Messages that are shown at first, and kept on the screen while one chats."""
PAGE = 40
"""Messages that are added when one goes back."""
GRACE_SECONDS = 2.0
"""How long an answer waits for the manager, so that it knows what was just said, before it goes first."""
CLOSE_SECONDS = 3.0
"""How long `close` waits for each thread. The engine ends a stopped generation within one second."""
INDEXED_AT_ONCE = 8
"""Messages that are given vectors before it is looked whether somebody waits: a tenth of a second."""
_JOURNAL_SEEN = 100
"""Rows of the journal looked through to tell which of them an undo without an id has undone."""


USUAL: Mapping[Agent, ModelTraits] = dict.fromkeys(Agent, USUAL_TRAITS)


class ChatEngine(Generator, Embedder, Protocol):
    """What the session needs of the model; `assistant.llm.engine.Engine` is one."""

    def ready(self, timeout: float | None = None) -> None: ...

    def close(self) -> None: ...


MakeEngine = Callable[[], ChatEngine]
"""Starts the model without waiting for it. Raises EngineError if that is hopeless."""
OpenBank = Callable[[ChatEngine | None], "MemoryBank"]
"""Opens the bank, with the engine as its embedder if there is one. Raises StorageError."""


class Session:
    """One chat: opens what it needs, answers, remembers, undoes. Call it from the UI loop."""

    def __init__(
        self, make_engine: MakeEngine, open_bank: OpenBank, *, traits: Mapping[Agent, ModelTraits] = USUAL
    ) -> None:
        self._make_engine = make_engine
        self._open_bank = open_bank
        self._traits = traits
        self._tell: Callable[[Event], object] = lambda event: None
        self._engine: ChatEngine | None = None
        self._loaded = False
        self._bank: MemoryBank | None = None
        self._conversation_id: int | None = None
        self._undos: list[int] = []
        self._pieces: deque[str] = deque()
        self._unanswered: deque[int] = deque()
        self._stop = threading.Event()
        self._make_way = threading.Event()
        self._closing = False
        self._quick = Lane("bank", self._broke)
        self._slow = Lane("model", self._broke)

    # Asked for by the screen

    def open(self, tell: Callable[[Event], object]) -> None:
        """Starts the model, opens the bank and tells of the last conversation; `tell` is called from any thread."""
        self._tell = tell
        self._quick.put(self._open)

    def send(self, text: str) -> None:
        """Saves `text` as a message of the user and answers it."""
        self._stop = threading.Event()
        self._quick.put(partial(self._save, text, self._stop))

    def answer(self, message: Message) -> None:
        """Answers a message that is saved already."""
        self._stop = threading.Event()
        self._queue_answer(message, self._stop)

    def stop(self) -> None:
        """Ends the answer within one token; what was said is kept."""
        self._stop.set()

    def take_text(self) -> str:
        """What the answer has grown by since this was last asked."""
        return "".join(self._pieces.popleft() for _ in range(len(self._pieces)))

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
        self._make_way.set()
        self._quick.close(drop=False)  # A message that was sent is saved, even if it was the last thing done.
        self._slow.close(drop=True)
        self._quick.join(CLOSE_SECONDS)
        if self._loaded:  # Else there is nothing to finish, and only closing the engine ends the wait for it.
            self._slow.join(CLOSE_SECONDS)
        self._closing = True
        if self._engine is not None:
            self._engine.close()
        self._slow.join(CLOSE_SECONDS)
        if self._bank is not None:
            self._bank.close()

    # In the thread for quick work

    def _open(self) -> None:
        hopeless: EngineError | None = None
        try:
            self._engine = self._make_engine()
        except EngineError as error:
            hopeless = error
        try:
            conversation = self._opened.latest_conversation()
            self._conversation_id = conversation.id if conversation is not None else None
            title, seen_from = (conversation.title, conversation.seen_from) if conversation is not None else ("", None)
            entries, earlier = self._entries(WINDOW)
            self._post(events.Opened(title, entries, earlier, seen_from))
            self._post_standing()
        except RecollectError as error:
            self._post(events.OpenFailed(error))
            return
        if hopeless is not None:
            self._post(events.EngineFailed(hopeless))
            self._slow.put(self._back_up)
        else:
            self._slow.put(self._load_engine)

    def _entries(self, limit: int, before_id: int | None = None) -> tuple[tuple[Entry, ...], bool]:
        """Up to `limit` entries, oldest first, and whether there are earlier ones."""
        if self._conversation_id is None:
            return (), False
        found = self._opened.messages(self._conversation_id, limit + 1, before_id)
        return tuple(self._entry(message) for message in found[-limit:]), len(found) > limit

    def _entry(self, message: Message) -> Entry:
        if message.role is MessageRole.ASSISTANT:
            return Entry(message, citations=tuple(self._opened.citations(message.id)))
        operations = self._opened.operations(source_message_id=message.id)
        return Entry(message, operations=tuple(reversed(operations)))

    def _save(self, text: str, stop: threading.Event) -> None:
        from assistant.conversation.chat import save_message
        from assistant.conversation.inputs import title_of

        try:
            message = save_message(self._opened, text, self._conversation_id)
        except RecollectError as error:
            self._post(events.NotSaved(text, error))
            return
        begins = self._conversation_id is None
        self._conversation_id = message.conversation_id
        self._post(events.Saved(message, title_of(message.text) if begins else ""))
        self._queue_answer(message, stop)

    def _undo(self, operation_id: int | None) -> None:
        try:
            standing = {row.id for row in self._opened.operations(_JOURNAL_SEEN) if not row.undone}
            undo = self._opened.undo(operation_id)
            if operation_id is None:
                rows = self._opened.operations(_JOURNAL_SEEN)
                operation_id = next((row.id for row in rows if row.undone and row.id in standing), None)
        except RecollectError as error:
            self._post(events.Failed(error))
            return
        is_redo = operation_id in self._undos
        if operation_id is not None and is_redo:
            self._undos.remove(operation_id)
        else:
            self._undos.append(undo.id)
        self._post(events.Undone(operation_id, undo, is_redo))
        self._slow.put(self._index)

    def _redo(self) -> None:
        if self._undos:
            self._undo(self._undos[-1])
        else:
            self._post(events.Failed(InputError("There is nothing to redo.")))

    def _accept(self, operation_id: int) -> None:
        try:
            operation = self._opened.accept(operation_id)
        except RecollectError as error:
            self._post(events.Failed(error))
            return
        self._post(events.Accepted(operation_id, operation))
        self._slow.put(self._index)

    def _load_earlier(self, before_id: int) -> None:
        try:
            entries, earlier = self._entries(PAGE, before_id)
            conversation = self._opened.latest_conversation()
        except RecollectError as error:
            self._post(events.Failed(error))
            return
        self._post(events.EarlierLoaded(entries, earlier, conversation.seen_from if conversation is not None else None))

    def _begin_conversation(self) -> None:
        self._conversation_id = None
        self._post(events.Opened("", (), False))

    # In the thread for slow work

    def _load_engine(self) -> None:
        try:
            self._ready_engine()
        except EngineError as error:
            self._post(events.EngineFailed(error))
        else:
            self._remember()
        self._slow.put(self._back_up)

    def _ready_engine(self) -> ChatEngine:
        """The engine, started and loaded now if it could not be before. Raises EngineError."""
        if self._engine is None:
            self._engine = self._make_engine()
        if not self._loaded:
            self._engine.ready()
            self._loaded = True
            self._post(events.EngineReady())
        return self._engine

    def _generator(self) -> Generator:
        """The engine, as the model's traits want it to be used. Raises EngineError."""
        from assistant.agents.reconsidering import Reconsidering

        return Reconsidering(self._ready_engine(), self._traits)

    def _answer(self, message: Message, stop: threading.Event) -> None:
        from assistant.agents.answer import AnswerAgent
        from assistant.conversation.chat import Chat

        self._unanswered.popleft()
        self._pieces.clear()
        try:
            chat = Chat(self._opened, AnswerAgent(self._generator(), self._traits[Agent.ANSWER]))
            turn = chat.reply(message, on_event=self._follow, cancel=stop)
            answer = self._entry(turn.reply)
        except RecollectError as error:
            self._post(events.AnswerFailed(message, error))
            return
        completion = turn.completion
        self._post(
            events.Answered(
                answer, _note(turn), completion.prompt_tokens, completion.read_tokens, seen_from=turn.seen_from
            )
        )
        self._remember()

    def _follow(self, event: ChatEvent) -> None:
        from assistant.conversation.chat import AnswerText

        if isinstance(event, AnswerText):
            self._pieces.append(event.text)

    def _remember(self) -> None:
        from assistant.agents.manager import MemoryManager
        from assistant.conversation.queue import ManagerQueue

        # First the event, then the look: a message that comes in between finds the one or is found by the other.
        self._make_way = threading.Event()
        if self._unanswered or self._closing:
            return
        try:
            self._post_standing()
            manager = MemoryManager(self._generator(), self._traits[Agent.MANAGER])
            queue = ManagerQueue(self._opened, manager)
            queue.run_pending(self._tell_receipt, self._make_way)
            self._post_standing()
            self._index_in_idle_time()
        except RecollectError as error:
            self._post(events.Failed(error))

    def _back_up(self) -> None:
        try:
            self._opened.back_up_if_due()
        except RecollectError as error:
            self._post(events.Failed(error))

    def _index(self) -> None:
        """Lets what was brought back or carried out be found by its meaning. Without an embedder it can wait."""
        with suppress(RecollectError):
            self._opened.index_all(kinds=("memory",))

    def _index_in_idle_time(self) -> None:
        """Lets the rest be found by its meaning, which may be ten thousand messages, while nobody waits."""
        with suppress(EngineError):
            while not (self._unanswered or self._make_way.is_set()) and self._opened.index_pending(INDEXED_AT_ONCE):
                pass

    def _tell_receipt(self, receipt: Receipt) -> None:
        self._post(events.Remembered(receipt.message_id, receipt.operations))
        self._post_standing()

    # In any thread

    @property
    def _opened(self) -> MemoryBank:
        """The bank, opened now if it could not be opened before. Raises StorageError."""
        if self._bank is None:
            self._bank = self._open_bank(self._engine)
        return self._bank

    def _queue_answer(self, message: Message, stop: threading.Event) -> None:
        self._unanswered.append(message.id)
        self._slow.put(partial(self._answer, message, stop))
        grace = threading.Timer(GRACE_SECONDS, self._make_way.set)
        grace.daemon = True
        grace.start()

    def _post_standing(self) -> None:
        self._post(events.Standing(self._opened.search_mode, self._opened.pending_jobs()))

    def _broke(self, error: BaseException) -> None:
        self._post(events.Broke(error))

    def _post(self, event: Event) -> None:
        if not self._closing:
            self._tell(event)


def _note(turn: Turn) -> str:
    """What there is to say about an answer that is not as it should be."""
    if turn.malformed is not None:
        return f"not in the form asked for ({turn.malformed.reason}), so it is kept for review"
    if turn.completion.finish_reason is FinishReason.LENGTH:
        return "cut off where it became too long"
    return ""
