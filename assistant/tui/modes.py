"""The five modes of the app: what each is called and which key leads to it. Pure."""

from __future__ import annotations

from enum import StrEnum


class Mode(StrEnum):
    """One of the places of the app; the value is its title."""

    CHAT = "Chat"
    MEMORY = "Memory"
    MODELS = "Models"
    TRAINING = "Training"
    SETTINGS = "Settings"

    @property
    def key(self) -> str:
        """The key that leads there from everywhere: f2 to f6, as f1 is help."""
        return f"f{list(Mode).index(self) + 2}"
