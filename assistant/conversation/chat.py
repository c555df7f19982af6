"""One turn of a chat: the message is saved, memories are found, the answer streams, is saved and names its memories.

Promises that nothing is lost: the message is in the bank before a model is asked, and the reply is in the bank from its
first word on, so that a crash, a stop or a closed window keeps what had been said. Knows nothing of screens or of how
text is generated; may be called from any thread, and calls `on_event` from that same thread or the generator's.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from assistant.agents.answer import AnswerAgent, Reply
from assistant.agents.completions import Malformed
from assistant.agents.generation import ChatMessage, Completion, FinishReason
from assistant.agents.prompts import answer_prompt
from assistant.conversation.history import History, history
from assistant.conversation.inputs import clean_text, title_of, without_controls
from assistant.memory.bank import Memory, MemoryBank, Message, MessageRole, MessageState

CHECKPOINT_SECONDS = 0.5
ANEW_TEMPERATURE = 0.7


@dataclass(frozen=True, slots=True)
class Turn:
    """A message with its reply. `citations` are the memories the answer names, in its order.

    `malformed` is set if the model kept no form; its raw text is then the reply, and held for review. `seen_from` is
    the oldest message that the model was shown, None if it was shown all of them. Of the `prompt_bytes` that it read,
    the memories on offer were `memories_bytes`.
    """

    message: Message
    reply: Message
    citations: tuple[Memory, ...]
    completion: Completion
    malformed: Malformed | None = None
    seen_from: int | None = None
    prompt_bytes: int = 0
    memories_bytes: int = 0


@dataclass(frozen=True, slots=True)
class MessageSaved:
    """The user's message is durable; nothing has been generated yet."""

    message: Message


@dataclass(frozen=True, slots=True)
class MemoriesFound:
    """The memories on offer to the answer, best first; `search_mode` says how they were looked for."""

    memories: tuple[Memory, ...]
    search_mode: str


@dataclass(frozen=True, slots=True)
class AnswerText:
    """A new piece of the answer."""

    text: str


@dataclass(frozen=True, slots=True)
class AnswerDone:
    """The reply is saved, with its citations."""

    turn: Turn


Event = MessageSaved | MemoriesFound | AnswerText | AnswerDone
OnEvent = Callable[[Event], None]


def _ignore(_: Event) -> None:
    return None


def save_message(
    bank: MemoryBank, text: str, conversation_id: int | None, *, instead_of: Message | None = None
) -> Message:
    """The user's message, saved with its job for the manager; without a conversation it begins a new one.

    It follows the last message shown, or stands beside the one that it is said `instead_of`, which keeps its replies.
    In a pause, and in a conversation that nothing may be learned from, the manager never reads it. Raises InputError
    for text that cannot be a message.
    """
    cleaned = clean_text(text)
    if instead_of is not None:
        return bank.add_message(
            instead_of.conversation_id, MessageRole.USER, cleaned, remember=True, instead_of=instead_of.id
        )
    if conversation_id is None:
        conversation_id = bank.new_conversation(title_of(cleaned)).id
    return bank.add_message(conversation_id, MessageRole.USER, cleaned, remember=True)


def related(bank: MemoryBank, message: Message, limit: int) -> list[Memory]:
    """The memories to offer an agent with `message`: the nearest ones, near or not. The agent says which matter."""
    return bank.related(message.text, limit)


class Chat:
    """Answers messages from the memories in a bank."""

    def __init__(self, bank: MemoryBank, answer_agent: AnswerAgent) -> None:
        self._bank = bank
        self._agent = answer_agent

    def send(
        self,
        text: str,
        *,
        conversation_id: int | None,
        on_event: OnEvent = _ignore,
        cancel: threading.Event | None = None,
    ) -> Turn:
        """Saves `text` as a message and answers it.

        Raises InputError before anything is saved, and EngineError after the message is. `cancel` ends the answer
        within one token; what had been said is kept as a stopped reply.
        """
        message = save_message(self._bank, text, conversation_id)
        on_event(MessageSaved(message))
        return self.reply(message, on_event=on_event, cancel=cancel)

    def reply(
        self,
        message: Message,
        *,
        on_event: OnEvent = _ignore,
        cancel: threading.Event | None = None,
        anew: bool = False,
    ) -> Turn:
        """Answers a message that is saved already, also one that has an answer: then the new one stands beside that.

        `anew` draws from what the model might say, as its likeliest answer is there already.

        The reply stays with its message, and is shown unless another branch is by then. Raises EngineError; a reply
        that had begun stays, as partial.
        """
        memories = tuple(related(self._bank, message, self._agent.traits.memories_offered))
        on_event(MemoriesFound(memories, self._bank.search_mode))
        draft = _Draft(self._bank, message)
        before = history(self._bank, message.conversation_id, message.id, self._agent.traits)

        def receive(piece: str) -> None:
            # The grammar keeps only ASCII's control characters out.
            shown = without_controls(piece)
            draft.add(shown)
            on_event(AnswerText(shown))

        try:
            reply = self._agent.reply(
                message.text,
                [memory.text for memory in memories],
                history=before.prompt,
                on_text=receive,
                cancel=cancel,
                temperature=ANEW_TEMPERATURE if anew else 0.0,
            )
        except BaseException:
            draft.keep()
            raise
        turn = replace(
            self._finish(message, reply, draft, memories),
            seen_from=self._see(message, reply, before),
            prompt_bytes=self._prompt_bytes(message, memories, before.prompt[reply.completion.dropped :]),
            memories_bytes=sum(len(memory.text.encode()) for memory in memories),
        )
        on_event(AnswerDone(turn))
        return turn

    def _prompt_bytes(self, message: Message, memories: Sequence[Memory], history: Sequence[ChatMessage]) -> int:
        texts = [memory.text for memory in memories]
        prompt = answer_prompt(message.text, texts, history=history, trained=self._agent.traits.trained)
        return sum(len(part.text.encode()) for part in prompt)

    def _see(self, message: Message, reply: Reply, history: History) -> int | None:
        """From which message on the model has read the conversation; None if from its beginning."""
        dropped = reply.completion.dropped
        seen_from = None if history.whole and not dropped else [*history.messages, message][dropped].id
        if seen_from != self._bank.conversation(message.conversation_id).seen_from:
            self._bank.see_from(message.conversation_id, seen_from)
        return seen_from

    def _finish(self, message: Message, reply: Reply, draft: _Draft, memories: Sequence[Memory]) -> Turn:
        stopped = reply.completion.finish_reason is FinishReason.CANCELLED
        malformed = None if stopped else reply.malformed
        # Stopped while still naming memories, the agent returns that line; nobody has seen it as an answer.
        text = draft.text.strip() if stopped and reply.malformed else without_controls(reply.answer.text)
        saved = draft.finish(text, MessageState.STOPPED if stopped else MessageState.COMPLETE)
        citations = tuple(memories[short_id - 1] for short_id in reply.answer.ids)
        if citations:
            self._bank.cite(saved.id, citations)
        if malformed is not None:
            reason, model = f"answer: {malformed.reason}", reply.completion.model or None
            self._bank.hold(reply.completion.text, reason, source_message_id=saved.id, model=model)
        return Turn(message, saved, citations, reply.completion, malformed)


class _Draft:
    """A reply as it grows: saved as partial at its first word, and from then on every half second."""

    def __init__(self, bank: MemoryBank, message: Message) -> None:
        self._bank = bank
        self._message = message
        self._message_id: int | None = None
        self._saved_at = 0.0
        self.text = ""

    def add(self, piece: str) -> None:
        self.text += piece
        if self._message_id is None or time.monotonic() - self._saved_at >= CHECKPOINT_SECONDS:
            self._save(self.text, MessageState.PARTIAL)

    def keep(self) -> None:
        """Saves what there is, if there is anything, as a partial reply."""
        if self.text:
            self._save(self.text, MessageState.PARTIAL)

    def finish(self, text: str, state: MessageState) -> Message:
        return self._bank.message(self._save(text, state))

    def _save(self, text: str, state: MessageState) -> int:
        if self._message_id is None:
            self._message_id = self._bank.add_message(
                self._message.conversation_id, MessageRole.ASSISTANT, text, state=state, parent_id=self._message.id
            ).id
        else:
            self._bank.update_message(self._message_id, text, state)
        self._saved_at = time.monotonic()
        return self._message_id
