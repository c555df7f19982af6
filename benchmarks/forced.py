"""A model whose words are given: llama.cpp computes each token, and then the given one is taken.

So what a reply costs can be measured without a model that would write it. Prompts become ChatML, whose control tokens
come from the form alone. Knows nothing of what is asked, nor of what is a right reply to it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import llama_cpp

from assistant.agents.generation import Agent, ChatMessage, Completion, FinishReason, Form

CHUNK = 512
"""Most tokens read in one go, as in the assistant."""
SIMILAR = 0.1
"""The share of a prompt that a slot must have read already to be taken for it, as llama-server has it."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What one call of a model cost: tokens of the prompt, of those the ones not in the cache, tokens written, time.

    `seconds` are by the clock; those of the `processor` are what it took of them, which other programs do not lengthen.
    """

    prompt: int
    read: int
    written: int
    seconds: float
    processor: float


@dataclass
class _Slot:
    context: llama_cpp.llama_context_p
    tokens: list[int] = field(default_factory=list)
    """What it has read."""
    used: int = 0

    def shared(self, prompt: Sequence[int]) -> int:
        """How many tokens of `prompt`, from its beginning, are what it has read."""
        for at, (old, new) in enumerate(zip(self.tokens, prompt, strict=False)):
            if old != new:
                return at
        return min(len(self.tokens), len(prompt))


class ForcedModel:
    """The model of a GGUF, with `slots` contexts that each keep what they read last, as llama-server's do."""

    def __init__(self, path: Path, *, slots: int, threads: int) -> None:
        """Raises ValueError if llama.cpp does not take the file."""
        settings = llama_cpp.llama_model_default_params()
        settings.n_gpu_layers = 0
        self._model = llama_cpp.llama_model_load_from_file(str(path).encode(), settings)
        if self._model is None:
            raise ValueError(f"llama.cpp cannot read {path} as a model.")
        self._vocabulary = llama_cpp.llama_model_get_vocab(self._model)
        self.context = llama_cpp.llama_model_n_ctx_train(self._model)
        self._slots = [_Slot(self._new_context(threads)) for _ in range(slots)]
        self._calls = 0

    def write(self, prompt: Sequence[ChatMessage], reply: str) -> Cost:
        """Reads `prompt` and writes `reply`. Raises ValueError if both together are longer than a context."""
        started, computed = time.perf_counter(), time.process_time()
        tokens = self._rendered(prompt)
        written = self._tokens(reply)
        if len(tokens) + len(written) > self.context:
            raise ValueError(f"{len(tokens)} + {len(written)} tokens do not fit into {self.context}.")
        slot = self._slot(tokens)
        # The last token is always read again: what follows it is wanted.
        kept = min(slot.shared(tokens), len(tokens) - 1)
        llama_cpp.llama_memory_seq_rm(llama_cpp.llama_get_memory(slot.context), 0, kept, -1)
        slot.tokens = tokens[:kept]
        for begin in range(kept, len(tokens), CHUNK):
            _read(slot, tokens[begin : begin + CHUNK])
        for token in written:
            _read(slot, [token])
        return Cost(
            prompt=len(tokens),
            read=len(tokens) - kept,
            written=len(written),
            seconds=time.perf_counter() - started,
            processor=time.process_time() - computed,
        )

    def _new_context(self, threads: int) -> llama_cpp.llama_context_p:
        settings = llama_cpp.llama_context_default_params()
        settings.n_ctx = self.context
        settings.n_batch = settings.n_ubatch = min(CHUNK, self.context)
        settings.n_threads = settings.n_threads_batch = threads
        settings.no_perf = True
        return llama_cpp.llama_init_from_model(self._model, settings)

    def _rendered(self, prompt: Sequence[ChatMessage]) -> list[int]:
        start, end = (self._tokens(token, special=True) for token in ("<|im_start|>", "<|im_end|>"))
        newline = self._tokens("\n")
        tokens: list[int] = []
        for message in prompt:
            tokens += [*start, *self._tokens(f"{message.role.value}\n{message.text}"), *end, *newline]
        return [*tokens, *start, *self._tokens("assistant\n")]

    def _tokens(self, text: str, *, special: bool = False) -> list[int]:
        data = text.encode()
        # No token is shorter than a byte.
        tokens = (llama_cpp.llama_token * (len(data) + 1))()
        count = llama_cpp.llama_tokenize(self._vocabulary, data, len(data), tokens, len(tokens), False, special)
        return tokens[:count]

    def _slot(self, prompt: Sequence[int]) -> _Slot:
        """The slot that has read most of `prompt`; if that is next to nothing, the one not used for longest."""
        self._calls += 1
        slot = max(self._slots, key=lambda slot: slot.shared(prompt))
        if slot.shared(prompt) < SIMILAR * len(prompt):
            slot = min(self._slots, key=lambda slot: slot.used)
        slot.used = self._calls
        return slot


def _read(slot: _Slot, tokens: list[int]) -> None:
    """Reads on, and computes what may follow."""
    # Kept while it is read: a batch only points to it.
    array = (llama_cpp.llama_token * len(tokens))(*tokens)
    if status := llama_cpp.llama_decode(slot.context, llama_cpp.llama_batch_get_one(array, len(tokens))):
        raise RuntimeError(f"llama.cpp could not read on (status {status}).")
    # Waits for it, where it is computed elsewhere.
    llama_cpp.llama_get_logits_ith(slot.context, -1)
    slot.tokens += tokens


class ForcedGenerator:
    """A `Generator` that writes what `right` says to a prompt, whatever the form, and remembers what it cost."""

    def __init__(self, model: ForcedModel, right: Callable[[Sequence[ChatMessage]], str]) -> None:
        self._model = model
        self._right = right
        self.costs: list[Cost] = []

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
        reply = self._right(prompt)
        cost = self._model.write(prompt, reply)
        self.costs.append(cost)
        return Completion(
            reply, FinishReason.STOP, cost.prompt, cost.prompt - cost.read, cost.written, seconds=cost.seconds
        )
