"""What a model made of an agent's instructions, kept on the disk so that a new process need not read them again.

Promises that nothing but the instructions is kept, never what anybody said, and that a broken file costs one start at
most. Knows nothing of what the files hold.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from assistant.llm.protocol import AgentOptions

LEAST_TOKENS = 64
"""Fewer are read faster than a file is."""


class Context(Protocol):
    """What can be saved and restored; `llama.ChatContext` is one."""

    def save(self, path: Path) -> bool: ...

    def restore(self, path: Path, expected: Sequence[int]) -> None: ...


class SavedPrefix:
    """The file of one agent in `folder`. There is one at a time: another model or other instructions take its place."""

    def __init__(self, folder: Path, agent: str, options: AgentOptions) -> None:
        self._folder = folder
        self._agent = agent
        self._options = options

    def restore(self, context: Context, prefix: Sequence[int]) -> None:
        """Takes up what was made of the tokens `prefix` before, if that was kept."""
        path = self._path(prefix)
        if len(prefix) < LEAST_TOKENS or not path.exists():
            return
        # What takes the process down is not there any more when it starts again.
        tried = path.with_suffix(".tried")
        with suppress(OSError):
            path.replace(tried)
            context.restore(tried, prefix)
            tried.replace(path)

    def save(self, context: Context, prefix: Sequence[int]) -> None:
        """Keeps what the context has read, which is just `prefix`. Without room for it, it is read again next time."""
        path = self._path(prefix)
        if len(prefix) < LEAST_TOKENS or path.exists():
            return
        partial = path.with_suffix(".partial")
        with suppress(OSError):
            self._folder.mkdir(mode=0o700, exist_ok=True)
            for old in self._folder.glob(f"{self._agent}-*"):
                old.unlink(missing_ok=True)
            if context.save(partial):
                partial.replace(path)
            else:
                partial.unlink(missing_ok=True)

    def _path(self, prefix: Sequence[int]) -> Path:
        files = [Path(name) for name in (self._options.model, self._options.adapter) if name is not None]
        stamps = [(str(file), file.stat().st_size, file.stat().st_mtime_ns) for file in files]
        told = json.dumps([stamps, self._options.context, list(prefix)])
        return self._folder / f"{self._agent}-{hashlib.sha256(told.encode()).hexdigest()[:16]}.state"
