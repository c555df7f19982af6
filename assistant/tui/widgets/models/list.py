"""All models in one list, those that are here before those that can be had: a line each, one of them pointed at.

Promises that what is pointed at and how each model stands is said by marks and words. Knows nothing of what is done
with them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.events import Click, Resize
from textual.message import Message
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from assistant.tui.modeling.downloads import Download, State
from assistant.tui.modeling.shelf import InstalledModel, OfferedModel, Stock, fit
from assistant.tui.shown import plain
from assistant.tui.widgets.models import text

Model = InstalledModel | OfferedModel
WIDE = 96
"""Columns from which there is room for more than the usual."""
_NAME, _SIZE, _FIT = 20, 9, 11
_MARKS = {State.WAITING: "·", State.RUNNING: "↓", State.STOPPING: "↓", State.STOPPED: "‖", State.FAILED: "✗"}


class ModelList(OptionList):
    """The list. A click points at a model, Enter and a double click choose it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("k", "cursor_up", show=False),
        Binding("j", "cursor_down", show=False),
    ]

    class PointedAt(Message):
        """Another model is pointed at, or another thing is known of it."""

    class Chosen(Message):
        """Enter, or a double click, on a model."""

    def __init__(self, download_of: Callable[[str], Download | None]) -> None:
        super().__init__(markup=False)
        self._download_of = download_of
        self._stock = Stock()
        self._models: dict[str, Model] = {}
        self._pointed = ""

    @property
    def model(self) -> Model | None:
        """The model that is pointed at."""
        return self._models.get(self._pointed)

    def show(self, stock: Stock, models: Sequence[Model]) -> None:
        """Shows `models` of the stock, and points at the one that was pointed at before, or at the next."""
        self._stock = stock
        place, pointed, before = self.highlighted, self._pointed, list(self._models)
        self._models = {_key(model): model for model in models}
        options = self._options_of(models)
        if list(self._models) == before:  # Then nothing has to move.
            for index, option in enumerate(options):
                self.replace_option_prompt_at_index(index, option.prompt)
        else:
            models_now, self._models = self._models, {}
            self.clear_options()  # Nothing is pointed at meanwhile.
            self._models = models_now
            self.add_options(options)
            self._point_again(pointed, place)
        self.post_message(self.PointedAt())

    def _point_again(self, key: str, place: int | None) -> None:
        if key in self._models:
            self.highlighted = self.get_option_index(key)
        elif self._models:
            self.highlighted = min(place or 1, self.option_count - 1)
            if self.get_option_at_index(self.highlighted).disabled:
                self.action_cursor_down()

    def point_at(self, name: str) -> None:
        """Points at the model that is here under that name."""
        if f"here:{name}" in self._models:
            self.highlighted = self.get_option_index(f"here:{name}")

    def draw_again(self, model: Model) -> None:
        """Draws that model's line with what is known of its download by now."""
        key = _key(model)
        if key in self._models:
            self.replace_option_prompt(key, self._line(model))

    def watch_highlighted(self, highlighted: int | None) -> None:
        super().watch_highlighted(highlighted)
        before, self._pointed = self._pointed, ""
        if highlighted is not None:
            self._pointed = self.get_option_at_index(highlighted).id or ""
        for key in {before, self._pointed} & self._models.keys():
            self.draw_again(self._models[key])
        self.post_message(self.PointedAt())

    def on_click(self, event: Click) -> None:
        """Points; only the second click chooses, because that may take gigabytes."""
        event.prevent_default()
        clicked = event.style.meta.get("option")
        if clicked is not None and not self.get_option_at_index(clicked).disabled:
            self.highlighted = clicked
            if event.chain == 2:
                self.action_select()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.post_message(self.Chosen())

    def on_resize(self, _: Resize) -> None:
        self.show(self._stock, list(self._models.values()))

    def _options_of(self, models: Sequence[Model]) -> list[Option]:
        here = [model for model in models if isinstance(model, InstalledModel)]
        offered = [model for model in models if isinstance(model, OfferedModel)]
        options: list[Option] = []
        for title, last, some in (("On this machine", "serves", here), ("To download", "licence", offered)):
            if some:
                options.append(Option(self._head(title, last, gap=bool(options)), disabled=True))
                options += [Option(self._line(model), id=_key(model)) for model in some]
        return options

    def _head(self, title: str, last: str, *, gap: bool) -> Content:
        columns = [f"{title:{self._name_width + 4}}", f"{'size':>{_SIZE}}", f"{'needs':>{_SIZE}}", f"  {'':{_FIT}}"]
        if self._is_wide:
            columns += [f"{'weights':>9}", f"{'context':>10}", "  "]
        return Content("\n" if gap else "") + Content.styled("".join([*columns, last]), "bold")

    def _line(self, model: Model) -> Content:
        pointed = "▸" if _key(model) == self._pointed else " "
        name = _short(model.name, self._name_width)
        begin = f"{pointed} {self._mark(model)} {name:{self._name_width}}"
        download = self._download_of(model.url) if isinstance(model, OfferedModel) else None
        if download is not None and download.state is not State.DONE:
            drawn = f"{text.bar(download.done, download.total)} {text.percent(download.done, download.total):>5}"
            is_drawn = download.state is not State.WAITING and download.done
            return _line(begin, f" {f'{drawn}  ' if is_drawn else ''}{text.how_far(download)}")
        if isinstance(model, InstalledModel) and (model.server or model.problem):
            where = f"{model.problem or _where(model)}"
            return _line(begin, f"{'':{_SIZE - 6}}{where}")
        needed = fit(model.memory, self._stock.memory)
        columns = [
            f"{text.size(model.size):>{_SIZE}}",
            f"{text.size(model.memory):>{_SIZE}}",
            f"  {needed or '':{_FIT}}",
        ]
        if self._is_wide:
            columns += [
                f"{text.count(model.parameters):>9}",
                f"{f'{model.context:,}' if model.context else '':>10}",
                "  ",
            ]
        return _line(begin, "".join([*columns, self._last(model)]))

    def _mark(self, model: Model) -> str:
        if isinstance(model, InstalledModel):
            return "✗" if model.problem else "●" if model.used_by else " "
        download = self._download_of(model.url)
        if download is not None and download.state is not State.DONE:
            return _MARKS[download.state]
        return "‖" if model.begun is not None else " "

    def _last(self, model: Model) -> str:
        """What stands in the last column."""
        if isinstance(model, InstalledModel):
            said = text.serves(model.used_by) or (
                f"only for {text.who(model.agents)}" if len(model.agents) == 1 else ""
            )
            speeds = [speed for speed in self._stock.speeds if speed.model == model.name]
            if self._is_wide and speeds:
                said += f"{'  ' if said else ''}{text.short_rates(speeds[-1])}"
            return said
        if model.begun is not None:
            return f"{text.percent(model.begun, model.size) or text.size(model.begun)} here, r goes on"
        return f"{model.licence}{'  may think first' if model.thinking and self._is_wide else ''}"

    @property
    def _is_wide(self) -> bool:
        return self.size.width >= WIDE

    @property
    def _name_width(self) -> int:
        longest = max((len(model.name) for model in self._models.values()), default=0)
        return min(max(longest, _NAME), _NAME + (12 if self._is_wide else 0))


def _key(model: Model) -> str:
    return f"here:{model.name}" if isinstance(model, InstalledModel) else f"there:{model.url}"


def _where(model: InstalledModel) -> str:
    used = text.serves(model.used_by)
    return f"{f'{used}, ' if used else ''}on {_host(model.server)}{'' if model.is_private else ', elsewhere'}"


def _host(address: str) -> str:
    return address.partition("://")[2].partition("/")[0]


def _short(name: str, width: int) -> str:
    return name if len(name) <= width else f"{name[: width - 1]}…"


def _line(begin: str, rest: str) -> Content:
    return Content(plain(f"{begin}{rest}".rstrip()))
