"""Multi-Session Chat as dialogues: two people who meet again after hours or days.

Promises all of a line's sessions as one dialogue. Knows nothing of personas: nobody says them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from trainer.data.dialogues.places import Place, file_of, lines
from trainer.data.wordings import Split
from trainer.dialogues import Asked, Dialogue, Said

SPEAKERS = ("Speaker 1", "Speaker 2")
BEGIN = datetime(2022, 1, 1, 12, tzinfo=UTC)
"""When the first session of every dialogue is. The format only says how much time passes between sessions."""
UNNOTED = timedelta(days=1)
"""What passes between two sessions where nobody noted it."""
FILES = {Split.TRAIN: "train.txt", Split.DEV: "valid.txt", Split.TEST: "test.txt"}
SELF_INSTRUCT_FILE = "msc_self_instruct.jsonl"
SELF_INSTRUCT = "self-instruct"
_HINT = "It must hold one JSON object a line, each with the dialog of its last session and its previous_dialogs."
_SPEAKER = re.compile(r"speaker[ _]?([12])", re.IGNORECASE)
_UNITS = {
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "week": timedelta(weeks=1),
}


def read(folder: Path, split: Split) -> tuple[Dialogue, ...]:
    """The dialogues of a session's folder as ParlAI has them, msc_dialogue/session_2 to session_5; without questions.

    Read are, of each line, `dialog`, the last session, and `previous_dialogs`, those before it, oldest first: of each
    its `dialog`, and `time_num` and `time_unit`, which say how long after it the next one is. Messages are {text, id};
    where the id names no speaker, speakers take turns, and Speaker 1 begins. The id of a message is the number of its
    session and its own in that, as "2:7".

    Raises TrainingError, saying where and what, if the file of the split cannot be read so, or is empty.
    """
    path = folder / FILES[split]
    return tuple(_dialogue(line, f"{folder.name} {split}", ()) for line in lines(path, _HINT))


def read_self_instruct(path: Path) -> tuple[Dialogue, ...]:
    """The dialogues of MemGPT's variant, msc_self_instruct.jsonl or the folder of it, with one question each.

    As `read`, with `self_instruct` in each line: Speaker 2's question under B, what Speaker 1 answers under A. It is
    put as it stands, so that "you" in it is Speaker 1. Nobody noted what its evidence is.

    Raises TrainingError, as `read` does.
    """
    path = file_of(path, SELF_INSTRUCT_FILE)
    return tuple(_dialogue(line, SELF_INSTRUCT, (_asked(line.at("self_instruct")),)) for line in lines(path, _HINT))


def _asked(exchange: Place) -> Asked:
    return Asked(exchange.at("B").words(), exchange.at("A").answer(), kind=SELF_INSTRUCT)


def _dialogue(line: Place, source: str, questions: tuple[Asked, ...]) -> Dialogue:
    at = BEGIN
    turns: list[Said] = []
    before = line.find("previous_dialogs")
    for number, session in enumerate((*(before.items() if before else ()), line), 1):
        turns += _session(session.at("dialog"), number, at)
        if session is not line:
            at = _later(session, at)
    if not turns:
        raise line.wrong("nothing is said there")
    return Dialogue(f"{source} {line.way}", tuple(turns), questions)


def _session(dialog: Place, number: int, at: datetime) -> Iterator[Said]:
    for place, message in enumerate(dialog.items()):
        noted = message.find("id")
        named = _SPEAKER.fullmatch(noted.value) if noted is not None and isinstance(noted.value, str) else None
        speaker = SPEAKERS[int(named[1]) - 1 if named else place % 2]
        if text := message.at("text").text():
            yield Said(f"{number}:{place + 1}", speaker, text, at)


def _later(session: Place, at: datetime) -> datetime:
    """When the session after that one is."""
    count, unit = session.find("time_num"), session.find("time_unit")
    if count is None or unit is None:
        return at + UNNOTED
    if not isinstance(count.value, int | float) or isinstance(count.value, bool) or count.value < 0:
        raise count.wrong("a number of units of time was expected here")
    length = _UNITS.get(unit.text().lower().removesuffix("s"))
    if length is None:
        raise unit.wrong("a unit of time is minutes, hours, days or weeks")
    try:
        return at + count.value * length
    except (OverflowError, ValueError) as error:
        raise count.wrong("so much time cannot pass") from error
