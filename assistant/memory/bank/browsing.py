"""The conversations of a bank as a list: leafing through it, looking one up, and what is done to a whole one."""

from __future__ import annotations

from assistant.memory import conversations, drafts, jobs, listing, lookup
from assistant.memory.bank.finding import Finding
from assistant.memory.records import ConversationSummary, Found, ItemKind


class Browsing(Finding):
    """The part of the MemoryBank for whole conversations."""

    def recent_conversations(self, limit: int, offset: int = 0) -> list[ConversationSummary]:
        """The conversations, the one last written in first; `limit` of them after the first `offset`."""
        with self._database.read() as connection:
            return listing.recent(connection, limit, offset)

    def find_in_conversations(self, query: str, limit: int = 20) -> list[Found]:
        """The conversations in which a message or the title has to do with `query`, best first.

        Its last word may still be typed: then it also stands for words that begin with it.
        """
        hits = self.search(query, limit=lookup.CANDIDATES, kinds=(ItemKind.MESSAGE,))
        with self._database.read() as connection:
            return lookup.found(connection, query, hits, limit)

    def rename_conversation(self, conversation_id: int, title: str) -> None:
        """Gives a conversation another title. Raises NotFoundError, or InputError if the title is no Unicode."""
        with self._database.write() as connection:
            conversations.rename(connection, conversation_id, title)

    def exclude_conversation(self, conversation_id: int, excluded: bool) -> None:
        """Lets nothing be learned from a conversation from now on, or lets it again. Raises NotFoundError.

        What waits to be read of it is not read any more; what was learned from it stays.
        """
        with self._database.write() as connection:
            conversations.exclude(connection, conversation_id, excluded)
            if excluded:
                jobs.drop_all(connection, conversation_id)

    def draft(self, conversation_id: int | None) -> str:
        """What was typed there and not sent, "" if nothing was; None is the conversation that has not begun."""
        with self._database.read() as connection:
            return drafts.draft(connection, conversation_id)

    def keep_draft(self, conversation_id: int | None, text: str) -> None:
        """Keeps what was typed there, in place of what was kept before, or nothing if it is empty.

        Raises NotFoundError.
        """
        with self._database.write() as connection:
            drafts.keep(connection, conversation_id, text)
