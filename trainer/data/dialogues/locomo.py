"""LoCoMo as dialogues with questions: two people each, by their own names, over months.

Promises the split of the paper and the messages as the app's own importer reads them. Knows nothing of scores.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path

from assistant.conversation.locomo import read_locomo
from assistant.conversation.recordings import RecordedConversation
from assistant.errors import InputError
from trainer.data.dialogues.places import Place, file_of, whole
from trainer.data.lives import ABSTAIN
from trainer.data.wordings import Split
from trainer.dialogues import Asked, Dialogue, Said
from trainer.errors import TrainingError

SPLITS = {"conv-26": Split.TRAIN, "conv-30": Split.DEV}
"""The split of a conversation by its name; all the others are for the test."""


class Category(StrEnum):
    """Of a question, under the names of LoCoMo's own code. Other papers call the same numbers otherwise."""

    MULTI_HOP = "multi-hop"
    TEMPORAL = "temporal"
    OPEN_DOMAIN = "open-domain"
    SINGLE_HOP = "single-hop"
    ADVERSARIAL = "adversarial"
    """About something that was said of the other one, or not at all."""


FILE = "locomo10.json"
NUMBERED = dict(enumerate(Category, 1))
"""The categories by the numbers that stand in the file."""
_HINT = "It must be LoCoMo's own file: a JSON list of {sample_id, conversation, qa}."
_SESSION = re.compile(r"session_\d+")
_PLACE = re.compile(r"D:?(\d+):(\d+)")


def read(path: Path, split: Split | None = None, *, adversarial: bool = False) -> tuple[Dialogue, ...]:
    """The conversations of `split`, all of them without one, as they stand in LoCoMo's file or the one in its folder.

    Without the `adversarial` questions, as in the paper; with them, they are questions to which only abstaining is
    right, and which no message answers. A number as gold answer becomes a text.

    What is written as evidence is read as far as it can be: one text may name several messages ("D8:6; D9:17",
    "D9:1 D4:4"), and a colon or a nought too many is passed over ("D:11:26" is D11:26, "D30:05" is D30:5). What then
    names no message that is there ("D", or D10:19 where D10 has 18) is left out; a question may be left with none.

    Raises TrainingError, saying where and what, if the file cannot be read so, or holds nothing of the split.
    """
    path = file_of(path, FILE)
    samples = _checked(path)
    spoken = {conversation.name: conversation for conversation in _conversations(path)}
    chosen = {name: sample for name, sample in samples.items() if split in (None, split_of(name)) and name in spoken}
    if not chosen:
        raise TrainingError(f"{path} holds no conversation of the {split} split.", _HINT)
    return tuple(_dialogue(spoken[name], sample, adversarial) for name, sample in chosen.items())


def split_of(name: str) -> Split:
    """The split of the conversation with that name."""
    return SPLITS.get(name, Split.TEST)


def _checked(path: Path) -> dict[str, Place]:
    """The samples by their names, once it is known of each message that it is one."""
    content = whole(path, _HINT)
    samples: dict[str, Place] = {}
    for sample in content.items() if isinstance(content.value, list) else (content,):
        name = sample.at("sample_id").words()
        if name in samples:
            raise sample.wrong(f"there is another {name}")
        conversation = sample.at("conversation")
        known: set[str] = set()
        for key in conversation.names():
            for turn in conversation.at(key).items() if _SESSION.fullmatch(key) else ():
                turn.at("speaker").words()
                turn.at("text").text()
                number = turn.at("dia_id").words()
                if number in known:
                    raise turn.wrong(f"there is another {number}")
                known.add(number)
        samples[name] = sample
    return samples


def _conversations(path: Path) -> list[RecordedConversation]:
    try:
        return read_locomo(path)
    except InputError as error:
        message = error.message if str(path) in error.message else f"{path}: {error.message}"
        raise TrainingError(message, error.hint) from error


def _dialogue(conversation: RecordedConversation, sample: Place, adversarial: bool) -> Dialogue:
    beginning = f"locomo:{conversation.name}:"
    turns = tuple(
        Said(turn.external_id.removeprefix(beginning), turn.speaker or "", turn.text, turn.said_at)
        for turn in conversation.turns
    )
    ids = {(int(number[1]), int(number[2])): turn.id for turn in turns if (number := _PLACE.fullmatch(turn.id))}
    questions = (_asked(question, ids) for question in sample.at("qa").items())
    return Dialogue(conversation.name, turns, tuple(q for q in questions if adversarial or not q.abstain))


def _asked(question: Place, ids: Mapping[tuple[int, int], str]) -> Asked:
    text, number = question.at("question").words(), question.at("category")
    category = NUMBERED.get(number.value) if type(number.value) is int else None
    if category is None:
        raise number.wrong("a category is a number from 1 to 5")
    if category is Category.ADVERSARIAL:
        return Asked(text, ABSTAIN, kind=category, abstain=True)
    return Asked(text, question.at("answer").answer(), _evidence(question, ids), category)


def _evidence(question: Place, ids: Mapping[tuple[int, int], str]) -> tuple[str, ...]:
    """The messages that are named and there, each once, in the order in which they are named."""
    written = question.find("evidence")
    named = [match for item in written.items() for match in _PLACE.finditer(item.text())] if written else []
    found = (ids.get((int(match[1]), int(match[2]))) for match in named)
    return tuple(dict.fromkeys(message for message in found if message is not None))
