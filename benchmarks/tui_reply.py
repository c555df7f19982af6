"""A long reply in Markdown, piece by piece as a model would write it, with marks by which a screen tells how far it is.

Promises that the same seed makes the same pieces, and that each mark is one piece of its own and stands in no other.
Knows nothing of screens or servers.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from itertools import islice

from benchmarks.sentences import facts

MARK_EVERY = 5
"""Pieces from one mark to the next, where a mark may stand: fewer than come in a frame at 200 a second."""
_PIECE = re.compile(r"\s*[^\s]{1,5}")
"""Text of a token, roughly: four characters and what stands before them."""
_CODE = (
    "def total(prices):",
    "    return sum(prices)",
    "for name in names:",
    '    print(f"{name}: {total(name)}")',
    "rows = [row for row in table if row]",
)


def mark(reply: int, number: int) -> str:
    """The mark that is the piece `number` of the reply of that number."""
    return f"r{reply}n{number:04}"


def marks_in(text: str, reply: int) -> list[int]:
    """The numbers of the pieces whose marks of that reply stand in `text`."""
    return [int(found[1]) for found in re.finditer(rf"r{reply}n(\d{{4}})(?!\d)", text)]


def pieces(reply: int, count: int, seed: int) -> list[str]:
    """So many pieces, of which about every fifth and the last one are marks."""
    source = _plain_pieces(seed)
    made: list[str] = []
    since, following = 0, next(source)
    while len(made) < count - 1:
        # Between two words of a line: anywhere else it would be part of what Markdown marks, and not be shown.
        if since >= MARK_EVERY - 1 and following[0] == " ":
            made.append(f" {mark(reply, len(made))}")
            since = 0
        else:
            made.append(following)
            since, following = since + 1, next(source)
    return [*made, f"\n\n{mark(reply, len(made))}"]


def _plain_pieces(seed: int) -> Iterator[str]:
    """The pieces of a document without an end."""
    rest = ""
    for block in _blocks(seed):
        found = list(_PIECE.finditer(rest + block))
        yield from (each[0] for each in found)
        rest = (rest + block)[found[-1].end() :]


def _blocks(seed: int) -> Iterator[str]:
    """Headings, paragraphs, lists and code, each with the empty line behind it."""
    chance = random.Random(seed)
    sentences = (fact.text for fact in facts(seed + 2))
    while True:
        yield f"## {next(sentences)}\n\n"
        for _ in range(chance.randint(1, 2)):
            yield " ".join(_stressed(text, chance) for text in islice(sentences, chance.randint(2, 4))) + "\n\n"
        yield "\n".join(f"- {text}" for text in islice(sentences, chance.randint(3, 6))) + "\n\n"
        lines = chance.choices(_CODE, k=chance.randint(3, 8))
        yield "```python\n" + "\n".join(lines) + "\n```\n\n"
        yield "\n".join(f"{at}. {text}" for at, text in enumerate(islice(sentences, 3), 1)) + "\n\n"


def _stressed(text: str, chance: random.Random) -> str:
    """A sentence with a word or two that Markdown marks."""
    words = text.split(" ")
    at = chance.randrange(1, len(words) - 1)
    words[at] = chance.choice(("**{}**", "*{}*", "`{}`")).format(words[at])
    return " ".join(words)
