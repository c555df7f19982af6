"""What can be asked for on the command line: every command and its arguments.

Promises that `--help` needs nothing but this. Knows nothing of what the commands do: `command` of what is parsed names
one.
"""

from __future__ import annotations

import argparse
import re
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import assistant
from assistant.errors import InputError
from assistant.settings import SCHEMA

if TYPE_CHECKING:
    _Commands = argparse._SubParsersAction["_Parser"]

DESCRIPTION = "A private assistant for the terminal that remembers. Without a command it opens the chat."
EPILOG = """\
Standard output is data, standard error is for people.

environment:
  RECOLLECT_DATA_DIR    the data folder
  RECOLLECT_PASSPHRASE  that of an encrypted bank, which is asked for otherwise
  RECOLLECT_MODEL       another model file (GGUF) than the one that came with Recollect
  RECOLLECT_THEME, ...  what `recollect settings` lists, which goes before its file

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


def build_parser() -> argparse.ArgumentParser:
    """The whole command line."""
    parser = _Parser(
        prog="recollect", description=DESCRIPTION, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--version", action="version", version=f"recollect {assistant.__version__}")
    parser.set_defaults(command="chat")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    _add_ask(commands)
    _add_memory(commands)
    _add_conversations(commands)
    _add_why(commands)
    _add_import(commands)
    _add_keeping(commands)
    _add_models(commands)
    _add_training(commands)
    _add_settings(commands)
    _add_completion(commands)
    return parser


def _add(commands: _Commands, name: str, help_: str) -> _Parser:
    """A command that can print JSON, as every one of them can."""
    parser: _Parser = commands.add_parser(name, help=help_, description=f"{help_[0].upper()}{help_[1:]}.")
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser


def _add_ask(commands: _Commands) -> None:
    ask = _add(commands, "ask", "say something and print the answer")
    ask.add_argument("text", nargs="?", metavar="TEXT", help='what to say; "-" or nothing reads standard input')
    ask.add_argument("--wait", action="store_true", help="wait until it is known what is remembered of it")
    ask.add_argument("--new", action="store_true", help="begin a new conversation instead of continuing the last")
    ask.set_defaults(command="ask")


def _add_memory(commands: _Commands) -> None:
    memory = commands.add_parser("memory", help="see and change what is remembered")
    memory.set_defaults(command="memory")
    actions = memory.add_subparsers(title="commands", metavar="COMMAND", dest="memory_command", required=True)
    listing = _add(actions, "list", "list what is remembered")
    listing.add_argument("--all", action="store_true", help="also what no longer counts")
    listing.add_argument(
        "--kind", choices=["person", "preference", "plan", "event", "you", "other"], help="what speaks of that"
    )
    listing.add_argument(
        "--as-of", type=_evening, metavar="DATE", help="what was remembered then (2026-11-27 or with a time)"
    )
    history = _add(actions, "history", "show all that a memory ever said")
    history.add_argument("id", type=int, metavar="ID")
    mode = _add(actions, "mode", "show or set what becomes of what the model proposes")
    mode.add_argument(
        "mode", nargs="?", choices=["automatic", "ask", "off"], metavar="MODE", help="automatic, ask or off"
    )
    _add(actions, "pause", "remember nothing until `resume`; what is said meanwhile is never read")
    _add(actions, "resume", "end the pause")
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
        ("ask-again", "settle an operation that was held for review, and have its message read again"),
    ):
        settle = _add(actions, name, what)
        settle.add_argument("operation", type=int, metavar="OPERATION", help="its number, as `review` shows it")
        if name == "accept":
            settle.add_argument("--text", metavar="TEXT", help='with this text in place of its own; "-" reads it')
    _add_correcting(actions)
    review = _add(actions, "review", "show replies and operations that were not carried out, with the reasons")
    review.add_argument("--all", action="store_true", help="the whole journal")
    review.add_argument("--limit", type=_count, default=50, metavar="N", help="at most so many (50)")


def _add_correcting(actions: _Commands) -> None:
    edit = _add(actions, "edit", "make a memory say something else")
    edit.add_argument("id", type=int, metavar="ID")
    edit.add_argument("text", nargs="?", metavar="TEXT", help='the text; "-" or nothing reads standard input')
    merge = _add(actions, "merge", "make several memories one, the first")
    merge.add_argument("ids", type=int, nargs="+", metavar="ID")
    merge.add_argument("--text", required=True, metavar="TEXT", help='what it says; "-" reads standard input')
    for name, what in (
        ("pin", "have a memory always on offer, and no model change it"),
        ("unpin", "treat a memory as any other again"),
        ("never-use", "keep a memory from being used in answers; it stays known"),
        ("use-again", "let a memory be used in answers again"),
        ("wrong", "forget a memory that is wrong, so that it does not come back"),
        ("outdated", "end a memory that holds no longer"),
    ):
        _add(actions, name, what).add_argument("id", type=int, metavar="ID")
    timeline = _add(actions, "timeline", "show what was changed, newest first")
    timeline.add_argument("--limit", type=_count, default=50, metavar="N", help="at most so many (50)")
    timeline.add_argument("--before", type=int, metavar="OPERATION", help="what was changed before that one")


def _add_why(commands: _Commands) -> None:
    why = _add(commands, "why", "show where an answer comes from: its memories, their sources, how they are found")
    why.add_argument("message", nargs="?", type=int, metavar="MESSAGE", help="the number of the answer (the last one)")
    why.set_defaults(command="why")


def _add_conversations(commands: _Commands) -> None:
    conversations = _add(commands, "conversations", "see, search, write out and remove what was said")
    actions = conversations.add_subparsers(title="commands", metavar="COMMAND", dest="conversations_command")
    conversations.set_defaults(command="conversations", conversations_command="list", limit=50)
    listing = _add(actions, "list", "list the conversations, the one last written in first")
    listing.add_argument("--limit", type=_count, default=50, metavar="N", help="at most so many (50)")
    search = _add(actions, "search", "find conversations by their words, of which the last may be half of one")
    search.add_argument("text", metavar="TEXT")
    search.add_argument("--limit", type=_count, default=20, metavar="N", help="at most so many (20)")
    rename = _add(actions, "rename", "give a conversation another title")
    remove = _add(actions, "remove", "remove a conversation for good")
    export = _add(actions, "export", "write a conversation as Markdown")
    named = [rename, remove, export, _add(actions, "show", "print a conversation")]
    named.append(_add(actions, "exclude", "learn nothing from a conversation"))
    named.append(_add(actions, "include", "learn from a conversation again"))
    for action in named:
        action.add_argument("id", type=int, metavar="ID")
    rename.add_argument("title", metavar="TITLE")
    remove.add_argument("--with-memories", action="store_true", help="also what is remembered of it alone")
    remove.add_argument("--yes", action="store_true", help="do not ask")
    export.add_argument("file", nargs="?", type=Path, metavar="FILE", help="where to (standard output)")


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
    import_.set_defaults(command="import")


def _add_keeping(commands: _Commands) -> None:
    export = _add(commands, "export", "write down all that is in the bank, or what is known now as a list")
    export.add_argument("file", nargs="?", type=Path, metavar="FILE", help="where to (standard output)")
    export.add_argument("--format", choices=["recollect", "markdown"], default="recollect", help="(recollect)")
    export.set_defaults(command="export")
    backup = _add(commands, "backup", "make a checked copy of the bank beside it")
    backup.set_defaults(command="backup")
    restore = _add(commands, "restore", "put a backup in the bank's place, and keep what was there")
    restore.add_argument("file", nargs="?", type=Path, metavar="FILE", help="which one (the newest)")
    restore.set_defaults(command="restore")
    encrypt = _add(commands, "encrypt", "let only a passphrase open the bank, or change the passphrase")
    encrypt.set_defaults(command="encrypt")
    decrypt = _add(commands, "decrypt", "make the bank a plain file again")
    decrypt.set_defaults(command="decrypt")
    doctor = _add(commands, "doctor", "check that all is there and whole, and mend what can be made anew")
    doctor.add_argument("--rebuild", action="store_true", help="make the indexes anew and drop broken vectors")
    doctor.set_defaults(command="doctor")


def _add_models(commands: _Commands) -> None:
    models = _add(commands, "models", "see, add and choose the models that the agents use")
    models.set_defaults(command="models", models_command="list", available=False)
    actions = models.add_subparsers(title="commands", metavar="COMMAND", dest="models_command")
    listing = _add(actions, "list", "list the models, and what each takes")
    listing.add_argument("--available", action="store_true", help="those that can be downloaded")
    use = _add(actions, "use", "choose the model of both agents, or of one")
    use.add_argument("name", metavar="NAME")
    use.add_argument("--agent", choices=["manager", "answer"], help="of this agent alone")
    pull = _add(actions, "pull", "download a model; if stopped, the same command goes on")
    pull.add_argument("model", metavar="NAME_OR_URL", help="a name from `models list --available`, or an address")
    pull.add_argument("--name", help="what to call it here")
    pull.add_argument("--sha256", metavar="HEX", help="what its SHA-256 has to be")
    pull.add_argument("--force", action="store_true", help="also where it needs more memory than there is")
    add = _add(actions, "add", "take a model file at hand, or a server, into the list")
    add.add_argument("source", metavar="FILE_OR_URL", help="a GGUF file, or a server such as http://localhost:11434/v1")
    add.add_argument("--name", help="what to call it here")
    add.add_argument("--agent", choices=["manager", "answer"], help="it is for this agent alone")
    add.add_argument("--adapter", action="append", default=[], metavar="AGENT=FILE", help="a LoRA for one agent on it")
    add.add_argument("--context", type=_count, metavar="TOKENS", help="how much it reads at once (at most 8192)")
    add.add_argument("--thinking", type=_count, metavar="TOKENS", help="how long a model that can may think first")
    add.add_argument("--model", metavar="NAME", help="of a server: what it calls the model")
    add.add_argument("--key-variable", metavar="NAME", help="of a server: the environment variable that holds its key")
    add.add_argument(
        "--structure",
        choices=["auto", "grammar", "schema", "none"],
        default="auto",
        help="of a server: how it is held to the form of a reply (auto)",
    )
    remove = _add(actions, "remove", "take a model off the list, and delete what was downloaded")
    remove.add_argument("name", metavar="NAME")
    _add(actions, "speed", "measure how fast the models that are in use read and write here")
    verify = _add(actions, "verify", "read model files whole and compare their checksums")
    verify.add_argument("name", nargs="?", metavar="NAME", help="one of them (all)")


def _add_training(commands: _Commands) -> None:
    training = _add(commands, "training", "see what models may learn from, and what is taken out of it")
    training.set_defaults(command="training")
    actions = training.add_subparsers(title="commands", metavar="COMMAND", dest="training_command")
    _add(actions, "data", "list the conversations, what there is to learn from each, or why not")
    preview = _add(actions, "preview", "print a conversation with what is taken out of it in brackets")
    preview.add_argument("id", type=int, metavar="ID")
    words = _add(actions, "words", "list or change the words and names that are always taken out")
    words.add_argument("--hide", action="append", default=[], metavar="WORD", help="take this one out; may be repeated")
    words.add_argument("--show", action="append", default=[], metavar="WORD", help="leave this one in again")
    runs = _add(commands, "runs", "train, measure, and use what came of it")
    runs.set_defaults(command="runs")
    actions = runs.add_subparsers(title="commands", metavar="COMMAND", dest="runs_command")
    _add(actions, "list", "list the runs, the one begun last first")
    start = _add(actions, "start", "begin a run, which goes on by itself")
    start.add_argument("kind", choices=["starter", "lives"], metavar="WHAT", help="starter (train) or lives (measure)")
    start.add_argument("--seed", type=int, default=0, metavar="N", help="(0)")
    start.add_argument("--size", type=_count, metavar="N", help="steps to train, or lives to measure on")
    start.add_argument("--threads", type=_count, metavar="N", help="(one fewer than there are cores)")
    start.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="change the schedule")
    adopt = _add(actions, "adopt", "use the model that a run has made")
    adopt.add_argument("--yes", action="store_true", help="do not ask, even if it is not known to be better")
    for action in (
        _add(actions, "show", "show how a run stands, and its numbers"),
        _add(actions, "stop", "end a run in order; once more ends it at once"),
        _add(actions, "resume", "go on with a run that was stopped or failed"),
        adopt,
    ):
        action.add_argument("name", metavar="NAME")
    _add(actions, "roll-back", "use what was used before the last adoption")


def _add_settings(commands: _Commands) -> None:
    settings = _add(commands, "settings", "see and change settings")
    settings.set_defaults(command="settings", settings_command="list")
    actions = settings.add_subparsers(title="commands", metavar="COMMAND", dest="settings_command")
    _add(actions, "list", "list the settings, their values, and who set them")
    get = _add(actions, "get", "print one value")
    get.add_argument("name", choices=[setting.name for setting in SCHEMA], metavar="NAME")
    set_ = actions.add_parser("set", help="set one", description="Set one.")
    names = set_.add_subparsers(title="settings", metavar="NAME", dest="name", required=True)
    for setting in SCHEMA:
        named = _add(names, setting.name, setting.description)
        named.add_argument("value", choices=setting.choices or None, metavar="VALUE", help=setting.allowed)
    reset = _add(actions, "reset", "let the default count again")
    reset.add_argument("name", choices=[setting.name for setting in SCHEMA], metavar="NAME")
    _add(actions, "path", "print where the file is")


def _add_completion(commands: _Commands) -> None:
    completion = _add(commands, "completion", "print a script that lets a shell complete commands")
    completion.add_argument("shell", choices=["bash", "zsh", "fish"], metavar="SHELL", help="bash, zsh or fish")
    completion.set_defaults(command="completion")


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
