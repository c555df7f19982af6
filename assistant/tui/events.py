"""What the session tells the screen: values alone, posted from its threads to the UI loop.

Promises that importing this imports neither the bank's driver nor a model.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.message import Message as Event

from assistant.errors import RecollectError
from assistant.memory.records import Citation, Memory, Message, Operation

if TYPE_CHECKING:  # It comes with the bank's driver.
    from assistant.conversation.context import Gauge


@dataclass(frozen=True, slots=True)
class Used:
    """A memory that an answer used: what it said then, and the memory as it stands now."""

    citation: Citation
    memory: Memory


@dataclass(frozen=True, slots=True)
class Entry:
    """One message as it is shown: with the memories it names, and with what was remembered because of it.

    `place` is set if there are others in its place: which of how many it is.
    """

    message: Message
    used: tuple[Used, ...] = ()
    operations: tuple[Operation, ...] = ()
    place: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Window:
    """A part of a conversation, oldest entry first. `earlier` and `later` say whether there is more on that side.

    The model reads the conversation from the message `seen_from` on, None if from its beginning.
    """

    entries: tuple[Entry, ...] = ()
    earlier: bool = False
    later: bool = False
    seen_from: int | None = None


@dataclass
class Opened(Event):
    """A conversation is at hand; without an id it has not begun. `at` is the message to go to, None for its end.

    Of a temporary one nothing is kept. `draft` was typed there and not sent.
    """

    conversation_id: int | None
    title: str
    window: Window
    at: int | None = None
    temporary: bool = False
    draft: str = ""


@dataclass
class OpenFailed(Event):
    """The bank could not be opened; `error` says what to do."""

    error: RecollectError


@dataclass
class EarlierLoaded(Event):
    """The entries before the first one shown; `window.later` says nothing here."""

    window: Window


@dataclass
class LaterLoaded(Event):
    """The entries after the last one shown; `window.earlier` says nothing here."""

    window: Window


@dataclass
class OpenMessage(Event):
    """Somebody wants to see that message in its place in its conversation."""

    message_id: int


@dataclass
class EngineLoading(Event):
    """Other models were chosen and are being loaded in place of the former ones; `names` says which."""

    names: str


@dataclass
class EngineReady(Event):
    """The model is loaded."""


@dataclass
class EngineFailed(Event):
    """The model could not be started or loaded. Messages are saved all the same."""

    error: RecollectError


@dataclass
class Saved(Event):
    """The user's message is durable and waits for its answer. It stands in the place of the message `instead_of`."""

    message: Message
    title: str
    place: tuple[int, int] | None = None
    instead_of: int | None = None


@dataclass
class NotSaved(Event):
    """The user's message could not be saved; `text` belongs back into the box."""

    text: str
    error: RecollectError


@dataclass
class Answered(Event):
    """The answer is saved. `note` says, in words, what is wrong with it.

    Of the `prompt_tokens` that the model was asked with, it had to read `read_tokens`; see `Window` for `seen_from`.
    """

    entry: Entry
    note: str = ""
    prompt_tokens: int = 0
    read_tokens: int = 0
    seen_from: int | None = None


@dataclass
class AnswerFailed(Event):
    """There is no answer, or only its beginning; the message itself is saved."""

    message: Message
    error: RecollectError


@dataclass
class Remembered(Event):
    """What the manager did because of a message."""

    message_id: int
    operations: tuple[Operation, ...]


@dataclass
class Undone(Event):
    """`operation_id` was undone, by the journal's row `undo`; undoing that one in turn is redo.

    None stands for an operation so old that it cannot be on the screen.
    """

    operation_id: int | None
    undo: Operation
    is_redo: bool


@dataclass
class Accepted(Event):
    """The held operation `operation_id` was carried out, as the journal's row `operation`."""

    operation_id: int
    operation: Operation


@dataclass
class Failed(Event):
    """Something beside the answer could not be done: an undo, reading earlier messages, remembering."""

    error: RecollectError


@dataclass
class Standing(Event):
    """How things stand: how search works, how many messages the manager has yet to read, and whether it may at all."""

    search_mode: str
    pending: int
    paused: bool = False


@dataclass
class Gauged(Event):
    """What stands in the next prompt beside the message, so that it can be told how long it will be."""

    gauge: Gauge


@dataclass
class Broke(Event):
    """A bug: something in a thread raised what nobody expected. It ends the app, with its traceback."""

    error: BaseException
