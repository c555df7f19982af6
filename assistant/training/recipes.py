"""What can be trained or measured today: the recipes, their options, and the command that each of them is.

Pure but for the question which packages are installed. Knows `recollect-train` by its command line alone.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType

from assistant.errors import InputError

NEEDED = ("torch", "transformers", "tokenizers", "safetensors")
INSTALL = 'pip install "recollect[train]"'
MADE = "made"
"""The folder within a run's that a finished model is put into, with its manifest."""
SHIPPED_STEPS = 28_000
LEAST_STEPS, MOST_STEPS = 50, 1_000_000
LEAST_LIVES, MOST_LIVES = 1, 1_000
MOST_SEED = 2**31 - 1


class Kind(StrEnum):
    """What a run does; the value is the command of `recollect-train`."""

    STARTER = "starter"
    LIVES = "lives"

    @property
    def does(self) -> str:
        """What it does, in a few words."""
        return _DOES[self]


_DOES = {
    Kind.STARTER: "train the starter model anew",
    Kind.LIVES: "measure the model in use",
}
_ABOUT = {
    Kind.STARTER: (
        "Trains the small model that ships, from random weights, on simulated lives. Your own conversations are not"
        " used. Afterwards it is measured on lives that it has not seen, and you may adopt it."
    ),
    Kind.LIVES: (
        "Asks the model that answers you about simulated lives that it has not seen. It changes nothing and makes no"
        " model."
    ),
}


@dataclass(frozen=True, slots=True)
class Scores:
    """How a model did: each measure and the share, from 0 to 1, that was right."""

    model: str
    shares: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a run is to do. `size` counts steps of training, or lives; `base` is the model in use when it was begun."""

    kind: Kind
    seed: int = 0
    size: int = SHIPPED_STEPS
    threads: int = 1
    settings: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    base: Scores | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.seed <= MOST_SEED:
            raise InputError(f"The seed is a number from 0 to {MOST_SEED}.", "0 is as good as any.")
        least, most, what = (
            (LEAST_STEPS, MOST_STEPS, "steps") if self.kind is Kind.STARTER else (LEAST_LIVES, MOST_LIVES, "lives")
        )
        if not least <= self.size <= most:
            raise InputError(f"The number of {what} is from {least:,} to {most:,}.", "Name another one.")
        if not 1 <= self.threads <= 1024:
            raise InputError("The number of threads is at least 1.", "As many as there are cores are the most of use.")

    @property
    def about(self) -> str:
        """What it does, in a few sentences."""
        return _ABOUT[self.kind]

    def arguments(self, folder: Path) -> list[str]:
        """What `recollect-train` is called with, for a run in `folder`."""
        if self.kind is Kind.LIVES:
            return [self.kind, "--lives", str(self.size), "--threads", str(self.threads), "--json"]
        settings = {"steps": str(self.size), **self.settings}
        return [
            *(self.kind, "--run", str(folder), "--models", str(folder / MADE)),
            *("--seed", str(self.seed), "--threads", str(self.threads)),
            *(argument for key, value in settings.items() for argument in ("--set", f"{key}={value}")),
        ]


def usual(kind: Kind) -> Recipe:
    """The recipe as it is offered: as for the model that ships, with a core left for the rest."""
    return Recipe(kind, size=SHIPPED_STEPS if kind is Kind.STARTER else 40, threads=usual_threads())


def based_on(recipe: Recipe, base: Scores | None) -> Recipe:
    """The same, to be compared with what `base` gets right."""
    return replace(recipe, base=base)


def usual_threads() -> int:
    return max(1, (os.cpu_count() or 1) - 1)


def takes(recipe: Recipe, seconds_a_step: float | None = None) -> str:
    """What it will take, as far as is known: from runs on this machine, else from how the model that ships was made."""
    if recipe.kind is Kind.LIVES:
        return "Takes some minutes; each life is a chat of 30 messages."
    disk = "about 150 MB of disk"
    if seconds_a_step is None:
        known = f"The model that ships took {SHIPPED_STEPS:,} steps, about two hours on two cores"
        return f"{known}; this machine has not been timed yet. Takes {disk}."
    return f"Takes about {spoken(seconds_a_step * recipe.size)} by what runs took here before, and {disk}."


def missing_packages() -> tuple[str, ...]:
    """Which of the packages that training needs are not installed. Imports none of them."""
    return tuple(name for name in NEEDED if find_spec(name) is None)


def check_installed() -> None:
    """Raises InputError, which says what to install, if something is missing."""
    if missing := missing_packages():
        raise InputError(f"Training needs packages that are not installed: {', '.join(missing)}.", f"Run: {INSTALL}")


def spoken(seconds: float) -> str:
    """A time in words: "40 s", "12 min", "2 h 05 min"."""
    if seconds < 90:
        return f"{max(0, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02} min"
