"""When what was said holds: the dates in a message, counted from when and where it was written.

Promises that "last Friday" is counted from the day of the message on its writer's own calendar, never from today, and
that nothing is read more precisely than it was said: "two weeks ago" is a week, "in 2019" a year. What could as well be
the past as the future, such as "on 5 May", and what is no date of the calendar, is left alone. English only.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from assistant.memory.periods import Period, Precision, later


@dataclass(frozen=True, slots=True)
class Mention:
    """A date in a text: which characters say it, and from when or until when something holds by it.

    Exactly one of `since` and `until` is set.
    """

    begin: int
    end: int
    since: Period | None = None
    until: Period | None = None


def mentions(text: str, said_at: datetime) -> list[Mention]:
    """The dates that `text` mentions, in their order, counted from the writer's own day of `said_at`."""
    today = said_at.date()
    found: list[Mention] = []
    for pattern, read in _RULES:
        for match in pattern.finditer(text):
            try:
                period = read(match, today)
            except (OverflowError, ValueError):  # "30 February 2025", "in 9,999 years": no day of the calendar.
                continue
            if period is None:
                continue
            if _before(match) in _UNTIL:
                found.append(Mention(*match.span(), until=period))
            else:
                found.append(Mention(*match.span(), since=period))
    return _without_overlaps(found)


def holds(text: str, said_at: datetime) -> tuple[Period | None, Period | None]:
    """From when and until when what `text` says holds, as far as it says: the first of each that it mentions."""
    found = mentions(text, said_at)
    since = next((m.since for m in found if m.since is not None), None)
    until = next((m.until for m in found if m.until is not None), None)
    return since, until


def _without_overlaps(found: Iterable[Mention]) -> list[Mention]:
    """Of those that share characters the one that begins first, of those the longest."""
    kept: list[Mention] = []
    for mention in sorted(found, key=lambda m: (m.begin, -m.end)):
        if not kept or mention.begin >= kept[-1].end:
            kept.append(mention)
    return kept


_NUMBERS = {
    "a": 1, "an": 1, "one": 1, "a couple of": 2, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7,
    "eight": 8, "nine": 9, "ten": 10, "eleven": 11, "twelve": 12,
}  # fmt: skip
_MONTHS = (
    "january", "february", "march", "april", "may", "june",
    "july", "august", "september", "october", "november", "december",
)  # fmt: skip
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_NAMED_DAYS = {
    "the day before yesterday": -2, "yesterday": -1, "last night": -1, "today": 0, "tonight": 0, "this morning": 0,
    "this afternoon": 0, "this evening": 0, "tomorrow": 1, "the day after tomorrow": 2,
}  # fmt: skip
_UNTIL = ("until", "till", "up to")
_SINCE = ("since", "from", "as of")
_WHICH = {"last": -1, "this": 0, "next": 1}


def _any_of(words: Iterable[str]) -> str:
    return "|".join(sorted(words, key=len, reverse=True))


_COUNTED = rf"(?P<number>\d{{1,4}}|{_any_of(_NUMBERS)}) (?P<unit>day|week|month|year)s?"
_MONTH = rf"(?P<month>{_any_of(_MONTHS)})"
_DAY = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?"
_YEAR = r"(?P<year>(?:19|20)\d\d)"

Read = Callable[[re.Match[str], date], Period | None]
"""A match and the day of the message to what is meant; None if it says too little. May raise ValueError."""
Rule = tuple[re.Pattern[str], Read]


def _rule(pattern: str, read: Read) -> Rule:
    before = r"(?:(?P<before>until|till|up to|since|from|as of|on|in) )?"
    return re.compile(rf"\b{before}(?:{pattern})\b", re.IGNORECASE), read


def _before(match: re.Match[str]) -> str:
    return (match["before"] or "").lower()


def _named_day(match: re.Match[str], today: date) -> Period:
    return Period(today + timedelta(days=_NAMED_DAYS[match["name"].lower()]), Precision.DAY)


def _counted(match: re.Match[str], today: date, sign: int) -> Period:
    number = sign * (_NUMBERS.get(match["number"].lower()) or int(match["number"]))
    precision = Precision(match["unit"].lower())
    return Period.of(later(today, number, precision), precision)


def _neighbour(match: re.Match[str], today: date) -> Period:
    """Last, this or next week, month or year."""
    precision = Precision(match["unit"].lower().replace("weekend", "week"))
    return Period.of(later(today, _WHICH[match["which"].lower()], precision), precision)


def _weekday(match: re.Match[str], today: date) -> Period:
    """The Friday before today, the first one from today on, the first one after today."""
    from dateutil import relativedelta as delta

    weekday = delta.weekday(_WEEKDAYS.index(match["weekday"].lower()))
    which = _WHICH[match["which"].lower()]
    towards = delta.relativedelta(days=which, weekday=weekday(-1 if which < 0 else 1))
    return Period(today + towards, Precision.DAY)


def _month_near(match: re.Match[str], today: date) -> Period:
    """The May before this month, that of this year, the one after this month."""
    number = _MONTHS.index(match["month"].lower()) + 1
    match match["which"].lower():
        case "last":
            year = today.year - (number >= today.month)
        case "next":
            year = today.year + (number <= today.month)
        case _:
            year = today.year
    return Period(date(year, number, 1), Precision.MONTH)


def _calendar_day(match: re.Match[str], _: date) -> Period:
    return Period(date(int(match["year"]), _MONTHS.index(match["month"].lower()) + 1, int(match["day"])), Precision.DAY)


def _calendar_month(match: re.Match[str], _: date) -> Period:
    return Period(date(int(match["year"]), _MONTHS.index(match["month"].lower()) + 1, 1), Precision.MONTH)


def _month_alone(match: re.Match[str], today: date) -> Period | None:
    """The May before, for "since May"; the May to come, for "until May". This month is both."""
    number = _MONTHS.index(match["month"].lower()) + 1
    if _before(match) in _SINCE:
        return Period(date(today.year - (number > today.month), number, 1), Precision.MONTH)
    if _before(match) in _UNTIL:
        return Period(date(today.year + (number < today.month), number, 1), Precision.MONTH)
    return None


def _year_alone(match: re.Match[str], _: date) -> Period | None:
    """A number is a year where "in", "since" or "until" says so."""
    return Period(date(int(match["year"]), 1, 1), Precision.YEAR) if match["before"] else None


def _to_come(match: re.Match[str], today: date) -> Period | None:
    return _counted(match, today, 1) if _before(match) == "in" or match["from_now"] else None


_RULES: tuple[Rule, ...] = (
    _rule(rf"(?P<name>{_any_of(_NAMED_DAYS)})", _named_day),
    _rule(rf"{_COUNTED} ago", lambda match, today: _counted(match, today, -1)),
    _rule(rf"{_COUNTED}(?P<from_now> from now)?", _to_come),
    _rule(r"(?P<which>last|this|next) (?P<unit>weekend|week|month|year)", _neighbour),
    _rule(rf"(?P<which>last|this|next) (?P<weekday>{_any_of(_WEEKDAYS)})", _weekday),
    _rule(rf"(?P<which>last|this|next) {_MONTH}", _month_near),
    _rule(r"(?P<iso>\d{4}-\d\d-\d\d)", lambda match, _: Period.parse(match["iso"])),
    _rule(rf"{_DAY}(?: of)? {_MONTH},? {_YEAR}", _calendar_day),
    _rule(rf"{_MONTH} {_DAY},? {_YEAR}", _calendar_day),
    _rule(rf"{_MONTH},?(?: of)? {_YEAR}", _calendar_month),
    _rule(_MONTH, _month_alone),
    _rule(_YEAR, _year_alone),
)
"""From the longest to the shortest way to say a thing: where two begin alike, the longer one counts."""
