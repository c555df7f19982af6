"""What can be done with a message: copy it, answer it anew, say it differently, see others in its place.

Promises that nothing is overwritten: another answer or wording stands beside the first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from assistant.memory.records import Message
from assistant.tui.copying import copy
from assistant.tui.widgets.chat.messages import Answer, Said, UserMessage, code_blocks
from assistant.tui.widgets.chat.status import Key

if TYPE_CHECKING:
    from assistant.tui.screens.chat import ChatScreen

COPIED_FILE = "copied.txt"


class MessageActs:
    """The acts, on the messages of one chat."""

    def __init__(self, screen: ChatScreen) -> None:
        self._screen = screen
        self._copied: tuple[int | None, int] = (None, -1)

    def keys(self, said: Said) -> tuple[Key, ...]:
        """The keys that do something with that message."""
        keys: list[Key] = [("c", "copy", "screen.act_on('copy')")]
        if isinstance(said, Answer):
            if code_blocks(said.text):
                keys.append(("b", "code", "screen.act_on('code')"))
            keys += [("r", "again", "screen.act_on('again')"), ("w", "why", "screen.act_on('why')")]
            if self._screen.transcript.cited_of(said) is not None:
                keys.append(("m", "memories", "screen.act_on('memories')"))
        else:
            keys.append(("e", "edit", "screen.act_on('edit')"))
        if said.place is not None:
            keys += [("←", "", "screen.act_on('previous')"), ("→", "others", "screen.act_on('next')")]
        return (*keys, ("esc", "back", "screen.stop"))

    async def act(self, act: str, said: Said) -> None:
        """Does what `act` names with a message, if it can be done with it."""
        match act, said:
            case "copy", _:
                await self._copy(said.text, "the message")
            case "code", Answer():
                await self._copy_code(said)
            case "again", Answer() if (asked := self._asked(said)) is not None:
                await self._screen.answer(asked, anew=True)
            case "edit", UserMessage(message=Message() as message):
                self._screen.begin_editing(message)
            case "previous" | "next", _ if said.place is not None and said.message_id is not None:
                if self._screen.is_free():
                    self._screen.session.show_sibling(said.message_id, 1 if act == "next" else -1)
            case "memories", Answer() if (cited := self._screen.transcript.cited_of(said)) is not None:
                await cited.toggle()
                cited.scroll_visible(animate=False)
            case "why", Answer(message=Message() as message):
                await self._screen.explain(message)

    async def follow_link(self, address: str) -> None:
        """Opens a link in the browser, once the user has seen where it leads."""
        from assistant.tui.screens.asking import Confirm

        if not address.startswith(("http://", "https://", "mailto:")):
            self._screen.say(f"Not opened: {address}")
            return
        if await self._screen.app.push_screen_wait(Confirm("Open this link in the browser?", address, "Open")):
            self._screen.app.open_url(address)

    def _asked(self, answer: Answer) -> Message | None:
        """The message that it answers, if that is shown."""
        for said in self._screen.transcript.said():
            if said.message_id == answer.turn_id:
                return said.message
        return None

    async def _copy_code(self, answer: Answer) -> None:
        blocks = code_blocks(answer.text)
        if not blocks:
            self._screen.say("There is no code in this message.")
            return
        # Again and again, it goes through them.
        last = self._copied[1] if self._copied[0] == answer.message_id else -1
        number = (last + 1) % len(blocks)
        self._copied = (answer.message_id, number)
        which = f"code block {number + 1} of {len(blocks)}" if len(blocks) > 1 else "the code"
        await self._copy(blocks[number], which)

    async def _copy(self, text: str, what: str) -> None:
        app, backstage = self._screen.app, self._screen.backstage
        file = backstage.paths.data / COPIED_FILE

        def to_terminal(text: str) -> None:
            app.call_from_thread(app.copy_to_clipboard, text)

        where = await backstage.away(lambda: copy(text, to_terminal, file))
        self._screen.say(f"Copied {what} {where}.")
