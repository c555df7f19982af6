"""The doctor's list: whatever a user may have broken is found, told in a sentence, with what to do."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from datetime import datetime, timedelta
from importlib import metadata
from pathlib import Path

import pytest

import assistant
from assistant import cli, health
from assistant.agents.generation import Agent
from assistant.findings import Finding, Part, Status
from assistant.llm.files.installed import InstalledModels
from assistant.llm.files.manifest import ServerModel
from assistant.llm.servers.address import ServerAddress
from assistant.memory.bank import MemoryBank
from assistant.paths import Paths
from tests.tiny_model import tiny_model

TERMINAL = {"TERM": "xterm-256color", "LANG": "en_GB.UTF-8"}


@pytest.fixture
def paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Paths:
    """A data folder with all that belongs there. The bank is found whole without the second that looking takes."""
    monkeypatch.setattr(health, "_asked_of_a_child", lambda *_: [])
    found = Paths(tmp_path / "data")
    found.create()
    with MemoryBank.open(found) as bank:
        bank.add("User has a dog.")
        bank.back_up()
    tiny_model(found.embedder)
    monkeypatch.setenv("RECOLLECT_MODEL", str(tiny_model(tmp_path / "tiny.gguf").path))
    return found


def of(part: Part, paths: Paths, environ: dict[str, str] | None = None) -> list[Finding]:
    return [finding for finding in health.check(paths, environ=environ or TERMINAL) if finding.name is part]


def the_only(part: Part, paths: Paths, environ: dict[str, str] | None = None) -> tuple[str, str, str]:
    [found] = of(part, paths, environ)
    return found.status.value, found.message, found.hint


def test_where_nothing_is_broken_every_part_is_good(paths: Paths) -> None:
    found = health.check(paths, environ=TERMINAL)
    assert [finding.name for finding in found] == list(Part)
    assert {finding.status for finding in found} == {Status.GOOD}
    assert {finding.hint for finding in found} == {""}
    said = {finding.name: finding.message for finding in found}
    assert said[Part.FOLDER].startswith(f"{paths.data} is yours alone, and its disk has ")
    assert said[Part.SETTINGS] == "All are as usual."
    assert said[Part.MODELS].startswith("tiny, for both agents, has its right size (")
    assert said[Part.TERMINAL] == "xterm-256color: 256 colours; UTF-8."
    assert said[Part.VERSIONS].startswith(f"Recollect {assistant.__version__}, Python 3.")
    assert f"sqlite-vec {metadata.version('sqlite-vec')}" in said[Part.VERSIONS]


def test_a_folder_that_is_not_there_yet_is_no_problem_and_is_not_made(tmp_path: Path) -> None:
    found = health.check(Paths(tmp_path / "new"), environ=TERMINAL)
    assert [finding.name for finding in found if finding.status is Status.PROBLEM] == []
    assert found[0].hint == "It is made by the first start."
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_none_is_a_problem_and_all_that_would_be_in_it_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    found = health.check(Paths(tmp_path / "file"), environ=TERMINAL)
    assert [(each.name, each.status) for each in found] == [
        (Part.FOLDER, Status.PROBLEM),
        (Part.TERMINAL, Status.GOOD),
        (Part.VERSIONS, Status.GOOD),
    ]


def test_a_folder_that_others_can_read_is_told_with_how_to_close_it(paths: Paths) -> None:
    paths.data.chmod(0o755)
    assert the_only(Part.FOLDER, paths) == (
        "warning",
        f"Others on this machine can get into {paths.data} (mode 755).",
        f"Close it to them: chmod 700 {paths.data}",
    )


@pytest.mark.parametrize(
    ("free", "status"), [(2_000_000_000, "good"), (900_000_000, "warning"), (9_000_000, "problem")]
)
def test_a_full_disk_is_told_before_it_is_full(
    paths: Paths, monkeypatch: pytest.MonkeyPatch, free: int, status: str
) -> None:
    monkeypatch.setattr(health, "free_disk", lambda _: free)
    assert the_only(Part.FOLDER, paths)[0] == status


def test_settings_that_cannot_be_used_are_warnings_one_by_one(paths: Paths) -> None:
    (paths.data / "config.toml").write_text('theme = "purple"\ncolour = 1\n')
    assert [finding.status for finding in of(Part.SETTINGS, paths)] == [Status.WARNING, Status.WARNING]
    (paths.data / "config.toml").write_text('theme = "dark"\n')
    said = the_only(Part.SETTINGS, paths, {**TERMINAL, "RECOLLECT_LOG": "off"})
    assert said == ("good", "Set: theme by the file, log by the environment.", "")


def test_backups_that_are_missing_or_old_are_told(paths: Paths) -> None:
    [backup] = (paths.data / "backups").iterdir()
    later = (datetime.now() + timedelta(days=3)).timestamp()
    os.utime(paths.database, (later, later))
    status, message, hint = the_only(Part.BACKUPS, paths)
    assert (status, hint) == ("warning", "`recollect backup` makes one; the chat makes one a day.")
    assert message.startswith("The bank has changed since the newest backup, which is of 2")
    backup.unlink()
    assert the_only(Part.BACKUPS, paths)[:2] == ("warning", "There is no backup yet.")


def test_a_model_that_is_gone_cut_off_or_too_large_is_told(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    path = Path(os.environ["RECOLLECT_MODEL"])
    monkeypatch.setattr(health, "available_memory", lambda: 1_000_000)
    status, message, hint = the_only(Part.MODELS, paths)
    assert (status, hint) == ("warning", "Close other programs, or choose a smaller model.")
    assert message.endswith("MB of memory, and 1.0 MB are free.")
    path.write_bytes(path.read_bytes()[:-1000])
    assert "is cut off" in the_only(Part.MODELS, paths)[1]
    path.unlink()
    assert the_only(Part.MODELS, paths)[:2] == ("problem", f"The model file {path} is missing.")


def test_a_model_of_another_size_than_was_written_down_is_told(paths: Paths, tmp_path: Path) -> None:
    model = tiny_model(tmp_path / "tiny.gguf")
    InstalledModels.read(paths).with_model(model).save()
    model.path.write_bytes(model.path.read_bytes() + b"more")
    status, message, _ = the_only(Part.MODELS, paths)
    assert (status, "it is cut off or another one" in message) == ("problem", True)


def test_a_list_of_models_that_cannot_be_read_is_told(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RECOLLECT_MODEL")
    (paths.models / "manifest.toml").write_text("[[model]")
    assert the_only(Part.MODELS, paths)[0] == "problem"


def test_a_model_on_a_server_is_told_and_never_asked(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RECOLLECT_MODEL")
    server = ServerModel("big", ServerAddress("http://127.0.0.1:9/v1", "big", "MY_KEY"))
    InstalledModels.read(paths).with_model(server).using(server, tuple(Agent)).save()

    def refuse(*_: object) -> None:
        raise AssertionError("it reached for the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    assert the_only(Part.MODELS, paths) == (
        "warning",
        "big, for both agents, needs a key, and MY_KEY is not set.",
        "Put the key into MY_KEY, or choose another model.",
    )
    assert the_only(Part.MODELS, paths, {**TERMINAL, "MY_KEY": "k"}) == (
        "good",
        "big, for both agents, runs at http://127.0.0.1:9/v1, which was not asked.",
        "",
    )


def test_a_sentence_model_that_is_missing_or_broken_is_told(paths: Paths) -> None:
    paths.embedder.write_bytes(b"GGUF")
    assert the_only(Part.EMBEDDER, paths)[::2] == ("problem", "Set it up with: python -m assistant.llm.embedder")
    paths.embedder.unlink()
    assert the_only(Part.EMBEDDER, paths)[0] == "warning"


def test_logs_that_take_much_room_are_told(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "MUCH_LOGGED", 10)
    (paths.logs / "engine.log").write_text("a" * 11)
    assert the_only(Part.LOGS, paths)[0] == "warning"


@pytest.mark.parametrize(
    ("environ", "status", "said"),
    [
        ({}, "warning", "TERM is not set: the chat cannot be drawn on such a terminal."),
        ({"TERM": "dumb"}, "warning", "TERM is dumb: the chat cannot be drawn on such a terminal."),
        ({"TERM": "xterm", "LANG": "C"}, "warning", "The locale (C) is not of UTF-8, so some letters"),
        ({"TERM": "xterm", "LC_ALL": "C.utf8", "LANG": "C"}, "good", "xterm: few colours; UTF-8."),
        ({**TERMINAL, "COLORTERM": "truecolor"}, "good", "xterm-256color: all colours; UTF-8."),
        ({**TERMINAL, "NO_COLOR": "1"}, "good", "xterm-256color: no colours, as NO_COLOR asks; UTF-8."),
    ],
)
def test_what_the_terminal_can_show_is_told(paths: Paths, environ: dict[str, str], status: str, said: str) -> None:
    [found] = health._terminal(environ)
    assert (found.status.value, found.message.startswith(said)) == (status, True)


def test_a_library_that_is_missing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def version(package: str) -> str:
        if package == "sqlite-vec":
            raise metadata.PackageNotFoundError
        return "1"

    monkeypatch.setattr(health.metadata, "version", version)
    warning, good = health._versions()
    assert (warning.status, warning.message) == (
        Status.WARNING,
        "sqlite-vec is not installed: search is by words alone.",
    )
    assert good.message.endswith("llama-cpp-python 1, SQLite 1.")


@pytest.mark.parametrize(
    ("breaks", "code"),
    [
        (lambda paths: Path(os.environ["RECOLLECT_MODEL"]).unlink(), 5),
        (lambda paths: paths.embedder.write_bytes(b"GGUF"), 5),
        (lambda paths: (shutil.rmtree(paths.data), paths.data.touch()), 4),
        (lambda paths: paths.database.unlink(), 2),
        (lambda paths: (paths.data / "config.toml").write_text("theme ="), 0),
        (lambda paths: shutil.rmtree(paths.data / "backups"), 0),
    ],
)
def test_the_command_fails_as_what_is_wrong_would(
    paths: Paths, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], breaks: object, code: int
) -> None:
    monkeypatch.setenv("RECOLLECT_DATA_DIR", str(paths.data))
    assert callable(breaks)
    breaks(paths)
    assert cli.main(["doctor"]) == code
    out, err = capsys.readouterr()
    assert "✗" in out if code > 2 else "!" in out
    assert err


def test_the_bank_is_not_looked_at_by_what_happens_to_be_called_assistant(paths: Paths, tmp_path: Path) -> None:
    (tmp_path / "assistant").mkdir()
    (tmp_path / "assistant" / "__init__.py").write_text("raise SystemExit('not this one')")
    program = (
        "import sys; from pathlib import Path; from assistant import health; from assistant.paths import Paths\n"
        "print([f.message for f in health.check(Paths(Path(sys.argv[1]))) if f.name == 'bank'])"
    )
    command = [sys.executable, "-P", "-c", program, str(paths.data)]
    environ = {**os.environ, "PYTHONPATH": str(Path(assistant.__file__).parents[1])}
    ended = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, check=True)
    assert ended.stdout.startswith("['The bank is whole (")
