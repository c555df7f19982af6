"""What happened, in logs/recollect.log in the data folder, for whoever looks for the cause of something.

Promises that nothing anybody said gets there unless the user wants a full log: an event is words of the program's own
with numbers and values of closed sets, and of an error its types and places are written, never its message. Promises
that a log that cannot be written disturbs nothing, and that nothing is imported or made before the first line.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

from assistant.errors import InputError, InterruptedByUser, NotFoundError, RecollectError
from assistant.paths import Paths, make_private_folder
from assistant.settings import LogLevel

if TYPE_CHECKING:
    from io import TextIOWrapper
    from logging.handlers import RotatingFileHandler

MOST_BYTES = 1_000_000
FILES = 3
_CHAIN = 8
"""How many errors are told that led to one another."""

Fact = int | float | Enum | None
"""What may be written of an event. A plain text is none, which mypy sees; at run time its kind is written instead."""


class _Log:
    """The file, made with its first line."""

    def __init__(self, paths: Paths, level: LogLevel) -> None:
        self.level = level
        self._paths = paths
        self._handler: RotatingFileHandler | None = None

    def write(self, level: str, what: str, facts: dict[str, Fact], error: BaseException | None) -> None:
        import logging

        line = " ".join([what, *(f"{name}={self._shown(fact)}" for name, fact in facts.items())])
        if error is not None:
            line = "\n".join([line, *_told(error, full=self.level is LogLevel.FULL)])
        record = logging.makeLogRecord({"msg": line, "levelname": level})
        try:
            if self._handler is None:
                make_private_folder(self._paths.logs)
                self._handler = _handler(file_of(self._paths))
            self._handler.handle(record)
            self._handler.close()  # The next line opens it again: another process may have begun a new file meanwhile.
        except (OSError, RecollectError):
            pass

    def _shown(self, fact: object) -> str:
        if isinstance(fact, Enum):
            return str(fact.value)
        if isinstance(fact, float):
            return f"{fact:.3f}"
        is_plain = fact is None or isinstance(fact, int) or self.level is LogLevel.FULL
        return str(fact) if is_plain else f"({type(fact).__name__})"


_log: _Log | None = None
"""The one of this process, as a process has one standard error."""


def file_of(paths: Paths) -> Path:
    """Where the log is; older lines are in files beside it, named with a number."""
    return paths.logs / "recollect.log"


def start(paths: Paths, level: LogLevel) -> None:
    """Writes down from now on what is told here, as much of it as `level` says."""
    global _log  # noqa: PLW0603 - an event may happen anywhere, and to hand a log everywhere would say nothing
    _log = _Log(paths, level) if level is not LogLevel.OFF else None


def stop() -> None:
    """Writes nothing any more."""
    global _log  # noqa: PLW0603
    _log = None


def event(what: str, /, **facts: Fact) -> None:
    """Something happened. `what` is always a text that stands in the code, as a test sees to."""
    if _log is not None and _log.level is not LogLevel.ERRORS:
        _log.write("info", what, facts, None)


def failure(what: str, error: BaseException, /, **facts: Fact) -> None:
    """Something went wrong. `what` is always a text that stands in the code, as a test sees to."""
    if _log is not None:
        _log.write("error", what, facts, error)


@contextmanager
def kept(paths: Paths, level: LogLevel) -> Iterator[None]:
    """Keeps a log meanwhile, also of the error that ends the block, unless the user is the one who can mend it."""
    start(paths, level)
    try:
        yield
    except (InputError, NotFoundError, InterruptedByUser):
        raise
    except Exception as error:
        failure("the command ended with an error", error)
        raise
    finally:
        stop()


def _handler(path: Path) -> RotatingFileHandler:
    import logging
    from logging.handlers import RotatingFileHandler  # Late: it takes as long as reading the settings ten times over.

    class PrivateFile(RotatingFileHandler):
        """One that only its owner can read, and of which nobody hears when it cannot be written."""

        def _open(self) -> TextIOWrapper:
            number = os.open(self.baseFilename, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            return os.fdopen(number, "a", encoding="utf-8", errors="backslashreplace")

        def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the base class calls it so
            pass

    handler = PrivateFile(path, maxBytes=MOST_BYTES, backupCount=FILES - 1, delay=True)
    form = logging.Formatter("%(asctime)s %(process)d %(levelname)s %(message)s", "%Y-%m-%dT%H:%M:%S%z")
    handler.setFormatter(form)
    return handler


def _told(error: BaseException, *, full: bool) -> Iterator[str]:
    """An error and those that led to it: types, numbers of the system, and places in the code."""
    if full:
        import traceback

        yield from "".join(traceback.format_exception(error)).rstrip("\n").split("\n")
        return
    at: BaseException | None = error
    for _ in range(_CHAIN):
        if at is None:
            return
        number = f" (errno {at.errno})" if isinstance(at, OSError) and isinstance(at.errno, int) else ""
        yield f"  {'because of ' if at is not error else ''}{type(at).__module__}.{type(at).__qualname__}{number}"
        trace = at.__traceback__
        while trace is not None:
            code = trace.tb_frame.f_code
            yield f"    {trace.tb_frame.f_globals.get('__name__')}:{trace.tb_lineno} {code.co_qualname}"
            trace = trace.tb_next
        if isinstance(at, BaseExceptionGroup):
            for each in at.exceptions:
                yield from _told(each, full=False)
        at = at.__cause__ or (None if at.__suppress_context__ else at.__context__)
