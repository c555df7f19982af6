"""A conversation as a model would learn from it, with what is taken out in brackets. Knows nothing of the bank."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from assistant.training.learnable import Source
from assistant.training.preview import Previewed
from assistant.tui.shown import content
from assistant.tui.widgets.training import text


class TrainingPreview(VerticalScroll, can_focus=True):
    """What was said, the newest at the end; `as_learned` shows only the marks, as a model would see them."""

    def __init__(self) -> None:
        super().__init__()
        self.as_learned = False
        self._source: Source | None = None
        self._shown: Sequence[Previewed] = ()
        self._words: Sequence[str] = ()

    def compose(self) -> ComposeResult:
        yield Static(id="preview-about")
        yield Static(id="preview-messages")

    def show(self, source: Source | None, shown: Sequence[Previewed], words: Sequence[str]) -> None:
        """Shows the messages of that conversation, and which words of the user's are hidden."""
        if source is None or self._source is None or source.lessons != self._source.lessons:
            self.scroll_home(animate=False)
        self._source, self._shown, self._words = source, shown, words
        self._draw()

    def turn(self) -> None:
        """Shows it the other way: with what is taken out, or without."""
        self.as_learned = not self.as_learned
        self._draw()

    def _draw(self) -> None:
        if self._source is None:
            self.query_one("#preview-about", Static).update("")
            self.query_one("#preview-messages", Static).update("")
            return
        title = content(" ".join(self._source.lessons.title.split()) or "untitled").stylize("bold")
        words = ", ".join(self._words) if self._words else "none yet; h hides a name or a word"
        how = "as a model would read it" if self.as_learned else "with what is taken out of it in brackets"
        about = [
            title,
            content(text.about(self._source)),
            Content.assemble((f"{text.taken_out(self._shown)} ", ""), (f"Shown {how}; v turns that.", "dim")),
            Content.assemble(("Your own words: ", "dim"), content(words)),
        ]
        self.query_one("#preview-about", Static).update(Content("\n").join(about))
        said = [text.message(one, as_learned=self.as_learned) for one in self._shown]
        self.query_one("#preview-messages", Static).update(Content("\n\n").join(said))
