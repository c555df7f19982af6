"""`recollect`: the command line. Which code runs a command, and how every error is shown.

Promises to start fast: only what a command needs is imported, when it is run, and `--help` needs nothing. Promises that
standard output carries data alone. Knows nothing of how the commands do their work.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from io import TextIOWrapper
from typing import TYPE_CHECKING

from assistant import log, settings
from assistant.commands.output import OutputClosed
from assistant.errors import InterruptedByUser, RecollectError
from assistant.paths import Paths

if TYPE_CHECKING:
    from argparse import Namespace

    from assistant.commands.opening import OpenModels

CLOSED_OUTPUT = 141
"""What a shell reports for a program whose reader went away: 128 and the number of SIGPIPE."""


def main(arguments: Sequence[str] | None = None, open_models: OpenModels | None = None) -> int:
    """Runs one command and returns its exit code. `open_models` replaces what starts the model, for tests."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            # A terminal that cannot show a character is no reason to fail.
            stream.reconfigure(errors="backslashreplace")
    try:
        if sys.argv[1:] if arguments is None else arguments:
            code = _run(arguments, open_models)
        else:
            code = _chat()  # Without the parser, which takes as long as a third of the start.
    except RecollectError as error:
        return _report(error)
    except KeyboardInterrupt:
        return _report(InterruptedByUser("Stopped.", "What was saved until then is saved."))
    except OutputClosed:
        return CLOSED_OUTPUT
    return code or 0


def _run(arguments: Sequence[str] | None, open_models: OpenModels | None) -> int | None:
    from assistant.commands.arguments import build_parser

    args = build_parser().parse_args(arguments)
    paths = Paths.default()
    with log.kept(paths, settings.load(paths).log):
        return _RUN[args.command](args, open_models)


def _report(error: RecollectError) -> int:
    """The one place where errors are shown: what happened, then what to do."""
    print(f"recollect: {error.message}", file=sys.stderr)
    if error.hint:
        print(f"  {error.hint}", file=sys.stderr)
    return error.exit_code


def _chat(_args: Namespace | None = None, _: OpenModels | None = None) -> int:
    from assistant.commands import chat

    return chat.run()


def _ask(args: Namespace, open_models: OpenModels | None) -> None:
    from assistant.commands import ask, opening

    ask.run(args, open_models or opening.open_models)


def _memory(args: Namespace, open_models: OpenModels | None) -> None:
    from assistant.commands import correcting, memory, opening, pausing

    commands = {
        "list": memory.list_,
        "show": memory.show,
        "add": memory.add,
        "forget": memory.forget,
        "undo": memory.undo,
        "redo": memory.redo,
        "accept": memory.accept,
        "decline": memory.decline,
        "review": memory.review,
        "history": memory.history,
        "mode": memory.mode,
        "timeline": memory.timeline,
        "edit": correcting.edit,
        "merge": correcting.merge,
        "pin": correcting.pin,
        "unpin": correcting.unpin,
        "never-use": correcting.never_use,
        "use-again": correcting.use_again,
        "wrong": correcting.wrong,
        "outdated": correcting.outdated,
        "ask-again": correcting.ask_again,
        "pause": pausing.pause,
        "resume": pausing.resume,
    }
    if args.memory_command == "search":
        memory.search(args, open_models or opening.open_models)
    else:
        commands[args.memory_command](args)


def _why(args: Namespace, open_models: OpenModels | None) -> None:
    from assistant.commands import opening, why

    why.run(args, open_models or opening.open_models)


def _conversations(args: Namespace, _: OpenModels | None) -> None:
    from assistant.commands import conversations

    conversations.run(args)


def _import(args: Namespace, open_models: OpenModels | None) -> None:
    from assistant.commands import importing, opening

    importing.run(args, open_models or opening.open_models)


def _keeping(args: Namespace, _: OpenModels | None) -> None:
    from assistant.commands import keeping

    commands = {
        "export": keeping.export,
        "backup": keeping.back_up,
        "restore": keeping.restore,
        "encrypt": keeping.encrypt,
        "decrypt": keeping.decrypt,
        "doctor": keeping.doctor,
    }
    commands[args.command](args)


def _models(args: Namespace, _: OpenModels | None) -> None:
    from assistant.commands import models

    models.run(args)


def _training(args: Namespace, _: OpenModels | None) -> None:
    from assistant.commands import training

    commands = {"training": training.run_training, "runs": training.run_runs}
    commands[args.command](args)


def _settings(args: Namespace, _: OpenModels | None) -> None:
    from assistant.commands import settings as command

    command.run(args)


def _completion(args: Namespace, _: OpenModels | None) -> None:
    from assistant.commands import completion

    completion.run(args)


_RUN: dict[str, Callable[[Namespace, OpenModels | None], int | None]] = {
    "chat": _chat,
    "ask": _ask,
    "memory": _memory,
    "conversations": _conversations,
    "why": _why,
    "import": _import,
    "models": _models,
    **dict.fromkeys(("training", "runs"), _training),
    "settings": _settings,
    "completion": _completion,
    **dict.fromkeys(("export", "backup", "restore", "encrypt", "decrypt", "doctor"), _keeping),
}
