"""What the session tells the screen: values alone, posted from its threads to the UI loop.

Promises that importing this imports neither the bank's driver nor a model.
"""

from __future__ import annotations

from dataclasses import dataclass

from textual.message import Message as Event

from assistant.errors import RecollectError
from assistant.memory.records import Citation, Message, Operation


@dataclass(frozen=True, slots=True)
class Entry:
    """One message as it is shown: with the memories it names, and with what was remembered because of it."""

    message: Message
    citations: tuple[Citation, ...] = ()
    operations: tuple[Operation, ...] = ()


@dataclass
class Opened(Event):
    """A conversation is at hand, oldest entry first. `earlier` says whether there is more before them.

    The model reads it from the message `seen_from` on, None if from its beginning.
    """

    title: str
    entries: tuple[Entry, ...]
    earlier: bool
    seen_from: int | None = None


@dataclass
class OpenFailed(Event):
    """The bank could not be opened; `error` says what to do."""

    error: RecollectError


@dataclass
class EarlierLoaded(Event):
    """The entries before the first one shown; see `Opened`."""

    entries: tuple[Entry, ...]
    earlier: bool
    seen_from: int | None = None


@dataclass
class EngineReady(Event):
    """The model is loaded."""


@dataclass
class EngineFailed(Event):
    """The model could not be started or loaded. Messages are saved all the same."""

    error: RecollectError


@dataclass
class Saved(Event):
    """The user's message is durable and waits for its answer."""

    message: Message
    title: str


@dataclass
class NotSaved(Event):
    """The user's message could not be saved; `text` belongs back into the box."""

    text: str
    error: RecollectError


@dataclass
class Answered(Event):
    """The answer is saved. `note` says, in words, what is wrong with it.

    Of the `prompt_tokens` that the model was asked with, it had to read `read_tokens`; see `Opened` for `seen_from`.
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
    """How things stand: how search works, and how many messages the manager has yet to read."""

    search_mode: str
    pending: int


@dataclass
class Broke(Event):
    """A bug: something in a thread raised what nobody expected. It ends the app, with its traceback."""

    error: BaseException
