"""Prints the path of a llama-cpp-python wheel that runs on this machine, compiling it once: `python llama_wheel.py`.

Promises a wheel of the version in constraints.txt that runs on any CPU of this kind; the default build is made for this
one CPU, and crashes on some. The wheel is kept outside the checkout, in a folder named for all that it depends on, so
that the next checkout finds it. LLAMA_WHEEL names a prebuilt wheel to take instead, a path or an address; options in
CMAKE_ARGS are added to ours. Needs pip, and nothing else that does not come with Python.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parent.parent
INCLUDED = ROOT / ".ci" / "llama.cmake"
FLAGS = ("-DLLAVA_BUILD=OFF", "-DGGML_NATIVE=OFF")
LAST_LINES = 40
"""How much of a failed build's output is shown; the error stands near its end."""


def main() -> None:
    if named := os.environ.get("LLAMA_WHEEL"):
        print(prebuilt(named))
        return
    version = pinned_version()
    folder = cache_folder(version)
    wheel = next(iter(sorted(folder.glob("*.whl"))), None) or build(version, folder)
    print(wheel)


def prebuilt(named: str) -> str:
    """The wheel that the user names: an address as it is, a path once it is known to be a file."""
    if "://" in named:
        return named
    path = Path(named).expanduser().absolute()
    if path.suffix != ".whl" or not path.is_file():
        fail(f"LLAMA_WHEEL names {path}, which is not a wheel.")
    return str(path)


def pinned_version() -> str:
    pins = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    match = re.search(r"^llama-cpp-python==(\S+)$", pins, re.MULTILINE)
    if match is None:
        fail("constraints.txt does not say which llama-cpp-python to take.")
    return match[1]


def cache_folder(version: str) -> Path:
    """Where the wheel is or will be: its name says what the wheel depends on, so a change of any part builds anew."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    flags = "\n".join([*FLAGS, os.environ.get("CMAKE_ARGS", ""), INCLUDED.read_text(encoding="utf-8")])
    parts = [
        f"llama-cpp-python-{version}",
        f"cp{sys.version_info.major}{sys.version_info.minor}",
        sysconfig.get_platform(),
        "".join(platform.libc_ver()),
        hashlib.sha256(flags.encode()).hexdigest()[:8],
    ]
    return cache / "recollect" / "wheels" / "-".join(filter(None, parts))


def build(version: str, folder: Path) -> Path:
    """Compiles the wheel and moves it into `folder` once it is whole."""
    check_compiler()
    print(f"Compiling llama-cpp-python {version}, once: two to ten minutes. It is kept in {folder}", file=sys.stderr)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".building-", dir=folder.parent) as work:
            built = compile_wheel(version, Path(work))
            folder.mkdir(exist_ok=True)
            return built.replace(folder / built.name)
    except OSError as error:
        fail(f"The wheel cannot be kept in {folder} ({error.strerror}); XDG_CACHE_HOME names another place.")


def compile_wheel(version: str, work: Path) -> Path:
    own = shlex.join([*FLAGS, f"-DCMAKE_PROJECT_llama.cpp_INCLUDE={INCLUDED}"])
    command = [sys.executable, "-m", "pip", "wheel", "--disable-pip-version-check", "--no-deps"]
    # Without its cache, or pip hands out a wheel that it once built with other flags.
    command += ["--no-cache-dir", "--no-binary", "llama-cpp-python", "--wheel-dir", str(work)]
    command += [f"llama-cpp-python=={version}"]
    env = os.environ | {"CMAKE_ARGS": f"{own} {os.environ.get('CMAKE_ARGS', '')}".strip()}
    # Where it is set, as in a Nix shell, ggml leaves out AVX2 as well.
    env.pop("SOURCE_DATE_EPOCH", None)
    result = subprocess.run(
        command,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    built = list(work.glob("*.whl"))
    if result.returncode or not built:
        print("\n".join(result.stdout.splitlines()[-LAST_LINES:]), file=sys.stderr)
        fail("llama-cpp-python could not be built, as said above. LLAMA_WHEEL names a prebuilt wheel to take instead.")
    return built[0]


def check_compiler() -> None:
    """Ends with what to install if nothing here compiles C++."""
    named = os.environ.get("CXX")
    candidates = [shlex.split(named)[0]] if named else ["c++", "g++", "clang++"]
    # Run and not only looked for: without its tools macOS has a c++ that does nothing but say so.
    for compiler in filter(shutil.which, candidates):
        if subprocess.run([compiler, "--version"], capture_output=True, stdin=subprocess.DEVNULL).returncode == 0:
            return
    fail(
        f"A C++ compiler is needed once, and {' and '.join(candidates)} cannot be run. To install one:\n"
        "  macOS:          xcode-select --install\n"
        "  Debian, Ubuntu: sudo apt install build-essential\n"
        "  Fedora:         sudo dnf install gcc-c++\n"
        "Or name a prebuilt wheel: make run LLAMA_WHEEL=path-or-address"
    )


def fail(reason: str) -> NoReturn:
    sys.exit(f"recollect: {reason}")


if __name__ == "__main__":
    main()
