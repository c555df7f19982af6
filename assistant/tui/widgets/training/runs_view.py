"""The part of the Training mode about runs: beginning, following and ending them, and using what they made.

Promises that a run goes on whatever becomes of the screen, and that nothing here waits for one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar, TypeVar, cast

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.widgets import Static

from assistant.errors import EngineError, InputError, RecollectError
from assistant.training import adopting, recipes, runs
from assistant.training.adopting import RunModels
from assistant.training.following import Following, Seen
from assistant.training.recipes import Scores
from assistant.training.results import log_tail
from assistant.training.runs import Run
from assistant.tui.backstage import Backstage
from assistant.tui.screens.asking import Confirm
from assistant.tui.screens.reading import Reading
from assistant.tui.screens.training_start import TrainingStart
from assistant.tui.shown import content
from assistant.tui.widgets.training import text
from assistant.tui.widgets.training.parts import Part
from assistant.tui.widgets.training.run import TrainingRun
from assistant.tui.widgets.training.runs import TrainingRuns

if TYPE_CHECKING:
    from assistant.tui.screens.mode import ModeScreen

Result = TypeVar("Result")

LOOK_SECONDS = 1.0
MOST_OF_LOG = 64 * 1024
"""Bytes of its end that are shown."""


class TrainingRunsView(Vertical):
    """The runs, and the one at hand."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n", "start", "New"),
        Binding("s", "stop", "Stop"),
        Binding("c", "resume", "Go on"),
        Binding("a", "adopt", "Adopt"),
        Binding("b", "roll_back", "Roll back"),
        Binding("m", "turn", "Curve", show=False),
        Binding("l", "log", "Log"),
    ]

    class Looked(Message):
        """How the runs stand was looked at."""

        def __init__(self, seen: Seen) -> None:
            super().__init__()
            self.seen = seen

    def __init__(self, backstage: Backstage) -> None:
        super().__init__(id=Part.RUNS)
        self.seen = Seen()
        self._backstage = backstage
        self._models = backstage.run_models
        self._following = Following(backstage.paths)
        self._looking = asyncio.Lock()

    def compose(self) -> ComposeResult:
        yield Static(id="runs-missing", markup=False)
        with Horizontal():
            yield TrainingRuns()
            yield TrainingRun()
        yield Static(content(text.NO_RUNS), id="runs-empty")

    def on_mount(self) -> None:
        self.set_interval(LOOK_SECONDS, self._look_if_looked_at)
        missing = self.query_one("#runs-missing", Static)
        try:
            recipes.check_installed()
        except InputError as error:
            missing.update(content(str(error)))
        else:
            missing.display = False

    def begin(self) -> None:
        """Has the keys from now on."""
        self.list.focus()

    async def arrive(self) -> None:
        """Looks how the runs stand now; one look after the other."""
        async with self._looking:  # The curves are read on from where the look before ended.
            at_hand = self.list.at_hand
            name = at_hand.name if at_hand is not None else None
            adopted = frozenset[str]()
            paths, models = self._backstage.paths, self._models

            def look() -> Seen:
                nonlocal adopted
                chosen = set(models.choice().values()) if models is not None else set()
                adopted = frozenset(one.name for one in adopting.adoptions(paths) if one.name in chosen)
                return self._following.look(name)

            self.seen = await self._backstage.away(look)
            self._show(adopted)
        self.post_message(self.Looked(self.seen))

    async def look(self) -> None:
        """As `arrive`, but says what went wrong."""
        try:
            await self.arrive()
        except RecollectError as error:
            self._screen.report(error)

    async def _look_if_looked_at(self) -> None:
        if self.screen.is_current and not self._looking.locked():
            await self.look()

    def _show(self, adopted: frozenset[str]) -> None:
        seen = self.seen
        self.set_class(not seen.runs, "-nothing")
        far = {run.name: text.far_in_short(run, seen.far[run.name]) for run in seen.runs}
        self.list.fill(seen.runs, far, adopted)
        self.detail.show(seen, is_used=seen.name in adopted)

    @on(TrainingRuns.Moved)
    def _moved(self) -> None:
        self._look_there()

    @work(group="look")
    async def _look_there(self) -> None:
        await self.look()

    @on(TrainingRuns.Chosen)
    def _chosen(self) -> None:
        self.detail.focus()

    # What the user does

    @work
    async def action_start(self) -> None:
        recipe = await self.app.push_screen_wait(TrainingStart(self.seen.pace))
        if recipe is None:
            return
        paths = self._backstage.paths
        begun = await self._ask(lambda: runs.start(paths, recipes.based_on(recipe, self._base())))
        if begun is not None:
            self._screen.say(f"{begun.name} has begun. It goes on when you leave.")
            await self.look()
            self.list.go_to(begun.name)

    def _base(self) -> Scores | None:
        try:
            return self._models.in_use() if self._models is not None else None
        except EngineError:
            return None  # Then there is nothing to compare with, which is said where it matters.

    @work
    async def action_stop(self) -> None:
        run = self._at_hand()
        if run is not None and await self._ask(lambda: runs.stop(run)) is not None:
            self._screen.say(f"{run.name} is told to stop.")
            await self.look()

    @work
    async def action_resume(self) -> None:
        run, paths = self._at_hand(), self._backstage.paths
        if run is not None and await self._ask(lambda: runs.resume(paths, run)) is not None:
            self._screen.say(f"{run.name} goes on from where it last saved.")
            await self.look()

    @work
    async def action_adopt(self) -> None:
        run, models = self._at_hand(), self._kept_models()
        if run is None or models is None:
            return
        if await self._ask(lambda: _checked(run, models)) is None:
            return
        if reason := adopting.objection(run):
            asked = Confirm(f"Use {run.name} all the same?", f"{reason} b goes back later.", "Use it")
            if not await self.app.push_screen_wait(asked):
                return
        paths = self._backstage.paths
        if await self._ask(lambda: adopting.adopt(paths, run, models, insist=True)) is not None:
            self._backstage.model.change_models(run.name)
            self._screen.say(f"{run.name} is used from now on. b goes back.")
            await self.look()

    @work
    async def action_roll_back(self) -> None:
        models, paths = self._kept_models(), self._backstage.paths
        if models is None:
            return
        last = await self._ask(lambda: adopting.roll_back(paths, models))
        if last is not None:
            former = ", ".join(dict.fromkeys(name or "the model that came along" for name in last.former.values()))
            self._backstage.model.change_models(former)
            self._screen.say(f"{last.name} is no longer used; {former} is again.")
            await self.look()

    def action_turn(self) -> None:
        self.detail.turn()

    def action_log(self) -> None:
        if (run := self._at_hand()) is not None:
            said = log_tail(run.folder, MOST_OF_LOG).strip() or "It has said nothing."
            self.app.push_screen(Reading([(f"Log of {run.name}", said)], at_end=True))

    async def _ask(self, ask: Callable[[], Result]) -> Result | None:
        """What `ask` comes to, in a thread; None if it went wrong, which is then said."""
        try:
            return await self._backstage.away(ask)
        except RecollectError as error:
            self._screen.report(error)
            return None

    def _at_hand(self) -> Run | None:
        if self.list.at_hand is None:
            self._screen.say("There is no run yet. n starts one.")
        return self.list.at_hand

    def _kept_models(self) -> RunModels | None:
        if self._models is None:
            self._screen.say("There is nothing here that keeps models.")
        return self._models

    @property
    def list(self) -> TrainingRuns:
        return self.query_one(TrainingRuns)

    @property
    def detail(self) -> TrainingRun:
        return self.query_one(TrainingRun)

    @property
    def _screen(self) -> ModeScreen:
        return cast("ModeScreen", self.screen)


def _checked(run: Run, models: RunModels) -> bool:
    adopting.check_adoptable(run, models)
    return True
