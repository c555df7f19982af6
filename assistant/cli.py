"""`recollect`: the command line. What can be asked for, and how every error is shown.

Promises to start fast: only what a command needs is imported, when it is run, and `--help` needs nothing. Promises that
standard output carries data alone. Knows nothing of how the commands do their work.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from datetime import date, datetime
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import assistant
from assistant.commands.output import OutputClosed
from assistant.errors import InputError, InterruptedByUser, RecollectError

if TYPE_CHECKING:
    from assistant.commands.opening import OpenModels

    _Commands = argparse._SubParsersAction["_Parser"]

CLOSED_OUTPUT = 141
"""What a shell reports for a program whose reader went away: 128 and the number of SIGPIPE."""

DESCRIPTION = "A private assistant for the terminal that remembers. Without a command it opens the chat."
EPILOG = """\
Standard output is data, standard error is for people.

environment:
  RECOLLECT_DATA_DIR    the data folder
  RECOLLECT_PASSPHRASE  that of an encrypted bank, which is asked for otherwise
  RECOLLECT_MODEL       another model file (GGUF) than the one that came with Recollect

exit codes:
  0    done
  1    something unexpected, with a traceback
  2    the command or its input cannot be used as it stands
  3    there is no memory or operation with that number
  4    the database or the data folder cannot be read or written
  5    the model cannot be loaded or did not answer
  130  stopped with Ctrl-C
  141  standard output was closed before all was written
"""


class _Parser(argparse.ArgumentParser):
    """Reports wrong usage like every other error."""

    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message[:1].upper()}{message[1:]}.", f"`{self.prog} --help` shows how it is used.")


def main(arguments: Sequence[str] | None = None, open_models: OpenModels | None = None) -> int:
    """Runs one command and returns its exit code. `open_models` replaces what starts the model, for tests."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            # A terminal that cannot show a character is no reason to fail.
            stream.reconfigure(errors="backslashreplace")
    try:
        args = build_parser().parse_args(arguments)
        code: int | None = args.run(args, open_models)
    except RecollectError as error:
        return _report(error)
    except KeyboardInterrupt:
        return _report(InterruptedByUser("Stopped.", "What was saved until then is saved."))
    except OutputClosed:
        return CLOSED_OUTPUT
    return code or 0


def _report(error: RecollectError) -> int:
    """The one place where errors are shown: what happened, then what to do."""
    print(f"recollect: {error.message}", file=sys.stderr)
    if error.hint:
        print(f"  {error.hint}", file=sys.stderr)
    return error.exit_code


def _chat(_args: argparse.Namespace, _: OpenModels | None) -> int:
    from assistant.commands import chat

    return chat.run()


def _ask(args: argparse.Namespace, open_models: OpenModels | None) -> None:
    from assistant.commands import ask, opening

    ask.run(args, open_models or opening.open_models)


def _memory(args: argparse.Namespace, open_models: OpenModels | None) -> None:
    from assistant.commands import memory, opening

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
    }
    if args.memory_command == "search":
        memory.search(args, open_models or opening.open_models)
    else:
        commands[args.memory_command](args)


def _import(args: argparse.Namespace, open_models: OpenModels | None) -> None:
    from assistant.commands import importing, opening

    importing.run(args, open_models or opening.open_models)


def _keeping(args: argparse.Namespace, _: OpenModels | None) -> None:
    from assistant.commands import keeping

    commands = {
        "export": keeping.export,
        "backup": keeping.back_up,
        "restore": keeping.restore,
        "encrypt": keeping.encrypt,
        "decrypt": keeping.decrypt,
        "doctor": keeping.doctor,
    }
    commands[args.keeping_command](args)


def _models(args: argparse.Namespace, _: OpenModels | None) -> None:
    from assistant.commands import models

    models.run(args)


def build_parser() -> argparse.ArgumentParser:
    """The whole command line. What it parses has `run`, which takes it and what starts the model."""
    parser = _Parser(
        prog="recollect", description=DESCRIPTION, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--version", action="version", version=f"recollect {assistant.__version__}")
    parser.set_defaults(run=_chat)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    _add_ask(commands)
    _add_memory(commands)
    _add_import(commands)
    _add_keeping(commands)
    models = _add(commands, "models", "show the models and check their files")
    models.add_argument("--verify", action="store_true", help="read the whole file and compare its checksum")
    models.set_defaults(run=_models)
    return parser


def _add(commands: _Commands, name: str, help_: str) -> argparse.ArgumentParser:
    """A command that can print JSON, as every one of them can."""
    parser: argparse.ArgumentParser = commands.add_parser(
        name, help=help_, description=f"{help_[0].upper()}{help_[1:]}."
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser


def _add_ask(commands: _Commands) -> None:
    ask = _add(commands, "ask", "say something and print the answer")
    ask.add_argument("text", nargs="?", metavar="TEXT", help='what to say; "-" or nothing reads standard input')
    ask.add_argument("--wait", action="store_true", help="wait until it is known what is remembered of it")
    ask.add_argument("--new", action="store_true", help="begin a new conversation instead of continuing the last")
    ask.set_defaults(run=_ask)


def _add_memory(commands: _Commands) -> None:
    memory = commands.add_parser("memory", help="see and change what is remembered")
    memory.set_defaults(run=_memory)
    actions = memory.add_subparsers(title="commands", metavar="COMMAND", dest="memory_command", required=True)
    listing = _add(actions, "list", "list what is remembered")
    listing.add_argument("--all", action="store_true", help="also what no longer counts")
    listing.add_argument(
        "--as-of", type=_evening, metavar="DATE", help="what was remembered then (2026-11-27 or with a time)"
    )
    history = _add(actions, "history", "show all that a memory ever said")
    history.add_argument("id", type=int, metavar="ID")
    mode = _add(actions, "mode", "show or set what becomes of what the model proposes")
    mode.add_argument(
        "mode", nargs="?", choices=["automatic", "ask", "off"], metavar="MODE", help="automatic, ask or off"
    )
    show = _add(actions, "show", "show a memory, where it came from and what was done to it")
    show.add_argument("id", type=int, metavar="ID")
    search = _add(actions, "search", "find memories")
    search.add_argument("query", metavar="QUERY")
    search.add_argument("--limit", type=_count, default=8, metavar="N", help="at most so many (8)")
    search.add_argument("--messages", action="store_true", help="also among the messages")
    search.add_argument("--from", type=_morning, dest="said_from", metavar="DATE", help="what was said then or later")
    search.add_argument("--before", type=_morning, dest="said_before", metavar="DATE", help="what was said before that")
    search.add_argument("--on", type=_day, metavar="DATE", help="what holds on that day, as far as is known")
    search.add_argument("--explain", action="store_true", help="say where each score comes from")
    add = _add(actions, "add", "remember a text as it stands")
    add.add_argument("text", nargs="?", metavar="TEXT", help='the text; "-" or nothing reads standard input')
    forget = _add(actions, "forget", "forget a memory")
    forget.add_argument("id", type=int, metavar="ID")
    forget.add_argument("--purge", action="store_true", help="also wipe its text, which cannot be undone")
    forget.add_argument("--yes", action="store_true", help="do not ask")
    undo = _add(actions, "undo", "take back what was done to a memory")
    undo.add_argument(
        "operation", nargs="?", type=int, metavar="OPERATION", help="its number; without one, the newest that stands"
    )
    redo = _add(actions, "redo", "do again what was undone")
    redo.add_argument(
        "operation", nargs="?", type=int, metavar="OPERATION", help="its number; without one, the one undone last"
    )
    for name, what in (
        ("accept", "carry out an operation that was held for review"),
        ("decline", "settle an operation that was held for review without carrying it out"),
    ):
        settle = _add(actions, name, what)
        settle.add_argument("operation", type=int, metavar="OPERATION", help="its number, as `review` shows it")
    review = _add(actions, "review", "show replies and operations that were not carried out, with the reasons")
    review.add_argument("--all", action="store_true", help="the whole journal")
    review.add_argument("--limit", type=_count, default=50, metavar="N", help="at most so many (50)")


def _add_import(commands: _Commands) -> None:
    import_ = _add(commands, "import", "replay a recorded conversation; if stopped, the same command goes on")
    import_.add_argument("file", type=Path, metavar="FILE")
    import_.add_argument(
        "--format",
        choices=["locomo", "chatgpt", "claude", "text", "markdown", "recollect"],
        default="locomo",
        help="the format of the file (locomo)",
    )
    import_.add_argument(
        "--speaker", action="append", default=[], metavar="NAME", help="whose facts to remember; may be repeated (all)"
    )
    import_.add_argument("--conversation", metavar="ID", help="which one, if the file holds several")
    import_.set_defaults(run=_import)


def _add_keeping(commands: _Commands) -> None:
    export = _add(commands, "export", "write down all that is in the bank, or what is known now as a list")
    export.add_argument("file", nargs="?", type=Path, metavar="FILE", help="where to (standard output)")
    export.add_argument("--format", choices=["recollect", "markdown"], default="recollect", help="(recollect)")
    export.set_defaults(run=_keeping, keeping_command="export")
    backup = _add(commands, "backup", "make a checked copy of the bank beside it")
    backup.set_defaults(run=_keeping, keeping_command="backup")
    restore = _add(commands, "restore", "put a backup in the bank's place, and keep what was there")
    restore.add_argument("file", nargs="?", type=Path, metavar="FILE", help="which one (the newest)")
    restore.set_defaults(run=_keeping, keeping_command="restore")
    encrypt = _add(commands, "encrypt", "let only a passphrase open the bank, or change the passphrase")
    encrypt.set_defaults(run=_keeping, keeping_command="encrypt")
    decrypt = _add(commands, "decrypt", "make the bank a plain file again")
    decrypt.set_defaults(run=_keeping, keeping_command="decrypt")
    doctor = _add(commands, "doctor", "check the bank, and mend what can be made anew")
    doctor.add_argument("--rebuild", action="store_true", help="make the indexes anew and drop broken vectors")
    doctor.set_defaults(run=_keeping, keeping_command="doctor")


def _day(text: str) -> date:
    """A day, for argparse."""
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no date") from error


def _morning(text: str) -> datetime:
    """A day, at its beginning, or a moment, in this machine's zone if it names none, for argparse."""
    try:
        return datetime.fromisoformat(text).astimezone()
    except (ValueError, OverflowError) as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no date") from error


def _evening(text: str) -> datetime:
    """A day, at its end, or a moment, in this machine's zone if it names none, for argparse."""
    return _morning(f"{text}T23:59:59.999999" if re.fullmatch(r"\d{4}-\d\d-\d\d", text) else text)


def _count(text: str) -> int:
    """A number from 1 up, for argparse."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("it must be at least 1")
    return number
