"""`make run`, with stand-ins for what it calls: what a start does, what it does not do again, what it refuses."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
NEEDED = ("Makefile", "pyproject.toml", "constraints.txt", ".ci/llama_wheel.py", ".ci/llama.cmake")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """What an install depends on, without the install."""
    for name in NEEDED:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
        os.utime(tmp_path / name, (1_000_000_000, 1_000_000_000))
    return tmp_path


def make(tree: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    # A make that runs these tests tells its own options to the makes below it by these variables.
    env = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
    return subprocess.run(["make", "-C", str(tree), *arguments], capture_output=True, text=True, env=env)


def program(path: Path, script: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def install(tree: Path, *, embedder: str = "true") -> Path:
    """Stand-ins where an install would be; gives the file in which they write what they were called for."""
    log = tree / "log"
    program(tree / ".venv/bin/python", f'echo "python $*" >>{log}; {embedder}')
    program(tree / ".venv/bin/recollect", f"echo recollect >>{log}")
    (tree / ".venv/.app-installed").touch()
    return log


def python_of(tree: Path, version: tuple[int, int, int]) -> Path:
    """A Python that takes itself for one of `version`, and whose virtual environments are stand-ins."""
    log, number = tree / "log", ".".join(map(str, version))
    venv = tree / "new"
    program(venv / "bin/python", f'echo "python $*" >>{log}')
    program(venv / "bin/recollect", f"echo recollect >>{log}")
    script = f"""
case "$1" in
    -V) echo Python {number} ;;
    -c) exec {sys.executable} -c "import sys; sys.version_info = {version}; exec(sys.argv[1])" "$2" ;;
    -m) rm -rf .venv && cp -R {venv} .venv ;;
esac"""
    program(tree / "other-python", script)
    return tree / "other-python"


def test_a_second_start_installs_nothing(tree: Path) -> None:
    log = install(tree)
    assert make(tree, "run").returncode == 0
    assert log.read_text() == "python -m assistant.llm.embedder\nrecollect\n"


def test_a_changed_requirement_is_installed_before_the_start(tree: Path) -> None:
    log = install(tree)
    os.utime(tree / "pyproject.toml")
    os.utime(tree / ".venv/.app-installed", (1_100_000_000, 1_100_000_000))
    assert make(tree, "run").returncode == 0
    calls = log.read_text().splitlines()
    assert calls[0] == "python .ci/llama_wheel.py"
    assert calls[1].endswith("install --constraint constraints.txt  --editable .")
    assert calls[2:] == ["python -m assistant.llm.embedder", "recollect"]


def test_without_a_network_it_starts_all_the_same_and_does_not_try_again(tree: Path) -> None:
    log = install(tree, embedder="exit 5")
    assert make(tree, "run").returncode == 0
    assert make(tree, "run").returncode == 0
    assert log.read_text() == "python -m assistant.llm.embedder\nrecollect\nrecollect\n"


def test_search_by_meaning_can_be_set_up_later(tree: Path) -> None:
    log = install(tree, embedder="exit 5")
    make(tree, "run")
    install(tree)
    assert make(tree, "embedder").returncode == 0
    make(tree, "run")
    assert log.read_text().count("assistant.llm.embedder") == 3


def test_a_python_that_is_not_there_is_named(tree: Path) -> None:
    result = make(tree, "run", "PYTHON=no-such-python")
    assert result.returncode != 0
    assert "recollect: There is no no-such-python here. Name a Python of 3.11 or later" in result.stderr
    assert not (tree / ".venv").exists()


def test_a_python_that_is_too_old_is_refused(tree: Path) -> None:
    python = python_of(tree, (3, 10, 13))
    result = make(tree, "run", f"PYTHON={python}")
    assert result.returncode != 0
    assert f"Python 3.11 or later is needed; {python} is Python 3.10.13." in result.stderr
    assert not (tree / ".venv").exists()


def test_the_oldest_python_that_is_supported_will_do(tree: Path) -> None:
    assert make(tree, "run", f"PYTHON={python_of(tree, (3, 11, 0))}").returncode == 0
    assert (tree / "log").read_text().splitlines()[0] == "python .ci/llama_wheel.py"


def test_an_environment_whose_python_is_gone_is_made_anew(tree: Path) -> None:
    log = install(tree)
    (tree / ".venv/bin/python").unlink()
    (tree / ".venv/bin/python").symlink_to(tree / "uninstalled")
    assert make(tree, "run", f"PYTHON={python_of(tree, (3, 12, 1))}").returncode == 0
    calls = log.read_text().splitlines()
    assert calls[0] == "python .ci/llama_wheel.py"
    assert calls[1].endswith("--editable .")
    assert calls[2:] == ["python -m assistant.llm.embedder", "recollect"]
