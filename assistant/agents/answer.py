"""The Answer Agent: a message, the history and the memories on offer in; the memories it uses and an answer out."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from assistant.agents.completions import ANSWER_MARK, Answer, Malformed, answer_grammar, parse_answer
from assistant.agents.generation import USUAL_TRAITS, Agent, ChatMessage, Completion, Form, Generator, ModelTraits
from assistant.agents.json_forms import answer_json
from assistant.agents.prompts import answer_prompt


@dataclass(frozen=True, slots=True)
class Reply:
    """What the Answer Agent said. `malformed` is set, and `answer` holds the raw text, if it kept no form."""

    answer: Answer
    completion: Completion
    malformed: Malformed | None = None


class AnswerAgent:
    """Asks a model to name the memories that matter and to answer from them."""

    def __init__(self, generator: Generator, traits: ModelTraits = USUAL_TRAITS) -> None:
        self._generator = generator
        self.traits = traits

    def reply(
        self,
        message: str,
        memories: Sequence[str],
        *,
        history: Sequence[ChatMessage] = (),
        on_text: Callable[[str], None] | None = None,
        cancel: threading.Event | None = None,
        temperature: float = 0.0,
    ) -> Reply:
        """Answers `message`; `memories` get the short ids 1 to n in their order.

        `on_text` gets the answer alone as it streams, never the lines that quote memories. A reply that was stopped
        or cut off keeps what had been said.
        """
        completion = self._generator.generate(
            Agent.ANSWER,
            answer_prompt(message, memories, history=history, trained=self.traits.trained),
            form=Form(answer_grammar(memories), answer_json(memories)),
            max_tokens=self.traits.answer_tokens,
            temperature=temperature,
            on_text=_after_mark(on_text) if on_text is not None else None,
            cancel=cancel,
        )
        parsed = parse_answer(completion.text, memories)
        if isinstance(parsed, Malformed):
            return Reply(Answer(completion.text.strip()), completion, parsed)
        return Reply(parsed, completion)


def _after_mark(on_text: Callable[[str], None]) -> Callable[[str], None]:
    """A receiver of streamed pieces that passes on only what follows the answer mark."""
    held = ""
    answering = False

    def receive(piece: str) -> None:
        nonlocal held, answering
        if answering:
            on_text(piece)
            return
        held += piece
        _, mark, tail = held.partition(ANSWER_MARK)
        if mark:
            answering = True
            if tail:
                on_text(tail)

    return receive
