"""The user's own history as a dialogue: what was said to the assistant, and the questions it answered from memories.

Promises to go by what may be learned from, as the app shows it, and that no word of it is taken out less than is shown.
Only reads the bank. Knows nothing of how questions are put again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import pairwise

from assistant.errors import NotFoundError
from assistant.memory.bank import Citation, FeedbackKind, MemoryBank, MemoryStatus, Message, MessageRole, MessageState
from assistant.training.learnable import learnable
from assistant.training.preview import Previewed, previewed
from trainer.data.dialogues import ASSISTANT
from trainer.data.lives import USER
from trainer.dialogues import Asked, Dialogue, Said
from trainer.errors import TrainingError

NAME = "history"
KIND = "history"
COMPLAINTS = frozenset({FeedbackKind.WRONG, FeedbackKind.OUTDATED, FeedbackKind.NEVER_USE})
"""What the user says of a memory that casts doubt on the answers made from it."""
ALL = 2**31
"""More messages than a conversation has, and more feedback than anybody gives."""
_HINT = "Chat for a while, and let nothing be excluded that should count; `recollect training data` shows what does."


def read(bank: MemoryBank, *, held_out: bool = False) -> Dialogue:
    """All that may be learned from in `bank` as one dialogue, in the order in which it was said.

    Messages are those of the shown branch of each conversation that is learned from: none that is a sample, imported,
    excluded, too short, or in which something was wiped. What should not be learned, and the user's private words, are
    taken out of their texts. The id of a message is the bank's.

    A question is a message of the user, on that branch, if all of this holds: its reply is whole; the reply cited
    memories; each of them still says what it said then, so that the question may be put at the end; nobody called any
    of them wrong or outdated or not to be used, be it upon this reply or another; each came, in all its versions up to
    that, from messages that are among those of the dialogue, before the question; and nothing has to be taken out of
    the question or of the reply. The gold answer is the reply, the evidence the messages that the memories came from.
    What the reply rests on beside the memories it named, the bank does not tell.

    The reply to a question is not among the messages: it would give the answer away. Questions that are held out are
    asked with `held_out` alone, all others without; and without it neither they nor their replies are among the
    messages, so that nothing is learned from them.

    Raises TrainingError if there is nothing to learn from, or without `held_out` no question.
    """
    learned = [source.lessons.conversation_id for source in learnable(bank.lessons()).learned_from]
    words = bank.private_words()
    shown = [previewed(bank.messages(number, ALL), words) for number in learned]
    messages = sorted((p for said in shown for p in said), key=lambda p: (p.message.created_at, p.message.id))
    if not messages:
        raise TrainingError("There is nothing yet in your history that may be learned from.", _HINT)
    left = [p for p in messages if held_out or not p.is_held_out]
    places = {p.message.id: place for place, p in enumerate(left)}
    bad = {said.memory_id for said in bank.feedback(ALL) if said.kind in COMPLAINTS}
    pairs = [pair for said in shown for pair in pairwise(said) if pair[0].is_held_out == held_out]
    asked = {reply.message.id: q for said, reply in pairs if (q := _asked(bank, said, reply, places, bad)) is not None}
    if not asked and not held_out:
        raise TrainingError("No question in your history can be asked again: none was answered from memories.", _HINT)
    order = sorted(asked, key=lambda reply_id: places[reply_id])
    turns = tuple(_said(p) for p in left if p.message.id not in asked and p.redacted.text.strip())
    return Dialogue(NAME, turns, tuple(asked[reply_id] for reply_id in order))


def _said(shown: Previewed) -> Said:
    message = shown.message
    assistant = message.role is MessageRole.ASSISTANT
    speaker = ASSISTANT if assistant else message.speaker or USER
    return Said(str(message.id), speaker, shown.redacted.text, message.created_at, assistant)


def _asked(
    bank: MemoryBank, said: Previewed, reply: Previewed, places: Mapping[int, int], bad: set[int]
) -> Asked | None:
    """The question that a message and what follows it are, if they are one."""
    if not _answered(said.message, reply.message) or said.redacted.spans or reply.redacted.spans:
        return None
    citations = bank.citations(reply.message.id)
    if not citations or any(citation.memory_id in bad for citation in citations):
        return None
    sources = [_sources(bank, citation) for citation in citations]
    place = places[said.message.id]
    if not all(each and all(places.get(source, place) < place for source in each) for each in sources):
        return None
    evidence = sorted({source for each in sources for source in each}, key=places.__getitem__)
    return Asked(said.message.text, reply.message.text, _ids(evidence), KIND)


def _answered(said: Message, reply: Message) -> bool:
    return (
        said.role is MessageRole.USER
        and reply.role is MessageRole.ASSISTANT
        and reply.parent_id == said.id
        and reply.state is MessageState.COMPLETE
        and bool(reply.text.strip())
    )


def _sources(bank: MemoryBank, citation: Citation) -> set[int]:
    """The messages that a cited memory came from; empty if it does not say the same any more, or nobody said it."""
    try:
        versions = bank.history(citation.memory_id)
    except NotFoundError:
        return set()
    now = versions[-1].memory
    if now.status is not MemoryStatus.ACTIVE or now.text != citation.text:
        return set()
    sources = [version.memory.source_message_id for version in versions]
    return set() if None in sources else {source for source in sources if source is not None}


def _ids(messages: Iterable[int]) -> tuple[str, ...]:
    return tuple(map(str, messages))
