"""A conversation as Markdown, for people: its title, when it was, and who said what on the branch that is shown.

Promises that what was said stands there word for word, and that no file that is there is written over.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from assistant.errors import InputError, NotWritable
from assistant.memory.bank import MemoryBank, Message, MessageRole, MessageState

ASSISTANT = "Recollect"
USER = "You"
_ALL = 2**31 - 1
_STATES = {MessageState.PARTIAL: "cut off", MessageState.STOPPED: "stopped"}


def as_markdown(bank: MemoryBank, conversation_id: int) -> str:
    """The conversation, its shown branch whole; of what stands beside that is said how much. Raises NotFoundError."""
    conversation = bank.conversation(conversation_id)
    messages = bank.messages(conversation_id, _ALL)
    places = bank.sibling_places([message.id for message in messages])
    begun = messages[0].created_at if messages else conversation.created_at
    lines = [f"# {conversation.title or f'Conversation {conversation_id}'}", "", _dates(begun, messages)]
    for message in messages:
        lines += ["", f"## {_heading(message, places.get(message.id))}", "", message.text]
    return "\n".join(lines) + "\n"


def write(text: str, path: Path) -> None:
    """Writes a new file that its owner alone can read; it gets its name once it is whole.

    Raises InputError if there is one of that name, NotWritable if there cannot be.
    """
    if path.exists():
        raise InputError(f"{path} is there already.", "Name another file.")
    partial = path.with_name(path.name + ".partial")
    try:
        partial.unlink(missing_ok=True)
        partial.touch(mode=0o600, exist_ok=False)
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        raise NotWritable(f"{path} cannot be written ({error.strerror}).", "Name another file.") from error
    finally:
        partial.unlink(missing_ok=True)


def _dates(begun: datetime, messages: list[Message]) -> str:
    """From when until when, each as it was on the clock of the place where it was."""
    last = messages[-1].created_at if messages else begun
    days = f"{begun:%Y-%m-%d}" if begun.date() == last.date() else f"{begun:%Y-%m-%d} to {last:%Y-%m-%d}"
    return f"{days}, {len(messages)} {'message' if len(messages) == 1 else 'messages'}"


def _heading(message: Message, place: tuple[int, int] | None) -> str:
    who = message.speaker or (USER if message.role is MessageRole.USER else ASSISTANT)
    notes = [_STATES[message.state]] if message.state in _STATES else []
    if place is not None:
        what = "version" if message.role is MessageRole.USER else "answer"
        notes.append(f"{what} {place[0]} of {place[1]}; the others are not shown")
    return " · ".join([who, f"{message.created_at:%Y-%m-%d %H:%M}", *notes])
