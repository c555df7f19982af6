"""Everyday English from a folder of text: sentences in which no name or value occurs that is held out from training.

The folder is one that the user names; nothing of it is part of this project. It holds, in folders of their own, gzipped
files of JSON lines: dialogues with "turns" of which each has a "text", and prose with a "text".
"""

from __future__ import annotations

import gzip
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

from trainer.data.wordings import Split, Wordings

SOURCES = ("self_dialogue", "synthetic_persona_chat", "topical_chat", "taskmaster4", "classic_books", "wikinews")
"""Folders of texts whose licences allow this use; NOTICE names them."""
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|\s*\n\s*")
_WORD = re.compile(r"[^\W\d_]+")


class HeldOut:
    """The names and values of the splits that nothing is trained on."""

    def __init__(self, splits: Iterable[Wordings]) -> None:
        self._begun_by: dict[str, list[str]] = defaultdict(list)
        for wordings in splits:
            pools = [*wordings.values.items(), *wordings.favourites.items()]
            for value in {v for name, pool in pools if not name.startswith("relations") for v in pool}:
                for form in {value, value[0].upper() + value[1:]}:
                    if (word := _WORD.search(form)) is not None:
                        self._begun_by[word[0]].append(form)

    def is_in(self, sentence: str) -> bool:
        """Whether one of them occurs in `sentence`, in small letters as they are or with a capital first."""
        words = set(_WORD.findall(sentence))
        begun = words & self._begun_by.keys()
        return any(value in sentence for word in begun for value in self._begun_by[word])


def trainable_sentences(folder: Path) -> Iterator[str]:
    """The sentences in `folder` with nothing in them that is held out. SystemExit says which source is missing."""
    files = [file for source in SOURCES for file in _files(folder / source)]
    held_out = HeldOut(Wordings.load(split) for split in (Split.DEV, Split.TEST))
    return (s for file in files for s in _sentences(file) if not held_out.is_in(s))


def _files(source: Path) -> list[Path]:
    found = sorted(source.glob("*.jsonl.gz"))
    if not found:
        raise SystemExit(f"No *.jsonl.gz in {source}: name the folder of texts, or leave --text out.")
    return found


def _sentences(file: Path) -> Iterator[str]:
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        for record in map(json.loads, lines):
            texts = [turn["text"] for turn in record["turns"]] if "turns" in record else [record["text"]]
            for text in texts:
                yield from filter(None, _SENTENCE_END.split(text))
