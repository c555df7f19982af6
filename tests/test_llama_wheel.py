"""Where a wheel of llama-cpp-python comes from. Compiling one takes minutes, so no test goes that far."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).resolve().parents[1] / ".ci" / "llama_wheel.py"


@pytest.fixture
def llama_wheel(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ModuleType:
    """The script as a module, its cache in a folder of the test's."""
    for name in ("CMAKE_ARGS", "CXX", "LLAMA_WHEEL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    spec = importlib.util.spec_from_file_location("llama_wheel", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run(**changes: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, SCRIPT], env=os.environ | changes, capture_output=True, text=True)


def test_a_wheel_that_was_compiled_before_is_taken_again(llama_wheel: ModuleType) -> None:
    folder = llama_wheel.cache_folder(llama_wheel.pinned_version())
    folder.mkdir(parents=True)
    wheel = folder / "llama_cpp_python-0.0.0-py3-none-any.whl"
    wheel.touch()
    result = run(PATH="")
    assert result.stderr == ""
    assert result.stdout == f"{wheel}\n"


def test_without_a_compiler_it_says_how_to_get_one(llama_wheel: ModuleType, tmp_path: Path) -> None:
    result = run(PATH=str(tmp_path))
    assert result.returncode == 1
    assert result.stdout == ""
    assert result.stderr.startswith(
        "recollect: A C++ compiler is needed once, and c++ and g++ and clang++ cannot be run."
    )
    assert "xcode-select --install" in result.stderr


def test_a_compiler_that_cannot_be_run_counts_as_none(llama_wheel: ModuleType, tmp_path: Path) -> None:
    stub = tmp_path / "c++"
    stub.write_text("#!/bin/sh\nexit 1\n")
    stub.chmod(0o755)
    assert run(PATH=str(tmp_path)).stderr.startswith("recollect: A C++ compiler is needed once")


def test_a_prebuilt_wheel_is_taken_as_it_is(llama_wheel: ModuleType, tmp_path: Path) -> None:
    wheel = tmp_path / "llama_cpp_python-0.3.36-py3-none-any.whl"
    wheel.touch()
    assert run(LLAMA_WHEEL=str(wheel), PATH="").stdout == f"{wheel}\n"


def test_the_address_of_a_prebuilt_wheel_is_left_to_pip(llama_wheel: ModuleType) -> None:
    address = "https://example.org/llama_cpp_python-0.3.36-py3-none-any.whl"
    assert run(LLAMA_WHEEL=address, PATH="").stdout == f"{address}\n"


@pytest.mark.parametrize("name", ["missing.whl", "folder.whl", "wheel.zip"])
def test_what_is_no_wheel_is_refused(llama_wheel: ModuleType, tmp_path: Path, name: str) -> None:
    (tmp_path / "folder.whl").mkdir()
    (tmp_path / "wheel.zip").touch()
    result = run(LLAMA_WHEEL=str(tmp_path / name))
    assert result.returncode == 1
    assert result.stderr == f"recollect: LLAMA_WHEEL names {tmp_path / name}, which is not a wheel.\n"


def test_other_flags_are_another_wheel(llama_wheel: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = llama_wheel.cache_folder("0.3.36")
    monkeypatch.setenv("CMAKE_ARGS", "-DGGML_CUDA=ON")
    assert llama_wheel.cache_folder("0.3.36") != plain
    monkeypatch.delenv("CMAKE_ARGS")
    assert llama_wheel.cache_folder("0.3.36") == plain
    assert llama_wheel.cache_folder("0.3.37") != plain
