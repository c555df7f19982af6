"""What the user has set, for any widget of the app."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from textual.widget import Widget

from assistant.settings import Settings

if TYPE_CHECKING:
    from assistant.tui.app import RecollectApp


def chosen(widget: Widget) -> Settings:
    """The settings as they count now."""
    return cast("RecollectApp", widget.app).settings
