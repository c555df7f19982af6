"""Which questions are kept apart, to measure on them before and after: the same ones for good, whoever asks.

Pure. Promises that a place in a conversation is on one side whatever else is said there, or anywhere, later.
"""

from __future__ import annotations

import hashlib

ONE_IN = 5
"""Of so many questions one is held out."""


def is_held_out(conversation_id: int, after_id: int) -> bool:
    """Whether what the user said after the message `after_id`, 0 for none, is never trained on, but measured on.

    What follows the same message are other wordings of one question, and on the same side.
    """
    digest = hashlib.sha256(f"{conversation_id}:{after_id}".encode()).digest()
    return int.from_bytes(digest[:8], "big") % ONE_IN == 0
