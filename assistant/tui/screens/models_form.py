"""The form by which a file at hand, a server or an address to download from is added.

Promises to ask only for what belongs to the kind of source that was typed. Adds nothing itself.
"""

from __future__ import annotations

import re
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Select, Static

from assistant.agents.generation import Agent
from assistant.tui.modeling.shelf import Addition, Wanted

_AGENTS = {"both agents": tuple(Agent), "Memory Manager": (Agent.MANAGER,), "Answer Agent": (Agent.ANSWER,)}
_STRUCTURES = ("auto", "grammar", "schema", "none")
_FIELDS = (
    ("name", "Name", "what to call it here; by itself that of the file", "file server download"),
    ("agents", "For", "", "file server"),
    ("model", "Model there", "what the server calls it, as qwen3:4b", "server"),
    ("key", "Key in", "the environment variable that holds its key, if it needs one", "server"),
    ("structure", "Form by", "", "server"),
    ("context", "Context", "tokens that it reads at once, at most 8192", "file server"),
    ("thinking", "Thinking", "tokens that it may think for before it answers", "file"),
    ("manager", "Adapter", "a LoRA file for the Memory Manager, if there is one", "file"),
    ("answer", "Adapter", "a LoRA file for the Answer Agent, if there is one", "file"),
    ("sha256", "SHA-256", "what it has to be, if you know it", "download"),
)
_SAID = {
    "": "A path of a GGUF file, a server such as http://localhost:11434/v1, or an https address of a GGUF file.",
    "file": "The file stays where it is. It is read once, for its checksum.",
    "server": "Nothing is sent there before you choose the model.",
    "download": "You are asked once more before anything is contacted.",
}


class ModelForm(ModalScreen[Addition | Wanted | None]):
    """An Addition, or what to download; None if it was left. Enter in any line adds, Esc leaves."""

    CSS_PATH = "models.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Leave"),
        Binding("up", "app.focus_previous", show=False),
        Binding("down", "app.focus_next", show=False),
    ]

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="form", can_focus=False):
            yield Static(_SAID[""], id="said")
            with Horizontal(classes="field"):
                yield Static("Source")
                yield Input(id="source", placeholder="~/models/qwen3-4b.gguf", compact=True)
            for name, label, hint, _ in _FIELDS:
                with Horizontal(classes="field", id=f"field-{name}"):
                    yield Static(label)
                    yield self._box(name, hint)
            yield Static(id="wrong", markup=False)
            with Horizontal(id="buttons"):
                yield Button("Add (Enter)", id="add", compact=True)
                yield Button("Leave (Esc)", id="leave", compact=True)

    def _box(self, name: str, hint: str) -> Input | Select[str]:
        match name:
            case "agents":
                return Select([(each, each) for each in _AGENTS], value="both agents", allow_blank=False, compact=True)
            case "structure":
                return Select([(each, each) for each in _STRUCTURES], value="auto", allow_blank=False, compact=True)
            case "context" | "thinking":
                return Input(placeholder=hint, type="integer", compact=True)
            case _:
                return Input(placeholder=hint, compact=True)

    def on_mount(self) -> None:
        self.query_one("#form").border_title = "Add a model"
        self._show_fields()

    @property
    def _source(self) -> str:
        return self.query_one("#source", Input).value.strip()

    @property
    def _kind(self) -> str:
        if not self._source:
            return ""
        if not re.match(r"https?://", self._source):
            return "file"
        return "download" if re.search(r"\.gguf($|[?#])", self._source) else "server"

    @on(Input.Changed, "#source")
    def _show_fields(self) -> None:
        kind = self._kind
        self.query_one("#said", Static).update(_SAID[kind])
        for name, _, _, kinds in _FIELDS:
            self.query_one(f"#field-{name}").display = kind in kinds.split()

    @on(Input.Submitted)
    @on(Button.Pressed, "#add")
    def _add(self) -> None:
        if wrong := self._wrong():
            self.query_one("#wrong", Static).update(f"✗ {wrong}")
        else:
            self.dismiss(self._told())

    @on(Button.Pressed, "#leave")
    def action_leave(self) -> None:
        self.dismiss(None)

    def _wrong(self) -> str:
        """What has to be said first."""
        if not self._source:
            return "Say where the model is."
        if self._kind == "server" and not self._typed("model"):
            return "Say what the server calls the model."
        if self._typed("name") and not re.fullmatch(r"[\w.-]+", self._typed("name")):
            return "A name has letters, digits, dots and dashes."
        return ""

    def _told(self) -> Addition | Wanted:
        if self._kind == "download":
            return Wanted(self._source, self._typed("name"), self._typed("sha256"))
        is_file = self._kind == "file"
        adapters = tuple((agent, self._typed(agent.value)) for agent in Agent if is_file and self._typed(agent.value))
        return Addition(
            self._source,
            name=self._typed("name"),
            agents=_AGENTS[self._chosen("agents")],
            adapters=adapters,
            context=int(self._typed("context") or 0),
            thinking=int(self._typed("thinking") or 0) if is_file else 0,
            model="" if is_file else self._typed("model"),
            key_variable="" if is_file else self._typed("key"),
            structure="auto" if is_file else self._chosen("structure"),
        )

    def _typed(self, name: str) -> str:
        return self.query_one(f"#field-{name}").query_one(Input).value.strip()

    def _chosen(self, name: str) -> str:
        return str(self.query_one(f"#field-{name}").query_one(Select).value)
