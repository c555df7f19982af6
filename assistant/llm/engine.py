"""The model, as the app sees it: generates text for the agents and vectors for the memory bank.

llama.cpp runs in a child process, so that its crash is an error and not the app's end, so that a generation can always
be stopped, and so that nothing it writes reaches the terminal. Promises that every call ends: with its result, with
what was written when it was cancelled, or with an EngineError. Safe from several threads. Knows nothing of memories and
of screens.
"""

from __future__ import annotations

import base64
import os
import secrets
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from assistant.agents.generation import Agent, ChatMessage, Completion, FinishReason, Form
from assistant.errors import EngineCrashed, EngineError, RecollectError
from assistant.llm.files.manifest import ModelFile, verify
from assistant.llm.process import ModelProcess, Replies, error_of
from assistant.llm.protocol import AgentOptions, ChildOptions, Done, Embed, Failed, Generate, Piece, Vectors

EMBEDDER_NAME = "all-MiniLM-L6-v2-Q8_0"
DIMENSIONS = 384

MANAGER_CONTEXT = 4096
"""Tokens; a manager reads one message at a time, and no history that grows."""

_POLL_SECONDS = 0.01
"""How often a waiting call looks whether it was cancelled."""

_HARD_STOP_SECONDS = 1.0
"""How long a cancelled request may take to end before the process is killed. It usually takes milliseconds."""


class Engine:
    """Generates (`agents.generation.Generator`) and embeds (`memory.bank.Embedder`) with llama.cpp.

    `models` is the model of both agents, or one for each; of agents that are not among them it knows nothing. Agents on
    the same file share its weights, and each has a context of its own, so that what it has read stays read. `embedder`
    is where the sentence model is, or will be, and `states` a folder where what was read of the instructions is kept
    for the next start. `threads` is one less than the cores unless given, because a thread that shares its core makes
    all the others wait.
    """

    name = EMBEDDER_NAME
    dimensions = DIMENSIONS

    def __init__(
        self,
        models: ModelFile | Mapping[Agent, ModelFile],
        *,
        embedder: Path | None,
        log_file: Path,
        states: Path | None = None,
        threads: int | None = None,
    ) -> None:
        self._models = dict.fromkeys(Agent, models) if isinstance(models, ModelFile) else dict(models)
        self._states = states
        self._embedder = embedder
        self._log_file = log_file
        self._threads = threads or max(1, _cores() - 1)
        self._lock = threading.Lock()
        self._process: ModelProcess | None = None
        self._closed = False

    def start(self) -> None:
        """Begins to load the model and returns at once. What goes wrong is told by `ready` and by the requests."""
        with suppress(RecollectError):
            self._running()

    def ready(self, timeout: float | None = None) -> None:
        """Waits until the model is loaded. Raises ModelFileError or EngineError, also after `timeout` seconds."""
        if not self._running().wait_loaded(timeout):
            raise EngineError(
                f"The model is still loading after {timeout:g} seconds.", f"Wait, or see {self._log_file}."
            )

    @property
    def pid(self) -> int | None:
        """The process id of the running child, for those who measure it."""
        process = self._process
        return process.pid if process is not None and process.alive else None

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
        """See `Generator`. `seed` makes a temperature above 0 repeatable.

        A prompt that is too long loses its oldest history, then the middle of its last message. An exception in
        `on_text` cancels the generation. A generation that does not react to `cancel` is ended by killing the process;
        what had been passed to `on_text` is then its text.
        """
        if agent not in self._models:
            raise EngineError(f"No model here is for the {agent} agent.", "Choose one: recollect models use NAME.")
        begun = time.monotonic()
        cancel = cancel or threading.Event()
        process = self._running()
        while not process.wait_loaded(_POLL_SECONDS):
            if cancel.is_set():
                return Completion("", FinishReason.CANCELLED, seconds=time.monotonic() - begun)

        def request(request_id: int) -> Generate:
            return Generate(
                request_id,
                agent.value,
                [(message.role.value, message.text) for message in prompt],
                form.grammar if form is not None else None,
                max_tokens,
                temperature,
                secrets.randbits(63) if seed is None else seed,
                on_text is not None,
            )

        with process.request(request) as replies:
            done = self._follow(process, replies, on_text, cancel)
        return Completion(
            done.text,
            FinishReason(done.finish_reason),
            done.prompt_tokens,
            done.cached_tokens,
            done.completion_tokens,
            time.monotonic() - begun,
            done.confidence,
            model=self._models[agent].name,
            thinking_tokens=done.thinking_tokens,
            dropped=done.dropped,
        )

    def embed(self, texts: Sequence[str]) -> list[bytes]:
        """Normalised little-endian float32 vectors of `texts`. Raises EngineError, also while there is no embedder."""
        process = self._running()
        process.wait_loaded(None)
        with process.request(lambda request_id: Embed(request_id, list(texts))) as replies:
            match replies.next():
                case Vectors(vectors=vectors):
                    return [base64.b64decode(vector) for vector in vectors]
                case Failed() as failed:
                    raise error_of(failed, self._log_file)
                case other:
                    raise AssertionError(f"{other} is no reply to Embed")

    def close(self) -> None:
        """Ends the child. Requests still at work, and later ones, raise EngineError."""
        with self._lock:
            self._closed = True
            process, self._process = self._process, None
        if process is not None:
            process.close(_closed_error())

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _running(self) -> ModelProcess:
        """The process, started anew if there is none or the last one ended."""
        with self._lock:
            if self._closed:
                raise _closed_error()
            if self._process is None or not self._process.alive:
                for model in self._models.values():
                    verify(model)
                if self._process is not None:
                    self._process.close(_closed_error())
                self._process = ModelProcess(self._options(), self._log_file)
            return self._process

    def _options(self) -> ChildOptions:
        return ChildOptions(
            agents={agent.value: _agent_options(agent, model) for agent, model in self._models.items()},
            threads=self._threads,
            embedder=str(self._embedder.absolute()) if self._embedder is not None else None,
            states=str(self._states.absolute()) if self._states is not None else None,
            parent=os.getpid(),
        )

    def _follow(
        self,
        process: ModelProcess,
        replies: Replies,
        on_text: Callable[[str], None] | None,
        cancel: threading.Event,
    ) -> Done:
        """Waits for the end of a generation, passing on what is written until then."""
        written: list[str] = []
        deadline: float | None = None
        while True:
            if deadline is None and cancel.is_set():
                process.cancel(replies.id)
                deadline = time.monotonic() + _HARD_STOP_SECONDS
            match replies.next(_POLL_SECONDS):
                case Piece(text=text):
                    written.append(text)
                    if on_text is not None:
                        on_text(text)
                case Done() as done:
                    return done
                case Failed() as failed:
                    raise error_of(failed, self._log_file)
                case Vectors():
                    raise AssertionError("no vectors were asked for")
                case None if deadline is not None and time.monotonic() > deadline:
                    process.kill(_stopped_error())
                    return Done(replies.id, "".join(written), FinishReason.CANCELLED.value, 0, 0, len(written), 0.0)


def _agent_options(agent: Agent, model: ModelFile) -> AgentOptions:
    adapter = model.adapters.get(agent)
    context = model.context
    if agent is Agent.MANAGER:
        context = min(context or MANAGER_CONTEXT, MANAGER_CONTEXT)
    return AgentOptions(
        model=str(model.path.absolute()),
        adapter=str(adapter.path.absolute()) if adapter is not None else None,
        context=context,
        thinking=model.thinking,
        weighs=model.traits.doubts,
    )


def _cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _closed_error() -> EngineError:
    return EngineError("The model process has been closed.", "Start the app again.")


def _stopped_error() -> EngineCrashed:
    return EngineCrashed(
        "The model process was stopped, because it did not react when a generation was cancelled.",
        "The next request starts it again.",
    )
