"""Both agents' models as one: those on this machine in one process, and servers where the user chose one.

Promises that a server is asked only by the agent that it was chosen for, and never for vectors.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from assistant.agents.generation import Agent, ChatMessage, Completion, Form, Generator
from assistant.llm.engine import DIMENSIONS, EMBEDDER_NAME, Engine
from assistant.llm.files.manifest import Model, ModelFile, ServerModel
from assistant.llm.servers.generator import ServerGenerator


class Engines:
    """Generates (`agents.generation.Generator`) and embeds (`memory.bank.Embedder`); see `Engine` for the arguments."""

    name = EMBEDDER_NAME
    dimensions = DIMENSIONS

    def __init__(
        self,
        models: Mapping[Agent, Model],
        *,
        embedder: Path | None,
        log_file: Path,
        states: Path | None = None,
        threads: int | None = None,
    ) -> None:
        self.traits = {agent: model.traits for agent, model in models.items()}
        """What must be known of each agent's model to work with it."""
        self.contexts = {agent: model.context if isinstance(model, ModelFile) else 0 for agent, model in models.items()}
        """How many tokens each agent's model can read and write at once, 0 where nobody knows."""
        files = {agent: model for agent, model in models.items() if isinstance(model, ModelFile)}
        self._local = Engine(files, embedder=embedder, log_file=log_file, states=states, threads=threads)
        servers = {agent: model for agent, model in models.items() if isinstance(model, ServerModel)}
        self._servers: dict[Agent, Generator] = {
            agent: ServerGenerator(model.address) for agent, model in servers.items()
        }

    def start(self) -> None:
        """See `Engine`. Nothing is asked of a server yet."""
        self._local.start()

    def ready(self, timeout: float | None = None) -> None:
        """See `Engine`."""
        self._local.ready(timeout)

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
        """See `Generator`."""
        return self._servers.get(agent, self._local).generate(
            agent,
            prompt,
            form=form,
            max_tokens=max_tokens,
            temperature=temperature,
            on_text=on_text,
            cancel=cancel,
            seed=seed,
        )

    def embed(self, texts: Sequence[str]) -> list[bytes]:
        """See `Engine`."""
        return self._local.embed(texts)

    def close(self) -> None:
        """See `Engine`."""
        self._local.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
