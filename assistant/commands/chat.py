"""`recollect` alone: the chat in the terminal."""

from __future__ import annotations

import gc
import os
import sys
import time
from typing import TYPE_CHECKING

from assistant import log, settings
from assistant.commands.passphrases import key_of
from assistant.errors import InputError
from assistant.paths import Paths

if TYPE_CHECKING:
    from assistant.findings import Finding
    from assistant.llm.engines import Engines
    from assistant.memory.bank import MemoryBank
    from assistant.tui.at_hand import ChatEngine


def run() -> int:
    """Opens the chat and returns its exit code. Bank and engine are imported by its threads, after the first paint."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise InputError("The chat needs a terminal.", "Use `recollect ask` where there is none.")
    # Textual draws at most so often, and a letter that comes just after a piece of an answer waits for the next time.
    # At its own 60 half of the letters that were typed while an answer streamed took over 20 ms; at 120, 8.
    os.environ.setdefault("TEXTUAL_FPS", "120")
    gc.disable()  # Until the first paint: to look through all that is imported takes a twentieth of the start.
    from assistant.commands.run_models import InstalledRunModels
    from assistant.commands.shelf import Shelf
    from assistant.tui.app import RecollectApp

    paths = Paths.default()
    paths.create()
    chosen = settings.load(paths)
    key = key_of(paths)  # Asked for while there is still a plain terminal to ask on.

    def make_engine() -> Engines:
        from assistant.commands.opening import start_engines

        return start_engines(paths)

    def open_bank(engine: ChatEngine | None) -> MemoryBank:
        from assistant.memory.bank import MemoryBank

        begun = time.monotonic()
        embedder = engine if paths.embedder.exists() else None
        bank = MemoryBank.open(paths, embedder, key=key, backups_kept=chosen.backups_kept)
        log.event("the bank is open", seconds=time.monotonic() - begun, encrypted=key is not None)
        return bank

    def examine(mend: bool) -> list[Finding]:
        from assistant import health

        return health.check(paths, key, rebuild=mend)

    app = RecollectApp(
        make_engine,
        open_bank,
        paths,
        shelf=Shelf(paths),
        run_models=InstalledRunModels(paths),
        settings=chosen,
        examine=examine,
    )
    with log.kept(paths, chosen.log):
        try:
            app.run()
        finally:
            if app._exception is not None:  # Textual shows it and returns; there is no other way to ask for it.
                log.failure("the chat broke", app._exception)
            log.event("the chat was closed", code=app.return_code)
    return app.return_code or 0
