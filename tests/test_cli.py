"""The command line as scripts meet it: JSON, exit codes, standard input, and what is said when something is wrong.

Commands that need no model are run as the real program; those that do, in this process, with a model that follows a
script, and at the end once with a real, tiny one.
"""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import apsw
import pytest

import assistant
from assistant import cli
from assistant.agents.generation import Agent, Completion, FinishReason, ModelTraits
from assistant.commands import opening
from assistant.commands.arguments import build_parser
from assistant.commands.opening import Models
from assistant.errors import EngineCrashed, ModelFileError
from assistant.memory.bank import MemoryBank, MemoryKind, MessageState
from assistant.memory.operations import Action, MemoryOperation
from assistant.paths import Paths
from tests.conversation.recorded import sample, write
from tests.scripted import Breaks, FakeEmbedder, ScriptedGenerator, cites, deletes, updates
from tests.tiny_model import tiny_model

BUDDY = "User has a dog named Buddy."
BOTH = "User has two dogs named Buddy and Scout."
CRASH = EngineCrashed("The model process ended unexpectedly (signal 11).", "See engine.log.")
NOW = datetime(2026, 3, 1, tzinfo=UTC)
MEMORY_KEYS = {
    "id", "text", "status", "observed_at", "source_message_id", "holds_from", "holds_until", "pinned", "never_use",
}  # fmt: skip
ROW_KEYS = MEMORY_KEYS | {"kind", "since", "origin", "last_used", "uses"}
ROOT = Path(assistant.__file__).parent.parent


@pytest.fixture(autouse=True)
def data(tmp_path, monkeypatch):
    folder = tmp_path / "data"
    monkeypatch.setenv("RECOLLECT_DATA_DIR", str(folder))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    return folder


@pytest.fixture
def bank(data):
    with MemoryBank.open(Paths(data)) as opened:
        yield opened


def recollect(*arguments, stdin=b"", **options):
    """Runs the real program."""
    command = [sys.executable, "-m", "assistant", *arguments]
    return subprocess.run(command, input=stdin, capture_output=True, cwd="/", check=False, timeout=120, **options)


def scripted(*, answer=(), manager=(), embedder=None, before=lambda: None, **defaults):
    """What `main` takes in place of the real models."""
    generator = ScriptedGenerator(answer=answer, manager=manager, **defaults)

    @contextmanager
    def open_models(paths):
        yield Models(generator, embedder, dict.fromkeys(Agent, ModelTraits(least_confidence=0.5)), before)

    return open_models


def run(capsys, *arguments, **script):
    """Runs a command in this process; returns exit code, standard output, standard error."""
    code = cli.main(arguments, scripted(**script))
    printed = capsys.readouterr()
    return code, printed.out, printed.err


def feed(monkeypatch, data, *, terminal=False):
    stdin = io.TextIOWrapper(io.BytesIO(data))
    stdin.isatty = lambda: terminal
    monkeypatch.setattr(sys, "stdin", stdin)


# Starting


def test_help_imports_neither_the_screen_nor_the_models_nor_the_database():
    watched = "import sys, assistant.cli\ntry:\n    assistant.cli.main(['--help'])\nexcept SystemExit:\n    pass\n"
    report = "print(sorted({name.split('.')[0] for name in sys.modules}), file=sys.stderr)"
    ended = subprocess.run([sys.executable, "-c", watched + report], capture_output=True, text=True, check=True)
    loaded = set(ended.stderr.strip("[]\n").replace("'", "").split(", "))
    assert "argparse" in loaded
    assert loaded & {"textual", "llama_cpp", "torch", "apsw", "numpy", "platformdirs", "trainer"} == set()
    assert "RECOLLECT_DATA_DIR" in ended.stdout


def test_the_version_is_printed():
    ended = recollect("--version")
    assert (ended.returncode, ended.stdout) == (0, f"recollect {assistant.__version__}\n".encode())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["frobnicate"], b"Argument COMMAND: invalid choice: 'frobnicate'"),
        (["memory"], b"The following arguments are required: COMMAND."),
        (["memory", "show", "x"], b"Argument ID: invalid int value: 'x'."),
        (["memory", "search", "dog", "--limit", "0"], b"Argument --limit: it must be at least 1."),
        (["memory", "list", "--kind", "pets"], b"Argument --kind: invalid choice: 'pets'"),
        (["memory", "merge", "1", "2"], b"The following arguments are required: --text."),
        (["import"], b"The following arguments are required: FILE."),
        (["import", "x.json", "--format", "csv"], b"Argument --format: invalid choice: 'csv'"),
    ],
)
def test_wrong_usage_is_said_in_a_sentence_with_what_helps(arguments, said):
    ended = recollect(*arguments)
    assert ended.returncode == 2
    assert ended.stdout == b""
    assert ended.stderr.startswith(b"recollect: " + said)
    assert b"--help` shows how it is used." in ended.stderr


def test_the_chat_says_that_it_needs_a_terminal():
    ended = recollect()
    assert ended.returncode == 2
    assert ended.stderr.decode() == (
        "recollect: The chat needs a terminal.\n  Use `recollect ask` where there is none.\n"
    )


# Memory commands


def test_a_memory_is_added_listed_and_still_there_for_the_next_process():
    assert json.loads(recollect("memory", "add", BUDDY, "--json").stdout) == {"id": 1}
    [listed] = json.loads(recollect("memory", "list", "--json").stdout)
    assert set(listed) == ROW_KEYS
    assert (listed["id"], listed["text"], listed["status"], listed["source_message_id"]) == (1, BUDDY, "active", None)


def test_an_empty_bank_lists_as_an_empty_list():
    assert json.loads(recollect("memory", "list", "--json").stdout) == []
    ended = recollect("memory", "list")
    assert (ended.stdout, ended.stderr) == (b"", b"Nothing is remembered yet.\n")


def test_a_memory_is_added_from_standard_input():
    assert json.loads(recollect("memory", "add", "--json", stdin="Café 世界\n".encode()).stdout) == {"id": 1}
    assert json.loads(recollect("memory", "add", "-", "--json", stdin=b"Two").stdout) == {"id": 2}
    listed = json.loads(recollect("memory", "list", "--json").stdout)
    assert [memory["text"] for memory in listed] == ["Café 世界", "Two"]


def test_json_stays_json_where_standard_output_is_ascii():
    recollect("memory", "add", "Café 世界")
    ended = recollect("memory", "list", "--json", env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert json.loads(ended.stdout)[0]["text"] == "Café 世界"
    assert ended.stdout.isascii()


def test_forgotten_memories_are_listed_with_all_and_come_back_by_undo():
    recollect("memory", "add", BUDDY)
    ended = recollect("memory", "forget", "1")
    assert (ended.returncode, ended.stdout) == (0, b"")
    assert ended.stderr.decode() == f"no longer remembered: {BUDDY} (recollect memory undo 2)\n"
    assert json.loads(recollect("memory", "list", "--json").stdout) == []
    [gone] = json.loads(recollect("memory", "list", "--all", "--json").stdout)
    assert (gone["id"], gone["status"]) == (1, "forgotten")
    undone = json.loads(recollect("memory", "undo", "--json").stdout)
    assert (undone["operation"], undone["memory_id"], undone["text"], undone["status"]) == ("ADD", 1, BUDDY, "applied")
    assert len(json.loads(recollect("memory", "list", "--json").stdout)) == 1


def test_a_purge_asks_for_yes_where_nobody_can_be_asked_and_then_wipes_the_text(data):
    recollect("memory", "add", "User's secret is swordfish.")
    ended = recollect("memory", "forget", "1", "--purge")
    assert ended.returncode == 2
    assert b"Add --yes to the command." in ended.stderr
    assert len(json.loads(recollect("memory", "list", "--json").stdout)) == 1
    assert recollect("memory", "forget", "1", "--purge", "--yes").returncode == 0
    files = [file.read_bytes() for file in data.rglob("*") if file.is_file()]
    assert files
    assert not any(b"swordfish" in content for content in files)


@pytest.mark.parametrize(("typed", "code", "left"), [(b"y\n", 0, 0), (b"Yes\n", 0, 0), (b"\n", 130, 1), (b"", 130, 1)])
def test_on_a_terminal_a_purge_asks_first(bank, capsys, monkeypatch, typed, code, left):
    bank.add(BUDDY)
    feed(monkeypatch, typed, terminal=True)
    ended, out, err = run(capsys, "memory", "forget", "1", "--purge")
    assert (ended, out) == (code, "")
    assert err.startswith(f"Wipe memory 1 for good: {BUDDY}? [y/N] ")
    assert len(bank.memories()) == left


def test_an_operation_is_undone_by_its_number(bank, capsys):
    bank.add(BUDDY)
    bank.add("User lives in Oslo.")
    code, out, err = run(capsys, "memory", "undo", "1")
    assert (code, out, err) == (0, "", f"no longer remembered: {BUDDY} (recollect memory undo 3)\n")
    assert [memory.text for memory in bank.memories()] == ["User lives in Oslo."]


def test_nothing_to_undo_is_said():
    ended = recollect("memory", "undo")
    assert ended.returncode == 2
    assert ended.stderr.startswith(b"recollect: ")


def test_memories_are_found_by_their_words_best_first(bank, capsys):
    for text in ("User lives in Oslo.", BUDDY, "User's dog Buddy likes Oslo."):
        bank.add(text)
    code, out, _ = run(capsys, "memory", "search", "Buddy in Oslo", "--json")
    found = json.loads(out)
    assert code == 0
    assert found[0]["text"] == "User's dog Buddy likes Oslo."
    assert {memory["id"] for memory in found} == {1, 2, 3}
    assert set(found[0]) == MEMORY_KEYS | {"score", "matched_by", "why"}
    assert len(json.loads(run(capsys, "memory", "search", "Buddy in Oslo", "--json", "--limit", "1")[1])) == 1


def test_a_search_that_finds_nothing_says_how_it_searched(bank, capsys):
    bank.add(BUDDY)
    assert run(capsys, "memory", "search", "violin") == (0, "", "No memory fits (searched by text).\n")
    assert run(capsys, "memory", "search", "violin", "--json") == (0, "[]\n", "")


def test_with_an_embedder_memories_are_also_found_by_their_meaning(bank, data, capsys):
    bank.add(BUDDY)
    Paths(data).create()
    Paths(data).embedder.touch()
    code, out, _ = run(capsys, "memory", "search", "a dog", "--json", embedder=FakeEmbedder())
    assert code == 0
    assert [(memory["id"], memory["matched_by"]) for memory in json.loads(out)] == [(1, "both")]


def test_an_embedder_that_cannot_be_started_leaves_the_search_by_text(bank, data, capsys):
    bank.add(BUDDY)
    Paths(data).create()
    Paths(data).embedder.touch()

    def open_models(paths):
        raise ModelFileError("No model came with this copy of Recollect.")

    assert cli.main(["memory", "search", "dog", "--json"], open_models) == 0
    assert [memory["matched_by"] for memory in json.loads(capsys.readouterr().out)] == ["text"]


def test_a_memory_is_shown_with_its_message_and_all_that_was_done_to_it(bank, capsys):
    conversation = bank.new_conversation("")
    message = bank.add_message(conversation.id, "user", "I got two dogs, Buddy and Scout!")
    origin = {"actor": "manager", "observed_at": message.created_at, "source_message_id": message.id}
    bank.apply([MemoryOperation(Action.ADD, None, BUDDY)], **origin)
    bank.apply([MemoryOperation(Action.UPDATE, 1, BOTH)], **origin)
    code, out, _ = run(capsys, "memory", "show", "1", "--json")
    shown = json.loads(out)
    assert code == 0
    assert (shown["id"], shown["text"], shown["version"], shown["source_message_id"]) == (1, BOTH, 2, message.id)
    assert shown["source"]["text"] == "I got two dogs, Buddy and Scout!"
    assert [(o["operation"], o["text_before"], o["text"]) for o in shown["operations"]] == [
        ("ADD", None, BUDDY),
        ("UPDATE", BUDDY, BOTH),
    ]
    lines = run(capsys, "memory", "show", "1")[1].splitlines()
    assert BOTH in lines[0]
    assert lines[1].endswith("I got two dogs, Buddy and Scout!")
    assert lines[3].endswith(f"by manager: updated: {BUDDY} → {BOTH} (recollect memory undo 2)")


def test_replies_without_form_and_rejected_operations_are_shown_for_review(bank, capsys):
    conversation = bank.new_conversation("")
    message = bank.add_message(conversation.id, "user", "I live in Oslo.")
    bank.hold("I'd rather not\x1b[2J say.", "not an operation", source_message_id=message.id)
    bank.apply([MemoryOperation(Action.DELETE, 7)], actor="manager", observed_at=message.created_at)
    bank.add(BUDDY)
    held, rejected = reversed(json.loads(run(capsys, "memory", "review", "--json")[1]))
    assert (held["operation"], held["status"], held["reason"]) == ("NOOP", "held", "not an operation")
    assert (held["completion"], held["message"]) == ("I'd rather not\x1b[2J say.", "I live in Oslo.")
    assert (rejected["status"], rejected["reason"]) == ("rejected", "there is no memory 7")
    out = run(capsys, "memory", "review")[1]
    assert "\x1b" not in out
    assert "reply: I'd rather not [2J say." in out
    assert len(json.loads(run(capsys, "memory", "review", "--all", "--json")[1])) == 3


def test_what_was_held_is_accepted_by_its_number(bank, capsys):
    message = bank.add_message(bank.new_conversation("").id, "user", "I adopted Buddy.")
    operation = MemoryOperation(Action.ADD, None, BUDDY)
    [held] = bank.apply([operation], actor="manager", observed_at=message.created_at, held_for="the model was not sure")
    out = run(capsys, "memory", "review")[1]
    assert f"held for review: remember {BUDDY} (the model was not sure; recollect memory accept {held.id})" in out
    accepted = json.loads(run(capsys, "memory", "accept", str(held.id), "--json")[1])
    assert (accepted["operation"], accepted["status"], accepted["text"]) == ("ADD", "applied", BUDDY)
    assert [memory.text for memory in bank.memories()] == [BUDDY]
    assert run(capsys, "memory", "review") == (0, "", "There is nothing to review.\n")
    code, _, err = run(capsys, "memory", "accept", str(held.id))
    assert (code, "has been accepted or declined already" in err) == (2, True)


def test_what_was_held_is_accepted_with_another_text(bank, capsys):
    [held] = bank.apply([MemoryOperation(Action.ADD, None, BUDDY)], actor="manager", observed_at=NOW, held_for="unsure")
    err = run(capsys, "memory", "accept", str(held.id), "--text", BOTH)[2]
    assert err == f"remembered: {BOTH} (recollect memory undo 2)\n"
    assert [memory.text for memory in bank.memories()] == [BOTH]


def test_what_can_no_longer_be_done_says_so_and_its_message_is_read_again(bank, capsys):
    message = bank.add_message(bank.new_conversation("").id, "user", "I adopted Bud\u200bdy.")
    origin = {"actor": "manager", "observed_at": NOW, "source_message_id": message.id, "held_for": "unsure"}
    [held] = bank.apply([MemoryOperation(Action.ADD, None, BUDDY)], **origin)
    bank.add(BUDDY)
    out = run(capsys, "memory", "review")[1].splitlines()
    assert out[1:] == [
        "       message: I adopted Bud⟨U+200B⟩dy.",
        "       cannot be done any more: memory 1 already says this (recollect memory ask-again 1)",
        "       nobody can see: U+200B ZERO WIDTH SPACE",
    ]
    [shown] = json.loads(run(capsys, "memory", "review", "--json")[1])
    assert (shown["stale"], shown["message"]) == ("memory 1 already says this", "I adopted Bud\u200bdy.")
    assert shown["hidden"] == [{"position": 13, "code_point": 0x200B, "name": "ZERO WIDTH SPACE"}]
    assert run(capsys, "memory", "ask-again", str(held.id)) == (
        0,
        "",
        "Operation 1 is settled, and its message is read again when there is time.\n",
    )
    assert bank.pending_jobs() == 1
    assert run(capsys, "memory", "review") == (0, "", "There is nothing to review.\n")


def test_memories_are_listed_by_what_they_speak_of(bank, capsys):
    for text in ("User likes tea.", "User lives in Oslo.", "User's sister likes coffee."):
        bank.add(text, observed_at=NOW)
    bank.pin(1)
    bank.never_use(2)
    assert run(capsys, "memory", "list")[1].splitlines() == [
        "    1  2026-03-01  preference  User likes tea.  (pinned)",
        "    2  2026-03-01  you         User lives in Oslo.  (never used)",
        "    3  2026-03-01  person      User's sister likes coffee.",
    ]
    [person] = json.loads(run(capsys, "memory", "list", "--kind", "person", "--json")[1])
    assert (person["id"], person["kind"], person["origin"], person["uses"]) == (3, "person", "written", 0)
    assert run(capsys, "memory", "list", "--kind", "plan") == (0, "", "Nothing of that kind is remembered.\n")
    actions = build_parser().parse_args
    assert [actions(["memory", "list", "--kind", kind]).kind for kind in MemoryKind] == list(MemoryKind)


def test_a_memory_is_edited_merged_and_ended_by_its_number(bank, capsys, monkeypatch):
    for text in ("User has a dog, Budy.", "User has a dog, Scout.", "User likes tea.", "User likes coffee."):
        bank.add(text)
    feed(monkeypatch, BUDDY.encode())
    edited = json.loads(run(capsys, "memory", "edit", "1", "--json")[1])
    assert (edited["operation"], edited["text"], edited["text_before"]) == ("UPDATE", BUDDY, "User has a dog, Budy.")
    err = run(capsys, "memory", "merge", "1", "2", "--text", BOTH)[2]
    assert err == f"merged into memory 1: {BOTH} (recollect memory undo 6)\n"
    assert run(capsys, "memory", "wrong", "3")[2].startswith("no longer remembered: User likes tea.")
    assert run(capsys, "memory", "outdated", "4")[2].startswith("no longer remembered: User likes coffee.")
    assert [memory.text for memory in bank.memories()] == [BOTH]
    run(capsys, "memory", "undo", "6")
    assert [memory.text for memory in bank.memories()] == [BUDDY, "User has a dog, Scout."]
    merged = json.loads(run(capsys, "memory", "merge", "2", "1", "--text", BOTH, "--json")[1])
    assert [(o["operation"], o["memory_id"]) for o in merged] == [("DELETE", 1), ("UPDATE", 2)]
    assert run(capsys, "memory", "edit", "2", BOTH) == (
        2,
        "",
        "recollect: Nothing was changed: memory 2 already says this.\n",
    )


def test_marks_are_set_and_taken_off_by_number(bank, capsys):
    bank.add(BUDDY)
    assert run(capsys, "memory", "pin", "1")[2] == (
        "Memory 1 is pinned: it is always on offer, and no model changes it.\n"
    )
    assert bank.memory(1).pinned
    assert json.loads(run(capsys, "memory", "unpin", "1", "--json")[1])["pinned"] is False
    assert run(capsys, "memory", "never-use", "1")[2] == (
        "Memory 1 is never used in answers (recollect memory use-again 1).\n"
    )
    assert bank.memory(1).never_use
    assert run(capsys, "memory", "use-again", "1")[2] == "Memory 1 may be used.\n"
    assert not bank.memory(1).never_use
    assert run(capsys, "memory", "pin", "7")[0] == 3


def test_the_timeline_shows_what_was_changed_newest_first(bank, capsys):
    assert run(capsys, "memory", "timeline") == (0, "", "Nothing was changed yet.\n")
    bank.add(BUDDY)
    bank.edit(1, BOTH)
    newest, oldest = run(capsys, "memory", "timeline")[1].splitlines()
    assert newest.endswith(f"updated: {BUDDY} → {BOTH} (recollect memory undo 2)")
    assert oldest.endswith(f"remembered: {BUDDY} (recollect memory undo 1)")
    [only] = json.loads(run(capsys, "memory", "timeline", "--before", "2", "--json")[1])
    assert (only["id"], only["operation"]) == (1, "ADD")
    assert run(capsys, "memory", "timeline", "--before", "1")[2] == "Nothing was changed before that.\n"
    assert len(run(capsys, "memory", "timeline", "--limit", "1")[1].splitlines()) == 1


def test_what_was_held_is_declined_by_its_number(bank, capsys):
    [held] = bank.apply([MemoryOperation(Action.ADD, None, BUDDY)], actor="manager", observed_at=NOW, held_for="unsure")
    assert run(capsys, "memory", "decline", str(held.id)) == (0, "", f"Operation {held.id} is declined.\n")
    assert run(capsys, "memory", "review")[2] == "There is nothing to review.\n"
    assert bank.memories() == []


def test_what_earlier_messages_leave_to_decide_is_said(bank, capsys):
    unsure = Completion(f"ADD: {BUDDY}", FinishReason.STOP, confidence=0.4)
    nothing = ["Memories: none\nAnswer: Nice."]
    run(capsys, "ask", "Buddy barks.", answer=nothing)
    err = run(capsys, "ask", "Hm.", answer=nothing, manager=[unsure])[2]
    assert f"held for review: remember {BUDDY} (the model was not sure; recollect memory accept 1)" in err


def test_the_bound_of_the_manifest_reaches_the_queue(tmp_path, monkeypatch):
    chosen = opening.chosen_models(Paths(tmp_path))
    chosen[Agent.MANAGER] = replace(chosen[Agent.MANAGER], traits=ModelTraits(3, 0.75, 0.5))
    monkeypatch.setattr(opening, "chosen_models", lambda paths: chosen)
    with opening.open_models(Paths(tmp_path)) as models:
        assert models.manager().traits == ModelTraits(3, 0.75, 0.5)
        assert models.answer_agent().traits.trained


def test_what_the_model_was_not_sure_of_is_held_and_said_so(bank, capsys):
    unsure = Completion(f"ADD: {BUDDY}", FinishReason.STOP, confidence=0.4)
    script = {"answer": ["Memories: none\nAnswer: Nice."], "manager": [unsure]}
    out = run(capsys, "ask", "Buddy barks.", "--json", "--wait", **script)[1]
    assert [(o["text"], o["status"], o["reason"]) for o in json.loads(out)["operations"]] == [
        (BUDDY, "held", "the model was not sure")
    ]


def test_with_nothing_to_review_that_is_said(capsys):
    assert run(capsys, "memory", "review") == (0, "", "There is nothing to review.\n")


def test_what_a_memory_says_cannot_steer_the_terminal(bank, capsys):
    bank.add("Hello")
    with apsw.Connection(str(Paths.default().database)) as connection:
        connection.execute("UPDATE memory_version SET text = ?", ("a\x1b[2J\nb",))
    assert run(capsys, "memory", "list")[1].endswith("a [2J b\n")


@pytest.mark.parametrize(
    "command", [["show", "7"], ["forget", "7"], ["forget", "7", "--purge", "--yes"], ["undo", "7"]]
)
def test_a_number_that_does_not_exist_is_exit_code_3(command):
    ended = recollect("memory", *command)
    assert ended.returncode == 3
    assert ended.stdout == b""
    assert b"There is no " in ended.stderr


@pytest.mark.parametrize("command", [["ask"], ["memory", "add"]])
@pytest.mark.parametrize(
    ("stdin", "said"),
    [
        (b"", "The text is empty."),
        (b" \n\x00\x1b", "The text is empty."),
        (b"x" * 1_000_000, "The text on standard input is too long: 100,000 characters are the most."),
        (b"x" * 100_001, "The text is too long: 100,001 characters, and 100,000 are the most."),
        (b"caf\xe9", "The text on standard input is not valid UTF-8."),
    ],
)
def test_text_that_cannot_be_used_is_exit_code_2_and_nothing_is_saved(data, command, stdin, said):
    ended = recollect(*command, stdin=stdin)
    assert ended.returncode == 2
    assert ended.stdout == b""
    assert ended.stderr.decode().startswith(f"recollect: {said}\n  ")
    if (data / "recollect.db").exists():
        with MemoryBank.open(Paths(data)) as bank:
            assert (bank.conversations(), bank.memories()) == ([], [])


def test_standard_input_that_never_ends_is_not_waited_for():
    with open("/dev/zero", "rb") as endless:
        command = [sys.executable, "-m", "assistant", "ask"]
        ended = subprocess.run(command, stdin=endless, capture_output=True, check=False, cwd="/", timeout=60)
    assert ended.returncode == 2
    assert ended.stderr.startswith(b"recollect: The text on standard input is too long")


def test_an_argument_that_is_not_utf_8_is_refused():
    ended = recollect("memory", "add", b"caf\xe9")
    assert ended.returncode == 2
    assert ended.stderr.startswith(b"recollect: The text is not valid UTF-8.")


def test_a_memory_that_is_too_long_or_known_is_refused_with_the_reason():
    ended = recollect("memory", "add", "x" * 2001)
    assert ended.returncode == 2
    assert b"2000 is the most" in ended.stderr
    recollect("memory", "add", BUDDY)
    ended = recollect("memory", "add", BUDDY)
    assert (ended.returncode, ended.stdout) == (2, b"")
    assert b"memory 1 already says this" in ended.stderr


# Storage


def test_a_database_of_a_newer_version_is_left_alone(data):
    recollect("memory", "add", BUDDY)
    with apsw.Connection(str(data / "recollect.db")) as connection:
        connection.pragma("user_version", 999)
    before = (data / "recollect.db").read_bytes()
    for command in (["memory", "list"], ["ask", "Hello"]):
        ended = recollect(*command)
        assert (ended.returncode, ended.stdout) == (4, b"")
        assert b"was written by a later version of Recollect" in ended.stderr
    assert (data / "recollect.db").read_bytes() == before


def test_a_file_that_is_no_database_is_exit_code_4(data):
    data.mkdir()
    (data / "recollect.db").write_bytes(b"not a database at all, only some text" * 100)
    ended = recollect("memory", "list")
    assert ended.returncode == 4
    assert b"Traceback" not in ended.stderr


def test_a_data_folder_that_cannot_be_made_is_exit_code_4(tmp_path):
    (tmp_path / "file").write_text("in the way")
    ended = recollect("memory", "list", env={**os.environ, "RECOLLECT_DATA_DIR": str(tmp_path / "file" / "data")})
    assert ended.returncode == 4
    assert b"RECOLLECT_DATA_DIR" in ended.stderr


def test_a_closed_pipe_is_exit_code_141_without_a_word():
    recollect("memory", "add", BUDDY)
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "assistant", "memory", "list", "--json"]
    ended = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, cwd="/", check=False)
    os.close(writing)
    assert (ended.returncode, ended.stderr) == (141, b"")


def test_output_that_cannot_be_written_is_not_lost_in_silence():
    recollect("memory", "add", BUDDY)
    with open(os.devnull, "rb") as unwritable:
        command = [sys.executable, "-m", "assistant", "memory", "list", "--json"]
        ended = subprocess.run(command, stdout=unwritable, stderr=subprocess.PIPE, cwd="/", check=False)
    assert ended.returncode == 4
    assert ended.stderr.decode().splitlines() == [
        "recollect: Standard output cannot be written (Bad file descriptor).",
        "  What was asked for has been done all the same.",
    ]


def test_without_any_standard_input_the_text_is_asked_for():
    command = f"'{sys.executable}' -m assistant ask <&-"
    ended = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False, cwd="/")
    assert ended.returncode == 2
    assert ended.stderr.startswith("recollect: No text was given.\n")


# Asking


def test_ask_prints_the_answer_what_it_cites_and_what_was_remembered(bank, capsys):
    dog = bank.add(BUDDY)
    code, out, err = run(
        capsys, "ask", "My dog Buddy has a friend now, Scout.", "--json", "--wait",
        answer=[cites(1, answer="How nice for Buddy!")], manager=[updates(1, BOTH)],
    )  # fmt: skip
    assert (code, err) == (0, "")
    printed = json.loads(out)
    assert printed["answer"] == "How nice for Buddy!"
    assert printed["citations"] == [{"memory_id": dog.id, "text": BUDDY}]
    [operation] = printed["operations"]
    keys = ("operation", "memory_id", "text", "status")
    assert [operation[key] for key in keys] == ["UPDATE", dog.id, BOTH, "applied"]


def test_a_deleted_text_is_in_the_operation(bank, capsys):
    bank.add(BUDDY)
    _, out, _ = run(
        capsys, "ask", "Buddy, my dog, has died.", "--json", "--wait",
        answer=["Memories: none\nAnswer: I'm sorry."], manager=[deletes(1)],
    )  # fmt: skip
    [operation] = json.loads(out)["operations"]
    assert (operation["operation"], operation["memory_id"], operation["text"]) == ("DELETE", 1, BUDDY)


def test_a_managers_reply_without_form_is_an_operation_that_is_held(capsys):
    _, out, _ = run(capsys, "ask", "Hm.", "--json", "--wait", answer=["Memories: none\nAnswer: Hm."], manager=["What?"])
    [operation] = json.loads(out)["operations"]
    keys = ("operation", "memory_id", "text", "status")
    assert [operation[key] for key in keys] == ["NOOP", None, None, "held"]


def test_without_wait_the_manager_reads_a_message_before_the_next_one_is_answered(capsys):
    _, out, _ = run(capsys, "ask", "I have a dog, Buddy.", "--json", answer=["Memories: none\nAnswer: Nice."])
    assert json.loads(out)["operations"] == []
    code, out, _ = run(
        capsys, "ask", "What is my dog's name?", "--json",
        manager=[f"ADD: {BUDDY}"], answer=[cites(1, answer="Buddy.")],
    )  # fmt: skip
    assert code == 0
    assert json.loads(out)["citations"] == [{"memory_id": 1, "text": BUDDY}]


def test_asking_goes_on_with_the_last_conversation_unless_a_new_one_is_wanted(bank, capsys):
    script = {"default_answer": "Memories: none\nAnswer: Yes.", "default_manager": "NOOP"}
    conversations = [
        json.loads(run(capsys, "ask", "Hello?", "--json", *more, **script)[1])["conversation_id"]
        for more in ([], [], ["--new"], [])
    ]
    assert conversations == [1, 1, 2, 2]


def test_for_people_the_answer_is_on_standard_output_and_the_rest_beside_it(bank, capsys):
    bank.add(BUDDY)
    code, out, err = run(
        capsys, "ask", "My dog Buddy has a friend now, Scout.", "--wait",
        answer=[cites(1, answer="How nice!")], manager=[updates(1, BOTH)],
    )  # fmt: skip
    assert (code, out) == (0, "How nice!\n")
    assert err == f"from memory 1: {BUDDY}\nupdated: {BUDDY} → {BOTH} (recollect memory undo 2)\n"


def test_an_answer_without_form_is_printed_as_it_is(capsys):
    assert run(capsys, "ask", "Hello", answer=["Hello to you."])[:2] == (0, "Hello to you.\n")


@pytest.mark.parametrize("arguments", [["ask", "--json"], ["ask", "-", "--json"]])
def test_the_message_is_read_from_standard_input(bank, capsys, monkeypatch, arguments):
    feed(monkeypatch, "Grüße\r\naus Oslo\n".encode())
    assert run(capsys, *arguments, answer=["Memories: none\nAnswer: Hei."])[0] == 0
    assert bank.messages(1, limit=9)[0].text == "Grüße\naus Oslo"


def test_an_engine_that_does_not_load_is_exit_code_5_and_the_message_is_saved(bank, capsys):
    def fail():
        raise ModelFileError("The model file x.gguf is missing.", "Fetch it again.")

    code, out, err = run(capsys, "ask", "I live in Oslo.", before=fail)
    assert (code, out) == (5, "")
    assert err == "recollect: The model file x.gguf is missing.\n  Fetch it again.\n"
    assert [m.text for m in bank.messages(1, limit=9)] == ["I live in Oslo."]
    assert bank.pending_jobs() == 1


def test_an_engine_that_dies_while_answering_is_exit_code_5_and_nothing_said_is_lost(bank, capsys):
    code, out, err = run(capsys, "ask", "Count.", "--json", answer=[Breaks("Memories: none\nAnswer: One", CRASH)])
    assert (code, out) == (5, "")
    assert err.startswith("recollect: The model process ended unexpectedly (signal 11).\n")
    assert [(m.text, m.state) for m in bank.messages(1, limit=9)] == [
        ("Count.", MessageState.COMPLETE),
        ("One", MessageState.PARTIAL),
    ]


def test_an_earlier_message_that_cannot_be_read_does_not_keep_this_one_from_its_answer(bank, capsys):
    run(capsys, "ask", "I live in Oslo.", answer=["Memories: none\nAnswer: Nice."])
    code, out, err = run(
        capsys, "ask", "Hello", manager=[Breaks("ADD:", CRASH)], answer=["Memories: none\nAnswer: Hi."]
    )
    assert (code, out) == (0, "Hi.\n")
    assert err.startswith("Earlier messages could not be read yet: The model process ended unexpectedly")
    assert bank.pending_jobs() == 2


def test_ctrl_c_ends_the_answer_and_keeps_what_was_said(bank, capsys):
    def interrupt(call):
        signal.raise_signal(signal.SIGINT)
        return "Memories: none\nAnswer: One two three"

    before = signal.getsignal(signal.SIGINT)
    code, _, err = run(capsys, "ask", "Count.", answer=[interrupt])
    assert (code, err) == (130, "recollect: Stopped.\n  What was said until then is saved.\n")
    assert bank.messages(1, limit=9)[-1].state is MessageState.STOPPED
    assert signal.getsignal(signal.SIGINT) is before


def test_ctrl_c_while_the_model_loads_keeps_the_message(bank, capsys):
    def interrupt():
        signal.raise_signal(signal.SIGINT)

    code, _, err = run(capsys, "ask", "I live in Oslo.", before=interrupt)
    assert (code, err) == (130, "recollect: Stopped before answering.\n  The message is saved.\n")
    assert bank.pending_jobs() == 1


# Importing


def test_an_import_prints_a_summary_and_a_second_one_has_nothing_to_do(bank, capsys, tmp_path):
    script = {"manager": ["ADD: Ann lives in Oslo."], "default_manager": "NOOP"}
    arguments = ["import", str(write(tmp_path)), "--format", "locomo", "--json"]
    code, out, err = run(capsys, *arguments, **script)
    assert code == 0
    summary = json.loads(out)
    assert (summary["conversation"], summary["turns"], summary["total"], summary["new"]) == ("conv-1", 5, 5, 5)
    assert (summary["added"], summary["updated"], summary["deleted"]) == (1, 0, 0)
    assert summary["turns_per_second"] > 0
    assert summary["peak_memory_bytes"] > 10_000_000
    assert "5/5 turns" in err
    assert json.loads(run(capsys, *arguments, **script)[1])["new"] == 0
    assert [memory.text for memory in bank.memories()] == ["Ann lives in Oslo."]


def test_an_import_takes_the_speakers_it_is_told(bank, capsys, tmp_path):
    generator_calls = []

    def note(call):
        generator_calls.append(call.question.splitlines()[-1])
        return "NOOP"

    path = write(tmp_path, sample("conv-1"), sample("conv-2"))
    arguments = ["import", str(path), "--conversation", "conv-2", "--speaker", "Bob"]
    code, out, _ = run(capsys, *arguments, default_manager=note)
    assert code == 0
    assert out.startswith("conv-2: 5 of 5 turns are in the bank, 5 of them new, ")
    assert generator_calls == ["Now: Bob: I have a car.", "Now: Bob: I sold my car."]


def test_a_stopped_import_says_how_far_it_came_and_goes_on_later(bank, capsys, tmp_path):
    def interrupt(call):
        signal.raise_signal(signal.SIGINT)
        return "NOOP"

    arguments = ["import", str(write(tmp_path)), "--json"]
    code, out, err = run(capsys, *arguments, manager=["ADD: Ann lives in Oslo.", interrupt])
    assert code == 130
    assert json.loads(out)["turns"] == 1
    assert err.endswith(
        "recollect: The import was stopped after 1 of 5 turns.\n  The same command goes on from there.\n"
    )
    code, out, _ = run(capsys, *arguments, default_manager="NOOP")
    assert (code, json.loads(out)["turns"]) == (0, 5)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["none.json"], b"recollect: none.json cannot be read (No such file or directory)."),
        (["/dev/null"], b"recollect: /dev/null is not JSON"),
    ],
)
def test_an_import_of_what_is_no_recording_is_exit_code_2(arguments, said):
    ended = recollect("import", *arguments)
    assert ended.returncode == 2
    assert ended.stderr.startswith(said)


# With the real engine


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return tiny_model(tmp_path_factory.mktemp("model") / "tiny.gguf", context=8192).path


def test_a_real_model_answers_and_reads_whatever_it_is_worth(data, tiny):
    environment = {**os.environ, "RECOLLECT_MODEL": str(tiny)}
    ended = recollect("ask", "I have a dog named Buddy.", "--json", "--wait", env=environment)
    assert ended.returncode == 0, ended.stderr
    printed = json.loads(ended.stdout)
    assert isinstance(printed["answer"], str)
    assert {o["operation"] for o in printed["operations"]} <= {"ADD", "UPDATE", "DELETE", "NOOP"}
    assert {o["status"] for o in printed["operations"]} <= {"applied", "held", "rejected"}
    assert printed["operations"]
    with MemoryBank.open(Paths(data)) as bank:
        assert [m.role for m in bank.messages(printed["conversation_id"], limit=9)] == ["user", "assistant"]
        assert bank.pending_jobs() == 0


@pytest.mark.parametrize("size", [None, 0, 1000])
def test_a_model_file_that_is_missing_or_cut_off_is_exit_code_5_and_the_message_is_saved(data, tiny, tmp_path, size):
    path = tmp_path / "model.gguf"
    if size is not None:
        path.write_bytes(tiny.read_bytes()[:size])
    ended = recollect("ask", "I live in Oslo.", "--json", env={**os.environ, "RECOLLECT_MODEL": str(path)})
    assert (ended.returncode, ended.stdout) == (5, b"")
    assert str(path).encode() in ended.stderr
    assert b"Traceback" not in ended.stderr
    with MemoryBank.open(Paths(data)) as bank:
        assert [m.text for m in bank.messages(1, limit=9)] == ["I live in Oslo."]


def test_ctrl_c_in_the_terminal_stops_a_real_model_and_keeps_what_was_said(data, tmp_path):
    endless = tiny_model(tmp_path / "endless.gguf", context=4096, hidden=256, ends=False).path
    command = [sys.executable, "-m", "assistant", "ask", "Count.", "--wait"]
    environment = {**os.environ, "RECOLLECT_MODEL": str(endless)}
    with subprocess.Popen(
        command, env=environment, cwd="/", stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    ) as process:
        assert process.stdout.read(1) != b""
        # The key reaches every process of the terminal's group, not the command alone.
        os.killpg(process.pid, signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err.endswith(b"recollect: Stopped.\n  What was said until then is saved.\n")
    with MemoryBank.open(Paths(data)) as bank:
        assert [m.role for m in bank.messages(1, limit=9)] == ["user", "assistant"]
        assert bank.pending_jobs() == 1


def test_the_models_are_listed(tiny, data):
    environment = {**os.environ, "RECOLLECT_MODEL": str(tiny)}
    chat, shipped, search = json.loads(recollect("models", "--json", env=environment).stdout)
    assert (chat["name"], chat["use"], chat["size"]) == ("tiny", "chat", tiny.stat().st_size)
    assert (chat["used_by"], shipped["used_by"]) == (["manager", "answer"], [])
    assert (search["use"], search["size"]) == ("search", None)
    ended = recollect("models", env={**os.environ, "RECOLLECT_MODEL": "/none.gguf"})
    assert (ended.returncode, ended.stdout) == (5, b"")


# Why


def test_why_tells_what_the_last_answer_rests_on(capsys: pytest.CaptureFixture[str]) -> None:
    run(
        capsys,
        "ask",
        "I adopted a dog, Buddy.",
        "--wait",
        answer=["Memories: none\nAnswer: Hi."],
        manager=[f"ADD: {BUDDY}"],
    )
    run(capsys, "ask", "What is my dog called?", answer=[cites(1, answer="Buddy.")], default_manager="NOOP")
    code, out, _ = run(capsys, "why")
    assert code == 0
    assert out.startswith(f"Asked: What is my dog called?\nAnswer: Buddy.\n\n1. {BUDDY}\n   you said on ")
    assert "“I adopted a dog, Buddy.”\n   found as number 1: shares the words dog" in out
    code, out, _ = run(capsys, "why", "--json")
    told = json.loads(out)
    assert [(m["rank"], m["text"], m["quote"]) for m in told["memories"]] == [(1, BUDDY, "I adopted a dog, Buddy.")]
    assert told["message"]["text"] == "What is my dog called?"


def test_why_without_an_answer_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(capsys, "why")
    assert (code, err) == (3, "recollect: There is no answer yet.\n  Ask something first: recollect ask TEXT\n")
    run(capsys, "ask", "Hello.", answer=["Memories: none\nAnswer: Hi."], default_manager="NOOP")
    code, _, err = run(capsys, "why", "1")
    assert (code, "Message 1 is no answer." in err) == (2, True)
    code, out, err = run(capsys, "why", "2")
    assert (code, out) == (0, "Asked: Hello.\nAnswer: Hi.\n\n")
    assert "It uses nothing that is remembered" in err
