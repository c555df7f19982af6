"""Where dialogues with questions come from: one source a module, each of which makes the same values of it."""

from __future__ import annotations

ASSISTANT = "Assistant"
"""The speaker of what an assistant has said, whatever the source; the one user of it is `trainer.data.lives.USER`."""
