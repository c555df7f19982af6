"""What a model is shown of a conversation before a message: which turns of the branch that leads to it.

Promises that it begins at the same turn for as long as it may, because what stays as it was at the beginning of a
prompt need not be read again. Knows nothing of how many tokens a model can read.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from assistant.agents.generation import ChatMessage, ModelTraits, Role
from assistant.memory.bank import MemoryBank, Message, MessageRole

MESSAGES_LOOKED_THROUGH = 12
"""How far back a few turns are looked for, messages that got no reply included."""
MOST_MESSAGES = 400
"""More of a conversation is never given to a model, whatever room it has."""
STEP = 200
"""Where a conversation is longer than that, it is given from a message on whose number is a multiple of this."""

_Turns = list[tuple[Message, Message]]


@dataclass(frozen=True, slots=True)
class History:
    """What a model is shown of a conversation, user and assistant in turn; `whole` if nothing was left out of it."""

    messages: list[Message]
    whole: bool

    @property
    def prompt(self) -> list[ChatMessage]:
        roles = {MessageRole.USER: Role.USER, MessageRole.ASSISTANT: Role.ASSISTANT}
        return [ChatMessage(roles[message.role], message.text) for message in self.messages]


def history(bank: MemoryBank, conversation_id: int, before_id: int | None, traits: ModelTraits) -> History:
    """The turns that lead to the message `before_id`, or to the next one, as they were said; a message without a reply
    is no turn."""
    wanted = traits.history_turns
    limit = MOST_MESSAGES if wanted is None else MESSAGES_LOOKED_THROUGH
    before = bank.messages(conversation_id, limit=limit + 1, before_id=before_id)
    whole = len(before) <= limit
    if not whole:
        # Not the oldest that there is room for, which would be another one each time.
        begin = -(-before[0].id // STEP) * STEP
        before = [said for said in before if said.id >= begin] if wanted is None else before
    turns = [
        (said, reply)
        for said, reply in pairwise(before)
        if said.role is MessageRole.USER and reply.role is MessageRole.ASSISTANT and reply.text
    ]
    shown = turns if wanted is None else _last(bank, conversation_id, turns, wanted)
    return History([part for turn in shown for part in turn], whole=whole and len(shown) == len(turns))


def _last(bank: MemoryBank, conversation_id: int, turns: _Turns, wanted: int) -> _Turns:
    """Those shown last time and what came since, or, where that is too much, half of what may be shown."""
    seen_from = bank.conversation(conversation_id).seen_from or 0
    going_on = [turn for turn in turns if turn[0].id >= seen_from]
    return going_on if len(going_on) <= wanted else turns[len(turns) - max(wanted // 2, 1) :]
