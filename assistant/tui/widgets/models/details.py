"""What is known of the model that is pointed at, a line for each thing, and what one can do with it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from textwrap import wrap

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.events import Resize
from textual.widgets import Static

from assistant.agents.generation import Agent
from assistant.tui.modeling.downloads import Download, State
from assistant.tui.modeling.shelf import InstalledModel, OfferedModel, Stock
from assistant.tui.shown import content, plain
from assistant.tui.widgets.models import text

_LABEL = 9
Line = tuple[str, str]


class ModelDetails(VerticalScroll):
    """The details of one model; what there is no room for is scrolled to."""

    def __init__(self) -> None:
        super().__init__()
        self._head = ""
        self._lines: list[Line] = []

    def compose(self) -> ComposeResult:
        yield Static()

    def show(self, head: str, lines: Iterator[Line]) -> None:
        """Shows `head` and the lines below it, each a label and what there is to say."""
        self._head, self._lines = head, list(lines)
        self._draw()

    def on_resize(self, _: Resize) -> None:
        self._draw()

    def _draw(self) -> None:
        width = max(20, self.scrollable_content_region.width - _LABEL - 1)
        said = [content(self._head).stylize("bold")]
        for label, value in self._lines:
            for number, part in enumerate(wrap(plain(value), width, break_on_hyphens=False) or [""]):
                said.append(Content.styled(f"{'' if number else label:{_LABEL}} ", "dim") + Content(part))
        self.query_one(Static).update(Content("\n").join(said))


def of_installed(model: InstalledModel, stock: Stock, now: datetime, trouble: str) -> Iterator[Line]:
    """What there is to say of a model that is here; `trouble` is what is wrong with it beside that."""
    if model.problem or trouble:
        yield "✗", model.problem or trouble
    used = text.serves(model.used_by) if model.used_by else "nobody now"
    alone = f"; it is for {text.who(model.agents)} alone" if len(model.agents) < len(Agent) else ""
    yield "serves", f"{used}{alone}"
    if stock.pinned:
        yield "", f"RECOLLECT_MODEL names {_home(stock.pinned)} for both agents, whatever is chosen here"
    if model.server:
        yield from _of_server(model)
    else:
        yield "memory", _memory(model.memory, stock.memory)
        stored = ", ".join(part for part in (_parameters(model.parameters), model.quantisation) if part)
        yield "size", f"{text.size(model.size) or 'no file'}{f'; {stored}' if stored else ''}"
    yield "context", f"{model.context:,} tokens{f', thinks for {model.thinking:,} first' if model.thinking else ''}"
    yield (
        "made for",
        "this: trained for both tasks" if model.trained else "anything: it gets instructions for both tasks",
    )
    measured = [speed for speed in stock.speeds if speed.model == model.name]
    for each in measured:
        yield "speed", f"{each.speed.words}; {text.measured_when(each, now)}"
    if not measured:
        yield (
            "speed",
            "not measured yet; s measures it" if model.used_by else "not measured; put it to use, then press s",
        )
    for agent, path in model.adapters.items():
        yield "adapter", f"{text.AGENT_NAMES[agent]}: {_home(path)}"
    if model.licence:
        yield "licence", model.licence
    if model.path:
        yield "file", f"{_home(model.path)}{'; came with Recollect' if model.came_along else ''}"


def of_offered(model: OfferedModel, stock: Stock, download: Download | None) -> Iterator[Line]:
    """What there is to say of a model that can be had."""
    if download is not None and download.error is not None and download.state is State.FAILED:
        yield "✗", str(download.error)
    if download is not None and download.state is not State.DONE:
        done = (
            f"{text.size(download.done)} of {text.size(download.total)}" if download.total else text.size(download.done)
        )
        yield "download", f"{done}; {text.how_far(download)}"
    elif model.begun is not None:
        yield "download", f"{text.size(model.begun)} of {text.size(model.size)} are here; r goes on, x drops them"
    if model.in_catalogue:
        yield "memory", _memory(model.memory, stock.memory)
    yield (
        "size",
        "; ".join(part for part in (text.size(model.size), _parameters(model.parameters), model.family) if part),
    )
    yield "disk", _disk(model, stock.disk)
    if model.context:
        thinks = "; may think before it answers" if model.thinking else ""
        yield "context", f"{model.context:,} tokens{thinks}"
    if model.licence:
        yield "licence", model.licence
    yield "from", model.url


def _of_server(model: InstalledModel) -> Iterator[Line]:
    where = "in your own network" if model.is_private else "elsewhere, over https"
    yield "server", f"{model.server}, {where}"
    yield "", f"called {model.server_model} there; what it is asked goes there: messages, and memories on offer"
    if model.key_variable:
        yield "key", f"in the environment variable {model.key_variable}"


def _memory(needed: int | None, there: int | None) -> str:
    drawn = f" {text.bar(needed, there)}" if needed is not None and there else ""
    return f"{text.memory(needed, there)}{drawn}"


def _disk(model: OfferedModel, there: int | None) -> str:
    if there is None or model.size is None:
        return "nobody knows how much is free"
    how = "enough" if model.disk <= there else "too little"
    return f"{text.size(there)} are free: {how}"


def _parameters(number: int) -> str:
    return f"{text.count(number)} weights" if number > 0 else ""


def _home(path: str) -> str:
    home = str(Path.home())
    return f"~{path[len(home) :]}" if path.startswith(f"{home}/") else path
