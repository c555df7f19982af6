"""Everyday English from a folder of text: sentences to count words in, and idle talk for lives.

In neither is there a name or value that is held out from training.

The folder is one that the user names; nothing of it is part of this project. It holds, in folders of their own, gzipped
files of JSON lines: dialogues with "turns" of which each has a "text", and prose with a "text".
"""

from __future__ import annotations

import gzip
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

from trainer.data.wordings import Split, Wordings

SOURCES = ("self_dialogue", "synthetic_persona_chat", "topical_chat", "taskmaster4", "classic_books", "wikinews")
"""Folders of texts whose licences allow this use; NOTICE names them."""
TALK = ("self_dialogue", "synthetic_persona_chat", "topical_chat")
"""Those that hold what people say to each other."""
MOST_WORDS = 30
"""Of what is idle talk: longer messages would fill prompts that are there to learn from."""
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|\s*\n\s*")
_WORD = re.compile(r"[^\W\d_]+")
_SPEAKER = re.compile(r"\b(i|i'?m|im|i've|ive|i'd|i'll|my|mine|me|myself|we|we're|we've|our|ours|us)\b", re.IGNORECASE)
_LASTING = re.compile(
    r"\b(a\b|an\b|'?ve\b|age\b|had\b|has\b|hav|fan\b|fav(e|s)?\b|from\b|hat(e|ing)|into\b|son\b|used to|go(ing)? to|"
    r"adore|allerg|appointment|aunt|bird|born|birth|brother|call|career|cat|child|college|cousin|dad|daughter|diabet|"
    r"dislik|dog|driv|enjoy|family|father|favou?rit|fish|fond|friend|get|got|hobb|horse|husband|interest|job|kid|lik|liv|"
    r"lov|mom|mother|mov|mum|nam|old|own|parent|pet|plan|play|prefer|quit|retire|school|sing|sister|speak|spoke|start|"
    r"stop|student|stud(y|i)|suffer|teach|travel|trip|uncle|vacation|vegan|vegetarian|visit|wife|work|year)",
    re.IGNORECASE,
)
"""Words and beginnings of words that lasting facts are told with."""
_NO_SUBJECT = re.compile(
    r"(just |still |also )?\w+(ing|ed)\b|(am|been|got|had|hate|have|like|love|me too|used|went)\b", re.IGNORECASE
)
"""How sentences begin that leave out who they are about."""


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


@cache
def _held_out() -> HeldOut:
    return HeldOut(Wordings.load(split) for split in (Split.DEV, Split.TEST))


def trainable_sentences(folder: Path) -> Iterator[str]:
    """The sentences in `folder` with nothing in them that is held out. SystemExit says which source is missing."""
    files = [file for source in SOURCES for file in _files(folder / source)]
    held_out = _held_out()
    return (s for file in files for s in _sentences(file) if not held_out.is_in(s))


def idle_talk(folder: Path) -> list[str]:
    """Messages of the dialogues in `folder` that tell nothing lasting about who says them, so nothing to remember.

    At most `MOST_WORDS` words long, and none with a held-out value. What might tell something is left out: a sentence
    in which the speaker occurs together with a word such as facts are told with.
    """
    files = [file for source in TALK for file in _files(folder / source)]
    held_out = _held_out()
    messages = {" ".join(text.split()) for file in files for text in _messages(file)}
    return sorted(m for m in messages if _is_idle(m) and not held_out.is_in(m))


def _is_idle(message: str) -> bool:
    sentences = list(filter(None, _SENTENCE_END.split(message)))
    return (
        2 <= len(message.split()) <= MOST_WORDS
        and "{" not in message
        and not any((_SPEAKER.search(s) and _LASTING.search(s)) or _NO_SUBJECT.match(s) for s in sentences)
    )


def _files(source: Path) -> list[Path]:
    found = sorted(source.glob("*.jsonl.gz"))
    if not found:
        raise SystemExit(f"No *.jsonl.gz in {source}: name the folder of texts, or leave --text out.")
    return found


def _sentences(file: Path) -> Iterator[str]:
    return (sentence for text in _messages(file) for sentence in _SENTENCE_END.split(text) if sentence)


def _messages(file: Path) -> Iterator[str]:
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        for record in map(json.loads, lines):
            yield from [turn["text"] for turn in record["turns"]] if "turns" in record else [record["text"]]
