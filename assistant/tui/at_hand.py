"""What both threads of a session work with: the bank and the model, each opened when first needed, and the way to the
screen.

Knows nothing of what is done with them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from textual.message import Message as Event

from assistant.agents.generation import Agent, Generator, ModelTraits
from assistant.memory.records import Embedder, Message, MessageRole
from assistant.tui import events
from assistant.tui.events import Entry, Used, Window

if TYPE_CHECKING:  # The bank's driver is imported in a thread, after the first paint.
    from assistant.memory.bank import MemoryBank


class ChatEngine(Generator, Embedder, Protocol):
    """What the session needs of the models; `assistant.llm.engines.Engines` is one."""

    @property
    def traits(self) -> Mapping[Agent, ModelTraits]: ...

    @property
    def contexts(self) -> Mapping[Agent, int]: ...

    def ready(self, timeout: float | None = None) -> None: ...

    def close(self) -> None: ...


MakeEngine = Callable[[], ChatEngine]
"""Starts the model without waiting for it. Raises EngineError if that is hopeless."""
OpenBank = Callable[[ChatEngine | None], "MemoryBank"]
"""Opens the bank, with the engine as its embedder if there is one. Raises StorageError."""


class AtHand:
    """The bank and the model. `tell` takes events from any thread; nothing is told once it is `closing`."""

    def __init__(self, make_engine: MakeEngine, open_bank: OpenBank) -> None:
        self._make_engine = make_engine
        self._open_bank = open_bank
        self._engine: ChatEngine | None = None
        self._bank: MemoryBank | None = None
        self.loaded = False
        self.tell: Callable[[Event], object] = lambda event: None
        self.closing = False

    def start_engine(self) -> ChatEngine:
        """The model, begun to load now if it could not be before. Raises EngineError."""
        if self._engine is None:
            self._engine = self._make_engine()
            if self._bank is not None and self._bank.embedder is not None:
                self._bank.embedder = self._engine  # The former one has been closed.
        return self._engine

    def change_engine(self) -> None:
        """Closes the model. Another one, that which is chosen by then, begins to load when it is next needed."""
        engine, self._engine, self.loaded = self._engine, None, False
        if engine is not None:
            engine.close()

    @property
    def loading(self) -> ChatEngine | None:
        """The model that is waited for; to close it ends the wait, with an EngineError."""
        return None if self.loaded else self._engine

    def ready_engine(self) -> ChatEngine:
        """The model, loaded. Raises EngineError."""
        engine = self.start_engine()
        if not self.loaded:
            engine.ready()
            self.loaded = True
            self.post(events.EngineReady())
        return engine

    @property
    def answering(self) -> tuple[ModelTraits, int] | None:
        """Of the model that answers, its traits and what it can read at once; None if there is none."""
        engine = self._engine
        return (engine.traits[Agent.ANSWER], engine.contexts[Agent.ANSWER]) if engine is not None else None

    @property
    def bank(self) -> MemoryBank:
        """The bank, opened now if it could not be opened before. Raises StorageError."""
        if self._bank is None:
            self._bank = self._open_bank(self._engine)
        return self._bank

    def window(self, bank: MemoryBank, messages: Sequence[Message], *, earlier: bool, later: bool) -> Window:
        """`messages` of one conversation in `bank` as they are shown."""
        places = bank.sibling_places([message.id for message in messages])
        entries = tuple(self.entry(bank, message, places.get(message.id)) for message in messages)
        seen_from = bank.conversation(messages[0].conversation_id).seen_from if messages else None
        return Window(entries, earlier, later, seen_from)

    def entry(self, bank: MemoryBank, message: Message, place: tuple[int, int] | None = None) -> Entry:
        """`message` as it is shown."""
        if message.role is MessageRole.ASSISTANT:
            used = tuple(Used(citation, bank.memory(citation.memory_id)) for citation in bank.citations(message.id))
            return Entry(message, used, place=place)
        operations = bank.operations(source_message_id=message.id)
        return Entry(message, operations=tuple(reversed(operations)), place=place)

    def post(self, event: Event) -> None:
        if not self.closing:
            self.tell(event)

    def post_standing(self) -> None:
        """Tells how things stand."""
        bank = self.bank
        self.post(events.Standing(bank.search_mode, bank.pending_jobs(), bank.paused))

    def post_bug(self, error: BaseException) -> None:
        """Hands on what escaped a thread."""
        self.post(events.Broke(error))

    def close_engine(self) -> None:
        if self._engine is not None:
            self._engine.close()

    def close_bank(self) -> None:
        if self._bank is not None:
            self._bank.close()
