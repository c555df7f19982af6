"""What stands in a file of JSON and where, so that whoever has to mend it is told the place and what is wrong there.

Promises that every objection is a TrainingError. Knows nothing of the formats.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from assistant.conversation.recordings import read_json, read_utf8
from assistant.errors import InputError
from trainer.errors import TrainingError


@dataclass(frozen=True, slots=True)
class Place:
    """A value, and the way to it from the beginning of the file; `hint` says what the file has to be like."""

    file: Path
    way: str
    value: Any
    hint: str

    def wrong(self, what: str) -> TrainingError:
        """To be raised: what is wrong at this place."""
        where = f"{self.file}, {self.way}" if self.way else str(self.file)
        return TrainingError(f"{where}: {what}.", self.hint)

    def names(self) -> tuple[str, ...]:
        """The keys of an object."""
        if not isinstance(self.value, dict):
            raise self.wrong("an object was expected here")
        return tuple(self.value)

    def find(self, key: str) -> Place | None:
        """What stands under `key`; None where nothing does."""
        found = self.value[key] if key in self.names() else None
        return None if found is None else replace(self, way=f"{self.way}.{key}".lstrip("."), value=found)

    def at(self, key: str) -> Place:
        """What stands under `key`, where something must."""
        found = self.find(key)
        if found is None:
            raise self.wrong(f'"{key}" is missing')
        return found

    def items(self) -> tuple[Place, ...]:
        """The items of a list, counted from 0 as in the file."""
        if not isinstance(self.value, list):
            raise self.wrong("a list was expected here")
        return tuple(replace(self, way=f"{self.way}[{i}]", value=item) for i, item in enumerate(self.value))

    def text(self) -> str:
        """A text, without the blanks around it."""
        if not isinstance(self.value, str):
            raise self.wrong("a text was expected here")
        try:
            self.value.encode()
        except UnicodeEncodeError as error:
            raise self.wrong("the text is no Unicode") from error
        return self.value.strip()

    def words(self) -> str:
        """A text in which something stands."""
        text = self.text()
        if not text:
            raise self.wrong("there is no text")
        return text

    def answer(self) -> str:
        """A text in which something stands, or a number as one."""
        if isinstance(self.value, int | float) and not isinstance(self.value, bool):
            return str(self.value)
        return self.words()


def file_of(path: Path, name: str) -> Path:
    """The file called `name` in the folder `path`, or `path` itself where that is no folder."""
    return path / name if path.is_dir() else path


def whole(path: Path, hint: str) -> Place:
    """All of a file of JSON."""
    try:
        return Place(path, "", read_json(path, hint), hint)
    except InputError as error:
        raise TrainingError(error.message, error.hint) from error


def lines(path: Path, hint: str) -> tuple[Place, ...]:
    """The values of a file that holds one of JSON a line; there is at least one."""
    try:
        written = read_utf8(path).split("\n")
    except InputError as error:
        raise TrainingError(error.message, error.hint) from error
    found = tuple(_line(path, number, line, hint) for number, line in enumerate(written, 1) if line.strip())
    if not found:
        raise TrainingError(f"{path} is empty.", hint)
    return found


def _line(path: Path, number: int, line: str, hint: str) -> Place:
    try:
        return Place(path, f"line {number}", json.loads(line), hint)
    except (ValueError, RecursionError) as error:
        raise TrainingError(f"{path}, line {number}: this is not JSON ({error}).", hint) from error
