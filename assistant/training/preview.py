"""Messages as a model would learn from them, beside what is taken out: to look at before anything is trained.

Pure. What trains goes the same way, so that nothing else is learned than what is shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from assistant.memory.records import Message, MessageRole
from assistant.training.held_out import is_held_out
from assistant.training.redaction import Redacted, redact


@dataclass(frozen=True, slots=True)
class Previewed:
    """A message, what would be learned of it, and whether it is held out: then it is only measured on."""

    message: Message
    redacted: Redacted
    is_held_out: bool = False

    @property
    def bracketed(self) -> str:
        """The message with what is taken out of it in brackets, after what it is: "[email: anna@example.org]"."""
        text, at, parts = self.message.text, 0, []
        for span in self.redacted.spans:
            parts += [text[at : span.begin], f"[{span.kind}: {text[span.begin : span.end]}]"]
            at = span.end
        return "".join([*parts, text[at:]])


def previewed(messages: Iterable[Message], words: Sequence[str]) -> list[Previewed]:
    """The messages, with the user's own `words` taken out as well. A held-out question's replies are held out too."""
    found: list[Previewed] = []
    apart: set[int] = set()
    for message in messages:
        if message.role is MessageRole.USER:
            held_out = is_held_out(message.conversation_id, message.parent_id or 0)
        else:
            held_out = message.parent_id in apart
        if held_out:
            apart.add(message.id)
        found.append(Previewed(message, redact(message.text, words), held_out))
    return found
