"""The head of a GGUF file, read from front to back: numbers, texts, and lists passed over.

Promises that no file, whatever it claims, takes more than bounded time and memory. Does not know what values mean.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO

from assistant.errors import ModelFileError

MAX_HEAD = 256 << 20
"""Bytes. The largest vocabularies in use (a quarter of a million words, half a million merges) take 15 MB."""

MAX_ITEMS = 1 << 21
"""Strings in all lists together, because each of them must be looked at to find the next one."""

WINDOW = 1 << 20
FETCH_AGAIN = "Download it again."
_LENGTH = struct.Struct("<Q")


class GgufReader:
    """The head of a file, read from front to back through a window."""

    def __init__(self, path: Path, file: BinaryIO, size: int) -> None:
        self.path = path
        self.size = size
        self._file = file
        self._window = b""
        self._start = 0
        self.position = 0
        self._items = 0

    def damaged(self, what: str) -> ModelFileError:
        return ModelFileError(f"The model file {self.path} is damaged: {what}.", FETCH_AGAIN)

    def take(self, count: int) -> bytes:
        """The next `count` bytes."""
        begin = self.position - self._start
        if not 0 <= begin <= begin + count <= len(self._window):
            self._move(count)
            begin = 0
        self.position += count
        return self._window[begin : begin + count]

    def skip(self, count: int) -> None:
        self._check(count)
        self.position += count

    def number(self, form: str) -> int | float:
        value: int | float = struct.unpack(form, self.take(struct.calcsize(form)))[0]
        return value

    def integer(self, form: str) -> int:
        return int(self.number(form))

    def text(self, limit: int, what: str) -> str:
        """A string of at most `limit` bytes. Bytes that are no UTF-8 do not matter: such a name matches nothing."""
        length = self.integer("<Q")
        if length > limit:
            raise self.damaged(f"{what} has {length} bytes, more than {limit}")
        return self.take(length).decode(errors="replace")

    def skip_text(self) -> None:
        self.skip(self.integer("<Q"))

    def skip_texts(self, count: int) -> None:
        """Passes over `count` strings, in one plain loop: a vocabulary has hundreds of thousands."""
        self._items += count
        if self._items > MAX_ITEMS:
            raise self.damaged(f"its lists have more than {MAX_ITEMS} words")
        while count:
            self._move(8)
            window, place = self._window, 0
            last = len(window) - 8
            while count and place <= last:
                place += 8 + _LENGTH.unpack_from(window, place)[0]
                count -= 1
            self.skip(place)

    def _check(self, count: int) -> None:
        end = self.position + count
        if end > self.size:
            raise ModelFileError(f"The model file {self.path} is cut off: it ends within its head.", FETCH_AGAIN)
        if end > MAX_HEAD:
            raise self.damaged(f"its head has more than {MAX_HEAD} bytes")

    def _move(self, count: int) -> None:
        """Moves the window to the position, with at least `count` bytes."""
        self._check(count)
        self._file.seek(self.position)
        self._start, self._window = self.position, self._file.read(max(count, WINDOW))
        if len(self._window) < count:
            raise ModelFileError(f"The model file {self.path} became shorter while it was read.", FETCH_AGAIN)
