"""What can be done with memories from within the chat: those an answer used, those just remembered, by name.

Promises that each change can be undone from where it was made, and that other screens hear of it.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from textual.content import Content

from assistant.errors import InputError
from assistant.memory.records import Memory, Operation
from assistant.tui.shown import content
from assistant.tui.widgets.chat import receipt as receipts
from assistant.tui.widgets.chat import used as useds
from assistant.tui.widgets.chat.receipt import Receipt
from assistant.tui.widgets.chat.used import UsedMemory

if TYPE_CHECKING:
    from assistant.memory.bank import MemoryBank
    from assistant.tui.screens.chat import ChatScreen

OFFERED = 12
"""Memories to choose from when one is to be forgotten by its words."""
TAKE_BACK = "^z takes it back"


class MemoryActs:
    """The acts, on the bank behind one chat. They run as workers: each may ask first."""

    def __init__(self, screen: ChatScreen) -> None:
        self._screen = screen
        self._backstage = screen.backstage

    async def act_on_used(self, line: UsedMemory, action: str) -> None:
        """Does what was asked for with a memory that an answer used."""
        memory, reply_id = line.used.memory, line.reply_id
        match action:
            case useds.SOURCE if memory.source_message_id is not None:
                self._screen.open_message(memory.source_message_id)
            case useds.EDIT:
                await self._edit(memory.id)
            case useds.WRONG:
                await self._backstage.bank(lambda bank: bank.mark_wrong(memory.id, message_id=reply_id))
                await self._tell(memory.id, f"Forgotten, as it is wrong; it will not come back. {TAKE_BACK}.")
            case useds.OUTDATED:
                await self._backstage.bank(lambda bank: bank.mark_outdated(memory.id, message_id=reply_id))
                await self._tell(memory.id, f"Closed, as it holds no longer. {TAKE_BACK}.")
            case useds.NEVER_USE | useds.USE_AGAIN:
                never = action == useds.NEVER_USE
                await self._backstage.bank(lambda bank: bank.never_use(memory.id, never))
                await self._tell(memory.id, "Kept, and never used for an answer." if never else "Used again.")

    async def act_on_receipt(self, line: Receipt, action: str) -> None:
        """Does what was asked for with something remembered, or held."""
        operation, session = line.operation, self._screen.session
        match action:
            case receipts.KEEP:
                session.accept(operation.id)
            case receipts.DECLINE:
                await self._backstage.bank(lambda bank: bank.decline(operation.id))
                await line.remove()
                self._changed("Put away.")
            case receipts.UNDO | receipts.REDO:
                session.undo(line.undoes)
            case receipts.EDIT if operation.memory_id is not None:
                await self._edit(operation.memory_id, line)

    async def follow_operation(self, operation: Operation) -> None:
        """Shows how the memory that an operation changed stands by now."""
        if operation.memory_id is not None:
            await self._follow(operation.memory_id)

    async def remember(self, text: str) -> None:
        """Remembers `text` as it stands."""
        if not text:
            raise InputError("There is nothing to remember.", "Write it after the command: /remember I like tea.")
        memory = await self._backstage.bank(lambda bank: bank.add(text))
        self._backstage.model.index()
        await self._screen.transcript.add_notice(
            Content.assemble(("remembered: ", "bold"), content(memory.text), (f"  {TAKE_BACK}", "dim"))
        )
        self._changed("")

    async def forget(self, text: str) -> None:
        """Has what says `text` forgotten, once the user has chosen which of those that do."""
        from assistant.tui.screens.asking import Choose

        def find(bank: MemoryBank) -> list[Memory]:
            if text:
                found = [hit.memory for hit in bank.search(text, limit=OFFERED) if hit.memory is not None]
            else:
                found = list(reversed(bank.memories()))[:OFFERED]
            return found

        found = await self._backstage.bank(find)
        if not found:
            self._screen.say("Nothing that is remembered says this.")
            return
        options = [(memory.id, memory.text) for memory in found]
        chosen = await self._screen.app.push_screen_wait(Choose("Forget", "Which of these?", options))
        for memory_id in chosen or []:
            await self._backstage.bank(partial(_forget, memory_id=memory_id))
            await self._follow(memory_id)
        if chosen:
            self._changed(f"Forgotten; it does not come back from what was said before. {TAKE_BACK}.")

    async def _edit(self, memory_id: int, line: Receipt | None = None) -> None:
        from assistant.tui.screens.asking import AskText

        now = await self._backstage.bank(lambda bank: bank.memory(memory_id).text)
        changed = await self._screen.app.push_screen_wait(AskText("Edit this memory", value=now))
        if changed is None or changed == now:
            return
        operation = await self._backstage.bank(lambda bank: bank.edit(memory_id, changed))
        self._backstage.model.index()
        if line is not None:
            line.follow_edit(operation)
        await self._tell(memory_id, f"Changed. {TAKE_BACK}.")

    async def _tell(self, memory_id: int, said: str) -> None:
        await self._follow(memory_id)
        self._changed(said)

    async def _follow(self, memory_id: int) -> None:
        """Shows wherever the memory is named how it stands by now."""
        memory = await self._backstage.bank(lambda bank: bank.memory(memory_id))
        self._screen.transcript.follow_memory(memory)

    def _changed(self, said: str) -> None:
        if said:
            self._screen.say(said)
        self._screen.tell_memory_changed()


def _forget(bank: MemoryBank, memory_id: int) -> None:
    bank.forget(memory_id)
