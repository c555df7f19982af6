"""How times are written in the database: ISO 8601 with the offset, so that the user's own day is kept."""

from __future__ import annotations

from datetime import datetime


def now() -> datetime:
    """The time here, with this machine's offset."""
    return datetime.now().astimezone()


def not_before(earlier: datetime | None) -> datetime:
    """The time here, but no earlier than `earlier`: a clock that is set back must not put what follows first."""
    here = now()
    return here if earlier is None or earlier <= here else earlier.astimezone(here.tzinfo)


def to_text(time: datetime) -> str:
    """`time` as it is stored. It must have a time zone: a naive one means another moment elsewhere."""
    if time.utcoffset() is None:
        raise ValueError(f"{time} has no time zone")
    return time.isoformat()
