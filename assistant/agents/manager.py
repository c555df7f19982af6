"""The Memory Manager: one message and the memories related to it in, proposed operations out."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass

from assistant.agents.completions import Malformed, manager_grammar, parse_operations
from assistant.agents.generation import USUAL_TRAITS, Agent, Completion, FinishReason, Form, Generator, ModelTraits
from assistant.agents.json_forms import manager_json
from assistant.agents.prompts import DEFAULT_SPEAKER, manager_prompt
from assistant.memory.operations import MemoryOperation

MAX_TOKENS = 384


@dataclass(frozen=True, slots=True)
class Decision:
    """What the manager proposes, with short ids, and the completion it was read from.

    Exactly one of `operations` and `malformed` is set.
    """

    completion: Completion
    operations: tuple[MemoryOperation, ...] = ()
    malformed: Malformed | None = None


class MemoryManager:
    """Asks a model what a message changes about what is remembered."""

    def __init__(self, generator: Generator, traits: ModelTraits = USUAL_TRAITS) -> None:
        self._generator = generator
        self.traits = traits

    def decide(
        self,
        message: str,
        memories: Sequence[str],
        *,
        speaker: str = DEFAULT_SPEAKER,
        earlier: Sequence[str] = (),
        cancel: threading.Event | None = None,
    ) -> Decision:
        """The operations that `message` calls for; `memories` get the short ids 1 to n in their order.

        A reply cut off by the length limit is malformed even if what is there can be read: its last text is not whole.
        """
        completion = self._generator.generate(
            Agent.MANAGER,
            manager_prompt(message, memories, speaker=speaker, earlier=earlier, trained=self.traits.trained),
            form=Form(manager_grammar(memories), manager_json(memories)),
            max_tokens=MAX_TOKENS,
            cancel=cancel,
        )
        if completion.finish_reason is not FinishReason.STOP:
            reason = f"the reply was cut off ({completion.finish_reason.value})"
            return Decision(completion, malformed=Malformed(completion.text, reason))
        parsed = parse_operations(completion.text, memories)
        if isinstance(parsed, Malformed):
            return Decision(completion, malformed=parsed)
        return Decision(completion, operations=parsed)
