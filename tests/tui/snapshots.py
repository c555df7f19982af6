"""Pictures of screens as text, so that a change of one can be read: what stands there, and below in which style.

`matches` compares with what is kept under snapshots/; with RECOLLECT_UPDATE_SNAPSHOTS set it keeps what it sees.
"""

from __future__ import annotations

import os
from itertools import count
from pathlib import Path

from textual.pilot import Pilot

FOLDER = Path(__file__).parent / "snapshots"
UPDATE = "RECOLLECT_UPDATE_SNAPSHOTS"
_MARKS = [chr(code) for code in range(ord("!"), 0x180) if chr(code).isprintable() and chr(code) != " "]


def matches(pilot: Pilot[None], name: str) -> None:
    """Fails unless the screen is the one that is kept as `name`."""
    file, seen = FOLDER / f"{name}.txt", picture(pilot)
    if os.environ.get(UPDATE):
        FOLDER.mkdir(exist_ok=True)
        file.write_text(seen, "utf-8")
    assert file.exists(), f"There is no {file.name} yet. Set {UPDATE}=1 and look at what it keeps."
    kept = file.read_text("utf-8")
    assert seen == kept, f"{file.name} is another picture. If it is meant, set {UPDATE}=1. It is now:\n{seen}"


def picture(pilot: Pilot[None]) -> str:
    """The screen: its text, then for each cell a mark, then the style for which each mark stands."""
    marks: dict[str, str] = {}
    free = count()
    text, styled = [], []
    for strip in pilot.app.screen._compositor.render_strips():
        line, cells = "", ""
        for segment in strip:
            style = str(segment.style) if segment.style is not None else "none"
            style = " ".join(word for word in style.split() if not word.startswith(("link", "offset")))
            if style not in marks:
                marks[style] = _MARKS[next(free)]
            line += segment.text
            cells += marks[style] * segment.cell_length
        text.append(line.rstrip())
        styled.append(cells)
    legend = [f"{mark} {style}" for style, mark in marks.items()]
    return "\n".join([*text, "-" * 20, *styled, "-" * 20, *legend, ""])
