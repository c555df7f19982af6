"""Whether a proposed operation is applied, held for review or rejected, and why.

Promises that the verdict follows from the proposal and the evidence alone, so that the same ones always come to the
same verdict, and that each but "applied" has a reason in plain words. A model proposes; this is what disposes. Knows
nothing of databases or models: whoever asks has looked up what the evidence needs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from assistant.memory import words
from assistant.memory.confidential import secret_in
from assistant.memory.kinds import PEOPLE
from assistant.memory.operations import Action, MemoryOperation, OperationStatus
from assistant.memory.quoting import quoted
from assistant.memory.records import Memory, MemoryStatus

MAX_TEXT = 2000
"""Longest text of a memory, in characters."""
MOST_RETIREMENTS = 2
"""As many memories as one message may end by itself."""
LEAST_SUPPORT = 1 / 3
"""Of the words of a text that mean something: how many the message must share, or it says something else."""
PASTED = 1500
"""Characters from which on a message is a document that somebody pasted, more likely than something they said."""


class Mode(StrEnum):
    """What becomes of what a model proposes and nothing stands against."""

    AUTOMATIC = "automatic"
    ASK = "ask"
    OFF = "off"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of a proposal; `reason` is empty only if it is applied."""

    status: OperationStatus
    reason: str = ""


APPLIED = Verdict(OperationStatus.APPLIED)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a verdict rests on.

    `target` is the memory that is to change. `twin` says the proposed text already, word for word, `rewording` in other
    words. `forgotten` is set if the text was forgotten: "before" if the message is older than that, else "after", and
    "near" if something much like it was.
    `message` is what was said, None if it is the user's own entry; `context` what was said just before; `recalled`
    what the assistant has said there. `retirements` counts the DELETEs of the same reply. `changed` is a memory that
    the same reply names and that says something else by now than what the model has read.
    """

    target: Memory | None = None
    twin: int | None = None
    rewording: int | None = None
    forgotten: str = ""
    message: str | None = None
    speaker: str = "User"
    context: tuple[str, ...] = ()
    recalled: tuple[str, ...] = ()
    retirements: int = 0
    changed: int | None = None
    mode: Mode = Mode.AUTOMATIC


def decide(proposal: MemoryOperation, evidence: Evidence) -> Verdict:
    """The verdict on a model's proposal, whose text is tidied."""
    if proposal.action is Action.NOOP:
        return APPLIED
    for rule in _RULES:
        if verdict := rule(proposal, evidence):
            return verdict
    return APPLIED


def objection(proposal: MemoryOperation, evidence: Evidence) -> str:
    """Why even the user cannot have the operation carried out, in plain words; "" if nothing stands against it."""
    for rule in _RULES_FOR_ALL:
        if verdict := rule(proposal, evidence):
            return verdict.reason
    return ""


def _rejected(reason: str) -> Verdict:
    return Verdict(OperationStatus.REJECTED, reason)


def _held(reason: str) -> Verdict:
    return Verdict(OperationStatus.HELD, reason)


Rule = Callable[[MemoryOperation, Evidence], Verdict | None]


def _needs_a_memory(proposal: MemoryOperation, evidence: Evidence) -> Verdict | None:
    if proposal.action not in (Action.UPDATE, Action.DELETE):
        return None
    if evidence.target is None:
        return _rejected(f"there is no memory {proposal.memory_id}")
    if evidence.target.status is not MemoryStatus.ACTIVE:
        return _rejected(f"memory {evidence.target.id} is {evidence.target.status}")
    return None


def _needs_a_text(proposal: MemoryOperation, _: Evidence) -> Verdict | None:
    if proposal.action not in (Action.ADD, Action.UPDATE):
        return None
    if not proposal.text:
        return _rejected("the text is empty")
    if len(proposal.text) > MAX_TEXT:
        return _rejected(f"the text has {len(proposal.text)} characters, and {MAX_TEXT} is the most")
    return None


def _is_known(proposal: MemoryOperation, evidence: Evidence) -> Verdict | None:
    target = evidence.target if proposal.action is Action.UPDATE else None
    known = target.id if target is not None and target.text == proposal.text else evidence.twin
    return _rejected(f"memory {known} already says this") if known is not None else None


def _is_reworded(_: MemoryOperation, evidence: Evidence) -> Verdict | None:
    if evidence.rewording is None:
        return None
    return _rejected(f"memory {evidence.rewording} already says this in other words")


def _was_forgotten(_: MemoryOperation, evidence: Evidence) -> Verdict | None:
    match evidence.forgotten:
        case "":
            return None
        case "after":
            return _held("you had this forgotten, and then spoke of it again")
        case "near":
            return _held("you had something much like this forgotten")
        case _:
            return _rejected("you had this forgotten")


def _is_secret(proposal: MemoryOperation, _: Evidence) -> Verdict | None:
    kind = secret_in(proposal.text or "")
    return _rejected(f"{kind} is never remembered") if kind else None


_NOT_TO_BE_KEPT = re.compile(
    r"\b(?:(?:do not|don't|dont|please don't|never) (?:remember|save|store|keep|note|memori[sz]e|record) "
    r"(?:this|that|it|any of this|what i)|off the record|forget (?:that|what) i (?:just )?said"
    r"|this stays between us)\b",
    re.IGNORECASE,
)


def _was_asked_not_to(_: MemoryOperation, evidence: Evidence) -> Verdict | None:
    if evidence.message is not None and _NOT_TO_BE_KEPT.search(evidence.message):
        return _rejected("the message asks not to remember it")
    return None


def _is_off(_: MemoryOperation, evidence: Evidence) -> Verdict | None:
    return _rejected("remembering is switched off") if evidence.mode is Mode.OFF else None


def _was_decided_on_what_has_changed(_: MemoryOperation, evidence: Evidence) -> Verdict | None:
    return _held(f"memory {evidence.changed} has changed since it was read") if evidence.changed is not None else None


def _is_pinned(_: MemoryOperation, evidence: Evidence) -> Verdict | None:
    target = evidence.target
    return _held(f"memory {target.id} is pinned") if target is not None and target.pinned else None


def _retires_many(proposal: MemoryOperation, evidence: Evidence) -> Verdict | None:
    if proposal.action is Action.DELETE and evidence.retirements > MOST_RETIREMENTS:
        return _held(f"one message would end {evidence.retirements} memories")
    return None


def _subject(text: str) -> str:
    """Whom or what a memory is about: its first word."""
    return words.stems(text)[0] if words.stems(text) else ""


def _is_about_another(proposal: MemoryOperation, evidence: Evidence) -> Verdict | None:
    target = evidence.target
    if target is None or evidence.message is None:
        return None
    subject = _subject(target.text)
    if proposal.action is Action.UPDATE and _subject(proposal.text or "") != subject:
        return _held(f"memory {target.id} is about somebody else")
    if proposal.action is Action.DELETE and subject not in _said(evidence):
        return _held(f"the message does not speak of memory {target.id}")
    return None


_OF_ANOTHER = re.compile(rf"(?:\W*\w+,?\s+){{0,2}}(?:my|our) (?:\w+ )?(?P<who>{PEOPLE})s?\b", re.IGNORECASE)
_OF_ONESELF = re.compile(r"\b(?:I|we|me|us|myself|ourselves)\b|\b(?:my|our)\b.*\b(?:my|our)\b", re.IGNORECASE)
"""One's sister signs one's papers, too."""


def _is_said_of_another(proposal: MemoryOperation, evidence: Evidence) -> Verdict | None:
    """ "My sister moved to Lisbon" says nothing of where the speaker lives."""
    text = proposal.text or ""
    if evidence.message is None or not text.startswith(f"{evidence.speaker} "):
        return None
    span = quoted(evidence.message, text)
    sentence = span.of(evidence.message) if span is not None else ""
    other = _OF_ANOTHER.match(sentence)
    if other is None or _OF_ONESELF.search(sentence) or words.content(other["who"]) <= words.content(text):
        return None
    return _held(f"the message says this of your {other['who'].lower()}")


def _is_unsupported(proposal: MemoryOperation, evidence: Evidence) -> Verdict | None:
    if evidence.message is None or not proposal.text:
        return None
    known = _said(evidence).union(words.stems(evidence.target.text if evidence.target is not None else ""))
    foreign = [name for name in _names(proposal.text) if not known.issuperset(words.stems(name))]
    if foreign:
        return _held(f"the message says nothing of “{foreign[0]}”")
    meant = words.content(proposal.text)
    return None if len(meant & known) >= LEAST_SUPPORT * len(meant) else _held("the message does not say this")


_WORD_WITHIN = re.compile(r"(?<=[^.!?] )\w[\w'\u2019-]*")


def _names(text: str) -> list[str]:
    """What stands for one thing alone: words with a capital within a sentence, and numbers."""
    return [word for word in _WORD_WITHIN.findall(text) if word[0].isupper() or word[0].isdigit()]


def _said(evidence: Evidence) -> frozenset[str]:
    """The stems of what people said, and of who says it."""
    texts = (evidence.speaker, evidence.message or "", *evidence.context)
    return frozenset(stem for text in texts for stem in words.stems(text))


LEAST_QUOTE = 5
"""Words in a row from which on a message repeats the assistant instead of happening to agree."""


def _comes_back(proposal: MemoryOperation, evidence: Evidence) -> Verdict | None:
    """What the assistant said from memory is no news when it stands in a message, as when it is pasted."""
    said = " ".join(words.stems(evidence.message or ""))
    for text in evidence.recalled:
        recalled = " ".join(words.stems(text))
        if len(recalled.split()) >= LEAST_QUOTE and recalled in said:
            return _held("the message repeats what the assistant said")
    return None


_QUOTED_LINE = re.compile(r"^\s*(?:>|```)", re.MULTILINE)


def _is_pasted(_: MemoryOperation, evidence: Evidence) -> Verdict | None:
    message = evidence.message or ""
    if len(message) > PASTED or _QUOTED_LINE.search(message):
        return _held("it comes from a pasted text")
    return None


def _is_to_be_asked(_: MemoryOperation, evidence: Evidence) -> Verdict | None:
    return _held("you want to be asked first") if evidence.mode is Mode.ASK else None


_RULES_FOR_ALL: Sequence[Rule] = (_needs_a_memory, _needs_a_text, _is_known)
_RULES: Sequence[Rule] = (
    *_RULES_FOR_ALL,
    _is_off,
    _is_secret,
    _was_asked_not_to,
    _is_reworded,
    _was_forgotten,
    _was_decided_on_what_has_changed,
    _is_pinned,
    _retires_many,
    _is_about_another,
    _is_said_of_another,
    _is_pasted,
    _comes_back,
    _is_unsupported,
    _is_to_be_asked,
)
"""In the order in which they are asked: what is rejected is never merely held."""
