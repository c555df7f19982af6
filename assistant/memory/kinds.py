"""What a memory speaks of, told from its words by fixed rules: what a user would look through a list for.

Promises that the same words are always of the same kind. English only; words of other languages are of the kind OTHER
unless they begin with "User". It cannot tell the name of a person from that of a pet or a place ("Lisbon has trams" is
taken for a person's), a wish from a plan, or a habit that is over from an event; a text that says two things is of the
first kind that fits; and a plan stays one when its day is over. Knows nothing of databases or models.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from enum import StrEnum
from functools import cache

from assistant.memory.periods import Period


class MemoryKind(StrEnum):
    """What a memory speaks of, in the order in which it is asked."""

    PERSON = "person"
    """Somebody else: whom the user has, or what that one does, likes and plans."""
    PREFERENCE = "preference"
    """What the user likes or not."""
    PLAN = "plan"
    """What lay ahead of the user when it was said."""
    EVENT = "event"
    """What the user did, or what happened to them, once."""
    YOU = "you"
    """How things stand with the user: home, work, health, pets and possessions."""
    OTHER = "other"
    """What does not begin with whom it is about: notes."""


PEOPLE = (
    "sister|brother|mother(?! tongue)|mum|mom|father|dad|parents|wife|husband|partner|girlfriend|boyfriend|fianc[eé]e?"
    r"|son|daughter|kid|child|niece|nephew|cousin|aunt|uncle|grand\w+|friend|flatmate|roommate|neighbou?r|colleague"
    "|coworker|boss"
)
"""What somebody can be to another, as a pattern for one of them."""

_SOMEBODY = rf"(?:{PEOPLE}|children|family|spouse|ex|teammate|team mate|in-law)s?\b(?!['-])"
_USER = r"(?:(?:The )?[Uu]ser|I|We)\b(?!'s\b)"
_OWN = r"(?:(?:The )?[Uu]ser's|My|Our)"
_ABOUT_ANOTHER = (
    rf"{_OWN} (?:\w+[ -]){{0,2}}{_SOMEBODY}"
    rf"|{_USER}(?: has|'ve got| have(?: got)?)"
    rf" (?:(?:an?|one|two|three|four|five|six|\d+|some|many) (?:\w+[ -]){{0,2}})?{_SOMEBODY}"
    rf"|[A-Z]\S* (?:is|was) (?:{_OWN}|my|our) (?:\w+[ -]){{0,2}}{_SOMEBODY}"
)
_ABOUT_THE_USER = rf"{_USER}|{_OWN} |[A-Z]\S* (?:is|was) (?:{_OWN}|my|our) "
_NO_NAMES = (
    "The An? This That These Those There It Its In On At For By To From With As If When While After Before During Since"
    " Because Every Each All Some Any Most Many Both One No Not Never Always Now Today Yesterday Tomorrow Last Next He"
    " She They His Her Their You Your What Why How Where Who Hello Hey Monday Tuesday Wednesday Thursday Friday"
    " Saturday Sunday January February March April May June July August September October November December"
).replace(" ", "|")
_NAME = (
    rf"(?!(?:{_NO_NAMES})\b)"
    r"[^\W\d_a-z][^\W\d_]*[a-z][\w-]*(?: [A-Z][\w-]*)?"
    r"(?:'s? \w+|,? (?:and|along with) (?:[A-Z]|his\b|her\b|their\b)"
    r"| (?:(?:also|always|often|never|recently|really|currently|once|just|usually|still|no longer) )?"
    r"(?:(?:is|was|are|were|has|had|have|can|will|would|does|did|do)(?:n't)?|went|got|came|took|made|met|saw|felt"
    r"|found|ran|won|lost|grew|bought|gave|told|left|kept|began|wrote|chose|set|put|held|spoke|taught|thought|knew|read"
    r"|heard|paid|spent|sent|\w{2,}(?:s|ed))\b)"
)
_FAVOURITE = r".*\b(?:[Uu]ser's|[Mm]y|[Oo]ur) (?:\w+ ){0,2}favou?rite"
_FEW_WORDS = r"(?:\S+ ){0,4}?"
_LIKES = (
    rf"{_FEW_WORDS}(?:[Ll]ikes|[Ll]oves|[Hh]ates|[Dd]islikes|[Pp]refers|[Ee]njoys|adores|loathes|[Ff]avou?rites?"
    r"|(?:I|[Ww]e|not|do(?:es)?n't|really|also|both|do) (?:like|love|hate|dislike|prefer|enjoy|adore)"
    r"|(?:is|am|are|I'm) (?:not )?(?:(?:very|really|quite) )?(?:fond of|keen on|a (?:\w+ )?fan of|into|crazy about)"
    r"|(?:can't|cannot|can not) stand|would rather)\b"
)
_TIME_AHEAD = (
    "week|weekend|month|year|spring|summer|autumn|fall|winter|term|semester|(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day"
    "|January|February|March|April|May|June|July|August|September|October|November|December"
)
_PLANS = (
    rf"{_FEW_WORDS}(?:plans? (?:to|on|for)|planning (?:to|on|an?|his|her|their)|intends? to|will (?:\w+ly )?[a-z]+"
    r"|(?:is|am|are|I'm|We're) (?:\w+ly )?(?:going to|about to|looking forward to|moving|flying|travell?ing"
    r"|leaving|visiting|getting married|expecting|due)|(?:wants?|hopes?|hoping|wishes|aims) to|would (?:like|love) to"
    r"|I'll|We'll|(?:has|have) (?:booked|signed up|registered"
    r"|an? (?:\w+ ){0,2}?(?:appointment|interview|exam|meeting|flight|deadline)))\b"
)
_AHEAD = rf".*\b(?:tomorrow|next (?:{_TIME_AHEAD}))\b"
_STATES = (
    r"used|lived|worked|wanted|needed|liked|loved|hated|enjoyed|preferred|owned|suffered|studied|hoped|planned|believed"
    r"|need|feed|seed"
)
_ONCE = (
    r"went|got|bought|met|saw|won|lost|broke|took|gave|made|ran|came|left|began|became|found|sold|quit|flew|drove|wrote"
    rf"|fell|hurt|built|died|had (?:an?|his|her|their|surgery)|(?!(?:{_STATES})\b)[a-z]{{2,}}ed"
    r"|was (?:hired|fired|promoted|robbed|diagnosed|admitted|invited|accepted|rejected)"
)
_ADVERBS = r"(?: (?:also|just|recently|once|finally|already))*"
_EVENTS = (
    rf"(?:{_USER}|{_OWN} \w+)(?: and \w+)?{_ADVERBS} (?:{_ONCE}|(?:has|have){_ADVERBS} (?:been to|visited|moved|bought"
    r"|adopted|graduated|met|started|finished|joined|broken|won|lost|got|become|quit))\b"
    rf"|(?:I|We)'ve{_ADVERBS} (?:been to|visited|moved|bought|adopted|graduated|met|started|finished|joined)\b"
)


def kind_of(text: str, said_on: date, holds_from: Period | None = None) -> MemoryKind:
    """The kind of a memory that says `text`, was said on that day, and holds from then on."""
    text = text.replace("\u2019", "'")
    if _match(_ABOUT_ANOTHER)(text):
        return MemoryKind.PERSON
    is_about_user = _match(_ABOUT_THE_USER)(text) is not None
    if not is_about_user and _match(_NAME)(text):
        return MemoryKind.PREFERENCE if _match(_FAVOURITE)(text) else MemoryKind.PERSON
    if _match(_LIKES)(text):
        return MemoryKind.PREFERENCE
    is_ahead = holds_from is not None and holds_from.first > said_on
    if is_ahead or _match(_PLANS)(text) or (("next " in text or "tomorrow" in text) and _match(_AHEAD)(text)):
        return MemoryKind.PLAN
    if _match(_EVENTS)(text):
        return MemoryKind.EVENT
    return MemoryKind.YOU if is_about_user else MemoryKind.OTHER


@cache
def _match(pattern: str) -> Callable[[str], re.Match[str] | None]:
    """Not made when the module is imported: that takes ten milliseconds, and the first screen shows no memories."""
    return re.compile(pattern).match
