"""What commands open: the bank, and the models in their process. Tests pass in models that follow a script."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from types import FrameType

from assistant import log, settings
from assistant.agents.answer import AnswerAgent
from assistant.agents.generation import Agent, Generator, ModelTraits
from assistant.agents.manager import MemoryManager
from assistant.agents.reconsidering import Reconsidering
from assistant.commands.passphrases import key_of
from assistant.llm.engines import Engines
from assistant.llm.files.installed import chosen_models
from assistant.llm.files.manifest import ModelFile
from assistant.memory.bank import Embedder, MemoryBank
from assistant.paths import Paths

LOAD_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Models:
    """What generates text, and what gives vectors to the bank: None until the embedder has been set up.

    They may still be loading; `wait_until_ready` waits for it and raises EngineError.
    """

    generator: Generator
    embedder: Embedder | None
    traits: Mapping[Agent, ModelTraits]
    wait_until_ready: Callable[[], None]

    def answer_agent(self) -> AnswerAgent:
        return AnswerAgent(self.generator, self.traits[Agent.ANSWER])

    def manager(self) -> MemoryManager:
        return MemoryManager(self.generator, self.traits[Agent.MANAGER])


OpenModels = Callable[[Paths], AbstractContextManager[Models]]


@contextmanager
def open_models(paths: Paths) -> Iterator[Models]:
    """The chosen models, beginning to load in a process of their own, which ends with the `with` block."""
    with start_engines(paths) as engines:
        embedder = engines if paths.embedder.exists() else None
        generator = Reconsidering(engines, engines.traits)
        yield Models(generator, embedder, engines.traits, lambda: engines.ready(LOAD_SECONDS))


def start_engines(paths: Paths) -> Engines:
    """The engines, beginning to load. Raises ModelFileError if no model is known; what else is wrong it tells later."""
    models = chosen_models(paths)
    engines = Engines(
        models,
        embedder=paths.embedder,
        log_file=paths.logs / "engine.log",
        states=paths.data / "states",
        threads=settings.load(paths).threads or None,
    )
    engines.start()
    log.event("the models begin to load", files=len({m.name for m in models.values() if isinstance(m, ModelFile)}))
    return engines


def data_folder() -> Paths:
    """The data folder, made if it is not there."""
    paths = Paths.default()
    paths.create()
    return paths


def open_bank(paths: Paths) -> MemoryBank:
    """The bank in the data folder, without an embedder yet; asks for its passphrase if need be. A context manager."""
    return MemoryBank.open(paths, key=key_of(paths), backups_kept=settings.load(paths).backups_kept)


@contextmanager
def cancel_on_interrupt() -> Iterator[threading.Event]:
    """An event that Ctrl-C sets, so that work ends in order and is saved; a second Ctrl-C ends it at once."""
    cancel = threading.Event()

    def stop(_signal: int, _frame: FrameType | None) -> None:
        if cancel.is_set():
            raise KeyboardInterrupt
        cancel.set()

    before = signal.signal(signal.SIGINT, stop)
    try:
        yield cancel
    finally:
        signal.signal(signal.SIGINT, before)
