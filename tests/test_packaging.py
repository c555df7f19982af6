"""The wheel: what is in it, that it works away from the checkout, and that every requirement has its pin."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
MODEL = b"GGUF, but for the rest of it"
MANIFEST = f"""
[[model]]
name = "tiny"
file = "tiny.gguf"
size = {len(MODEL)}
sha256 = "{hashlib.sha256(MODEL).hexdigest()}"
context = 64
memories_offered = 8
"""
BUILD = "import sys; from hatchling.build import build_wheel; build_wheel(sys.argv[1])"


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel of this tree, with a model of a few bytes in it."""
    tree = tmp_path_factory.mktemp("tree")
    for package in ("assistant", "trainer"):
        shutil.copytree(ROOT / package, tree / package)
    for file in ("pyproject.toml", "README.md", "LICENSE", "NOTICE", ".gitignore"):
        shutil.copy(ROOT / file, tree)
    (tree / "models").mkdir()
    (tree / "models" / "manifest.toml").write_text(MANIFEST)
    (tree / "models" / "tiny.gguf").write_bytes(MODEL)
    (tree / "tests").mkdir()
    (tree / "tests" / "test_nothing.py").write_text("")
    subprocess.run([sys.executable, "-c", BUILD, "dist"], cwd=tree, check=True, capture_output=True)
    return next((tree / "dist").glob("*.whl"))


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel's content, as an installer lays it out."""
    folder = tmp_path_factory.mktemp("installed")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def test_the_wheel_is_for_every_platform(wheel: Path) -> None:
    assert re.fullmatch(r"recollect-\d+\.\d+\.\d+-py3-none-any\.whl", wheel.name)


def test_the_wheel_holds_both_packages_with_their_data_and_nothing_else(installed: Path) -> None:
    inside = {path.relative_to(installed).as_posix() for path in installed.rglob("*") if path.is_file()}
    expected = {
        path.relative_to(ROOT).as_posix()
        for package in ("assistant", "trainer")
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert expected >= {
        "assistant/cli.py",
        "assistant/llm/constraints-embedder.txt",
        "assistant/tui/screens/chat.tcss",
        "trainer/data/words.toml",
        "trainer/data/wordings/person.toml",
    }
    meta = {path for path in inside if ".dist-info/" in path}
    assert inside - meta == expected | {"assistant/_models/manifest.toml", "assistant/_models/tiny.gguf"}
    assert {path.partition(".dist-info/")[2] for path in meta} == {
        "METADATA", "RECORD", "WHEEL", "entry_points.txt", "licenses/LICENSE", "licenses/NOTICE",
    }  # fmt: skip


def test_the_wheel_brings_two_commands(installed: Path) -> None:
    (entry_points,) = installed.glob("*.dist-info/entry_points.txt")
    assert entry_points.read_text().split("\n") == [
        "[console_scripts]",
        "recollect = assistant.cli:main",
        "recollect-train = trainer.cli:main",
        "",
    ]


def test_the_wheel_finds_its_model_from_any_folder(installed: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "assistant", "models", "--json"]
    result = subprocess.run(
        command, cwd=tmp_path, env={"PYTHONPATH": str(installed), "HOME": str(tmp_path)}, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    path = installed.resolve() / "assistant" / "_models" / "tiny.gguf"
    model = json.loads(result.stdout)[0]
    assert (model["name"], model["path"], model["size"]) == ("tiny", str(path), len(MODEL))
    assert "problem" in model, "it is not a real one"


def test_every_requirement_has_a_pin_within_its_range() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    groups = [project["dependencies"], *project["optional-dependencies"].values()]
    requirements = [Requirement(requirement) for group in groups for requirement in group]
    pins = _pins()
    outside = [r.name for r in requirements if not r.specifier.contains(pins.get(canonicalize_name(r.name), "0"))]
    assert outside == []


def test_torch_is_pinned_to_the_version_whose_cpu_build_is_taken() -> None:
    assert _pins()["torch"] == "2.13.0"


def test_the_app_alone_requires_nothing_that_training_needs(installed: Path) -> None:
    (metadata,) = installed.glob("*.dist-info/METADATA")
    required = re.findall(r"^Requires-Dist: ([\w-]+)[^;\n]*$", metadata.read_text(), re.MULTILINE)
    assert required == [
        "apsw-sqlite3mc",
        "gguf",
        "httpx2",
        "jinja2",
        "llama-cpp-python",
        "markdown-it-py",
        "numpy",
        "platformdirs",
        "python-dateutil",
        "sqlite-vec",
        "textual",
        "tomli-w",
    ]


def _pins() -> dict[str, str]:
    """The versions in constraints.txt, each line of which is a pin, a comment or empty."""
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = [line.split("==") for line in lines if line and not line.startswith("#")]
    assert all(len(pin) == 2 for pin in pins)
    return {canonicalize_name(name): version for name, version in pins}
