"""Days, weeks, months and years: what is known of when something holds.

Knows nothing of how people say it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Any


class Precision(StrEnum):
    """How much of a date is known."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    YEAR = "year"


_UNITS = {Precision.DAY: "days", Precision.WEEK: "weeks", Precision.MONTH: "months", Precision.YEAR: "years"}


@dataclass(frozen=True, slots=True)
class Period:
    """A day, week, month or year. Written as ISO 8601 does: 2026-11-27, 2026-W48, 2026-11, 2026."""

    first: date
    """Its first day."""
    precision: Precision

    @classmethod
    def of(cls, day: date, precision: Precision) -> Period:
        """The period of that precision that `day` lies in; weeks begin on Monday."""
        match precision:
            case Precision.DAY:
                return cls(day, precision)
            case Precision.WEEK:
                return cls(day - timedelta(days=day.weekday()), precision)
            case Precision.MONTH:
                return cls(day.replace(day=1), precision)
            case Precision.YEAR:
                return cls(day.replace(month=1, day=1), precision)

    @classmethod
    def parse(cls, text: str) -> Period:
        """The period that `str` has written. Raises ValueError."""
        if re.fullmatch(r"\d{4}", text):
            return cls(date(int(text), 1, 1), Precision.YEAR)
        if re.fullmatch(r"\d{4}-\d{2}", text):
            return cls(date(int(text[:4]), int(text[5:]), 1), Precision.MONTH)
        precision = Precision.WEEK if re.fullmatch(r"\d{4}-W\d{2}", text) else Precision.DAY
        return cls(date.fromisoformat(text), precision)

    @property
    def last(self) -> date:
        """Its last day. At the end of the calendar, the calendar's last."""
        try:
            following = later(self.first, 1, self.precision)
            return following - timedelta(days=1)
        except (OverflowError, ValueError):
            return date.max

    def __str__(self) -> str:
        match self.precision:
            case Precision.DAY:
                return self.first.isoformat()
            case Precision.WEEK:
                year, week, _ = self.first.isocalendar()
                return f"{year:04}-W{week:02}"
            case Precision.MONTH:
                return self.first.isoformat()[:7]
            case Precision.YEAR:
                return self.first.isoformat()[:4]


def later(day: date, number: int, unit: Precision) -> date:
    """`number` of those units later, or earlier; at the end of a shorter month, its last day."""
    # Imported late: whoever only shows memories does without it, and the app starts the sooner.
    from dateutil.relativedelta import relativedelta

    options: dict[str, Any] = {_UNITS[unit]: number}
    return day + relativedelta(**options)
