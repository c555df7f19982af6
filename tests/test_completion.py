"""The scripts for shells complete what the parser knows, in the real shells: a key is pressed and something appears."""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from assistant import cli
from assistant.commands import completion
from assistant.commands.arguments import build_parser
from tests.pty_app import PtyApp

bash = pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash here")
zsh = pytest.mark.skipif(shutil.which("zsh") is None, reason="there is no zsh here")
fish = pytest.mark.skipif(shutil.which("fish") is None, reason="there is no fish here")

ASK_BASH = """
source "$1"; shift
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _recollect
printf '%s\\n' "${COMPREPLY[@]}"
"""
ECHO = "recollect() { echo got \"$@\"'|'; }"
"""What stands for the command, to see what a completed line would give it."""
SAID = [
    (("mem",), ["memory"]),
    (("memory", "re"), ["redo", "review"]),
    (("memory", "search", "--"), "--help --json --limit --messages --from --before --on --explain".split()),
    (("memory", "search", "dogs", "--exp"), ["--explain"]),
    (("memory", "search", "--limit", "3", "--mes"), ["--messages"]),
    (("import", "--format", "c"), ["chatgpt", "claude"]),
    (("import", "--speaker", "memory", "--conv"), ["--conversation"]),
    (("models", "add", "m.gguf", "--agent", ""), ["manager", "answer"]),
    (("settings", "set", "th"), ["theme", "threads"]),
    (("settings", "set", "theme", ""), ["auto", "dark", "light"]),
    (("settings", "set", "threads", ""), []),
    (("memory", "mode", "a"), ["automatic", "ask"]),
    (("completion", ""), ["bash", "zsh", "fish"]),
    (("memory", "search", "memory", ""), []),
    (("import", "--speaker", "Ana", "no"), ["notes.gguf"]),
]


@pytest.fixture(scope="module")
def scripts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a script for each shell, and a file to be completed."""
    folder = tmp_path_factory.mktemp("scripts")
    places = tuple(completion.places(build_parser()))
    for shell in (completion.bash, completion.zsh, completion.fish):
        (folder / f"recollect.{shell.__name__}").write_text(shell(places))
    (folder / "my notes.gguf").touch()
    (folder / "notes.gguf").touch()
    return folder


@pytest.fixture
def environment(scripts: Path) -> dict[str, str]:
    return {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(scripts), "TERM": "xterm-256color", "LANG": "C.UTF-8"}


def assert_offers(found: list[str], written: tuple[str, ...], offered: list[str]) -> None:
    """All that is `offered` here was found, and nothing that does not begin as what is written last."""
    assert [word for word in offered if word not in found] == []
    assert [word for word in found if not word.startswith(written[-1])] == []
    assert bool(found) == bool(offered)


def parsers(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for below in action.choices.values():
                yield from parsers(below)


def test_every_command_and_every_option_is_in_every_script(scripts: Path) -> None:
    every = list(parsers(build_parser()))
    names = {parser.prog.split()[-1] for parser in every[1:]}
    options = {name for parser in every for action in parser._actions for name in action.option_strings}
    assert {"memory", "list", "doctor", "theme"} <= names
    assert {"--rebuild", "--as-of", "--key-variable"} <= options
    for shell, long in (("bash", "--{}"), ("zsh", "--{}"), ("fish", "-l {}")):
        said = (scripts / f"recollect.{shell}").read_text()
        assert [name for name in names if name not in said] == []
        assert [o for o in options if o.startswith("--") and long.format(o[2:]) not in said] == []


def test_the_script_is_printed_and_as_json_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["completion", "fish"]) == 0
    script = capsys.readouterr().out
    assert script.startswith("# Completion of recollect for fish")
    assert cli.main(["completion", "fish", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"shell": "fish", "script": script}


def test_another_shell_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["completion", "tcsh"]) == 2
    assert "invalid choice: 'tcsh'" in capsys.readouterr().err


@bash
@pytest.mark.parametrize(("written", "offered"), SAID)
def test_bash_offers_what_fits(
    scripts: Path, environment: dict[str, str], written: tuple[str, ...], offered: list[str]
) -> None:
    command = ["bash", "--norc", "-c", ASK_BASH, "bash", str(scripts / "recollect.bash"), "recollect", *written]
    ended = subprocess.run(command, env=environment, cwd=scripts, capture_output=True, text=True, check=True)
    assert_offers(ended.stdout.split(), written, offered)
    assert ended.stderr == ""


@fish
@pytest.mark.parametrize(("written", "offered"), SAID)
def test_fish_offers_what_fits(
    scripts: Path, environment: dict[str, str], written: tuple[str, ...], offered: list[str]
) -> None:
    asked = f"source {scripts}/recollect.fish; complete -C 'recollect {' '.join(written)}'"
    command = ["fish", "--no-config", "-c", asked]
    ended = subprocess.run(command, env=environment, cwd=scripts, capture_output=True, text=True, check=True)
    assert_offers([line.partition("\t")[0] for line in ended.stdout.splitlines()], written, offered)
    assert ended.stderr == ""


@fish
def test_fish_tells_what_a_command_does(scripts: Path, environment: dict[str, str]) -> None:
    asked = f"source {scripts}/recollect.fish; complete -C 'recollect doc'"
    ended = subprocess.run(
        ["fish", "--no-config", "-c", asked], env=environment, capture_output=True, text=True, check=True
    )
    assert ended.stdout == "doctor\tcheck that all is there and whole, and mend what can be made anew\n"


@bash
@pytest.mark.parametrize(
    ("keys", "got"),
    [
        ("recollect mem\tli\t--al\t\n", "got memory list --all|"),
        ("recollect import --format=cl\t\n", "got import --format=claude|"),
        ("recollect export my\t\n", "got export my notes.gguf|"),
    ],
)
@pytest.mark.slow
def test_a_tab_completes_in_bash(scripts: Path, environment: dict[str, str], keys: str, got: str) -> None:
    with PtyApp(["bash", "--norc", "-i"], environment | {"PS1": "ready> "}) as shell:
        shell.wait_for("ready>")
        shell.type(f"cd {scripts}; source recollect.bash; {ECHO}; PS1='ar''med> '\n")
        shell.wait_for("armed> ")
        shell.type(keys)
        shell.wait_for(got)
        shell.type("\x15exit\n")


@zsh
@pytest.mark.parametrize(
    ("keys", "got"),
    [
        ("recollect mem\tli\t--al\t\n", "got memory list --all|"),
        ("recollect import --format cl\t\n", "got import --format claude|"),
        ("recollect import --format=cl\t\n", "got import --format=claude|"),
        ("recollect export my\t\n", "got export my notes.gguf|"),
        ("recollect settings set send_key al\t\n", "got settings set send_key alt+enter|"),
        ("recollect doctor --reb\t\n", "got doctor --rebuild|"),
        ("recollect memory \t\t", "take back what was done to a memory"),
        ("recollect memory search --\t\t", "say where each score comes from"),
    ],
)
@pytest.mark.slow
def test_a_tab_completes_in_zsh(scripts: Path, environment: dict[str, str], keys: str, got: str) -> None:
    with PtyApp(["zsh", "-f", "-i"], environment | {"PS1": "ready> "}) as shell:
        shell.wait_for("ready>")
        shell.type(f"cd {scripts}; autoload -U compinit; compinit -u; source recollect.zsh; {ECHO}; PS1='ar''med> '\n")
        shell.wait_for("armed> ")
        shell.type(keys)
        shell.wait_for(got)
        shell.type("\x15exit\n")


@zsh
@pytest.mark.slow
def test_zsh_finds_the_script_in_a_folder_of_its_own(
    scripts: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    shutil.copy(scripts / "recollect.zsh", tmp_path / "_recollect")
    with PtyApp(["zsh", "-f", "-i"], environment | {"PS1": "ready> "}) as shell:
        shell.wait_for("ready>")
        shell.type(f"fpath=({tmp_path} $fpath); autoload -U compinit; compinit -u; {ECHO}; PS1='ar''med> '\n")
        shell.wait_for("armed> ")
        shell.type("recollect mem\tli\t\n")
        shell.wait_for("got memory list|")
        shell.type("exit\n")
