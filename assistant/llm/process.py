"""The app's end of one model process: starts it, sends requests, hands each reply to the one who waits for it.

Promises that everybody who waits hears of the process's end. Knows nothing of prompts, and never starts a second one.
"""

from __future__ import annotations

import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

import assistant
from assistant import log
from assistant.errors import EngineCrashed, EngineError, ModelFileError, NotWritable
from assistant.llm.protocol import (
    LOADING,
    Cancel,
    ChildOptions,
    Failed,
    FailureKind,
    Ready,
    Reply,
    Request,
    RequestReply,
    decode,
    encode,
)
from assistant.paths import make_private_folder

_LOG_BYTES = 1_000_000
"""A log longer than this is begun anew when a process starts."""

_END_SECONDS = 2.0
"""How long an ending process may take before it is killed."""


class Replies:
    """What comes back for one request."""

    def __init__(self, request_id: int) -> None:
        self.id = request_id
        self._queue: queue.SimpleQueue[RequestReply | EngineError] = queue.SimpleQueue()

    def put(self, reply: RequestReply | EngineError) -> None:
        """Adds a reply, or the error that stands for all further ones."""
        self._queue.put(reply)

    def next(self, timeout: float | None = None) -> RequestReply | None:
        """The next reply; None if none came in `timeout` seconds. Raises the error that the process ended with."""
        try:
            reply = self._queue.get(timeout=timeout)
        except queue.Empty:
            return None
        if isinstance(reply, EngineError):
            raise reply
        return reply


class ModelProcess:
    """One child process, from its start to its end. Methods may be called from any thread."""

    def __init__(self, options: ChildOptions, log_file: Path) -> None:
        self._log_file = log_file
        self._lock = threading.Lock()
        self._write_lock = threading.Lock()
        self._waiting: dict[int, Replies] = {}
        self._last_id = 0
        self._loaded = threading.Event()
        self._end: EngineError | None = None
        self._intended_end: EngineError | None = None
        with _open_log(log_file) as log:
            self._process = subprocess.Popen(
                # -P: a folder named "assistant" where the user happens to be must not be taken for this package.
                [sys.executable, "-P", "-m", "assistant.llm.child", encode(options)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=os.environ | {"PYTHONPATH": _import_path()},
                # In a session of its own, so that the terminal's Ctrl-C does not reach it.
                start_new_session=True,
            )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._stdin, self._stdout = self._process.stdin, self._process.stdout
        self._reader = threading.Thread(target=self._read, name="model replies", daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether requests can be sent: it may still be loading."""
        return self._end is None and self._intended_end is None

    def wait_loaded(self, timeout: float | None) -> bool:
        """Waits until the model is loaded; False if that took longer than `timeout` seconds. Raises EngineError."""
        if not self._loaded.wait(timeout):
            return False
        if self._end is not None:
            raise self._end
        return True

    @contextmanager
    def request(self, make: Callable[[int], Request]) -> Iterator[Replies]:
        """Sends the request that `make` gives for an id; gives its replies. Left early, it cancels the request."""
        with self._lock:
            if self._end is not None:
                raise self._end
            self._last_id += 1
            replies = self._waiting[self._last_id] = Replies(self._last_id)
        try:
            self._send(make(replies.id))
            yield replies
        except BaseException:
            self.cancel(replies.id)
            raise
        finally:
            with self._lock:
                self._waiting.pop(replies.id, None)

    def cancel(self, request_id: int) -> None:
        """Asks the process to end a request."""
        self._send(Cancel(request_id))

    def kill(self, because: EngineError) -> None:
        """Ends the process at once; who waits gets `because`."""
        self._intended_end = because
        self._process.kill()

    def close(self, because: EngineError) -> None:
        """Lets the process end, and waits for that; who waits gets `because`."""
        self._intended_end = self._intended_end or because
        with suppress(BrokenPipeError):
            self._stdin.close()
        self._reader.join(_END_SECONDS)
        if self._reader.is_alive():
            self._process.kill()
            self._reader.join()

    def _send(self, request: Request) -> None:
        # A process that has ended is reported by the reader, to everybody at once. A closed pipe is a ValueError.
        with suppress(BrokenPipeError, ValueError), self._write_lock:
            self._stdin.write(f"{encode(request)}\n".encode())
            self._stdin.flush()

    def _read(self) -> None:
        failure: EngineError | None = None
        try:
            for line in self._stdout:
                reply: Reply = decode(line)
                if isinstance(reply, Ready):
                    log.event("the models are loaded", agents=len(reply.contexts))
                    self._loaded.set()
                elif isinstance(reply, Failed) and reply.id == LOADING:
                    failure = error_of(reply, self._log_file)
                else:
                    self._deliver(reply)
        finally:
            self._finish(failure)

    def _deliver(self, reply: RequestReply) -> None:
        with self._lock:
            # Nobody waits for the last words of a cancelled request.
            if replies := self._waiting.get(reply.id):
                replies.put(reply)

    def _finish(self, failure: EngineError | None) -> None:
        """Collects the process, whose pipe has ended, and tells everybody."""
        try:
            status = self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            status = self._process.wait()
        with self._lock:
            self._end = self._intended_end or failure or self._crash(status)
            if self._intended_end is None:
                log.failure("the model's process ended unasked", self._end, status=status)
            for replies in self._waiting.values():
                replies.put(self._end)
        with suppress(BrokenPipeError):
            self._stdin.close()
        self._stdout.close()
        self._loaded.set()

    def _crash(self, status: int) -> EngineCrashed:
        how = f"signal {-status}" if status < 0 else f"exit status {status}"
        return EngineCrashed(
            f"The model process ended unexpectedly ({how}).",
            f"The next request starts it again. What it wrote before is in {self._log_file}.",
        )


def error_of(failed: Failed, log_file: Path) -> EngineError:
    """What a user can be told about a failure in the process."""
    reason = f"{failed.reason[:1].upper()}{failed.reason[1:]}"
    match failed.kind:
        case FailureKind.MODEL_FILE:
            return ModelFileError(
                f"The model cannot be loaded: {failed.reason}.",
                f"The file may be cut off, or be of another kind. More is in {log_file}.",
            )
        case FailureKind.INSTALLATION:
            return EngineError(f"llama.cpp cannot be used: {failed.reason}.", "Install Recollect again: make run.")
        case FailureKind.EMBEDDER:
            return EngineError(
                f"Search by meaning does not work: {failed.reason}.",
                "Set it up with: python -m assistant.llm.embedder",
            )
        case FailureKind.PROMPT:
            return EngineError(f"{reason}.", "Use a model with a longer context.")
        case FailureKind.GRAMMAR | FailureKind.COMPUTE:
            return EngineError(f"The model could not answer: {failed.reason}.", f"More is in {log_file}.")


def _open_log(log_file: Path) -> BinaryIO:
    make_private_folder(log_file.parent)
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        log = os.fdopen(os.open(log_file, flags, 0o600), "ab")
        if log.tell() > _LOG_BYTES:
            log.truncate(0)
        return log
    except OSError as error:
        raise NotWritable(
            f"The log file {log_file} cannot be written ({error.strerror}).", "Make it writable, or free some space."
        ) from error


def _import_path() -> str:
    """Where the child finds this package, however it is installed here."""
    ours = str(Path(assistant.__file__).resolve().parent.parent)
    theirs = os.environ.get("PYTHONPATH")
    return os.pathsep.join([ours, theirs]) if theirs else ours
