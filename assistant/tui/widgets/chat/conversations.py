"""All conversations, newest first, and a line to look through them with: titles, and every message.

Knows nothing of the bank: it shows what it is given and hands on what was chosen.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.events import Key
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from assistant.memory.records import ConversationSummary, Found
from assistant.tui.shown import content

if TYPE_CHECKING:
    from assistant.tui.chatting.conversation_acts import ConversationActs


class Conversations(Vertical):
    """The list, of at most `shown` conversations; older ones are found by looking for them."""

    shown = 200

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Close"),
        Binding("ctrl+r", "act('rename')", "Rename"),
        # Before the line one types in, which has its own use for these.
        Binding("ctrl+d", "act('remove')", "Remove", priority=True),
        Binding("ctrl+x", "act('exclude')", "Learn from it or not", priority=True),
    ]

    def __init__(self, acts: ConversationActs) -> None:
        super().__init__()
        self._acts = acts
        self._chosen: list[tuple[int, int | None]] = []

    def compose(self) -> ComposeResult:
        yield Input(placeholder="Find in all conversations", compact=True)
        yield OptionList(compact=True)
        yield Static(
            Content.styled("Enter opens · ^r renames · ^d removes · ^x learns nothing from it · Esc closes", "dim"),
            id="panel-keys",
        )

    def begin(self, query: str = "") -> None:
        """Comes to the front and asks for what is to be listed."""
        self.display = True
        line = self.query_one(Input)
        line.value = query
        line.focus()
        self._acts.asked(query)

    def show(self, conversations: Sequence[ConversationSummary], here: int | None, today: date) -> None:
        """Lists conversations; `here` is the one at hand."""
        self._chosen = [(one.conversation.id, None) for one in conversations]
        self._list([_summary(one, one.conversation.id == here, today) for one in conversations])

    def show_found(self, found: Sequence[Found], today: date) -> None:
        """Lists what was found."""
        self._chosen = [(one.conversation.id, one.message.id if one.message is not None else None) for one in found]
        self._list([_found(one, today) for one in found])

    def _list(self, contents: Sequence[Content]) -> None:
        options = self.query_one(OptionList)
        options.clear_options()
        if contents:
            options.add_options(contents)
            options.highlighted = 0
        else:
            options.add_option(Option(Content.styled("Nothing found.", "dim"), disabled=True))

    @on(Input.Changed)
    def _look(self, event: Input.Changed) -> None:
        event.stop()
        self._acts.asked(event.value.strip())

    @on(Input.Submitted)
    def _submit(self, event: Input.Submitted) -> None:
        event.stop()
        self.query_one(OptionList).action_select()

    @on(OptionList.OptionSelected)
    def _select(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        if event.option_index < len(self._chosen):
            self._acts.choose(*self._chosen[event.option_index])

    def on_key(self, event: Key) -> None:
        """Up and down move through the list while one types."""
        options = self.query_one(OptionList)
        if not self.query_one(Input).has_focus:
            return
        match event.key:
            case "up":
                options.action_cursor_up()
            case "down":
                options.action_cursor_down()
            case _:
                return
        event.stop()

    def action_act(self, act: str) -> None:
        highlighted = self.query_one(OptionList).highlighted
        if highlighted is not None and highlighted < len(self._chosen):
            self._acts.acted(act, self._chosen[highlighted][0])

    def action_leave(self) -> None:
        self._acts.close_panel()


def _summary(one: ConversationSummary, is_here: bool, today: date) -> Content:
    said = {
        "imported": one.is_imported,
        "sample": one.conversation.is_sample,
        "not learned from": one.conversation.excluded,
    }
    head = _head("▸ " if is_here else "  ", one.conversation.title, one.last_at, today)
    below = " · ".join([f"{one.message_count} messages", *(mark for mark, is_so in said.items() if is_so)])
    opening = content(one.opening).stylize("dim")
    return Content.assemble(head, "\n  ", (below, "dim"), ("  ", "dim"), opening)


def _found(one: Found, today: date) -> Content:
    at = one.message.created_at if one.message is not None else one.conversation.created_at
    excerpt = content(one.excerpt)
    for begin, end in one.spans:
        excerpt = excerpt.stylize("bold underline", begin, end)
    return Content.assemble(_head("  ", one.conversation.title, at, today), "\n  ", excerpt)


def _head(mark: str, title: str, at: datetime, today: date) -> Content:
    return Content.assemble(mark, content(title or "(no title)").stylize("bold"), (f"  {_when(at, today)}", "dim"))


def _when(at: datetime, today: date) -> str:
    local = at.astimezone()
    if local.date() == today:
        return f"{local:%H:%M}"
    return f"{local.day} {local:%b}" if local.year == today.year else f"{local:%Y-%m-%d}"
