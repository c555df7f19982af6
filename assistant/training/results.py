"""What a finished run has come to: how its model did before and after, and where the model lies.

Promises that nothing is shown that was not measured: without numbers in the files there is no result. Knows nothing of
how anything is measured.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assistant.training.recipes import MADE, Kind, Recipe, Scores

RESULT = "result.json"
LOG = "log.txt"
MANIFEST = "manifest.toml"
_TAIL_BYTES = 64 * 1024
_SIMULATED = "simulated lives that no training has seen"


@dataclass(frozen=True, slots=True)
class Result:
    """Measured on questions that are held out, in the words of `measured_on`; `before` is None where nobody knows."""

    measured_on: str
    after: Scores
    before: Scores | None = None

    @property
    def measures(self) -> tuple[str, ...]:
        """What was measured, in the order it was told."""
        return tuple(self.after.shares)

    @property
    def worse(self) -> tuple[str, ...]:
        """The measures that were higher before."""
        before = self.before.shares if self.before is not None else {}
        return tuple(name for name, share in self.after.shares.items() if share < before.get(name, 0.0))


def read_result(folder: Path, recipe: Recipe) -> Result | None:
    """What the run in `folder` has come to; None while it has not come to anything."""
    told = _json(folder / RESULT)
    if told is not None:
        return _from_json(told)
    if recipe.kind is Kind.LIVES:
        shares = _last_json(log_tail(folder, _TAIL_BYTES))
        model = recipe.base.model if recipe.base is not None else "the model in use"
        return None if shares is None else Result(_SIMULATED, Scores(model, shares))
    made = made_manifest(folder)
    shares = _shares(made.get("scores")) if made is not None else {}
    if made is None or not shares:
        return None
    return Result(_SIMULATED, Scores(folder.name, shares, made.get("sha256")), _comparable(recipe.base, shares))


def made_manifest(folder: Path) -> Mapping[str, Any] | None:
    """What the manifest says of the model that the run in `folder` has made; None if it has made none."""
    try:
        told = tomllib.loads((folder / MADE / MANIFEST).read_text("utf-8"))
        model = told["model"][0]
    except (OSError, ValueError, LookupError, TypeError):
        return None
    return model if isinstance(model, dict) else None


def log_tail(folder: Path, most: int) -> str:
    """The last so many bytes of what the run has said; "" if it has said nothing."""
    try:
        with (folder / LOG).open("rb") as file:
            file.seek(max(0, file.seek(0, 2) - most))
            return file.read(most).decode("utf-8", "replace")
    except OSError:
        return ""


def _comparable(base: Scores | None, shares: Mapping[str, float]) -> Scores | None:
    """`base`, if all that was measured now is known of it."""
    return base if base is not None and shares.keys() <= base.shares.keys() else None


def _json(path: Path) -> Mapping[str, Any] | None:
    try:
        told = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return told if isinstance(told, dict) else None


def _from_json(told: Mapping[str, Any]) -> Result | None:
    after, before = scores_from_json(told.get("after")), scores_from_json(told.get("before"))
    return None if after is None else Result(str(told.get("measured_on", "held-out questions")), after, before)


def scores_from_json(told: object) -> Scores | None:
    """Scores as files keep them; None if those are none."""
    if not isinstance(told, dict) or not (shares := _shares(told.get("shares"))):
        return None
    sha256 = told.get("sha256")
    return Scores(str(told.get("model", "")), shares, sha256 if isinstance(sha256, str) else None)


def _last_json(log: str) -> dict[str, float] | None:
    """The numbers in the last line of a log that is nothing but them."""
    for line in reversed(log.splitlines()):
        if line.startswith("{"):
            try:
                return _shares(json.loads(line)) or None
            except ValueError:
                return None
    return None


def _shares(told: object) -> dict[str, float]:
    if not isinstance(told, dict):
        return {}
    return {str(name): float(share) for name, share in told.items() if isinstance(share, int | float)}
