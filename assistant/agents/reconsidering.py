"""Writing again where a model is not sure: of several drafts the one that it finds most probable is taken.

Taking the best token at each step need not end with the best completion: the first token of a memory to quote may look
good until what follows it does not fit. Then the model itself finds another draft more probable as a whole. It costs
nothing where the model is sure, which is nearly always. A word from nowhere is reason enough to write again, too.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from assistant.agents.generation import Agent, ChatMessage, Completion, FinishReason, Form, Generator, ModelTraits
from assistant.agents.grounding import invented_words

DRAFTS = 4
"""How many drafts are written beside the first one. On 12 dev lives of the starter s12, four for each completion of a
confidence below 0.97 (145 of 847) made right answers 323 instead of 311 of 357, and right citations 330 instead of 312.
"""
TEMPERATURE = 1.0
"""The model's own probabilities: drafts come as often as it believes in them."""


class Reconsidering:
    """Generates what `generator` does, but reconsiders completions that the traits of an agent's model give reason to.

    These are those of a confidence below `reconsider_below`, and those with a word that is neither given nor the
    model's own; where no draft does without such a word, the confidence is 0. What may be reconsidered does not
    stream: `on_text` gets it whole, once it is settled. Drafts are drawn with fixed seeds, so that the same prompt
    gives the same completion.
    """

    def __init__(self, generator: Generator, traits: Mapping[Agent, ModelTraits]) -> None:
        self._generator = generator
        self._traits = traits

    def generate(
        self,
        agent: Agent,
        prompt: Sequence[ChatMessage],
        *,
        form: Form | None = None,
        max_tokens: int = 256,
        temperature: float = 0.0,
        on_text: Callable[[str], None] | None = None,
        cancel: threading.Event | None = None,
        seed: int | None = None,
    ) -> Completion:
        """See `Generator`. A completion that was cancelled is the one that was being written."""

        traits = self._traits[agent]

        def draft(temperature: float, seed: int | None, on_text: Callable[[str], None] | None = None) -> Completion:
            return self._generator.generate(
                agent,
                prompt,
                form=form,
                max_tokens=max_tokens,
                temperature=temperature,
                on_text=on_text,
                cancel=cancel,
                seed=seed,
            )

        def is_grounded(completion: Completion) -> bool:
            own = traits.own_words
            return not own or not invented_words(completion.text, (message.text for message in prompt), own)

        def rank(completion: Completion) -> tuple[bool, bool, float]:
            whole = completion.finish_reason is FinishReason.STOP
            return whole, is_grounded(completion), completion.log_probability

        if temperature > 0 or not (traits.reconsider_below > 0 or traits.own_words):
            return draft(temperature, seed, on_text)
        best = draft(0.0, None)
        doubtful = best.confidence < traits.reconsider_below or not is_grounded(best)
        if doubtful and best.finish_reason is not FinishReason.CANCELLED:
            drafts = [best]
            for number in range(DRAFTS):
                drafts.append(draft(TEMPERATURE, number))
                if drafts[-1].finish_reason is FinishReason.CANCELLED:
                    return drafts[-1]
            best = max(drafts, key=rank)
        if on_text is not None and best.text:
            on_text(best.text)
        return best if is_grounded(best) else replace(best, confidence=0.0)
