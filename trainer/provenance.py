"""Where a model comes from, noted in the folder of its run: it may be made on one machine and published on another.

Knows nothing of models.
"""

from __future__ import annotations

import json
import subprocess
from dataclasses import asdict, dataclass
from pathlib import Path

RECIPE, METRICS, COMPLETIONS, EVALUATION = "recipe.yaml", "metrics.jsonl", "completions.jsonl", "evaluation.jsonl"
"""What a run writes into its folder."""
MODEL = "model"
"""The folder in that of a run in which the finished model is."""


@dataclass(frozen=True, slots=True)
class Provenance:
    """The command that makes a model again, its seed, and the commit of the code."""

    command: str
    seed: int
    commit: str

    @classmethod
    def begin(cls, run: Path, command: str, seed: int) -> Provenance:
        """Notes it in the folder `run`. The commit stays the one it began with, since code may change."""
        commit = cls.of(run).commit if _note(run).exists() else commit_of(Path(__file__).parent.parent)
        begun = cls(command, seed, commit)
        run.mkdir(parents=True, exist_ok=True)
        _note(run).write_text(json.dumps(asdict(begun), indent=1) + "\n", "utf-8")
        return begun

    @classmethod
    def of(cls, run: Path) -> Provenance:
        """What was noted in the folder `run`. SystemExit if nothing was."""
        if not _note(run).exists():
            raise SystemExit(f"No run began in {run}: give the folder that `recollect-train starter --run` was given.")
        return cls(**json.loads(_note(run).read_text("utf-8")))


def commit_of(folder: Path) -> str:
    """The commit of the code in `folder`, with "+changes" if the working tree differs; "unknown" outside of git."""
    try:
        head = _git(folder, "rev-parse", "--short=12", "HEAD")
        return head + ("+changes" if _git(folder, "status", "--porcelain", "trainer", "assistant") else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _git(folder: Path, *arguments: str) -> str:
    return subprocess.run(
        ["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=True
    ).stdout.strip()


def _note(run: Path) -> Path:
    return run / "begun.json"
