"""The last line: how the model and the search stand, what is waited for, and the keys that matter now.

Promises to say in words what it says in colour.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.style import Style
from textual.timer import Timer
from textual.widgets import Static

from assistant.tui.shown import content

SAY_SECONDS = 4.0
Key = tuple[str, str, str]
"""A key as it is written, what it does in a word, and the action."""
KEYS: tuple[Key, ...] = (
    ("^b", "chats", "screen.conversations"),
    ("^p", "commands", "app.command_palette"),
    ("F1", "help", "app.help"),
)
KEYS_WHILE_ANSWERING: tuple[Key, ...] = (("esc", "stop", "screen.stop"), *KEYS[1:])


@dataclass(frozen=True, slots=True)
class State:
    """What the line shows. `pending` counts the messages that the manager has yet to read.

    `read` says how much of the last prompt had to be read.
    """

    model: str = "loading the model"
    ready: bool = False
    search_mode: str = ""
    pending: int = 0
    read: str = ""
    answering: bool = False
    paused: bool = False
    temporary: bool = False


class StatusLine(Horizontal):
    """One line; what there is no room for is cut off on the left side, never the keys."""

    def __init__(self) -> None:
        super().__init__()
        self.state = State()
        self._said = ""
        self._keys: tuple[Key, ...] = ()
        self._timer: Timer | None = None

    def compose(self) -> ComposeResult:
        yield Static(id="state")
        yield Static(id="keys")

    def on_mount(self) -> None:
        self._show()

    def tell(self, **changes: Any) -> None:
        """Changes those fields of the state."""
        self.state = replace(self.state, **changes)
        self._show()

    def show_keys(self, keys: tuple[Key, ...]) -> None:
        """Shows these keys in place of the usual ones; none: the usual ones."""
        self._keys = keys
        self._show()

    def say(self, text: str) -> None:
        """Shows `text` in place of the state for a few seconds."""
        if self._timer is not None:
            self._timer.stop()
        self._timer = self.set_timer(SAY_SECONDS, self._forget_said)
        self._said = text
        self._show()

    def _forget_said(self) -> None:
        self._said = ""
        self._show()

    def _show(self) -> None:
        self.query_one("#state", Static).update(content(self._said) if self._said else _described(self.state))
        keys = self._keys or (KEYS_WHILE_ANSWERING if self.state.answering else KEYS)
        self.query_one("#keys", Static).update(Content("  ").join(map(_key, keys)))


def _described(state: State) -> Content:
    dot = ("●", "$success") if state.ready else ("○", "$warning")
    said = [Content.assemble(dot, f" {state.model}")]
    if state.temporary:
        said.append(Content.styled("temporary", "bold $warning"))
    elif state.paused:
        said.append(Content.styled("remembering is paused", "bold $warning"))
    if state.pending:
        said.append(Content(f"{state.pending} to remember"))
    if state.read:
        said.append(Content.styled(state.read, "dim"))
    if state.search_mode:
        said.append(Content.styled(f"search by {state.search_mode}", "dim"))
    return Content.styled("  ·  ", "dim").join(said)


def _key(key: Key) -> Content:
    name, what, action = key
    return Content.assemble((name, "bold"), " ", (what, "dim")).stylize(Style.from_meta({"@click": action}))
