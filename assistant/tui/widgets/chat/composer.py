"""The box one writes in. Enter sends, unless the user has set another key; Shift+Enter and Ctrl+J begin a new line.

Promises that a draft is never lost: what is too long to send is refused before it is put in.
"""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import TextArea

from assistant.conversation.inputs import MAX_CHARACTERS
from assistant.tui.chosen import chosen
from assistant.tui.shown import typeable
from assistant.tui.slash import completed

_ENTERS = ("enter", "alt+enter")
"""One of them sends, as the user has set, and the other begins a new line."""
_NEW_LINE = ("shift+enter", "ctrl+j")


class Composer(TextArea):
    """A text box that grows with its text and says when something is to be sent."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("pageup", "screen.page(-1)", "Up", show=False),
        Binding("pagedown", "screen.page(1)", "Down", show=False),
    ]

    class Sent(Message):
        """`text` is to be sent. The box keeps it until `clear`."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class Refused(Message):
        """Something was not put in, for a reason in plain words."""

        def __init__(self, reason: str) -> None:
            super().__init__()
            self.reason = reason

    class Left(Message):
        """The user wants to go up, out of the box."""

    class NothingToUndo(Message):
        """Undo, or redo, was asked for, and no typing is left to undo or redo."""

        def __init__(self, redo: bool) -> None:
            super().__init__()
            self.redo = redo

    def __init__(self) -> None:
        super().__init__(
            placeholder="Tell me something, or ask what I know",
            highlight_cursor_line=False,
            compact=True,
        )
        self.cursor_blink = False

    def begin_anew(self, text: str = "") -> None:
        """Holds `text` from now on, with no typing to undo."""
        self.load_text(text)
        self.move_cursor(self.document.end)

    def put_in(self, text: str) -> None:
        """Puts `text` where the cursor is, in place of what is selected."""
        self.replace(text, *self.selection, maintain_selection_offset=False)
        self.scroll_cursor_visible()

    def on_key(self, event: events.Key) -> None:
        # Not as bindings: those are run by the app, which may be ahead of the letters that are still in our queue.
        sends = event.key == chosen(self).send_key
        if event.key == "up" and self.cursor_at_first_line and self.selection.is_empty:
            self.post_message(self.Left())
        elif event.key == "tab" and (whole := completed(self.text)):
            self.begin_anew(whole)
        elif event.key not in _ENTERS and event.key not in _NEW_LINE:
            return
        event.stop()
        event.prevent_default()
        if event.key in _NEW_LINE or (event.key in _ENTERS and not sends):
            self.put_in("\n")
        elif sends and self.text.strip():
            self.post_message(self.Sent(self.text))

    def action_undo(self) -> None:
        before = self.text
        super().action_undo()
        if self.text == before:
            self.post_message(self.NothingToUndo(redo=False))

    def action_redo(self) -> None:
        before = self.text
        super().action_redo()
        if self.text == before:
            self.post_message(self.NothingToUndo(redo=True))

    def on_paste(self, event: events.Paste) -> None:
        # Never left to the base class, which would put in escape sequences that the terminal then obeys.
        event.stop()
        event.prevent_default()
        length = len(event.text) + len(self.text)
        if length > MAX_CHARACTERS:
            reason = f"Not pasted: that makes {length:,} characters, and {MAX_CHARACTERS:,} are the most."
            self.post_message(self.Refused(reason))
            return
        self.put_in(typeable(event.text))
