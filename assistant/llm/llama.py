"""llama.cpp, as far as we use it: a chat model with a context for each agent, and a sentence model.

The only importer of `llama_cpp`, and itself imported only in the child process, because a bad grammar or file can take
the whole process down and because llama.cpp writes to file descriptors 1 and 2. Nothing here may be used by two threads
at once.
"""

from __future__ import annotations

import ctypes
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import llama_cpp
import numpy as np

from assistant.llm.protocol import USUAL_CONTEXT
from assistant.llm.sampling import Scores
from assistant.llm.templates import CHATML, ChatTemplate, TemplateError

CHUNK = 512
"""Most tokens read in one go, and so the longest that a more urgent request waits."""

_SENTENCE_TOKENS = 256
"""The longest text that all-MiniLM-L6-v2 was trained on."""

_QUICK_SECONDS = 0.02
"""A token that takes no longer is waited for when it is to be stopped."""

_ABORTED = 2
_LOG_WARNING = 3
_ALL_LAYERS = 9999
_address_of_logits = ctypes.CFUNCTYPE(ctypes.c_void_p, llama_cpp.llama_context_p_ctypes, ctypes.c_int32)(
    ctypes.cast(llama_cpp.llama_get_logits_ith, ctypes.c_void_p).value or 0
)
"""llama_get_logits_ith, without an object made for what it points to."""
_CONTROL = llama_cpp.LLAMA_TOKEN_ATTR_CONTROL | llama_cpp.LLAMA_TOKEN_ATTR_UNKNOWN
_SPECIAL = _CONTROL | llama_cpp.LLAMA_TOKEN_ATTR_USER_DEFINED


class LoadError(Exception):
    """llama.cpp does not take the file."""


class GrammarError(Exception):
    """llama.cpp does not understand the grammar."""


class ComputeError(Exception):
    """llama.cpp could not compute."""


def prepare() -> None:
    """Once a process, before anything else: writes llama.cpp's warnings and errors, and no more, to standard error."""
    llama_cpp.llama_log_set(_LOG_CALLBACK, None)
    llama_cpp.llama_backend_init()


def _log(level: int, text: bytes, _: object) -> None:
    # llama-cpp-python's own callback takes the levels for their neighbours, and so hides errors when it hides chatter.
    # Above warnings come errors and whatever continues a line.
    if level >= _LOG_WARNING:
        os.write(2, text)


_LOG_CALLBACK = llama_cpp.llama_log_callback(_log)


class _Model:
    """A loaded file with its vocabulary."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.model = _load(path)
        self.vocab = llama_cpp.llama_model_get_vocab(self.model)
        self.size = llama_cpp.llama_vocab_n_tokens(self.vocab)

    def tokenize(self, text: str, *, special: bool = False, frame: bool = False) -> list[int]:
        """Tokens of `text`. Control tokens are read in it only if `special`, and put around it only if `frame`."""
        data = text.encode("utf-8", "replace")
        # No token is shorter than a byte; a frame adds two.
        tokens = (llama_cpp.llama_token * (len(data) + 2))()
        count = llama_cpp.llama_tokenize(self.vocab, data, len(data), tokens, len(tokens), frame, special)
        if count < 0:
            raise ComputeError("the text could not be read as tokens")
        return tokens[:count]


class ChatModel(_Model):
    """A model that writes, in its own form of chat (a `prompting.Vocabulary`)."""

    def __init__(self, path: str, *, threads: int) -> None:
        super().__init__(path)
        self._threads = threads
        self._pieces: dict[int, bytes] = {}
        self._adapters: dict[str, llama_cpp.llama_adapter_lora_p] = {}
        self.specials: dict[str, int] = {}
        controls, strips = set(), set()
        for token in range(self.size):
            kind = llama_cpp.llama_vocab_get_attr(self.vocab, token)
            if kind & _SPECIAL:
                self.specials[self._name(token)] = token
            if kind & _CONTROL:
                controls.add(token)
            if kind & llama_cpp.LLAMA_TOKEN_ATTR_RSTRIP:
                strips.add(token)
        self.controls, self.strips = frozenset(controls), frozenset(strips)
        self.ends = frozenset(
            token for token in self.specials.values() if llama_cpp.llama_vocab_is_eog(self.vocab, token)
        )
        self.template = self._template()
        bos = llama_cpp.llama_vocab_bos(self.vocab)
        self.opening = (bos,) if bos >= 0 and llama_cpp.llama_vocab_get_add_bos(self.vocab) else ()
        """What every prompt begins with, whether the template says so or not."""

    def _name(self, token: int) -> str:
        return str(llama_cpp.llama_vocab_get_text(self.vocab, token).decode("utf-8", "replace"))

    def _template(self) -> ChatTemplate:
        found = llama_cpp.llama_model_chat_template(self.model, None)
        source = found.decode("utf-8", "replace") if found else ""
        if not source:
            if "<|im_start|>" not in self.specials or "<|im_end|>" not in self.specials:
                raise LoadError(f"{self.path} has no chat template: it is no model for a conversation")
            source = CHATML
        bos, eos = llama_cpp.llama_vocab_bos(self.vocab), llama_cpp.llama_vocab_eos(self.vocab)
        try:
            return ChatTemplate(
                source, bos=self._name(bos) if bos >= 0 else "", eos=self._name(eos) if eos >= 0 else ""
            )
        except TemplateError as error:
            raise LoadError(f"the chat template of {self.path} cannot be used ({error})") from error

    def context_size(self, wanted: int) -> int:
        """The most tokens a context will hold where `wanted` are asked for, 0 for what is usual."""
        return min(wanted or USUAL_CONTEXT, int(llama_cpp.llama_model_n_ctx_train(self.model)))

    def piece(self, token: int) -> bytes:
        """The bytes that `token` stands for; none for a control token."""
        known = self._pieces.get(token)
        if known is None:
            buffer = ctypes.create_string_buffer(256)
            length = llama_cpp.llama_token_to_piece(self.vocab, token, buffer, len(buffer), 0, False)
            known = self._pieces[token] = buffer.raw[: max(length, 0)]
        return known

    def new_context(self, size: int, adapter: str | None = None) -> ChatContext:
        """A context of its own on the same weights, with the LoRA at the path `adapter`. Raises LoadError."""
        lora = None
        if adapter is not None:
            if adapter not in self._adapters:
                self._adapters[adapter] = self._load_adapter(adapter)
            lora = self._adapters[adapter]
        return ChatContext(self, size, self._threads, lora)

    def _load_adapter(self, path: str) -> llama_cpp.llama_adapter_lora_p:
        lora: llama_cpp.llama_adapter_lora_p = llama_cpp.llama_adapter_lora_init(self.model, path.encode())
        # Other than with a model, what comes back is never None, but may be a pointer to nothing.
        if not lora:
            raise LoadError(f"the adapter {path} cannot be read or was made for another model than {self.path}")
        return lora

    def grammar(self, gbnf: str) -> Grammar:
        """The grammar at its beginning. Raises GrammarError."""
        return Grammar(self, gbnf)


class ChatContext:
    """What a model has read so far. Keeps it from one prompt to the next, as far as both begin alike."""

    def __init__(
        self, model: ChatModel, size: int, threads: int, adapter: llama_cpp.llama_adapter_lora_p | None = None
    ) -> None:
        params = llama_cpp.llama_context_default_params()
        params.n_ctx = size
        params.n_batch = params.n_ubatch = min(CHUNK, size)
        params.n_threads = params.n_threads_batch = threads
        params.no_perf = True
        self._vocab_size = model.size
        self._context = _new_context(model, params)
        if adapter is not None:
            adapters, scales = (type(adapter) * 1)(adapter), (ctypes.c_float * 1)(1.0)
            if llama_cpp.llama_set_adapters_lora(self._context, adapters, 1, scales):
                raise LoadError("the adapter cannot be used with the model's context")
        self._memory = llama_cpp.llama_get_memory(self._context)
        self.size = size
        self._read: list[int] = []
        self._one_token = (llama_cpp.llama_token * 1)()
        self._batch_of_one = llama_cpp.llama_batch_get_one(self._one_token, 1)
        self._logits: dict[int, Scores] = {}
        self._aborted: Callable[[], bool] = lambda: False
        # Kept, because llama.cpp calls it after this method has ended.
        self._abort_callback = llama_cpp.ggml_abort_callback(lambda _: self._aborted())
        self._never_aborts = llama_cpp.ggml_abort_callback()
        self._asking = False
        self._is_slow = True

    def keep_prefix(self, prompt: Sequence[int]) -> int:
        """Forgets what `prompt` does not begin with; returns how many of its tokens need not be read again."""
        alike = 0
        # The last token is always read again: its logits are wanted.
        for old, new in zip(self._read, prompt[:-1], strict=False):
            if old != new:
                break
            alike += 1
        self._forget_from(alike)
        return alike

    def read(self, tokens: Sequence[int], aborted: Callable[[], bool]) -> bool:
        """Reads on, at most CHUNK tokens; False, with nothing read, if `aborted` became true meanwhile."""
        if len(tokens) == 1:
            self._one_token[0] = tokens[0]
            batch = self._batch_of_one
        else:
            array = (llama_cpp.llama_token * len(tokens))(*tokens)
            batch = llama_cpp.llama_batch_get_one(array, len(tokens))
        self._aborted = aborted
        self._ask_whether_aborted(len(tokens) > 1 or self._is_slow)
        begun = time.monotonic()
        status = llama_cpp.llama_decode(self._context, batch)
        self._is_slow = time.monotonic() - begun > _QUICK_SECONDS
        if status == 0:
            self._read += tokens
            return True
        self._forget_from(len(self._read))
        if status == _ABORTED:
            return False
        raise ComputeError(f"llama.cpp could not read on (status {status})")

    def logits(self) -> Scores:
        """What may come next, as llama.cpp's own memory: valid until more is read."""
        address = _address_of_logits(self._context, -1)
        if address not in self._logits:
            values = (ctypes.c_float * self._vocab_size).from_address(address)
            self._logits = {address: np.frombuffer(values, np.float32)}
        return self._logits[address]

    def _ask_whether_aborted(self, asking: bool) -> None:
        """llama.cpp asks before each operation, some hundred times. That is nothing beside the reading of a chunk, but
        a quarter of the time that a small model takes for a token; and that is over soon enough."""
        if asking is not self._asking:
            self._asking = asking
            callback = self._abort_callback if asking else self._never_aborts
            llama_cpp.llama_set_abort_callback(self._context, callback, None)

    @property
    def length(self) -> int:
        """Tokens that were read."""
        return len(self._read)

    @property
    def is_empty(self) -> bool:
        return not self._read

    def save(self, path: Path) -> bool:
        """Writes all that was read to `path`, as what it meant to the model; whether that worked."""
        tokens = (llama_cpp.llama_token * len(self._read))(*self._read)
        return bool(llama_cpp.llama_state_seq_save_file(self._context, bytes(path), 0, tokens, len(tokens)))

    def restore(self, path: Path, expected: Sequence[int]) -> bool:
        """Takes up what `save` wrote, if it is what was made of the tokens `expected`; else it stays empty."""
        tokens, count = (llama_cpp.llama_token * len(expected))(), ctypes.c_size_t()
        read = llama_cpp.llama_state_seq_load_file(
            self._context, bytes(path), 0, tokens, len(tokens), ctypes.byref(count)
        )
        if read and tokens[: count.value] == list(expected):
            self._read = list(expected)
            return True
        llama_cpp.llama_memory_clear(self._memory, True)
        return False

    def _forget_from(self, position: int) -> None:
        if not llama_cpp.llama_memory_seq_rm(self._memory, 0, position, -1):
            raise ComputeError("llama.cpp could not forget a part of its context")
        del self._read[position:]


_CANDIDATE = np.dtype([("id", np.int32), ("logit", np.float32), ("p", np.float32)])


@contextmanager
def _unheard() -> Iterator[None]:
    """Keeps what llama.cpp writes past its log from the log: of a grammar that it does not understand it writes all,
    and a grammar holds the memories that are on offer."""
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


class Grammar:
    """A grammar and how far a completion has come in it (a `sampling.Constraint`)."""

    def __init__(self, model: ChatModel, gbnf: str) -> None:
        # An empty grammar would be taken for none at all, and one that is null ends the process when it is used.
        with _unheard():
            sampler = llama_cpp.llama_sampler_init_grammar(model.vocab, gbnf.encode(), b"root") if gbnf else None
        if not sampler:
            raise GrammarError("llama.cpp does not understand the grammar")
        self._sampler = sampler
        self._one = llama_cpp.llama_token_data()
        # Made once: to make them anew would take longer than the grammar takes.
        self._array_of_one = llama_cpp.llama_token_data_array(ctypes.pointer(self._one), 1, -1, False)
        self._only_one = ctypes.byref(self._array_of_one)
        self._all = np.zeros(model.size, _CANDIDATE)
        self._all["id"] = np.arange(model.size)

    def allows(self, token: int) -> bool:
        one: Any = self._one  # ctypes takes plain numbers, whatever it says.
        one.id, one.logit = token, 0.0
        llama_cpp.llama_sampler_apply(self._sampler, self._only_one)
        return bool(self._one.logit == 0.0)

    def narrow(self, scores: Scores) -> None:
        self._all["logit"] = scores
        data = self._all.ctypes.data_as(llama_cpp.llama_token_data_p)
        array = llama_cpp.llama_token_data_array(data, len(self._all), -1, False)
        llama_cpp.llama_sampler_apply(self._sampler, ctypes.byref(array))
        scores[np.isneginf(self._all["logit"])] = -np.inf

    def accept(self, token: int) -> None:
        llama_cpp.llama_sampler_accept(self._sampler, token)

    def close(self) -> None:
        """Frees it; it may not be used again."""
        llama_cpp.llama_sampler_free(self._sampler)


class SentenceModel(_Model):
    """A BERT model that turns a sentence into a vector."""

    def __init__(self, path: str, *, threads: int) -> None:
        super().__init__(path)
        params = llama_cpp.llama_context_default_params()
        params.n_ctx = params.n_batch = params.n_ubatch = _SENTENCE_TOKENS
        params.n_threads = params.n_threads_batch = threads
        params.embeddings = True
        params.no_perf = True
        self._context = _new_context(self, params)
        self._dimensions = llama_cpp.llama_model_n_embd(self.model)
        self._batch = llama_cpp.llama_batch_init(_SENTENCE_TOKENS, 0, 1)

    def embed(self, text: str) -> bytes:
        """The normalised mean of the token vectors, as little-endian float32. What is beyond 256 tokens is not read."""
        tokens = self.tokenize(text, frame=True)
        if len(tokens) > _SENTENCE_TOKENS:
            tokens = [*tokens[: _SENTENCE_TOKENS - 1], tokens[-1]]
        self._batch.n_tokens = len(tokens)
        for position, token in enumerate(tokens):
            self._batch.token[position] = token
            self._batch.pos[position] = position
            self._batch.n_seq_id[position] = 1
            self._batch.seq_id[position][0] = 0
            self._batch.logits[position] = 1
        if status := llama_cpp.llama_encode(self._context, self._batch):
            raise ComputeError(f"llama.cpp could not read a sentence (status {status})")
        pointer = llama_cpp.llama_get_embeddings_seq(self._context, 0)
        vector = np.ctypeslib.as_array(pointer, (self._dimensions,)).astype(np.float32)
        length = float(np.linalg.norm(vector))
        if not np.isfinite(length) or length == 0.0:
            raise ComputeError("the vector of a sentence is not a direction")
        return (vector / length).astype("<f4").tobytes()


def _new_context(model: _Model, params: llama_cpp.llama_context_params) -> llama_cpp.llama_context_p:
    context: llama_cpp.llama_context_p | None = llama_cpp.llama_init_from_model(model.model, params)
    if context is None:
        raise LoadError("there is not enough memory for the model's context")
    return context


def _load(path: str) -> llama_cpp.llama_model_p:
    params = llama_cpp.llama_model_default_params()
    # A GPU takes all of the model, or nothing if it has no room for that.
    for layers in (_ALL_LAYERS, 0) if llama_cpp.llama_supports_gpu_offload() else (0,):
        params.n_gpu_layers = layers
        model: llama_cpp.llama_model_p | None = llama_cpp.llama_model_load_from_file(path.encode(), params)
        if model is not None:
            return model
    raise LoadError(f"llama.cpp cannot read {path} as a model")
