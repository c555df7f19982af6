"""What begins with a slash: a command for the assistant itself, in place of a message. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Command(StrEnum):
    """What can be asked for by a slash."""

    REMEMBER = "remember"
    FORGET = "forget"
    WHY = "why"
    TEMP = "temp"
    PAUSE = "pause"
    MODEL = "model"
    EXPORT = "export"
    NEW = "new"
    FIND = "find"
    TOUR = "tour"
    HELP = "help"


WHAT = {
    Command.REMEMBER: ("TEXT", "remember this, word for word"),
    Command.FORGET: ("TEXT", "forget what says this, after you chose"),
    Command.WHY: ("", "where the last answer comes from"),
    Command.TEMP: ("", "a conversation of which nothing is kept"),
    Command.PAUSE: ("", "remember nothing of what is said, until /pause again"),
    Command.MODEL: ("[NAME]", "which model answers; choose another"),
    Command.EXPORT: ("[FILE]", "write this conversation as Markdown"),
    Command.NEW: ("", "a new conversation; what is remembered stays"),
    Command.FIND: ("[TEXT]", "look through all conversations"),
    Command.TOUR: ("", "a look around, on a sample of which nothing is kept"),
    Command.HELP: ("", "keys and marks"),
}
"""What each takes and does."""


@dataclass(frozen=True, slots=True)
class Slash:
    """A command and the words after it."""

    command: Command
    rest: str


def parse(text: str) -> Slash | str | None:
    """The command in `text`; None if it is a message; or the name of a command that there is not.

    A message that begins with a slash is written with two. One with a second slash in its first word is a path, and so
    a message.
    """
    said = text.strip()
    name, _, rest = said[1:].partition(" ")
    if not said.startswith("/") or said.startswith("//") or "/" in name or "\n" in name:
        return None
    try:
        return Slash(Command(name.lower()), rest.strip())
    except ValueError:
        return name


def as_message(text: str) -> str:
    """`text` without the slash that kept it from being a command."""
    said = text.lstrip()
    return said[1:] if said.startswith("//") else text


def fitting(text: str) -> list[Command]:
    """The commands that what is typed so far may become; none once the name is whole and something follows."""
    if not text.startswith("/") or text.startswith("//") or any(c.isspace() for c in text):
        return []
    return [command for command in Command if command.value.startswith(text[1:].lower())]


def completed(text: str) -> str:
    """What is typed so far, with the name of the only command that it can become; "" if there is not one."""
    found = fitting(text)
    return f"/{found[0]} " if len(found) == 1 and text != f"/{found[0]} " else ""
