"""The last line of a mode: the keys that do something now, each of which may be clicked.

Promises to be one widget, however many keys there are, because Textual's own is made anew, key by key, at each change
of the focus. Knows nothing of what the keys do: it reads the bindings of the screen.
"""

from __future__ import annotations

import re

from textual.content import Content
from textual.style import Style
from textual.widgets import Static


class KeyLine(Static):
    """The keys with what they are called; what there is no room for is cut off, and stands in the help."""

    DEFAULT_CSS = """
    KeyLine { height: 1; padding: 0 1; background: $surface; text-wrap: nowrap; text-overflow: ellipsis; }
    """

    def on_mount(self) -> None:
        self.screen.bindings_updated_signal.subscribe(self, lambda _: self._draw())
        self._draw()

    def _draw(self) -> None:
        if not self.screen.is_current:
            return
        shown: dict[str, Content] = {}
        for _, binding, enabled, _ in self.screen.active_bindings.values():
            if binding.show and enabled and binding.action not in shown:
                key = _written(self.app.get_key_display(binding))
                click = Style.from_meta({"@click": f"app.simulate_key({binding.key!r})"})
                label = Content.assemble((key, "bold"), (f" {binding.description}", "dim"))
                shown[binding.action] = label.stylize(click)
        self.update(Content("  ").join(shown.values()))


def _written(key: str) -> str:
    """A key as the keyboard has it: F1, not f1."""
    return key.upper() if re.fullmatch(r"f\d+", key) else key
