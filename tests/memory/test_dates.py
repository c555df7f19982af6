"""Dates in messages: counted from the message's own day, and never read more precisely than they were said."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.memory.dates import holds, mentions
from assistant.memory.periods import Period, Precision

FRIDAY = datetime(2026, 11, 27, 23, 30, tzinfo=ZoneInfo("Europe/Berlin"))


@pytest.mark.parametrize(
    ("text", "since"),
    [
        ("I moved to Lima yesterday.", "2026-11-26"),
        ("We met the day before yesterday.", "2026-11-25"),
        ("Last night I quit my job.", "2026-11-26"),
        ("I start tomorrow!", "2026-11-28"),
        ("I got a dog three days ago.", "2026-11-24"),
        ("I got a dog a couple of days ago.", "2026-11-25"),
        ("I adopted Buddy two weeks ago.", "2026-W46"),
        ("I moved 2 months ago.", "2026-09"),
        ("I stopped smoking ten years ago.", "2016"),
        ("We move in two weeks.", "2026-W50"),
        ("I start three months from now.", "2027-02"),
        ("I moved last week.", "2026-W47"),
        ("I moved last weekend.", "2026-W47"),
        ("I moved last month.", "2026-10"),
        ("I will move next month.", "2026-12"),
        ("I retire next year.", "2027"),
        ("He moved in this year.", "2026"),
        ("I started last Friday.", "2026-11-20"),
        ("I started last Thursday.", "2026-11-26"),
        ("I start this Friday.", "2026-11-27"),
        ("I start next Friday.", "2026-12-04"),
        ("I start next Monday.", "2026-11-30"),
        ("I moved last March.", "2026-03"),
        ("I moved last December.", "2025-12"),
        ("I moved last November.", "2025-11"),
        ("I move next November.", "2027-11"),
        ("I moved on 5 May 2024.", "2024-05-05"),
        ("I moved on the 5th of May 2024.", "2024-05-05"),
        ("I moved on May 5th, 2024.", "2024-05-05"),
        ("I moved on 2024-05-05.", "2024-05-05"),
        ("I moved in May 2024.", "2024-05"),
        ("I moved in 2019.", "2019"),
        ("I have lived here since 2019.", "2019"),
        ("I have lived here since March.", "2026-03"),
        ("I have lived here since December.", "2025-12"),
    ],
)
def test_from_when_something_holds(text: str, since: str) -> None:
    assert [str(period) for period in holds(text, FRIDAY)] == [since, "None"]


@pytest.mark.parametrize(
    ("text", "until"),
    [
        ("I am in Rome until tomorrow.", "2026-11-28"),
        ("I work there till next month.", "2026-12"),
        ("I am on leave until June.", "2027-06"),
        ("I am on leave until December.", "2026-12"),
        ("I lived there up to 2019.", "2019"),
    ],
)
def test_until_when_something_holds(text: str, until: str) -> None:
    assert [str(period) for period in holds(text, FRIDAY)] == ["None", until]


def test_both_ends_of_a_time() -> None:
    assert list(map(str, holds("I lived in Oslo from 2010 until 2014.", FRIDAY))) == ["2010", "2014"]


@pytest.mark.parametrize(
    "text",
    [
        "My birthday is on 5 May.",  # Every year.
        "I may go there.",
        "We meet on Friday.",  # This one or the last one.
        "I have 2019 stamps.",
        "I have two weeks off.",
        "A few days ago I moved.",
        "That was 9999 years ago.",
        "Yesterdays are gone.",
        "",
    ],
)
def test_what_says_too_little_is_left_alone(text: str) -> None:
    assert mentions(text, FRIDAY) == []


def test_of_a_day_that_the_calendar_lacks_the_month_is_left() -> None:
    assert str(holds("I moved on 30 February 2025.", FRIDAY)[0]) == "2025-02"


def test_a_mention_knows_the_characters_that_say_it() -> None:
    text = "On 5 May 2024 I met Ann, and last year we married."
    assert [text[m.begin : m.end] for m in mentions(text, FRIDAY)] == ["On 5 May 2024", "last year"]


def test_the_day_is_the_writers_own() -> None:
    moment = datetime(2026, 12, 31, 23, 30, tzinfo=timezone(timedelta(hours=-8)))
    elsewhere = moment.astimezone(timezone(timedelta(hours=9)))
    assert str(holds("I moved today.", moment)[0]) == "2026-12-31"
    assert str(holds("I moved today.", elsewhere)[0]) == "2027-01-01"
    assert str(holds("I moved last month.", elsewhere)[0]) == "2026-12"


def test_a_day_that_is_an_hour_shorter_or_longer_is_a_day() -> None:
    for day in (datetime(2026, 3, 29, 23, 59), datetime(2026, 10, 25, 0, 1)):
        said = day.replace(tzinfo=ZoneInfo("Europe/Berlin"))
        assert str(holds("It began yesterday.", said)[0]) == (day.date() - timedelta(days=1)).isoformat()


def test_leap_days_and_the_ends_of_years() -> None:
    leap_day = datetime(2028, 2, 29, 12, tzinfo=UTC)
    assert str(holds("It began a year ago.", leap_day)[0]) == "2027"
    assert str(holds("It began yesterday.", leap_day)[0]) == "2028-02-28"
    new_year = datetime(2027, 1, 1, 0, 0, tzinfo=UTC)
    assert str(holds("It began yesterday.", new_year)[0]) == "2026-12-31"
    assert str(holds("It began last week.", new_year)[0]) == "2026-W52"
    assert str(holds("It began this week.", new_year)[0]) == "2026-W53"
    assert str(holds("It began last month.", datetime(2026, 3, 31, tzinfo=UTC))[0]) == "2026-02"


@given(st.dates(min_value=date(2, 1, 1), max_value=date(9998, 12, 31)), st.sampled_from(Precision))
def test_a_period_is_written_and_read_as_the_same(day: date, precision: Precision) -> None:
    period = Period.of(day, precision)
    assert Period.parse(str(period)) == period
    assert period.first <= day <= period.last


@given(st.text(), st.datetimes(timezones=st.timezones()))
def test_no_text_is_an_error(text: str, said_at: datetime) -> None:
    mentions(text, said_at)
