"""A small form: what to run, how long, from which seed, on how many cores, and what that will take.

Promises to give a recipe that can be run, or nothing. Begins no run itself.
"""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Button, Input, RadioButton, RadioSet, Static

from assistant.errors import InputError
from assistant.training import recipes
from assistant.training.recipes import Kind, Recipe
from assistant.tui.shown import content

_SIZES = {Kind.STARTER: "steps", Kind.LIVES: "lives"}


class _Choice(RadioButton):
    """A choice of which one sees without any colour whether it was made."""

    @property
    def _button(self) -> Content:
        return Content("(●)" if self.value else "( )")


class TrainingStart(ModalScreen[Recipe | None]):
    """Enter or the button starts, Esc leaves. `pace` is how many seconds a step took here before, if that is known."""

    CSS_PATH = "training.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Cancel"),
        Binding("up", "app.focus_previous", show=False),
        Binding("down", "app.focus_next", show=False),
    ]

    def __init__(self, pace: float | None) -> None:
        super().__init__()
        self._pace = pace
        self._kind = Kind.STARTER

    def compose(self) -> ComposeResult:
        usual = recipes.usual(self._kind)
        with VerticalScroll(id="training-start"):
            with RadioSet(id="start-kind", compact=True):
                for kind in Kind:
                    yield _Choice(kind.does.capitalize(), value=kind is self._kind, compact=True)
            yield Static(id="start-about", markup=False)
            for name, value in (("size", usual.size), ("seed", usual.seed), ("threads", usual.threads)):
                with Horizontal(classes="field"):
                    yield Static(name, id=f"label-{name}", markup=False)
                    yield Input(str(value), id=f"start-{name}", type="integer", compact=True)
            yield Static(id="start-takes", markup=False)
            with Horizontal(id="start-buttons"):
                yield Button("Start", id="go", variant="primary", compact=True)
                yield Button("Cancel", id="cancel", compact=True)

    def on_mount(self) -> None:
        self.query_one("#training-start").border_title = "New run"
        self._renew()
        self.query_one("#start-size", Input).focus()

    @on(RadioSet.Changed)
    def _choose(self, event: RadioSet.Changed) -> None:
        self._kind = list(Kind)[event.index]
        self.query_one("#start-size", Input).value = str(recipes.usual(self._kind).size)
        self._renew()

    @on(Input.Changed)
    def _renew(self) -> None:
        """Says what it will take, or why it cannot be run."""
        self.query_one("#start-about", Static).update(content(recipes.usual(self._kind).about))
        self.query_one("#label-size", Static).update(_SIZES[self._kind])
        for name in ("#label-seed", "#start-seed"):
            self.query_one(name).parent.display = self._kind is Kind.STARTER  # type: ignore[union-attr]
        try:
            recipes.check_installed()
            told = recipes.takes(self._recipe(), self._pace)
        except InputError as error:
            told = f"✗ {error}"
        self.query_one("#start-takes", Static).update(content(told))
        self.query_one("#go", Button).disabled = told.startswith("✗")

    def _recipe(self) -> Recipe:
        """Raises InputError."""
        told = {}
        for name in ("size", "seed", "threads"):
            text = self.query_one(f"#start-{name}", Input).value.strip()
            if not text.lstrip("-").isdigit():
                what = _SIZES[self._kind] if name == "size" else name
                raise InputError(f"Write a whole number for {what}.")
            told[name] = int(text)
        return Recipe(self._kind, told["seed"], told["size"], told["threads"])

    @on(Input.Submitted)
    @on(Button.Pressed, "#go")
    def _go(self) -> None:
        if not self.query_one("#go", Button).disabled:
            self.dismiss(self._recipe())

    @on(Button.Pressed, "#cancel")
    def action_leave(self) -> None:
        self.dismiss(None)

    def on_click(self, event: object) -> None:
        if getattr(event, "widget", None) is self:
            self.dismiss(None)
