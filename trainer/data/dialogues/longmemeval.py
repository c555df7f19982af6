"""LongMemEval as dialogues: a user and an assistant in many sessions, with one question each.

Promises the sessions in the order of their dates. Knows nothing of scores, nor of which of its files it reads.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

from trainer.data.dialogues import ASSISTANT
from trainer.data.dialogues.places import Place, file_of, whole
from trainer.data.lives import USER
from trainer.dialogues import Asked, Dialogue, Said

FILE = "longmemeval_oracle.json"
"""Which of the files in a folder is read: the one that holds the sessions that answer alone, as in the paper."""
ABSTENTION = "_abs"
"""How the id of a question ends that nothing answers."""
_HINT = "It must be one of LongMemEval's own files: a JSON list of questions, each with its haystack_sessions."
_DATE = re.compile(r"(\d{4})/(\d{1,2})/(\d{1,2})(?: \(\w+\))?(?: (\d{1,2}):(\d{2}))?")
_ROLES = ("user", "assistant")


def read(path: Path, *, dated: bool = False) -> tuple[Dialogue, ...]:
    """A dialogue for each question in a file, or in the oracle's in a folder, with the question's own id.

    Read are question_id, question_type (it becomes the kind), question, answer, question_date, haystack_dates,
    haystack_session_ids, answer_session_ids and haystack_sessions, lists of {role, content, has_answer}. Times are
    taken as UTC: the format names no zone. The id of a message is its session's place in time and its own place in
    that, both counted from 1, as "3:2"; the sessions' own ids are at times there twice.

    Evidence are the messages with has_answer; where none has it, those of the user in the sessions of
    answer_session_ids. To a question whose id ends in "_abs" only abstaining is right, and nothing is its evidence;
    its gold answer is the one in the file. With `dated`, a question begins with the day on which it is asked, which
    those about how long ago something was cannot do without.

    Raises TrainingError, saying where and what, if the file cannot be read so, or is empty.
    """
    content = whole(file_of(path, FILE), _HINT)
    dialogues = tuple(_dialogue(item, dated) for item in content.items())
    if not dialogues:
        raise content.wrong("it holds no question")
    known: set[str] = set()
    for item, dialogue in zip(content.items(), dialogues, strict=True):
        if dialogue.id in known:
            raise item.wrong(f"there is another {dialogue.id}")
        known.add(dialogue.id)
    return dialogues


def _dialogue(item: Place, dated: bool) -> Dialogue:
    name = item.at("question_id").words()
    turns: list[Said] = []
    noted: list[str] = []
    nearby: list[str] = []
    answering = _texts(item, "answer_session_ids")
    for number, (at, session_id, session) in enumerate(_sessions(item), 1):
        for place, turn in enumerate(session.items(), 1):
            said = _said(turn, f"{number}:{place}", at)
            if said is None:
                continue
            turns.append(said)
            if (mark := turn.find("has_answer")) is not None and mark.value is True:
                noted.append(said.id)
            if session_id in answering and not said.assistant:
                nearby.append(said.id)
    if not turns:
        raise item.at("haystack_sessions").wrong("nothing is said there")
    return Dialogue(name, tuple(turns), (_asked(item, name, tuple(noted or nearby), dated),))


def _sessions(item: Place) -> list[tuple[datetime, str, Place]]:
    """The sessions with their times and ids, the earliest first; those of one time as they stand in the file."""
    sessions, dates = item.at("haystack_sessions").items(), item.at("haystack_dates").items()
    ids = _texts(item, "haystack_session_ids") or [""] * len(sessions)
    if not len(sessions) == len(dates) == len(ids):
        raise item.wrong(f"there are {len(sessions)} sessions, but {len(dates)} dates and {len(ids)} ids of them")
    return sorted(zip(map(_time, dates), ids, sessions, strict=True), key=lambda session: session[0])


def _texts(item: Place, key: str) -> list[str]:
    found = item.find(key)
    return [text.text() for text in found.items()] if found is not None else []


def _said(turn: Place, number: str, at: datetime) -> Said | None:
    role = turn.at("role")
    if role.value not in _ROLES:
        raise role.wrong('a role is "user" or "assistant"')
    text = turn.at("content").text()
    assistant = role.value == "assistant"
    return Said(number, ASSISTANT if assistant else USER, text, at, assistant) if text else None


def _asked(item: Place, name: str, evidence: tuple[str, ...], dated: bool) -> Asked:
    text, gold = item.at("question").words(), item.at("answer").answer()
    kind = item.at("question_type").text()
    if dated:
        day = _time(item.at("question_date"))
        text = f"Today is {day.day} {day:%B %Y}. {text}"
    abstain = name.endswith(ABSTENTION)
    return Asked(text, gold, () if abstain else evidence, kind, abstain)


def _time(written: Place) -> datetime:
    match = _DATE.fullmatch(written.text())
    try:
        if match is None:
            raise ValueError
        return datetime(*(int(part or 0) for part in match.groups()), tzinfo=UTC)  # type: ignore[misc,arg-type]
    except ValueError as error:
        raise written.wrong(
            f"the date {written.value!r} cannot be read; one looks like '2023/05/20 (Sat) 02:21'"
        ) from (error)
