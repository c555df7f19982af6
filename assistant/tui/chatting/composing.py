"""What goes on while one types: the draft is kept, commands are offered, and it is told how much the model will read.

Promises that a draft outlives a crash, but for the last moment, and that a message that is edited does not cost it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.content import Content
from textual.timer import Timer
from textual.widgets import Static

from assistant.memory.records import Message
from assistant.tui import slash

if TYPE_CHECKING:
    from assistant.conversation.context import Gauge
    from assistant.tui.screens.chat import ChatScreen

KEEP_SECONDS = 0.5
"""How long one has to have stopped typing for the draft to be kept."""
_BAR = 8
"""Cells of the bar that shows how full the model's context is."""


class Hints(Static):
    """The commands that what is typed may become; hidden where there are none."""


class Composing:
    """What one is about to say, on one chat."""

    def __init__(self, screen: ChatScreen) -> None:
        self._screen = screen
        self._kept = self._text = ""
        self._timer: Timer | None = None
        self._instead_of: Message | None = None
        self._set_aside = ""
        self._gauge: Gauge | None = None

    def begin(self, draft: str) -> None:
        """Another conversation is at hand, with what was typed there; what was typed while it was opened follows."""
        composer = self._screen.composer
        since = composer.text if self._instead_of is None and composer.text != self._kept else ""
        self._instead_of = None
        self._kept = draft
        if draft and since:
            composer.begin_anew(f"{draft}\n{since}")
        elif not since:
            composer.begin_anew(draft)
        self.show_frame()

    def typed(self) -> None:
        """The text in the box has changed."""
        self._text = text = self._screen.composer.text
        fitting = slash.fitting(text)
        hints = self._screen.query_one(Hints)
        hints.display = bool(fitting)
        if fitting:
            hints.update(Content("\n").join(map(_hint, fitting)))
        self._show_meter(text)
        if self._timer is None:
            self._timer = self._screen.set_timer(KEEP_SECONDS, self.keep)

    def keep(self) -> None:
        """Keeps the draft, if it is another than what is kept."""
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
        text = self._set_aside if self._instead_of is not None else self._text
        if text != self._kept:
            self._kept = text
            self._screen.session.keep_draft(text)

    def edit(self, message: Message) -> None:
        """Puts a message into the box to be said differently; what was there is set aside."""
        if self._instead_of is None:
            self._set_aside = self._screen.composer.text
        self._instead_of = message
        self._screen.composer.begin_anew(message.text)
        self._screen.composer.focus()
        self.show_frame()

    def leave_edit(self) -> bool:
        """Puts back what was set aside; False if nothing is being edited."""
        if self._instead_of is None:
            return False
        self._instead_of = None
        self._screen.composer.begin_anew(self._set_aside)
        self.show_frame()
        return True

    def sent(self) -> Message | None:
        """The box is empty, as what it held is sent; gives the message that it is said instead of."""
        instead_of, self._instead_of = self._instead_of, None
        self._screen.composer.begin_anew(self._set_aside if instead_of is not None else "")
        self._set_aside = ""
        self._kept = ""  # Sending takes the draft away.
        self.show_frame()
        return instead_of

    def gauged(self, gauge: Gauge) -> None:
        """What stands in the next prompt has changed."""
        self._gauge = gauge
        self._show_meter(self._screen.composer.text)

    def show_frame(self) -> None:
        """Says on the frame of the box what is special about the next message."""
        composer, session = self._screen.composer, self._screen.session
        if self._instead_of is not None:
            title = "saying it differently · Esc leaves it as it was"
        elif session.is_temporary:
            title = "temporary: nothing of this is kept · /temp ends it"
        elif self._screen.status.state.paused:
            title = "remembering is paused · /pause ends it"
        else:
            title = ""
        composer.border_title = title
        composer.set_class(bool(title), "-special")
        self._show_meter(composer.text)

    def _show_meter(self, text: str) -> None:
        if self._gauge is None:
            self._screen.composer.border_subtitle = ""
            return
        use = self._gauge.use(text)
        said = f"about {use.used_tokens:,} tokens"
        if use.limit:
            full = min(_BAR, round(_BAR * use.used_tokens / use.limit))
            said = f"{'█' * full}{'░' * (_BAR - full)} about {use.used_tokens:,} of {use.limit:,} tokens"
        if use.turns_left_out:
            said += f" · {use.turns_left_out} earlier not read"
        self._screen.composer.border_subtitle = said


def _hint(command: slash.Command) -> Content:
    takes, does = slash.WHAT[command]
    name = f"/{command} {takes}".rstrip()
    return Content.assemble((f"{name:<18}", "bold"), (does, "dim"))
