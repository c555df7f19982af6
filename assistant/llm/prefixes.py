"""What a model made of an agent's instructions, kept on the disk so that a new process need not read them again.

Promises that nothing but the instructions is kept, never what anybody said, and that a broken file costs one start at
most. Knows nothing of what the files hold.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from assistant.llm.protocol import AgentOptions

LEAST_TOKENS = 64
"""Fewer are read faster than a file is."""

_BLOCK = 1 << 20


class Context(Protocol):
    """What can be saved and restored; `llama.ChatContext` is one."""

    def save(self, path: Path) -> bool: ...

    def restore(self, path: Path, expected: Sequence[int]) -> bool: ...


class SavedPrefix:
    """The file of one agent in `folder`. There is one at a time: another model or other instructions take its place."""

    def __init__(self, folder: Path, agent: str, options: AgentOptions) -> None:
        self._folder = folder
        self._agent = agent
        # Now, and not when it is saved: a file may be replaced after it was loaded.
        self._made_by = [[_stamp(file) for file in (options.model, options.adapter) if file], options.context]

    def restore(self, context: Context, prefix: Sequence[int]) -> None:
        """Takes up what was made of the tokens `prefix` before, if that was kept."""
        path = self._path(prefix)
        if len(prefix) < LEAST_TOKENS or not path.exists():
            return
        # What takes the process down is not there any more when it starts again.
        tried = path.with_suffix(".tried")
        with suppress(OSError):
            path.replace(tried)
            if _is_whole(tried) and context.restore(tried, prefix):
                tried.replace(path)
            else:
                tried.unlink(missing_ok=True)

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
                _seal(partial)
                partial.replace(path)
            else:
                partial.unlink(missing_ok=True)

    def _path(self, prefix: Sequence[int]) -> Path:
        told = json.dumps([*self._made_by, list(prefix)])
        return self._folder / f"{self._agent}-{hashlib.sha256(told.encode()).hexdigest()[:16]}.state"


def _stamp(file: str) -> tuple[str, int, int] | None:
    with suppress(OSError):
        found = Path(file).stat()
        return file, found.st_size, found.st_mtime_ns
    return None


def _seal(path: Path) -> None:
    """Appends a digest, which llama.cpp does not read: it would take any numbers for what a model made."""
    with path.open("rb+") as file:
        digest = hashlib.file_digest(file, "sha256").digest()
        file.seek(0, os.SEEK_END)
        file.write(digest)


def _is_whole(path: Path) -> bool:
    digest = hashlib.sha256()
    left = path.stat().st_size - digest.digest_size
    with path.open("rb") as file:
        while left > 0:
            block = file.read(min(left, _BLOCK))
            digest.update(block)
            left -= len(block)
        return file.read() == digest.digest()
