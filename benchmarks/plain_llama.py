"""Plain llama.cpp: a prompt is read and greedily written on, with its C functions and nothing around them.

What it takes is what our engine is held against. Knows nothing of agents, forms and processes.
"""

from __future__ import annotations

import ctypes
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import llama_cpp


@dataclass(frozen=True, slots=True)
class Written:
    """What was written, and what it took: seconds to the first token and to the last, and of the processor's time."""

    tokens: tuple[int, ...]
    prompt_tokens: int
    first_s: float
    all_s: float
    first_cpu_s: float
    all_cpu_s: float
    text: bytes


class PlainLlama:
    """The model of a GGUF with one context. Each text is read from its beginning."""

    def __init__(self, path: Path, *, context: int, batch: int, threads: int) -> None:
        """Raises ValueError if llama.cpp does not take the file."""
        settings = llama_cpp.llama_model_default_params()
        settings.n_gpu_layers = 0
        self._model = llama_cpp.llama_model_load_from_file(str(path).encode(), settings)
        if self._model is None:
            raise ValueError(f"llama.cpp cannot read {path} as a model.")
        self._vocabulary = llama_cpp.llama_model_get_vocab(self._model)
        wanted = llama_cpp.llama_context_default_params()
        wanted.n_ctx = context
        wanted.n_batch = wanted.n_ubatch = min(batch, context)
        wanted.n_threads = wanted.n_threads_batch = threads
        wanted.no_perf = True
        self._context = llama_cpp.llama_init_from_model(self._model, wanted)
        self._memory = llama_cpp.llama_get_memory(self._context)
        self._batch = min(batch, context)
        self._sampler = llama_cpp.llama_sampler_chain_init(llama_cpp.llama_sampler_chain_default_params())
        llama_cpp.llama_sampler_chain_add(self._sampler, llama_cpp.llama_sampler_init_greedy())
        self._buffer = ctypes.create_string_buffer(256)

    def tokens(self, text: str) -> list[int]:
        """Those of a prompt, in which the names of control tokens stand for these."""
        data = text.encode()
        # No token is shorter than a byte.
        tokens = (llama_cpp.llama_token * (len(data) + 1))()
        count = llama_cpp.llama_tokenize(self._vocabulary, data, len(data), tokens, len(tokens), False, True)
        return tokens[:count]

    def write(self, prompt: str, count: int) -> Written:
        """Writes `count` tokens, whichever they are: a token that would end the text is written like any other."""
        begin, cpu = time.perf_counter(), time.process_time()
        llama_cpp.llama_memory_clear(self._memory, False)
        read = self.tokens(prompt)
        for first in range(0, len(read), self._batch):
            self._read(read[first : first + self._batch])
        tokens = [self._sample()]
        text = [self._piece(tokens[0])]
        first_s, first_cpu_s = time.perf_counter() - begin, time.process_time() - cpu
        while len(tokens) < count:
            self._read(tokens[-1:])
            tokens.append(self._sample())
            text.append(self._piece(tokens[-1]))
        all_s, all_cpu_s = time.perf_counter() - begin, time.process_time() - cpu
        return Written(tuple(tokens), len(read), first_s, all_s, first_cpu_s, all_cpu_s, b"".join(text))

    def close(self) -> None:
        """Frees all that llama.cpp holds; nothing may be written any more."""
        llama_cpp.llama_sampler_free(self._sampler)
        llama_cpp.llama_free(self._context)
        llama_cpp.llama_model_free(self._model)

    def _read(self, tokens: Sequence[int]) -> None:
        # Kept while it is read: a batch only points to it.
        array = (llama_cpp.llama_token * len(tokens))(*tokens)
        if status := llama_cpp.llama_decode(self._context, llama_cpp.llama_batch_get_one(array, len(tokens))):
            raise RuntimeError(f"llama.cpp could not read on (status {status}).")

    def _sample(self) -> int:
        return int(llama_cpp.llama_sampler_sample(self._sampler, self._context, -1))

    def _piece(self, token: int) -> bytes:
        length = llama_cpp.llama_token_to_piece(self._vocabulary, token, self._buffer, len(self._buffer), 0, False)
        return self._buffer.raw[: max(length, 0)]
