"""The models as the screen sees them, and what it needs of whatever keeps them. Values and one protocol.

Knows nothing of files, manifests and servers: an entry point hands in what does.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from assistant.agents.generation import Agent
from assistant.agents.speed import MeasuredSpeed

TIGHT = 0.8
"""The share of the memory that is free above which a model fits, but leaves little to others."""

OnProgress = Callable[[int, int | None, float], None]
"""Takes bytes that are done, bytes in all if that is known, and bytes a second."""


class Fit(StrEnum):
    """Whether the memory that is free is enough for a model."""

    FITS = "fits"
    TIGHT = "tight"
    TOO_LARGE = "too large"


def fit(needed: int | None, there: int | None) -> Fit | None:
    """How `needed` bytes fit into those that are there; None where one of the two is not known."""
    if needed is None or not there:
        return None
    if needed > there:
        return Fit.TOO_LARGE
    return Fit.TIGHT if needed > TIGHT * there else Fit.FITS


@dataclass(frozen=True, slots=True)
class InstalledModel:
    """A model that can be chosen: a file here, or a server if `server` is its address.

    `size` and `memory` are in bytes, None where that is not known; `context` and `thinking` in tokens. `problem` says
    why it cannot be used as it stands. `is_private` tells of a server in the user's own network.
    """

    name: str
    agents: tuple[Agent, ...] = tuple(Agent)
    used_by: tuple[Agent, ...] = ()
    came_along: bool = False
    trained: bool = False
    path: str = ""
    size: int | None = None
    memory: int | None = None
    parameters: int = 0
    quantisation: str = ""
    context: int = 0
    thinking: int = 0
    licence: str = ""
    adapters: Mapping[Agent, str] = field(default_factory=dict)
    checksum_known: bool = False
    server: str = ""
    server_model: str = ""
    is_private: bool = False
    key_variable: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True)
class OfferedModel:
    """A model that can be downloaded from `url`: one of the catalogue, or one whose download was begun.

    `begun` bytes of it are here, None if there is no partial file. `disk` is what the rest takes, in bytes, with what
    has to stay free.
    """

    name: str
    url: str
    host: str
    size: int | None = None
    disk: int = 0
    memory: int | None = None
    family: str = ""
    parameters: int = 0
    context: int = 0
    licence: str = ""
    thinking: bool = False
    in_catalogue: bool = True
    begun: int | None = None


@dataclass(frozen=True, slots=True)
class Stock:
    """All models, and what there is for them: bytes of memory and of disk that are free, None where nobody tells.

    `pinned` is the file that the environment names for both agents, whatever is chosen; "" if it names none.
    """

    installed: tuple[InstalledModel, ...] = ()
    offered: tuple[OfferedModel, ...] = ()
    memory: int | None = None
    disk: int | None = None
    speeds: tuple[MeasuredSpeed, ...] = ()
    pinned: str = ""


@dataclass(frozen=True, slots=True)
class Addition:
    """A file at hand or a server that is to be taken into the list; what is empty is as usual.

    `source` is a path or a server's address. `model`, `key_variable` and `structure` are a server's; the others but
    `name`, `agents` and `context` are a file's.
    """

    source: str
    name: str = ""
    agents: tuple[Agent, ...] = tuple(Agent)
    adapters: tuple[tuple[Agent, str], ...] = ()
    context: int = 0
    thinking: int = 0
    model: str = ""
    key_variable: str = ""
    structure: str = "auto"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be downloaded: a name of the catalogue, or an address. `force`: also if it needs too much memory."""

    what: str
    name: str = ""
    sha256: str = ""
    force: bool = False


class ModelShelf(Protocol):
    """Whatever keeps the models. Its methods may take long and raise RecollectError; `cancel` ends one early.

    What was cancelled raises InterruptedByUser.
    """

    def stock(self) -> Stock: ...

    def use(self, name: str, agents: tuple[Agent, ...]) -> None: ...

    def pull(self, wanted: Wanted, on_progress: OnProgress, cancel: threading.Event) -> str:
        """Returns what the model is called; a call that was stopped goes on with the next."""
        ...

    def discard(self, url: str) -> None:
        """Drops what was downloaded of an unfinished file."""
        ...

    def add(self, addition: Addition, on_progress: OnProgress, cancel: threading.Event) -> str:
        """Returns what the model is called."""
        ...

    def remove(self, name: str) -> bool:
        """Returns whether files were deleted: those that are ours alone."""
        ...

    def verify(self, name: str, on_progress: OnProgress, cancel: threading.Event) -> bool:
        """Returns whether a checksum was known to compare with."""
        ...

    def keep_speed(self, measured: MeasuredSpeed) -> None: ...
