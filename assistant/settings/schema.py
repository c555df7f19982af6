"""What can be set: its name, kind, bounds and default, and what it is for.

Promises that a text becomes a value that is allowed, or an InputError that says what is. Knows nothing of files.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from assistant.errors import InputError

_YES, _NO = ("on", "true", "yes", "1"), ("off", "false", "no", "0")


class Origin(StrEnum):
    """Where a value comes from. The environment goes before the file."""

    DEFAULT = "default"
    FILE = "file"
    ENVIRONMENT = "environment"


class Theme(StrEnum):
    """The looks of the app."""

    AUTO = "auto"
    DARK = "dark"
    LIGHT = "light"


class SendKey(StrEnum):
    """The key that sends a message; the other one of the two begins a new line."""

    ENTER = "enter"
    ALT_ENTER = "alt+enter"


class Fold(StrEnum):
    """How the list of the memories that an answer used is shown at first."""

    FOLDED = "folded"
    OPEN = "open"


class LogLevel(StrEnum):
    """What the log keeps."""

    OFF = "off"
    ERRORS = "errors"
    NORMAL = "normal"
    FULL = "full"


Value = StrEnum | bool | int


@dataclass(frozen=True, slots=True)
class Setting:
    """One thing that can be set. Of a number, `least` and `most` are the bounds, and `zero` is what 0 is called."""

    name: str
    kind: type[StrEnum] | type[bool] | type[int]
    default: Value
    description: str
    least: int = 0
    most: int = 0
    zero: str = ""

    @property
    def variable(self) -> str:
        """The environment variable that sets it."""
        return f"RECOLLECT_{self.name.upper()}"

    @property
    def choices(self) -> tuple[str, ...]:
        """All values that it may have, as they are written; none of a number, which has bounds."""
        if issubclass(self.kind, StrEnum):
            return tuple(choice.value for choice in self.kind)
        return ("on", "off") if self.kind is bool else ()

    @property
    def allowed(self) -> str:
        """What it may be, in words."""
        if self.choices:
            return f"{', '.join(self.choices[:-1])} or {self.choices[-1]}"
        number = f"a whole number from {self.least} to {self.most}"
        return f"{self.zero} or {number}" if self.zero else number

    def parse(self, text: str) -> Value:
        """The value that `text` stands for. Raises InputError."""
        value = self._value(text.strip().lower())
        if value is None:
            raise InputError(f"{self.name} cannot be {text[:40]!r}.", f"It can be {self.allowed}.")
        return value

    def shown(self, value: Value) -> str:
        """`value` as it is written."""
        if isinstance(value, bool):
            return "on" if value else "off"
        return self.zero if self.zero and value == 0 else str(value)

    def plain(self, value: Value) -> str | bool | int:
        """`value` as it stands in a file, a 0 that has a name by that name."""
        return value if isinstance(value, int) and not (self.zero and value == 0) else self.shown(value)

    def _value(self, word: str) -> Value | None:
        if issubclass(self.kind, StrEnum):
            return self.kind(word) if word in self.choices else None
        if self.kind is bool:
            return True if word in _YES else False if word in _NO else None
        if self.zero and word in (self.zero, "0"):
            return 0
        number = int(word) if word.isascii() and word.isdigit() and len(word) < 10 else -1
        return number if self.least <= number <= self.most else None


SCHEMA: tuple[Setting, ...] = (
    Setting("theme", Theme, Theme.AUTO, "the looks: dark, light, or as the terminal's background is, if it tells"),
    Setting("send_key", SendKey, SendKey.ENTER, "the key that sends a message; the other one begins a new line"),
    Setting("markdown", bool, True, "whether answers are drawn as Markdown, or as the plain text that they are"),
    Setting("show_memories", Fold, Fold.FOLDED, "whether the memories that an answer used are folded or open at first"),
    Setting(
        "threads",
        int,
        0,
        "how many threads the model computes with; auto is one less than there are cores; from the next start on",
        least=1,
        most=256,
        zero="auto",
    ),
    Setting("backups_kept", int, 7, "how many backups are kept; the oldest go", least=1, most=365),
    Setting(
        "log",
        LogLevel,
        LogLevel.NORMAL,
        "what the log keeps: errors, or also what was done (normal); only in full may it hold what you said",
    ),
)


def named(name: str) -> Setting:
    """The setting of that name. Raises InputError."""
    for setting in SCHEMA:
        if setting.name == name:
            return setting
    raise InputError(f"There is no setting named {name}.", f"There are: {', '.join(each.name for each in SCHEMA)}.")


def looks(theme: Theme, environ: Mapping[str, str] = os.environ) -> Theme:
    """Dark or light. Auto is light where the terminal says in COLORFGBG that its background is white, else dark."""
    if theme is not Theme.AUTO:
        return theme
    background = environ.get("COLORFGBG", "").rpartition(";")[2]
    return Theme.LIGHT if background in ("7", "15") else Theme.DARK
