"""The rows of the Settings mode, made of what can be set and of what is known: names, values and sentences. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import assistant
from assistant.agents.generation import Agent
from assistant.findings import Finding, Status
from assistant.memory.deciding import Mode
from assistant.settings import SCHEMA, Origin, Setting, Settings
from assistant.tui.widgets.models.text import size
from assistant.tui.widgets.settings.facts import MOST, Checked, InBank, OnDisk

MARKS = {Status.GOOD: "✓", Status.WARNING: "!", Status.PROBLEM: "✗"}
MODES = {Mode.AUTOMATIC: "automatic", Mode.ASK: "ask", Mode.OFF: "off (paused)"}
WORDS = {Status.GOOD: "good", Status.WARNING: "worth a look", Status.PROBLEM: "wrong"}


class Title(StrEnum):
    """The sections, in their order."""

    LOOK = "Look and keys"
    REMEMBERING = "Remembering"
    MODELS = "Models"
    DATA = "Your data"
    HEALTH = "Health"
    ABOUT = "This Recollect"


class Does(StrEnum):
    """What Enter does on a row, in words."""

    NOTHING = ""
    CHANGE = "changes it"
    GO = "goes there"
    START = "begins it"
    SHOW = "shows it"


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the list. `about` says what it is for, in whole sentences; `resets` whether it has a default."""

    key: str
    label: str
    value: str = ""
    origin: str = ""
    about: str = ""
    does: Does = Does.NOTHING
    resets: bool = False
    mark: str = ""
    letter: str = ""
    """The key that does from everywhere in the list what Enter does here."""
    more: str = ""
    in_full: bool = False
    """Whether all of its value is to be read in the list, and `more` below it."""


@dataclass(frozen=True, slots=True)
class Working:
    """What is at work and how far it is, in words."""

    check: str = ""
    bringing_in: str = ""


_PLACES = {
    "theme": (Title.LOOK, "Look"),
    "send_key": (Title.LOOK, "Key that sends"),
    "markdown": (Title.LOOK, "Markdown in answers"),
    "show_memories": (Title.LOOK, "Memories used"),
    "threads": (Title.MODELS, "Threads"),
    "backups_kept": (Title.DATA, "Backups kept"),
    "log": (Title.HEALTH, "Kept in the log"),
}
"""Where a setting stands and what it is called; one that is not here stands in the first section, under its name."""
_EFFECTS = {
    "theme": "It takes effect at once.",
    "send_key": "It takes effect at once.",
    "markdown": "It holds for answers that are shown from now on.",
    "show_memories": "It holds for answers that are shown from now on.",
    "backups_kept": "It counts from the next backup on.",
    "log": "It takes effect at once.",
}


def sections(
    disk: OnDisk, bank: InBank | None, checked: Checked | None, working: Working, now: datetime
) -> list[tuple[Title, list[Row]]]:
    """All rows. `bank` is None while it is not known what the bank says."""
    rows = {
        Title.LOOK: [],
        Title.REMEMBERING: list(_remembering(bank)),
        Title.MODELS: list(_models(disk)),
        Title.DATA: list(_data(disk, working, now)),
        Title.HEALTH: list(_health(disk, checked, working, now)),
        Title.ABOUT: list(_about(disk)),
    }
    for setting in SCHEMA:
        title, _ = _PLACES.get(setting.name, (Title.LOOK, ""))
        rows[title].append(_set(setting, disk.settings))
    return list(rows.items())


def label_of(setting: Setting) -> str:
    """What a setting is called."""
    return _PLACES[setting.name][1] if setting.name in _PLACES else setting.name.replace("_", " ").capitalize()


def fixed_by_environment(setting: Setting) -> str:
    """Why it cannot be changed here."""
    return (
        f"{setting.variable} sets it in the environment that Recollect was started in, and goes before config.toml. "
        f"To change it here, start Recollect without that variable."
    )


def _set(setting: Setting, settings: Settings) -> Row:
    origin = settings.origin(setting.name)
    is_fixed = origin is Origin.ENVIRONMENT
    told = fixed_by_environment(setting) if is_fixed else _EFFECTS.get(setting.name, "")
    return Row(
        key=setting.name,
        label=label_of(setting),
        value=setting.shown(settings.value(setting.name)),
        origin=_origin(origin, setting.variable),
        about=f"{_sentence(setting.description)} {told}".strip(),
        does=Does.NOTHING if is_fixed else Does.CHANGE,
        resets=origin is Origin.FILE,
    )


def _origin(origin: Origin, variable: str) -> str:
    return {
        Origin.DEFAULT: "default",
        Origin.FILE: "from config.toml",
        Origin.ENVIRONMENT: f"from {variable}",
    }[origin]


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _remembering(bank: InBank | None) -> Iterator[Row]:
    if bank is None:
        yield Row("mode", "What is proposed", "not known", about="The bank is not open.", mark="!")
        return
    yield Row(
        "mode",
        "What is proposed",
        MODES[bank.mode],
        "default" if bank.mode is Mode.AUTOMATIC else "kept in the bank",
        "What becomes of what a model wants to remember: automatic keeps it, ask puts it into the inbox until you"
        " decide, off is the pause: nothing is remembered, and what is said meanwhile is never read.",
        Does.CHANGE,
        resets=bank.mode is not Mode.AUTOMATIC,
    )
    waiting = f"{bank.proposals}{'+' if bank.proposals == MOST else ''} wait{'s' if bank.proposals == 1 else ''}"
    yield Row(
        "inbox",
        "Inbox",
        waiting if bank.proposals else "nothing waits",
        about="What was proposed and waits for you to decide, in the Memory mode.",
        does=Does.GO,
    )
    left_out = f"{_counted(bank.left_out, 'conversation')}, {_counted(bank.private_words, 'word')}"
    yield Row(
        "learning",
        "Left out of learning",
        left_out if bank.left_out or bank.private_words else "nothing",
        about="Conversations and words that no model ever learns from. They are chosen in the Training mode.",
        does=Does.GO,
    )


def _models(disk: OnDisk) -> Iterator[Row]:
    pinned = disk.fixed["model"]
    by_environment = pinned.origin is Origin.ENVIRONMENT
    for agent, label, what in (
        (Agent.ANSWER, "Answers", "The model that answers you."),
        (Agent.MANAGER, "Remembers", "The model that reads what you say for facts worth keeping."),
    ):
        why = f" {pinned.variable} names it for both, whatever is chosen." if by_environment else ""
        origin = _origin(Origin.ENVIRONMENT, pinned.variable) if by_environment else ""
        chosen = disk.models.get(agent, "none")
        yield Row(f"model:{agent}", label, chosen, origin, f"{what}{why} It is chosen in the Models mode.", Does.GO)


def _data(disk: OnDisk, working: Working, now: datetime) -> Iterator[Row]:
    yield Row(
        "import",
        "Import a file…",
        working.bringing_in,
        about="Brings in an export of ChatGPT or Claude, a text, or a list that was exported here. What a model"
        " proposes from a conversation or a text waits in the inbox: nothing of it is remembered by itself.",
        does=Does.START,
        mark="↓" if working.bringing_in else "",
        letter="i",
    )
    yield Row(
        "export",
        "Export everything…",
        about="Writes all of the bank, or what it knows now, into a new file that is yours alone. The file is not"
        " encrypted, and none is ever overwritten.",
        does=Does.START,
        letter="e",
    )
    newest = disk.backups[0] if disk.backups else None
    yield Row(
        "backup",
        "Back up now",
        f"newest {_when(newest.made_at, now)}" if newest is not None else "there is none yet",
        about="Makes a checked copy of the bank beside it. One is made each day that Recollect is used.",
        does=Does.START,
        letter="b",
    )
    yield Row(
        "backups",
        "Backups",
        _counted(len(disk.backups), "backup") if disk.backups else "none",
        about="All backups of the bank, with their times and sizes, and how one is put in its place.",
        does=Does.SHOW,
    )
    yield Row(
        "encryption",
        "Encryption",
        "the bank is encrypted" if disk.encrypted else "the bank is a plain file",
        about="Whether only a passphrase opens the bank and its backups. `recollect encrypt` and `recollect decrypt`"
        " change that while Recollect is closed.",
    )
    passphrase, data = disk.fixed["passphrase"], disk.fixed["data folder"]
    yield Row(
        "passphrase",
        "Passphrase",
        f"{passphrase.shown} in the environment",
        _origin(passphrase.origin, passphrase.variable) if passphrase.origin is Origin.ENVIRONMENT else "",
        f"{passphrase.variable} may hold that of an encrypted bank, which is asked for at the start otherwise. It is"
        " never shown.",
    )
    yield Row(
        "folder",
        "Data folder",
        data.shown,
        _origin(data.origin, data.variable),
        f"Where everything is kept. {data.variable} in the environment names another one at the next start.",
    )


def _health(disk: OnDisk, checked: Checked | None, working: Working, now: datetime) -> Iterator[Row]:
    mark, how = "", working.check or "not checked yet"
    if checked is not None and not working.check:
        mark, how = _summary(checked.findings)
        how = f"{how} ({checked.at:%H:%M})" if checked.at.date() == now.date() else f"{how} ({_when(checked.at, now)})"
    yield Row(
        "check",
        "Check everything",
        how,
        about="Looks whether all that Recollect needs is there and whole, as `recollect doctor` does. It changes"
        " nothing and reaches for no network.",
        does=Does.START,
        mark="…" if working.check else mark,
        letter="h",
    )
    for number, finding in enumerate(checked.findings if checked is not None else ()):
        yield _found(number, finding)
    yield Row(
        "mend",
        "Make indexes anew",
        about="Makes anew what can be made from the texts: the indexes of words, and vectors that are broken. No text"
        " is touched. It helps where the check says so.",
        does=Does.START,
        letter="m",
    )
    yield Row(
        "log_file",
        "Log file",
        f"{disk.log_file} ({size(disk.logs)} in all)" if disk.logs else f"{disk.log_file} (nothing yet)",
        about="What happened and what went wrong, for whoever looks for the cause of something.",
        does=Does.SHOW,
        letter="l",
    )


def _found(number: int, finding: Finding) -> Row:
    return Row(
        f"finding:{number}",
        _sentence(finding.name).rstrip("."),
        finding.message,
        about=f"{_sentence(WORDS[finding.status])} {finding.message} {finding.hint}".strip(),
        mark=MARKS[finding.status],
        more=finding.hint,
        in_full=True,
    )


def _summary(findings: Sequence[Finding]) -> tuple[str, str]:
    """A mark and what all findings come to."""
    wrong = sum(finding.status is Status.PROBLEM for finding in findings)
    if wrong:
        return MARKS[Status.PROBLEM], f"{_counted(wrong, 'thing')} {'is' if wrong == 1 else 'are'} wrong"
    odd = sum(finding.status is Status.WARNING for finding in findings)
    if odd:
        return MARKS[Status.WARNING], f"{_counted(odd, 'thing')} worth a look"
    return MARKS[Status.GOOD], "all is well"


def _about(disk: OnDisk) -> Iterator[Row]:
    problems = disk.settings.problems
    yield Row(
        "file",
        "Settings file",
        str(disk.file),
        about=" ".join(problems) if problems else "Where these settings are kept; it may be edited by hand, too.",
        mark="!" if problems else "",
        more=" ".join(problems),
        in_full=bool(problems),
    )
    yield Row("version", "Version", assistant.__version__, about="Everything stays on this machine.")


def _when(moment: datetime, now: datetime) -> str:
    """As "today, 14:02" or "3 November, 14:02"."""
    if moment.date() == now.date():
        return f"today, {moment:%H:%M}"
    year = f" {moment.year}" if moment.year != now.year else ""
    return f"{moment.day} {moment:%B}{year}, {moment:%H:%M}"


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"
