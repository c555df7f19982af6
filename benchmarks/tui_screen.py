"""What a terminal shows: takes the bytes that a program writes and keeps the screen that they make.

Promises as much of a terminal as programs use that draw whole screens: text in its width, places, colours behind it,
clearing. Knows nothing of the program, of time, or of scrolling back.
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from functools import lru_cache

_PARTS = re.compile(
    r"\x1b\[(?P<numbers>[0-?]*)[ -/]*(?P<final>[@-~])"
    r"|\x1b[\]PX^_].*?(?:\x07|\x1b\\)"
    r"|\x1b[ -/]*[0-OQ-WYZ\\`-~]"
    r"|(?P<control>[\x00-\x1a\x1c-\x1f\x7f])"
    r"|(?P<text>[^\x00-\x1f\x7f]+)",
    re.DOTALL,
)
"""A sequence that sets something, one that holds a string, any other one, a control character, text."""

Rows = list[list[str]]


class Screen:
    """A screen of `rows` lines. `changes` counts the times that something on it became something else."""

    def __init__(self, rows: int, columns: int) -> None:
        self.rows, self.columns = rows, columns
        self.changes = 0
        self._y = self._x = 0
        self._behind = ""
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._rest = ""
        self._characters = _filled(rows, columns, " ")
        self._backgrounds = _filled(rows, columns, "")

    @property
    def lines(self) -> list[str]:
        """The text of each line; of a wide character, the second cell is empty."""
        return ["".join(row).rstrip() for row in self._characters]

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    def background(self, y: int, x: int) -> str:
        """The colour behind that cell, as the program named it; "" where it named none."""
        return self._backgrounds[y][x]

    def place_of(self, text: str) -> tuple[int, int] | None:
        """The line and the column, counted from 0, at which `text` begins; None if it is not there."""
        for y, row in enumerate(self._characters):
            if (x := "".join(cell or "\0" for cell in row).find(text)) >= 0:
                return y, x
        return None

    def resize(self, rows: int, columns: int) -> None:
        """Has another size; what no longer fits is gone, as nobody drew it for that size."""
        for grid, empty in ((self._characters, " "), (self._backgrounds, "")):
            grid[:] = [(row + [empty] * columns)[:columns] for row in grid[:rows]]
            grid.extend(_filled(rows - len(grid), columns, empty))
        self.rows, self.columns = rows, columns
        self._y, self._x = min(self._y, rows - 1), min(self._x, columns - 1)

    def feed(self, data: bytes) -> None:
        """Draws what the program wrote. A sequence may end in the middle, and go on the next time."""
        said = self._rest + self._decoder.decode(data)
        at = 0
        while at < len(said) and (part := _PARTS.match(said, at)):
            at = part.end()
            if (text := part["text"]) is not None:
                self._write(text)
            elif (control := part["control"]) is not None:
                self._control(control)
            elif (final := part["final"]) is not None:
                self._sequence(part["numbers"], final)
        self._rest = said[at:]

    def _write(self, text: str) -> None:
        if text.isascii():
            cells = list(text)
        else:
            cells = [cell for character in text for cell in _cells(character)]
        while cells:
            if self._x >= self.columns:
                self._x = 0
                self._line_feed()
            fitting, cells = cells[: self.columns - self._x], cells[self.columns - self._x :]
            self._put(fitting)
            self._x += len(fitting)

    def _put(self, cells: list[str]) -> None:
        here = slice(self._x, self._x + len(cells))
        for grid, new in ((self._characters, cells), (self._backgrounds, [self._behind] * len(cells))):
            row = grid[self._y]
            if row[here] != new:
                row[here] = new
                self.changes += 1

    def _control(self, control: str) -> None:
        match control:
            case "\r":
                self._x = 0
            case "\n":
                self._line_feed()
            case "\b":
                self._x = max(0, self._x - 1)

    def _line_feed(self) -> None:
        if self._y < self.rows - 1:
            self._y += 1
            return
        self.changes += 1
        for grid, empty in ((self._characters, " "), (self._backgrounds, "")):
            del grid[0]
            grid.append([empty] * self.columns)

    def _sequence(self, numbers: str, final: str) -> None:
        if final == "m":
            self._behind = _background(numbers, self._behind)
        elif numbers[:1] == "?":
            if final in "hl" and "1049" in numbers:  # Programs draw on a second screen, which is empty at first.
                self._clear(0, 0, self.rows)
        elif numbers[:1] not in ("<", "=", ">"):
            given = [int(number or 0) for number in numbers.split(";")]
            self._move(given, final)
            self._erase(given[0], final)

    def _move(self, given: list[int], final: str) -> None:
        by = given[0] or 1
        match final:
            case "H" | "f":
                self._y, self._x = by - 1, (given[1] if len(given) > 1 and given[1] else 1) - 1
            case "A":
                self._y -= by
            case "B":
                self._y += by
            case "C":
                self._x += by
            case "D":
                self._x -= by
            case "G":
                self._x = by - 1
            case "d":
                self._y = by - 1
            case _:
                return
        self._y, self._x = min(max(0, self._y), self.rows - 1), min(max(0, self._x), self.columns - 1)

    def _erase(self, which: int, final: str) -> None:
        if final == "J":
            if which == 0:
                self._clear(self._y, self._x, self.rows)
            elif which == 2:
                self._clear(0, 0, self.rows)
        elif final == "K" and which == 0:
            self._clear(self._y, self._x, self._y + 1)

    def _clear(self, y: int, x: int, end: int) -> None:
        """Empties from that cell on to the line before `end`."""
        kept = self._y, self._x
        for self._y in range(y, end):
            self._x = x if self._y == y else 0
            self._put([" "] * (self.columns - self._x))
        self._y, self._x = kept


def _filled(rows: int, columns: int, cell: str) -> Rows:
    return [[cell] * columns for _ in range(rows)]


@lru_cache(4096)
def _cells(character: str) -> tuple[str, ...]:
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return ()
    return (character, "") if unicodedata.east_asian_width(character) in "WF" else (character,)


@lru_cache(4096)
def _background(numbers: str, before: str) -> str:
    """The colour behind the text from now on, after the numbers of an `m` sequence."""
    parts = numbers.split(";")
    now = before
    while parts:
        match parts.pop(0):
            case "" | "0" | "49":
                now = ""
            case "38" | "48" as which:
                length = 4 if parts[:1] == ["2"] else 2
                colour, parts = parts[:length], parts[length:]
                now = ";".join(colour) if which == "48" else now
            case number if number.startswith(("4", "10")) and len(number) == (3 if number[0] == "1" else 2):
                now = number
    return now
