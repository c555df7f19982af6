"""English from a folder of texts: sentences to count words in, and idle talk that lives may hold."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable
from pathlib import Path

import pytest

from trainer.data.english import MOST_WORDS, SOURCES, idle_talk, trainable_sentences
from trainer.data.wordings import Split, Wordings


def folder_of(tmp_path: Path, turns: Iterable[str], prose: str) -> Path:
    for source in SOURCES:
        (tmp_path / source).mkdir()
        record = {"text": prose} if source == "wikinews" else {"turns": [{"text": text} for text in turns]}
        with gzip.open(tmp_path / source / "some.jsonl.gz", "wt") as file:
            file.write(json.dumps(record) + "\n")
    return tmp_path


def test_english_comes_in_sentences_without_what_is_held_out(tmp_path: Path) -> None:
    held_out = Wordings.load(Split.TEST)
    place, activity = held_out.values["places"][0], held_out.values["activities"][0]
    turns = ["It rains. Is it late?", f"Let us go to {place}! Gladly.", f"{activity.capitalize()} is fun."]
    folder = folder_of(tmp_path, turns, f"One line\nand another. They do {activity} there.")

    found = list(trainable_sentences(folder))

    assert found.count("It rains.") == found.count("Is it late?") == found.count("Gladly.") == len(SOURCES) - 1
    assert found[-2:] == ["One line", "and another."]
    assert set(found) == {"It rains.", "Is it late?", "Gladly.", "One line", "and another."}


def test_a_missing_source_is_named_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"No \*\.jsonl\.gz in .*self_dialogue"):
        trainable_sentences(tmp_path)


def test_idle_talk_tells_nothing_lasting_about_the_speaker(tmp_path: Path) -> None:
    idle = [
        "Thanks, that is so kind of you!",
        "They play well at home.",
        "I can't wait to see it.",
        "Do you like dogs?",
        "We laughed so much.",
    ]
    telling = [
        "I like dogs.",
        "It was cold. My sister says so too.",
        "we're from the north",
        "I've seen that.",
        "Got up late.",
        "Working at the bank.",
        "i am a baker",
    ]
    folder = folder_of(tmp_path, [*idle, *telling], "A house stood there.")

    assert idle_talk(folder) == sorted(idle)


def test_idle_talk_is_short_and_holds_no_value_that_is_held_out(tmp_path: Path) -> None:
    place = Wordings.load(Split.TEST).values["places"][0]
    folder = folder_of(
        tmp_path, ["Yes.", "so " * MOST_WORDS + "on", f"Is {place} warm?", "Is {place} warm?", "So  be it."], ""
    )

    assert idle_talk(folder) == ["So be it."]
