"""What commands open: the bank, and the models in their process. Tests pass in models that follow a script."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from types import FrameType

from assistant.agents.generation import Generator, ModelTraits
from assistant.agents.reconsidering import Reconsidering
from assistant.commands.passphrases import key_of
from assistant.llm.engine import Engine
from assistant.llm.manifest import shipped_model
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
    traits: ModelTraits
    wait_until_ready: Callable[[], None]


OpenModels = Callable[[Paths], AbstractContextManager[Models]]


@contextmanager
def open_models(paths: Paths) -> Iterator[Models]:
    """The shipped model, beginning to load in a process of its own, which ends with the `with` block."""
    with start_engine(paths) as engine:
        embedder = engine if paths.embedder.exists() else None
        traits = shipped_model().traits
        generator = Reconsidering(engine, traits)
        yield Models(generator, embedder, traits, lambda: engine.ready(LOAD_SECONDS))


def start_engine(paths: Paths) -> Engine:
    """The engine, beginning to load. Raises ModelFileError if no model is known; what else is wrong it tells later."""
    engine = Engine(shipped_model(), embedder=paths.embedder, log_file=paths.logs / "engine.log")
    engine.start()
    return engine


def data_folder() -> Paths:
    """The data folder, made if it is not there."""
    paths = Paths.default()
    paths.create()
    return paths


def open_bank(paths: Paths) -> MemoryBank:
    """The bank in the data folder, without an embedder yet; asks for its passphrase if need be. A context manager."""
    return MemoryBank.open(paths, key=key_of(paths))


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
