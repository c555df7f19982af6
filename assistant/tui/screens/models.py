"""The Models mode: which models are here, which of them each agent uses, and which can be downloaded.

Promises that nothing is contacted before it was named and agreed to, and that nothing slow keeps the screen waiting.
Knows nothing of files, servers and engines: the shelf and the backstage do.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.timer import Timer
from textual.widgets import Input, Static

from assistant.errors import RecollectError
from assistant.memory import times
from assistant.tui import events
from assistant.tui.backstage import Backstage
from assistant.tui.modeling.bringing import ModelBringing
from assistant.tui.modeling.choosing import ModelChoosing
from assistant.tui.modeling.downloads import Downloads
from assistant.tui.modeling.shelf import InstalledModel, OfferedModel, Stock
from assistant.tui.modes import Mode
from assistant.tui.shown import content
from assistant.tui.widgets.models import details, text
from assistant.tui.widgets.models.details import ModelDetails
from assistant.tui.widgets.models.list import Model, ModelList

FRAME_SECONDS = 0.2
"""How often it is drawn how far a download or a check is."""
_QUIET = "Nothing is contacted before you download something or choose a server."


class ModelsScreen(ModelChoosing, ModelBringing):
    """All models in a list, and what is known of the one that is pointed at."""

    MODE = Mode.MODELS
    CSS_PATH = "models.tcss"
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (110, "-wide")]  # noqa: RUF012 - so textual has it
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("u", "use('both')", "Both"),
        Binding("m", "use('manager')", "Manager"),
        Binding("a", "use('answer')", "Answers"),
        Binding("g", "download", "Download"),
        Binding("r", "go_on", "Go on"),
        Binding("p", "pause", "Pause"),
        Binding("s", "measure", "Speed"),
        Binding("plus", "add", "Add", key_display="+"),
        Binding("slash", "filter", "Filter", key_display="/"),
        Binding("x,delete", "remove", "Remove"),
        Binding("v", "verify", "Verify"),
        Binding("ctrl+z", "choose_former", "Former choice", show=False),
        Binding("escape", "stop", "Stop", show=False),
    ]

    def __init__(self, backstage: Backstage) -> None:
        super().__init__(backstage)
        self.stock = Stock()
        self.damage = {}
        self.shelf = backstage.shelf
        self.downloads = Downloads(backstage, self.follow_download)
        self._frames: Timer

    def compose_body(self) -> ComposeResult:
        with Horizontal(id="head"):
            yield Static(id="serving")
            yield Static(id="room")
        yield Input(id="filter", placeholder="part of a name, a family or a licence", compact=True)
        with Horizontal(id="halves"):
            yield ModelList(self.downloads.of)
            yield ModelDetails()

    def on_mount(self) -> None:
        self._frames = self.set_interval(FRAME_SECONDS, self._draw_frame, pause=True)
        self.recollect.engine_changed.subscribe(self, lambda _: self._follow_engine())
        self.rest(_QUIET)
        self.models.focus()

    def on_unmount(self) -> None:
        self.downloads.stop_all()

    async def arrive(self) -> None:
        """Looks anew what is there."""
        if self.shelf is None:
            self.rest("There is nothing here that keeps models.")
            return
        self.stock = await self.backstage.away(self.shelf.stock)
        self.downloads.look_again(self.stock.offered)
        self.show()

    def show(self) -> None:
        """Shows the stock as it is known, without looking anew."""
        self.models.show(self.stock, self._matching())
        self._show_serving()

    def _matching(self) -> list[Model]:
        """The models that the filter lets through."""
        here = {model.name for model in self.stock.installed}
        known = {offer.url for offer in self.stock.offered}
        offers = [each.offer for each in self.downloads.at_work if each.offer.url not in known]
        offers += [offer for offer in self.stock.offered if offer.name not in here or offer.begun is not None]
        words = self.query_one("#filter", Input).value.lower().split()
        models: Sequence[Model] = (*self.stock.installed, *offers)
        return [model for model in models if all(word in _said_of(model) for word in words)]

    # What the model that is loaded does

    def _follow_engine(self) -> None:
        self._show_serving()
        self._show_details()
        self.look_again()  # The choice may have been made elsewhere.
        if isinstance(self.recollect.engine, events.EngineFailed) and self.is_current:
            self.say(f"✗ {self.recollect.engine.error}")

    def _show_serving(self) -> None:
        match self.recollect.engine:
            case events.EngineLoading(names):
                mark, how = ("○", "$warning"), f"loading {names}"
            case events.EngineFailed():
                back = f" · ^z goes back to {self.former_names}" if self.former else ""
                mark, how = ("✗", "$error"), f"could not be loaded{back}"
            case _ if self.backstage.at_hand.loaded:
                mark, how = ("●", "$success"), "ready"
            case _:
                mark, how = ("○", "$warning"), "loading"
        serving = text.in_use(self.stock.installed)
        said = Content.assemble(mark, " ", content(f"{how} · {serving}" if serving else how))
        self.query_one("#serving", Static).update(said)
        there = self.stock
        free = [f"{text.size(there.memory)} memory"] if there.memory is not None else []
        free += [f"{text.size(there.disk)} disk"] if there.disk is not None and self.has_class("-wide") else []
        room = self.query_one("#room", Static)
        room.update(content(f"{' · '.join(free)} free" if free else ""))
        # Who serves is said nowhere else in one line, and what is free is said of each model.
        room.display = len(said) + len(" · ".join(free)) + 12 <= self.size.width

    @property
    def trouble(self) -> RecollectError | None:
        """Why the models that are chosen could not be loaded."""
        engine = self.recollect.engine
        return engine.error if isinstance(engine, events.EngineFailed) else None

    # The model that is pointed at

    @on(ModelList.PointedAt)
    def _show_details(self) -> None:
        self.refresh_bindings()
        panel = self.query_one(ModelDetails)
        match self.models.model:
            case InstalledModel() as model:
                trouble = str(self.trouble) if self.trouble is not None and model.used_by else ""
                trouble = self.damage.get(model.name, trouble)
                panel.show(model.name, details.of_installed(model, self.stock, times.now(), trouble))
            case OfferedModel() as model:
                panel.show(model.name, details.of_offered(model, self.stock, self.downloads.of(model.url)))
            case _:
                panel.show("No model is called like that." if self.stock.installed else "", iter(()))

    @on(ModelList.Chosen)
    def _choose(self) -> None:
        match self.models.model:
            case InstalledModel():
                self.action_use("both")
            case OfferedModel():
                self.action_download()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offers only the keys that mean something for the model that is pointed at."""
        model = self.models.model if self.is_mounted else None
        download = self.downloads.of(model.url) if isinstance(model, OfferedModel) else None
        at_work = download is not None and download.is_at_work
        begun = isinstance(model, OfferedModel) and (model.begun is not None or download is not None) and not at_work
        match action:
            case "use" | "measure" | "verify":
                return isinstance(model, InstalledModel)
            case "download":
                return isinstance(model, OfferedModel) and not at_work and not begun
            case "go_on":
                return begun
            case "pause":
                return at_work
            case "remove":
                return not model.came_along if isinstance(model, InstalledModel) else begun
        return True

    # The filter

    def action_filter(self) -> None:
        box = self.query_one("#filter", Input)
        box.display = True
        box.focus()

    @on(Input.Changed, "#filter")
    def _narrow(self) -> None:
        self.models.show(self.stock, self._matching())

    @on(Input.Submitted, "#filter")
    def _end_filter(self) -> None:
        self.models.focus()

    def action_stop(self) -> None:
        """Ends what is being measured, read or filtered, the last thing first."""
        box = self.query_one("#filter", Input)
        if self.busy is not None:
            self.busy.cancel.set()
            self.say("Stopping…")
        elif box.display:
            box.value, box.display = "", False
            self.models.focus()

    # How far things are

    def draw_frames(self) -> None:
        """Draws how far things are from now on, until nothing is at work any more."""
        self._draw_frame()
        self._frames.resume()

    def _draw_frame(self) -> None:
        running = self.downloads.running
        said = []
        if self.busy is not None:
            said.append(self.busy.said)
        if running is not None:
            self.models.draw_again(running.offer)
            waiting = len(self.downloads.waiting)
            more = f", {waiting} more {'waits' if waiting == 1 else 'wait'}" if waiting else ""
            said.append(f"↓ {running.offer.name} {text.percent(running.done, running.total)}{more}")
        self.rest("   ".join(said) or _QUIET)
        if not said:
            self._frames.pause()
        model = self.models.model
        if running is not None and isinstance(model, OfferedModel) and model.url == running.offer.url:
            self._show_details()

    @property
    def models(self) -> ModelList:
        return self.query_one(ModelList)


def _said_of(model: Model) -> str:
    """What a filter looks through."""
    if isinstance(model, OfferedModel):
        return f"{model.name} {model.family} {model.licence}".lower()
    return f"{model.name} {model.licence} {model.server} {model.server_model} {model.quantisation}".lower()
