"""What a user of the trainer can do wrong, or what can go wrong with a machine. Knows nothing of how it is told."""

from __future__ import annotations


class TrainingError(Exception):
    """Training cannot begin or go on: `message` says why in a sentence, `hint` what to do."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(f"{message} {hint}".strip())
        self.message = message
        self.hint = hint
