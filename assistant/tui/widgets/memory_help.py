"""The keys of the Memory mode, and what its marks mean. Knows nothing of what it lies over."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from assistant.tui.screens.help import HelpScreen

KEYS = (
    ("/", "filter; Enter searches by meaning too"),
    ("0 to 6, v", "one kind or all; with those that ended"),
    ("s, S, a click above", "sort by another column, the other way round"),
    ("d", "what was known on a day; Esc returns"),
    ("Enter", "details: versions, where it came from"),
    ("o", "the message it came from, in the Chat"),
    ("a, e", "add one; edit one, as a new version"),
    ("p, n", "pin; never use: known, but never on offer"),
    ("f, w, l", "forget; wrong; outdated, held until today"),
    ("Space, m", "select several; merge them into one"),
    ("x", "purge: wipe the text for good"),
    ("u or Ctrl+Z, Ctrl+Y", "undo, redo"),
    ("i, t, Esc", "inbox, timeline, back to the memories"),
    ("y, e, d, r", "inbox: accept, edit, decline, read again"),
    ("j, k, Home, End", "move; Page Up and Page Down by pages"),
)
_MARKS = (
    "▸ at hand   ✓ selected   ♦ pinned   ⊘ never used\n"
    "[-gone-] and {+new+} show what changed between two versions; »« what a memory rests on."
)


class MemoryHelp(HelpScreen):
    """Goes away as any help does."""

    CSS_PATH = "../screens/help.tcss"

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="help"):
            yield Static(Content("\n").join(Content.assemble((f"{key:<22}", "bold"), what) for key, what in KEYS))
            yield Static(_MARKS, id="about", markup=False)
