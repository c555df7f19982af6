"""The rules of the house: who may import whom, what a start may load, and names that say nothing."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("assistant", "trainer")
BREACHES = {
    "assistant/memory/records.py": "import assistant.conversation.chat",
    "assistant/agents/answer.py": "import assistant.memory.bank",
    "assistant/llm/manifest.py": "import assistant.memory.bank",
    "assistant/conversation/inputs.py": "import apsw",
    "assistant/errors.py": "import textual",
    "assistant/paths.py": "import llama_cpp",
    "assistant/llm/engine.py": "import assistant.llm.llama",
    "assistant/memory/search.py": "import torch",
    "trainer/examples.py": "import assistant.tui.app",
}
"""One for each contract, in the order of pyproject.toml."""


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as run; run()", "--no-cache"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


def test_every_import_goes_in_a_direction_that_is_allowed() -> None:
    result = lint_imports(ROOT)
    assert result.returncode == 0, result.stdout + result.stderr


def test_each_rule_about_imports_notices_when_it_is_broken(tmp_path: Path) -> None:
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for file, line in BREACHES.items():
        with (tmp_path / file).open("a") as source:
            source.write(f"\n{line}\n")
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    result = lint_imports(tmp_path)
    assert len(contracts) == len(BREACHES)
    assert f"Contracts: 0 kept, {len(contracts)} broken." in result.stdout, result.stdout + result.stderr


def test_help_loads_nothing_that_takes_time_to_load() -> None:
    heavy = ("apsw", "asyncio", "gguf", "llama_cpp", "numpy", "sqlite3", "textual", "torch", "transformers")
    program = f"""
import sys
from assistant.cli import main
try:
    main(["--help"])
except SystemExit:
    pass
print("loaded:", *(name for name in {heavy!r} if name in sys.modules), file=sys.stderr)
"""
    result = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert result.stdout.startswith("usage: recollect ")
    assert result.stderr == "loaded:\n"


def test_no_module_has_a_name_that_says_nothing() -> None:
    nothing = re.compile(r"(utils?|helpers?|common|core|misc|base)(\.py)?")
    modules = [path for package in PACKAGES for path in (ROOT / package).rglob("*")]
    assert len(modules) > 100
    assert [str(path) for path in modules if nothing.fullmatch(path.name)] == []
