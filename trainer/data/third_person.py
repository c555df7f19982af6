"""Turns a question about oneself into the same question about a named person.

Pure, and only for the wordings of questions: what it cannot turn for sure it does not turn.
"""

from __future__ import annotations

import re

NAME = "{S}"
"""Stands where the person's name belongs."""

_SPOKEN = r"say|said|tell|told|mention|mentioned"
_ASIDES = (
    rf"\b(did|have) I (ever |already )?({_SPOKEN})\b",
    r"\bI (ever )?(told|tell|mentioned|said|forgot|wonder|want|need|mean)\b",
    r"\bI (can't|don't) (remember|recall|know)\b",
    r"\bI'm (curious|about|wondering|asking|testing|trying|interested|not sure)\b",
    r"\b(tell|remind|give|show|let|help|told) me\b",
    r"\bfor me\b(?! to)",
)
"""Where the speaker still speaks of themselves: "did I tell you where {S} lives?"."""

_VERBS = "live work play speak like drive own enjoy love know suffer fly prefer travel celebrate earn use talk practise"
_PAST = "moved chose named gave booked planned learned picked was had can could would should"
_TURNS = (
    (r"\b(d)o I\b", rf"\1oes {NAME}"),
    (r"\bam I\b", f"is {NAME}"),
    (r"\bAm I\b", f"Is {NAME}"),
    (r"\b(h)ave I\b", rf"\1as {NAME}"),
    (r"\b(was|did|will|can|can't|could|should|would) I\b", rf"\1 {NAME}"),
    (r"\bI(?:'m| am)\b", f"{NAME} is"),
    (r"\bI(?:'ve| have)\b", f"{NAME} has"),
    (rf"\bI ({_PAST.replace(' ', '|')})\b", rf"{NAME} \1"),
    (r"\bI (do|go)\b", rf"{NAME} \1es"),
    (r"\bI fly\b", f"{NAME} flies"),
    (rf"\bI ({_VERBS.replace(' ', '|')})\b", rf"{NAME} \1s"),
    (r"\bmy\b", f"{NAME}'s"),
)
_LEFT = re.compile(r"\b(I|me|my|mine|myself|we|our|us)\b", re.IGNORECASE)
_MASK = "_"


def third_person(question: str) -> str | None:
    """`question` about NAME instead of oneself; None if it cannot be turned by rule."""
    turned = question
    for aside in _ASIDES:
        turned = re.sub(aside, _masked, turned, flags=re.IGNORECASE)
    for pattern, replacement in _TURNS:
        turned = re.sub(pattern, replacement, turned, flags=re.IGNORECASE if "am I" not in pattern else 0)
    if _LEFT.search(turned) or NAME not in turned:
        return None
    return turned.replace(_MASK, "")


def _masked(aside: re.Match[str]) -> str:
    """The aside with its words of the first person made unrecognisable."""
    return re.sub(r"\b(I|me)\b", rf"{_MASK}\1{_MASK}", aside[0])
