"""Settings: who sets them, what becomes of a file that is not as it should be, and the command."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from assistant import cli, settings
from assistant.commands import passphrases
from assistant.errors import InputError, NotWritable
from assistant.llm.files import installed
from assistant.memory import backups
from assistant.paths import Paths
from assistant.settings import SCHEMA, LogLevel, Origin, Setting, Theme
from assistant.settings import kept as kept_settings

ROOT = Path(cli.__file__).parents[1]


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return Paths(tmp_path / "data")


def written(paths: Paths, text: str) -> Path:
    paths.data.mkdir(exist_ok=True)
    path = paths.data / "config.toml"
    path.write_text(text)
    return path


def run(
    capsys: pytest.CaptureFixture[str], paths: Paths, monkeypatch: pytest.MonkeyPatch, *arguments: str
) -> tuple[int, str, str]:
    monkeypatch.setenv("RECOLLECT_DATA_DIR", str(paths.data))
    code = cli.main(["settings", *arguments])
    return code, *capsys.readouterr()


def test_without_a_file_and_variables_the_defaults_count_and_nothing_is_made(paths: Paths) -> None:
    found = settings.load(paths, {})
    values = {setting.name: setting.shown(found.value(setting.name)) for setting in SCHEMA}
    assert values == {
        "theme": "auto",
        "send_key": "enter",
        "markdown": "on",
        "show_memories": "folded",
        "threads": "auto",
        "backups_kept": "7",
        "log": "normal",
    }
    assert {found.origin(setting.name) for setting in SCHEMA} == {Origin.DEFAULT}
    assert found.problems == ()
    assert not paths.data.exists()
    assert backups.KEPT == 7


def test_the_environment_goes_before_the_file_and_the_file_before_the_default(paths: Paths) -> None:
    written(paths, 'theme = "light"\nlog = "errors"\n')
    found = settings.load(paths, {"RECOLLECT_THEME": "Dark", "RECOLLECT_THREADS": "3", "RECOLLECT_LOG": ""})
    assert (found.theme, found.log, found.threads, found.backups_kept) == (Theme.DARK, LogLevel.ERRORS, 3, 7)
    origins = [found.origin(name) for name in ("theme", "log", "threads", "backups_kept")]
    assert origins == [Origin.ENVIRONMENT, Origin.FILE, Origin.ENVIRONMENT, Origin.DEFAULT]


def test_a_change_is_kept_in_a_private_file_that_keeps_its_comments(paths: Paths) -> None:
    settings.change(paths, "theme", "light", {})
    path = paths.data / "config.toml"
    assert path.read_text() == '# Settings of Recollect; `recollect settings` lists them all.\ntheme = "light"\n'
    assert (path.stat().st_mode & 0o777, paths.data.stat().st_mode & 0o777) == (0o600, 0o700)
    written(paths, '# mine\ntheme = "light"  # for the day\nfuture = 3\n\n[later]\ntheme = "other"\n')
    assert settings.change(paths, "theme", "dark", {}).theme is Theme.DARK
    settings.change(paths, "threads", "auto", {})
    settings.change(paths, "markdown", "off", {})
    settings.change(paths, "backups_kept", "30", {})
    assert path.read_text() == (
        '# mine\ntheme = "dark"  # for the day\nfuture = 3\n\nthreads = "auto"\nmarkdown = false\nbackups_kept = 30\n'
        '[later]\ntheme = "other"\n'
    )
    assert settings.reset(paths, "theme", {}).origin("theme") is Origin.DEFAULT
    assert path.read_text().startswith("# mine\nfuture = 3\n")
    assert [file.name for file in paths.data.iterdir()] == ["config.toml"]


@pytest.mark.parametrize(
    "odd",
    [
        'x = """\ntheme = "dark"\n"""\ntheme = "dark"\n',
        '"theme" = "dark"\nb = "#"\n',
        "a = 1\n[theme]\nb = 2",
        "",
        "\n\n",
    ],
)
def test_however_a_file_is_written_the_rest_of_it_stays(paths: Paths, odd: str) -> None:
    path = written(paths, odd)
    settings.change(paths, "theme", "light", {})
    assert tomllib.loads(path.read_text()) == {**tomllib.loads(odd), "theme": "light"}


def test_a_link_to_a_file_elsewhere_stays_a_link(paths: Paths, tmp_path: Path) -> None:
    elsewhere = tmp_path / "dotfiles.toml"
    elsewhere.write_text("")
    paths.data.mkdir()
    (paths.data / "config.toml").symlink_to(elsewhere)
    settings.change(paths, "theme", "light", {})
    assert (paths.data / "config.toml").is_symlink()
    assert elsewhere.read_text() == 'theme = "light"\n'


def test_what_the_environment_sets_cannot_be_changed_in_the_file(paths: Paths) -> None:
    environ = {"RECOLLECT_THEME": "dark"}
    for change in (
        lambda: settings.change(paths, "theme", "light", environ),
        lambda: settings.reset(paths, "theme", environ),
    ):
        with pytest.raises(InputError) as caught:
            change()
        assert str(caught.value) == (
            "theme is set by RECOLLECT_THEME in the environment, which goes before the file. "
            "Unset RECOLLECT_THEME first; nothing was changed."
        )
    assert not paths.data.exists()


def test_what_is_not_known_or_not_allowed_is_told_and_left(paths: Paths) -> None:
    path = written(paths, 'colour = "red"\ntheme = "purple"\nthreads = true\nbackups_kept = 0\nlog = "off"\n')
    found = settings.load(paths, {"RECOLLECT_LOG": "loud"})
    assert (found.theme, found.threads, found.backups_kept, found.log) == (Theme.AUTO, 0, 7, LogLevel.OFF)
    assert found.problems == (
        f"theme in {path} is not used: theme cannot be 'purple'. It can be auto, dark or light.",
        f"threads in {path} is not used: threads cannot be 'on'. It can be auto or a whole number from 1 to 256.",
        f"backups_kept in {path} is not used: backups_kept cannot be '0'. It can be a whole number from 1 to 365.",
        "RECOLLECT_LOG is not used: log cannot be 'loud'. It can be off, errors, normal or full.",
        f"{path} has 'colour', which this version has no setting for; it was left there.",
    )
    settings.change(paths, "theme", "light", {})
    assert path.read_text().startswith('colour = "red"\ntheme = "light"\n')


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b'log = "off"\ntheme = dark\n', "cannot be read, because of line 2: invalid value."),
        (b"theme = ", "cannot be read, because of end of document: invalid value."),
        (b"theme = '\xff'", "are not valid UTF-8."),
    ],
)
def test_a_broken_file_is_told_with_its_line_and_is_never_written_over(paths: Paths, content: bytes, said: str) -> None:
    path = written(paths, "")
    path.write_bytes(content)
    found = settings.load(paths, {})
    assert found.theme is Theme.AUTO
    (problem,) = found.problems
    assert problem.startswith(f"The settings in {path} {said} Correct")
    with pytest.raises(InputError, match="Correct"):
        settings.change(paths, "theme", "light", {})
    assert path.read_bytes() == content


def test_a_folder_that_cannot_be_written_is_told(paths: Paths) -> None:
    (paths.data / "config.toml").mkdir(parents=True)
    assert settings.load(paths, {}).problems == (
        f"The settings in {paths.data / 'config.toml'} cannot be read (Is a directory). Make it readable.",
    )
    paths.data.rename(paths.data.with_name("away"))
    paths.data.write_text("a file")
    with pytest.raises(NotWritable, match="cannot be made"):
        settings.change(paths, "theme", "light", {})


def test_a_number_has_bounds_and_a_switch_two_words() -> None:
    number = Setting("n", int, 5, "", least=2, most=9)
    assert [number.parse(text) for text in ("2", " 9 ")] == [2, 9]
    for text in ("1", "10", "-3", "2.0", "²", "1" * 99, "auto", ""):
        with pytest.raises(InputError):
            number.parse(text)
    switch = Setting("s", bool, True, "")
    assert [switch.parse(text) for text in ("on", "TRUE", "yes", "1", "off", "no")] == [
        True,
        True,
        True,
        True,
        False,
        False,
    ]
    assert (switch.shown(False), switch.choices, switch.plain(True)) == ("off", ("on", "off"), True)


def test_auto_is_light_where_the_terminal_says_so() -> None:
    assert settings.looks(Theme.AUTO, {"COLORFGBG": "0;15"}) is Theme.LIGHT
    assert settings.looks(Theme.AUTO, {"COLORFGBG": "15;default;0"}) is Theme.DARK
    assert settings.looks(Theme.AUTO, {}) is Theme.DARK
    assert settings.looks(Theme.DARK, {"COLORFGBG": "0;15"}) is Theme.DARK


def test_what_is_set_elsewhere_is_shown_without_the_passphrase(paths: Paths) -> None:
    environ = {"RECOLLECT_DATA_DIR": "/kept", "RECOLLECT_PASSPHRASE": "correct horse"}
    rows = settings.fixed(paths, environ)
    assert [(row.name, row.shown, row.origin.value) for row in rows] == [
        ("data folder", str(paths.data), "environment"),
        ("model", "as chosen", "default"),
        ("passphrase", "set", "environment"),
    ]
    assert "horse" not in repr(rows)
    assert kept_settings.MODEL_VARIABLE == installed.MODEL_VARIABLE
    assert kept_settings.PASSPHRASE_VARIABLE == passphrases.PASSPHRASE_VARIABLE


def test_the_command_lists_gets_sets_and_resets(
    paths: Paths, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def said(*arguments: str) -> tuple[int, str, str]:
        return run(capsys, paths, monkeypatch, *arguments)

    assert said("get", "theme") == (0, "auto\n", "")
    assert said("set", "theme", "light") == (0, "", "theme is light.\n")
    assert said("set", "threads", "none")[::2] == (
        2,
        "recollect: threads cannot be 'none'.\n  It can be auto or a whole number from 1 to 256.\n",
    )
    assert said("set", "theme", "purple")[0] == 2
    assert said("path") == (0, f"{paths.data / 'config.toml'}\n", "")
    code, out, err = said()
    assert (code, err) == (0, "")
    assert out.splitlines()[0] == (
        "theme           light       (file)  the looks: dark, light, or as the terminal's background is, if it tells"
    )
    assert "passphrase      not set     (default)" in out
    monkeypatch.setenv("RECOLLECT_BACKUPS_KEPT", "30")
    listed = json.loads(said("list", "--json")[1])
    assert listed["file"] == str(paths.data / "config.toml")
    assert listed["settings"][0] == {
        "name": "theme",
        "value": "light",
        "origin": "file",
        "default": "auto",
        "variable": "RECOLLECT_THEME",
        "description": "the looks: dark, light, or as the terminal's background is, if it tells",
        "choices": ["auto", "dark", "light"],
    }
    assert [
        (row["value"], row["least"], row["most"]) for row in listed["settings"] if row["name"] == "backups_kept"
    ] == [(30, 1, 365)]
    assert (listed["problems"], [row["name"] for row in listed["fixed"]]) == (
        [],
        ["data folder", "model", "passphrase"],
    )
    assert said("reset", "theme") == (0, "", "theme is auto.\n")
    assert json.loads(said("get", "theme", "--json")[1])["origin"] == "default"


def test_the_command_tells_what_is_wrong_with_the_file_and_goes_on(
    paths: Paths, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(paths, "theme = dark\n")
    code, out, err = run(capsys, paths, monkeypatch, "get", "theme")
    assert (code, out) == (0, "auto\n")
    assert err.startswith(f"! The settings in {path} cannot be read, because of line 1: invalid value. Correct it, or")
    assert run(capsys, paths, monkeypatch, "set", "theme", "dark")[0] == 2


def test_a_start_without_a_file_reads_no_toml() -> None:
    program = (
        "import sys; from pathlib import Path; from assistant import settings, log; from assistant.paths import Paths\n"
        "settings.load(Paths(Path('/nowhere'))); log.start(Paths(Path('/nowhere')), settings.LogLevel.NORMAL)\n"
        "print({'tomllib', 'tomli_w', 'logging', 'argparse'} & set(sys.modules))"
    )
    ended = subprocess.run([sys.executable, "-S", "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    assert ended.stdout == "set()\n"
