"""What the parts of the Memory mode have in common: they read the bank, ask for changes, and say how things stand.

Knows nothing of the screen around them, which carries the changes out and keeps the way back.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from textual.containers import Vertical
from textual.message import Message

from assistant.errors import RecollectError
from assistant.tui.backstage import Backstage
from assistant.tui.widgets.memory.changes import Change

if TYPE_CHECKING:
    from assistant.memory.bank import MemoryBank

Result = TypeVar("Result")


class MemoryPart(Vertical):
    """One part. It is brought up to date by `arrive`, and made the one at hand by `begin`."""

    def __init__(self, backstage: Backstage, *, id: str) -> None:  # noqa: A002 - as the base class names it
        super().__init__(id=id)
        self.backstage = backstage

    class Asked(Message):
        """Something is to be changed."""

        def __init__(self, change: Change) -> None:
            super().__init__()
            self.change = change

    class Failed(Message):
        """Something could not be read."""

        def __init__(self, error: RecollectError) -> None:
            super().__init__()
            self.error = error

    class Stale(Message):
        """What is shown has to be read anew."""

    class Said(Message):
        """There is something to say: for a moment, or `lasting`, which is how things stand."""

        def __init__(self, text: str, *, lasting: bool = False) -> None:
            super().__init__()
            self.text = text
            self.lasting = lasting

    class SourceWanted(Message):
        """A message is to be seen in its conversation."""

        def __init__(self, message_id: int) -> None:
            super().__init__()
            self.message_id = message_id

    async def arrive(self) -> None:
        """Reads anew what is shown. Raises RecollectError."""
        raise NotImplementedError

    def begin(self) -> None:
        """Takes the focus, and says how things stand."""
        raise NotImplementedError

    def back(self) -> bool:
        """Leaves whatever was gone into last; says whether there was anything."""
        return False

    def ask(self, change: Change) -> None:
        """Has something changed."""
        self.post_message(self.Asked(change))

    def say(self, text: str, *, lasting: bool = False) -> None:
        """Says something in one line."""
        self.post_message(self.Said(text, lasting=lasting))

    async def read(self, work: Callable[[MemoryBank], Result]) -> Result | None:
        """What `work` makes of the bank; None, once that is told, if it fails."""
        try:
            return await self.backstage.bank(work)
        except RecollectError as error:
            self.post_message(self.Failed(error))
            return None
