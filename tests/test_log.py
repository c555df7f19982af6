"""The log: it says what happened and never what anybody said, whatever happens, unless it is asked to."""

from __future__ import annotations

import ast
import os
import re
import sys
import threading
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest

from assistant import cli, log
from assistant.agents.generation import Agent, ModelTraits
from assistant.commands.opening import Models, OpenModels
from assistant.errors import EngineCrashed, InputError, StorageError
from assistant.memory.bank import MemoryBank
from assistant.paths import Paths
from assistant.settings import LogLevel
from tests.pty_app import PtyApp
from tests.scripted import Breaks, ScriptedGenerator

ROOT = Path(cli.__file__).parents[1]
TOLD = "Zanzibar"
"""A word that is in every text here and in nothing else."""


@pytest.fixture
def paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Paths]:
    monkeypatch.setenv("RECOLLECT_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.delenv("RECOLLECT_LOG", raising=False)
    yield Paths(tmp_path / "data")
    log.stop()


def text_of(paths: Paths) -> str:
    path = log.file_of(paths)
    return path.read_text() if path.exists() else ""


def crash() -> None:
    secret = f"My secret is {TOLD}."
    try:
        raise OSError(28, f"no room for {secret}")
    except OSError as error:
        raise ValueError(secret, {secret: secret}) from error


def test_an_event_is_a_line_with_its_time_its_process_and_its_numbers(paths: Paths) -> None:
    log.start(paths, LogLevel.NORMAL)
    log.event("something happened", count=3, seconds=1.23456, again=True, agent=Agent.ANSWER, nothing=None)
    assert re.fullmatch(
        rf"\d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d{{4}} {os.getpid()} info something happened "
        r"count=3 seconds=1\.235 again=True agent=answer nothing=None\n",
        text_of(paths),
    )
    assert [oct(path.stat().st_mode & 0o777) for path in (log.file_of(paths), paths.logs)] == ["0o600", "0o700"]


def test_a_text_that_slips_in_is_not_written(paths: Paths) -> None:
    log.start(paths, LogLevel.NORMAL)
    log.event("read", message=f"I live in {TOLD}.", names=[TOLD])  # type: ignore[arg-type]
    assert text_of(paths).endswith("info read message=(str) names=(list)\n")


def test_of_an_error_its_types_and_places_are_written_and_no_message(paths: Paths) -> None:
    log.start(paths, LogLevel.ERRORS)
    log.event("not an error")
    with pytest.raises(ValueError, match=TOLD) as caught:
        crash()
    log.failure("a job failed", caught.value, job=7)
    here = rf"    {re.escape(__name__)}:\d+"
    assert re.fullmatch(
        rf"\S+ \d+ error a job failed job=7\n  builtins\.ValueError\n{here} [\w.<>]+\n{here} crash\n"
        rf"  because of builtins\.OSError \(errno 28\)\n{here} crash\n",
        text_of(paths),
    )


def test_errors_in_a_group_and_in_a_circle_are_told_and_end(paths: Paths) -> None:
    log.start(paths, LogLevel.NORMAL)
    one, two = KeyError(TOLD), EngineCrashed(TOLD, TOLD)
    one.__context__, two.__context__ = two, one
    log.failure("both", ExceptionGroup(TOLD, [one]))
    said = text_of(paths)
    assert "builtins.ExceptionGroup" in said
    assert said.count("assistant.errors.EngineCrashed") == 4
    assert TOLD not in said


def test_a_full_log_says_all(paths: Paths) -> None:
    log.start(paths, LogLevel.FULL)
    with pytest.raises(ValueError, match=TOLD) as caught:
        crash()
    log.failure("a job failed", caught.value)
    assert f"ValueError: ('My secret is {TOLD}.'" in text_of(paths)


def test_off_and_before_the_start_nothing_is_made(paths: Paths) -> None:
    log.event("before")
    log.start(paths, LogLevel.OFF)
    log.event("off")
    log.failure("off", ValueError())
    log.start(paths, LogLevel.NORMAL)
    assert not paths.data.exists()


def test_the_file_is_begun_anew_when_it_is_full_and_three_are_kept(
    paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "MOST_BYTES", 500)
    log.start(paths, LogLevel.NORMAL)
    for number in range(60):
        log.event("a line", number=number)
    files = sorted(paths.logs.iterdir())
    assert [path.name for path in files] == ["recollect.log", "recollect.log.1", "recollect.log.2"]
    assert all(path.stat().st_size <= 500 and path.stat().st_mode & 0o777 == 0o600 for path in files)
    assert text_of(paths).endswith("number=59\n")


def test_what_another_process_has_begun_anew_is_written_on(paths: Paths) -> None:
    log.start(paths, LogLevel.NORMAL)
    log.event("one")
    log.file_of(paths).rename(paths.logs / "recollect.log.1")
    log.event("two")
    assert text_of(paths).endswith("info two\n")


def test_a_log_that_cannot_be_written_disturbs_nothing(paths: Paths, capsys: pytest.CaptureFixture[str]) -> None:
    log.file_of(paths).mkdir(parents=True)
    log.start(paths, LogLevel.NORMAL)
    log.event("lost")
    paths.data.rename(paths.data.with_name("away"))
    paths.data.write_text("in the way")
    log.start(paths, LogLevel.NORMAL)
    log.event("lost")
    assert capsys.readouterr() == ("", "")


def test_lines_of_several_threads_stay_whole(paths: Paths) -> None:
    log.start(paths, LogLevel.NORMAL)
    threads = [
        threading.Thread(target=lambda: [log.event("a line of a thread", n=n) for n in range(50)]) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lines = text_of(paths).splitlines()
    assert len(lines) == 200
    assert all(re.search(r" info a line of a thread n=\d+$", line) for line in lines)


def test_a_command_that_fails_is_logged_unless_the_user_can_mend_it(paths: Paths) -> None:
    for error in (InputError(TOLD), StorageError(TOLD), RuntimeError(TOLD)):
        with pytest.raises(type(error)), log.kept(paths, LogLevel.NORMAL):
            raise error
    told = re.findall(r"^  (\S+)$", text_of(paths), re.MULTILINE)
    assert told == ["assistant.errors.StorageError", "builtins.RuntimeError"]
    assert TOLD not in text_of(paths)


def test_no_word_of_a_conversation_is_in_the_log_of_its_commands(
    paths: Paths, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def models(generator: ScriptedGenerator) -> OpenModels:
        traits = dict.fromkeys(Agent, ModelTraits())
        return lambda _: nullcontext(Models(generator, None, traits, lambda: None))

    manager = [f"ADD: User lives in {TOLD}."]
    working = ScriptedGenerator(answer=[f"Memories: none\nAnswer: Ah, {TOLD}!"], manager=manager)
    assert cli.main(["ask", f"I live in {TOLD}.", "--wait"], models(working)) == 0
    crashed = EngineCrashed(f"It crashed over {TOLD}.")
    assert cli.main(["ask", f"Where is {TOLD}?"], models(ScriptedGenerator(answer=[Breaks(TOLD, crashed)]))) == 5
    for command in (
        ["memory", "search", TOLD],
        ["backup"],
        ["doctor"],
        ["export", str(tmp_path / TOLD)],
        ["import", str(tmp_path / f"{TOLD}.txt"), "--format", "text"],
        ["memory", "show", TOLD],
        ["restore"],
    ):
        cli.main(command)
    paths.database.write_bytes(TOLD.encode() * 1000)
    assert cli.main(["memory", "list"]) == 4
    monkeypatch.setattr(MemoryBank, "open", lambda *_, **__: {}[TOLD])
    with pytest.raises(KeyError):
        cli.main(["memory", "list"])
    assert TOLD in capsys.readouterr().out
    said = text_of(paths)
    for happened in ("EngineCrashed", "a backup was put in the place", "DatabaseDamaged", "builtins.KeyError"):
        assert happened in said
    assert TOLD.lower() not in said.lower()


def test_what_is_said_of_an_event_stands_in_the_code_itself() -> None:
    calls = [
        (path.name, call)
        for path in (ROOT / "assistant").rglob("*.py")
        if "log." in path.read_text()
        for call in ast.walk(ast.parse(path.read_text()))
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and isinstance(call.func.value, ast.Name)
        and (call.func.value.id, call.func.attr) in {("log", "event"), ("log", "failure")}
    ]
    assert len(calls) >= 5
    loose = [
        f"{file}:{call.lineno}"
        for file, call in calls
        if not (isinstance(call.args[0], ast.Constant) and isinstance(call.args[0].value, str))
        or any(keyword.arg is None for keyword in call.keywords)
    ]
    assert loose == []


@pytest.mark.slow
def test_a_chat_that_breaks_leaves_where_it_did_and_has_the_looks_that_were_set(paths: Paths) -> None:
    program = f"""
from assistant.tui.app import RecollectApp
def breaks(app):
    if app.theme == "recollect-light":
        raise KeyError("{TOLD}")
RecollectApp.on_ready = lambda app: app.set_timer(0.3, lambda: breaks(app))
from assistant.cli import main
main([])
"""
    known = {name: os.environ[name] for name in ("PATH", "HOME", "RECOLLECT_DATA_DIR")}
    environment = known | {"PYTHONPATH": str(ROOT), "TERM": "xterm-256color", "RECOLLECT_THEME": "light"}
    with PtyApp([sys.executable, "-c", program], environment) as app:
        app.process.wait(60)
    said = text_of(paths)
    assert " error the chat broke\n  builtins.KeyError\n" in said
    assert " info the chat was closed code=1\n" in said
    assert TOLD not in said
