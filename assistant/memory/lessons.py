"""What a conversation holds from which a model could learn, in numbers.

Frozen values. Knows nothing of databases, nor of what may be learned from.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Lessons:
    """One conversation: `user_messages` in all branches, and what the user made of what the model proposed upon them.

    `declined` proposals were held and not wanted, `accepted` ones carried out as they stood, `edited` memories were put
    into other words; `feedback` is what else was said of memories. `turns` names each place at which the user said
    something that was answered whole, by the message that it follows, 0 for the first: other wordings of one message
    are one turn.
    """

    conversation_id: int
    title: str
    created_at: datetime
    user_messages: int
    accepted: int = 0
    declined: int = 0
    edited: int = 0
    undone: int = 0
    feedback: int = 0
    turns: tuple[int, ...] = ()
    is_imported: bool = False
    is_sample: bool = False
    is_struck: bool = False
    is_excluded: bool = False
