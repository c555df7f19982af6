"""The model's process: `python -m assistant.llm.child OPTIONS`, started by `process.ModelProcess` alone.

Promises that nothing but replies goes to the pipe it was started with: llama.cpp writes to file descriptors 1 and 2,
so both are the log file before it is loaded. Promises to end when its parent does, however that ends.
"""

from __future__ import annotations

import faulthandler
import os
import select
import signal
import sys
import threading
import traceback
from collections.abc import Iterator
from typing import TYPE_CHECKING, BinaryIO

from assistant.llm.protocol import LOADING, Cancel, ChildOptions, Failed, FailureKind, Reply, decode, encode
from assistant.llm.scheduler import Scheduler

if TYPE_CHECKING:
    from assistant.llm.work import Workshop

_PARENT_CHECK_SECONDS = 2.0


def main() -> None:
    """Serves requests until standard input ends."""
    options: ChildOptions = decode(sys.argv[1])
    # The terminal's Ctrl-C is meant for the app, which decides what becomes of a request.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.umask(0o077)
    requests, replies = _take_pipes()
    faulthandler.enable()
    scheduler = Scheduler()

    def send(reply: Reply) -> None:
        replies.write(f"{encode(reply)}\n".encode())
        replies.flush()

    try:
        # Only now that descriptors 1 and 2 are the log's.
        from assistant.llm import llama
        from assistant.llm.work import Workshop
    except ImportError as error:
        send(Failed(LOADING, FailureKind.INSTALLATION, str(error)))
        sys.exit(1)
    llama.prepare()
    try:
        workshop = Workshop(options, send)
    except llama.LoadError as error:
        send(Failed(LOADING, FailureKind.MODEL_FILE, str(error)))
        sys.exit(1)
    threading.Thread(target=_receive, args=(requests, options.parent, scheduler, workshop), daemon=True).start()
    scheduler.run()


def _take_pipes() -> tuple[int, BinaryIO]:
    """Moves both pipes to descriptors that nobody else knows; standard output becomes the log, as standard error is."""
    requests = os.dup(0)
    replies = os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return requests, replies


def _receive(requests: int, parent: int, scheduler: Scheduler, workshop: Workshop) -> None:
    """Hands requests to the scheduler, and ends the process with them."""
    status = 0
    try:
        for line in _lines(requests, parent):
            request = decode(line)
            if isinstance(request, Cancel):
                scheduler.cancel(request.id)
            else:
                scheduler.add(workshop.job(request))
    except BaseException:  # noqa: BLE001 (the thread is all that keeps the process answering)
        traceback.print_exc()
        status = 1
    # At once, whatever the main thread is computing.
    os._exit(status)


def _lines(descriptor: int, parent: int) -> Iterator[bytes]:
    """Whole lines, until the pipe ends or `parent` is not our parent any more.

    The pipe stays open after the parent's end if a process that it forked still holds the other end.
    """
    held = b""
    while os.getppid() == parent:
        if not select.select([descriptor], [], [], _PARENT_CHECK_SECONDS)[0]:
            continue
        data = os.read(descriptor, 1 << 20)
        if not data:
            return
        *whole, held = (held + data).split(b"\n")
        yield from whole


if __name__ == "__main__":
    main()
