"""Running a piece of a test in a process of its own, which may be limited, killed or made another user."""

from __future__ import annotations

import os
import pickle
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest


@dataclass(frozen=True, slots=True)
class Child:
    """A forked process, and where its result comes from."""

    number: int
    result: int

    def wait(self) -> Any:
        """What its function returned. Fails with the traceback if it raised."""
        with os.fdopen(self.result, "rb") as pipe:
            said = pipe.read()
        os.waitpid(self.number, 0)
        assert said, "the process ended without a word"
        returned, raised = pickle.loads(said)
        assert raised == "", raised
        return returned


def forked(work: Callable[..., Any], *arguments: Any) -> Child:
    """Begins `work(*arguments)` in a process of its own; what it returns is pickled."""
    reader, writer = os.pipe()
    number = os.fork()
    if number == 0:
        try:
            os.close(reader)
            try:
                said = (work(*arguments), "")
            except BaseException:
                said = (None, traceback.format_exc())
            with os.fdopen(writer, "wb") as pipe:
                pickle.dump(said, pipe)
        finally:
            os._exit(0)
    os.close(writer)
    return Child(number, reader)


@pytest.fixture
def fork() -> Callable[..., Child]:
    """`fork(work, *arguments).wait()` is `work(*arguments)`, done in a process of its own."""
    if not hasattr(os, "fork"):
        pytest.skip("processes are forked")
    return forked
