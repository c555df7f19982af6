"""What a bank holds from which a model could learn, and the words that it must not."""

from __future__ import annotations

from collections.abc import Iterable

from assistant.errors import InputError
from assistant.memory import teaching
from assistant.memory.bank.opened import OpenedBank
from assistant.memory.lessons import Lessons

MOST_PRIVATE_WORDS = 1000
LONGEST_PRIVATE_WORD = 100


class Teaching(OpenedBank):
    """The part of the MemoryBank for whoever trains a model on it."""

    def lessons(self) -> list[Lessons]:
        """What there is to learn from in each conversation, the one begun last first."""
        with self._database.read() as connection:
            return teaching.lessons(connection)

    def private_words(self) -> tuple[str, ...]:
        """The words and names that are hidden from what learns from the bank."""
        with self._database.read() as connection:
            return teaching.private_words(connection)

    def keep_private(self, words: Iterable[str]) -> tuple[str, ...]:
        """Makes these the words that are hidden, and returns them tidied, each once. Raises InputError."""
        tidied: dict[str, str] = {}
        for word in words:
            single = " ".join(word.split())
            if len(single) > LONGEST_PRIVATE_WORD:
                raise InputError(
                    f"A word or name to hide has at most {LONGEST_PRIVATE_WORD} characters.", "Name its parts."
                )
            if single:
                tidied.setdefault(single.casefold(), single)
        if len(tidied) > MOST_PRIVATE_WORDS:
            raise InputError(f"At most {MOST_PRIVATE_WORDS} words can be hidden.", "Take others off the list first.")
        kept = tuple(tidied.values())
        with self._database.write() as connection:
            teaching.set_private_words(connection, kept)
        return kept
