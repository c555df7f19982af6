"""Curves of runs as pictures: what was measured step by step, several runs beside each other.

Promises pictures that can be told apart without colour. Knows nothing of what the figures mean.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from trainer.errors import TrainingError
from trainer.provenance import EVALUATION, METRICS

USUAL = ("reward", "loss", "kl", "entropy")
"""Of what a run has told step by step, what is plotted unless other names are given."""
HELD_OUT = "held out"
_STYLES = ("-", "--", "-.", ":")
_MARKS = ("o", "s", "^", "D")
Curve = list[tuple[int, float]]
"""Steps and values."""


def curves(run: Path) -> dict[str, Curve]:
    """Each number that the run in that folder has told, by its name; `HELD_OUT` is the reward where it is watched.

    Raises TrainingError if it has told nothing.
    """
    found: dict[str, Curve] = {}
    for line in _lines(run / METRICS):
        for name, value in line.items():
            if name != "step" and isinstance(value, int | float):
                found.setdefault(name, []).append((line["step"], float(value)))
    watched = [(line["step"], float(line["reward"])) for line in _lines(run / EVALUATION)]
    if watched:
        found[HELD_OUT] = watched
    if not found:
        raise TrainingError(f"The run in {run} has told nothing yet.", f"Name a folder in which {METRICS} is.")
    return found


def plot(runs: Sequence[Path], file: Path, names: Sequence[str] = ()) -> tuple[str, ...]:
    """Draws the curves called `names`, or the usual ones, of all `runs` into `file`, a .png or .svg; says which.

    Raises TrainingError.
    """
    if file.suffix not in (".png", ".svg"):
        raise TrainingError(f"{file.name} says no kind of picture.", "Name a file that ends with .png or .svg.")
    told = {run.name: curves(run) for run in runs}
    known = list(dict.fromkeys(name for each in told.values() for name in each))
    for name in names:
        if name not in known:
            raise TrainingError(f"None of the runs tells of {name}.", f"They tell of {', '.join(known)}.")
    chosen = tuple(names) or tuple(name for name in (HELD_OUT, *USUAL) if name in known) or (known[0],)
    _draw(told, chosen, file)
    return chosen


def _draw(told: Mapping[str, Mapping[str, Curve]], names: Sequence[str], file: Path) -> None:
    from matplotlib.figure import Figure  # Slow to import; and without pyplot no window is ever opened.

    drawn: dict[str, Any] = {}
    figure = Figure(figsize=(8, 2.6 * len(names)), layout="constrained")
    for axes, name in zip(figure.subplots(len(names), 1, squeeze=False)[:, 0], names, strict=True):
        for number, (run, its) in enumerate(told.items()):
            if name in its:
                steps, values = zip(*its[name], strict=True)
                style, mark = _STYLES[number % len(_STYLES)], _MARKS[number % len(_MARKS)]
                mark = mark if len(steps) < 30 else ""
                [drawn[run]] = axes.plot(steps, values, style, color=f"C{number}", marker=mark, markersize=4)
        axes.set_ylabel(name)
        axes.grid(alpha=0.3)
    axes.set_xlabel("step")
    figure.legend(drawn.values(), drawn.keys(), loc="outside upper left", ncols=4, fontsize="small")
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, dpi=150)


def _lines(file: Path) -> list[dict[str, Any]]:
    """Whole lines; the last one may be on its way."""
    if not file.exists():
        return []
    text = file.read_text("utf-8")
    return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]
