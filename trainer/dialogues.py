"""Dialogues with questions about them, from whatever source: what episodes are made of.

Knows nothing of files, of memories and of what would be right to remember.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Said:
    """One message. `id` is what questions name it by; `speaker` is "User" for the user of an assistant.

    `at` knows its time zone. What an `assistant` has said is remembered of nobody, and stands in the history alone.
    """

    id: str
    speaker: str
    text: str
    at: datetime
    assistant: bool = False


@dataclass(frozen=True, slots=True)
class Asked:
    """A question with its gold answer. `evidence` names the messages that answer it; none where nobody noted them.

    `abstain`: nothing that was said answers it, and only to say so is right. `kind` is the source's own category.
    """

    text: str
    gold: str
    evidence: tuple[str, ...] = ()
    kind: str = ""
    abstain: bool = False


@dataclass(frozen=True, slots=True)
class Dialogue:
    """Messages in the order in which they were said, and questions that are put when all of it has been."""

    id: str
    turns: tuple[Said, ...]
    questions: tuple[Asked, ...]
