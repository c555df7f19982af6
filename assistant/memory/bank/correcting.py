"""What the user does to the memories of a bank by hand, and to what is held for review."""

from __future__ import annotations

from collections.abc import Sequence

from assistant.memory import correcting, feedback, merging, review
from assistant.memory.bank.opened import OpenedBank
from assistant.memory.records import Feedback, Memory, Operation, Proposal


class Correcting(OpenedBank):
    """The part of the MemoryBank for having the last word. What is said of a memory is kept as feedback."""

    def edit(self, memory_id: int, text: str) -> Operation:
        """Makes a memory say `text`, as the user's own words of now.

        Raises NotFoundError, or InputError if that is empty, too long or known.
        """
        with self._database.write() as connection:
            return correcting.edit(connection, memory_id, text)

    def merge(self, memory_ids: Sequence[int], text: str) -> list[Operation]:
        """Makes the first of the memories say `text`, and ends the others; undoing one of the rows undoes them all.

        Raises NotFoundError, or InputError saying why they cannot be merged.
        """
        with self._database.write() as connection:
            return merging.merge(connection, memory_ids, text)

    def pin(self, memory_id: int, on: bool = True) -> Memory:
        """Has a memory always on offer and never changed unasked, or no longer. Raises NotFoundError, InputError.

        What is pinned is no longer one never to be used, and the other way round.
        """
        with self._database.write() as connection:
            return correcting.pin(connection, memory_id, on)

    def never_use(self, memory_id: int, on: bool = True) -> Memory:
        """Keeps a memory from ever being on offer, or no longer; it stays known. Raises NotFoundError, InputError."""
        with self._database.write() as connection:
            return correcting.never_use(connection, memory_id, on)

    def mark_wrong(self, memory_id: int, *, message_id: int | None = None) -> Operation:
        """Forgets a memory that is wrong, so that it does not come back; `message_id` is the reply that used it.

        Raises NotFoundError, or InputError if it is forgotten already.
        """
        with self._database.write() as connection:
            return correcting.mark_wrong(connection, memory_id, message_id)

    def mark_outdated(self, memory_id: int, *, message_id: int | None = None) -> Operation:
        """Ends a memory that holds no longer; `message_id` is the reply that used it.

        Raises NotFoundError, or InputError if it has ended already.
        """
        with self._database.write() as connection:
            return correcting.mark_outdated(connection, memory_id, message_id)

    def feedback(self, limit: int = 50) -> list[Feedback]:
        """What the user said of memories last, newest first."""
        with self._database.read() as connection:
            return feedback.newest(connection, limit)

    def proposals(self, limit: int = 200) -> list[Proposal]:
        """What is held and not settled yet, newest first, and what stands against each by now."""
        with self._database.read() as connection:
            return review.proposals(connection, limit)

    def accept(self, operation_id: int, text: str | None = None) -> Operation:
        """Carries out a held operation, as the user's, with `text` in place of its own if there is one.

        Raises NotFoundError, or InputError saying why it cannot be.
        """
        with self._database.write() as connection:
            return review.accept(connection, operation_id, text)

    def decline(self, operation_id: int) -> Operation:
        """Settles a held operation without carrying it out. Raises NotFoundError, or InputError if it is not held."""
        with self._database.write() as connection:
            return review.decline(connection, operation_id)

    def revalidate(self, operation_id: int) -> Operation:
        """Settles a held operation, and has its message read again with what is known now.

        Raises NotFoundError, or InputError if it is not held or came from no message of the user's.
        """
        with self._database.write() as connection:
            return review.revalidate(connection, operation_id)
