"""Days that a user may ask for, in words and in numbers, and how days and changes are told.

Pure.
"""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta, tzinfo

from textual.content import Content

from assistant.memory.diffing import PieceKind, changes
from assistant.memory.hidden import made_visible
from assistant.tui.shown import plain

DAYS = "2026-03-01, 2026-03, -30 for thirty days ago, yesterday, last week, last month or last year"
"""What `day_in` understands."""
_NAMED = {"today": 0, "yesterday": 1, "last week": 7, "last month": 30, "last year": 365}
_BACK = re.compile(r"-\s*(\d{1,5})\s*(d|days?|w|weeks?|m|months?|y|years?)?")
_LENGTHS = {"d": 1, "w": 7, "m": 30, "y": 365}


def day_in(text: str, today: date) -> date | None:
    """The day that `text` names: the last one of a month or a year, as what is known by then is asked for.

    None if it names none.
    """
    said = " ".join(text.lower().split())
    try:
        if said in _NAMED:
            return today - timedelta(days=_NAMED[said])
        if back := _BACK.fullmatch(said):
            return today - timedelta(days=int(back[1]) * _LENGTHS[(back[2] or "d")[0]])
        if re.fullmatch(r"\d{4}", said):
            return date(int(said), 12, 31)
        if month := re.fullmatch(r"(\d{4})-(\d{1,2})", said):
            year, number = int(month[1]), int(month[2])
            return date(year + number // 12, number % 12 + 1, 1) - timedelta(days=1) if 1 <= number <= 12 else None
        if day := re.fullmatch(r"(\d{4})-(\d{1,2})-(\d{1,2})", said):
            return date(int(day[1]), int(day[2]), int(day[3]))
    except (ValueError, OverflowError):
        return None
    return None


def end_of(day: date, zone: tzinfo | None) -> datetime:
    """The last moment of a day."""
    return datetime.combine(day, time.max, zone)


def in_words(day: date) -> str:
    """As "1 March 2026"."""
    return f"{day.day} {day:%B} {day.year}"


def seen(text: str) -> Content:
    """`text` with whatever nobody could see in it made visible."""
    return Content(made_visible(plain(text)))


def difference(before: str, after: str) -> Content:
    """What has changed between two texts: `[-gone-]` is struck through, `{+new+}` is bold."""
    parts: list[Content] = []
    for piece in changes(before, after):
        if piece.kind is PieceKind.GONE:
            parts.append(_marked("[-", piece.text, "-]", "strike", "$error"))
        elif piece.kind is PieceKind.NEW:
            parts.append(_marked("{+", piece.text, "+}", "bold", "$success"))
        else:
            parts.append(seen(piece.text))
    return Content("").join(parts)


def _marked(begin: str, text: str, end: str, style: str, color: str) -> Content:
    """`text` between marks, with the spaces around it outside of them, unless there is nothing else."""
    inner = text.strip(" ") or text
    ahead, _, behind = text.partition(inner)
    return Content.assemble(ahead, Content.assemble(begin, seen(inner).stylize(style), end).stylize(color), behind)
