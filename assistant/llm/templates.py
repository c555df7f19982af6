"""A model's own chat template, rendered so that it never sees what the messages say.

Promises that each message's text comes out as one part of its own, apart from what the template says around it. Knows
nothing of tokens, nor of llama.cpp.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import Any, NoReturn

import jinja2
from jinja2.ext import Extension, loopcontrols
from jinja2.nodes import Node
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

from assistant.agents.generation import ChatMessage, Role

CHATML = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
"""ChatML, for the models that ship and for files with its tokens and no template."""

_OPEN, _SHUT = "\ue000", "\ue001"
"""Stand around a message's number where its text will be. White space would be stripped, letters could be changed."""
_SENTINEL = re.compile(f"{_OPEN}(\\d+){_SHUT}")

_BLANK_LINE = "\n\n"
_LEFT_OUT = "…"
"""What the user is made to have said where a template wants a question and there is only an answer."""

_RENDERING_ERRORS = (
    jinja2.TemplateError,
    ArithmeticError,
    AttributeError,
    LookupError,
    RuntimeError,
    TypeError,
    ValueError,
)
"""What foreign code that is no more than expressions, loops and macros can raise."""


class TemplateError(Exception):
    """The template cannot be read, or what it makes of a prompt cannot be used."""


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of a rendered prompt: the text of message number `message`, or what the template says (None)."""

    text: str
    message: int | None = None


@dataclass(frozen=True, slots=True)
class Marks:
    """What stands around a model's thinking, and the gap between that and the answer."""

    begin: str
    end: str
    gap: str = ""


@dataclass(frozen=True, slots=True)
class _Thinking:
    """A way to think. `answer` begins one without thoughts, where no switch of the template does."""

    marks: Marks
    before: str = "\n"
    after: str = "\n"
    answer: str = ""


_WAYS_TO_THINK = (
    _Thinking(Marks("<think>", "</think>", "\n\n")),
    _Thinking(Marks("[THINK]", "[/THINK]"), "", ""),
    _Thinking(Marks("<|channel>thought", "<channel|>"), "\n", ""),
    _Thinking(Marks("<seed:think>", "</seed:think>"), "", ""),
    _Thinking(Marks("<mm:think>", "</mm:think>"), "", ""),
    _Thinking(Marks("<|START_THINKING|>", "<|END_THINKING|>"), "", ""),
    _Thinking(Marks("<|inner_prefix|>", "<|inner_suffix|>"), "", ""),
    _Thinking(
        Marks("<|channel|>analysis<|message|>", "<|end|><|start|>assistant<|channel|>final<|message|>"),
        *("", ""),
        answer="<|channel|>final<|message|>",
    ),
)

_SWITCHES: Mapping[bool, Mapping[str, Any]] = {
    False: {
        "enable_thinking": False,
        "thinking": False,
        "reasoning": False,
        "thinking_budget": 0,
        "thinking_mode": "disabled",
        "thinking_option": "off",
    },
    True: {
        "enable_thinking": True,
        "thinking": True,
        "reasoning": True,
        "thinking_mode": "enabled",
        "thinking_option": "on",
    },
}
"""The names by which published templates know one and the same switch."""

_MARKUP = re.compile(r"<[^<>\s]{1,40}>|<<[^<>\s]{1,20}>>|\[[^\[\]\s]{1,40}\]|^[ \t]*#[^\n]{0,60}", re.MULTILINE)
"""What may mark a turn in plain text: `[INST]`, `<<SYS>>`, `### Instruction:`."""


@dataclass(frozen=True, slots=True)
class _Turn:
    """A message as the template gets it: whose it is, and the numbers of the messages whose texts it is made of."""

    role: Role
    messages: tuple[int | None, ...]


class ChatTemplate:
    """A Jinja chat template. `bos` and `eos` are the texts of the tokens that it knows by those names.

    `marks` stand around the thoughts of its models, None if they do not think. `markup` holds what would look like the
    template's own in a message: marks in brackets, headings. Raises TemplateError.
    """

    def __init__(self, source: str, *, bos: str = "", eos: str = "") -> None:
        if any(mark in text for mark in (_OPEN, _SHUT) for text in (source, bos, eos)):
            raise TemplateError("the template has private characters of its own")
        self.source = source
        self._bos = bos
        self._eos = eos
        self._way = next((w for w in _WAYS_TO_THINK if _mentions(source, w.marks)), None)
        self.marks = self._way.marks if self._way else None
        try:
            self._template = _ENVIRONMENT.from_string(source)
        except _RENDERING_ERRORS as error:
            raise TemplateError(f"the template cannot be read: {error}") from error
        # A prompt's form follows from who speaks and the date alone, and a conversation renders the same ones again.
        self._form = lru_cache(maxsize=256)(self._rendered)
        self._in_parts = False
        self._take_system = self._take_later_system = self._take_any_order = True
        self._try()
        self.markup = self._own_markup()

    def parts(self, prompt: Sequence[ChatMessage], *, thinking: bool = False) -> list[Part]:
        """`prompt` up to where the assistant begins to write: its thoughts if `thinking`, else its answer at once.

        Raises TemplateError if the template does not show every message once.
        """
        turns = self._turns([message.role for message in prompt])
        parts: list[Part] = []
        for piece in self._form(tuple(turn.role for turn in turns), thinking, date.today()):
            if isinstance(piece, str):
                parts.append(Part(piece))
                continue
            for place, number in enumerate(turns[piece].messages):
                if place:
                    parts.append(Part(_BLANK_LINE))
                parts.append(Part(_LEFT_OUT) if number is None else Part(prompt[number].text, number))
        return parts

    def _try(self) -> None:
        """Finds out what the template takes, by what it makes of small conversations. Raises TemplateError."""
        system, user, assistant = Role.SYSTEM, Role.USER, Role.ASSISTANT
        if not self._takes(user):
            self._in_parts = True
        for roles in ((user,), (user, assistant, user)):
            self._form(roles, False, date.today())
        self._take_system = self._takes(system, user) and self._takes(system, user, assistant, user)
        self._take_any_order = self._takes(user, user) and self._takes(assistant, user)
        # Where turns must be taken, instructions between two of them would be one of the two.
        later = self._take_system and self._take_any_order
        self._take_later_system = later and self._takes(system, user, system, user)

    def _takes(self, *roles: Role) -> bool:
        try:
            self._form(roles, False, date.today())
        except TemplateError:
            return False
        return True

    def _turns(self, roles: Sequence[Role]) -> list[_Turn]:
        """The messages as the template takes them: some become one, some get another role."""
        turns = [_Turn(self._role(role, first=n == 0), (n,)) for n, role in enumerate(roles)]
        if not self._take_any_order:
            turns = _alternating(turns)
        if turns and turns[0].role is Role.SYSTEM and not (self._take_system and self._takes_first(turns)):
            self._hand_over_system(turns)
        return turns

    def _role(self, role: Role, *, first: bool) -> Role:
        return Role.USER if role is Role.SYSTEM and not first and not self._take_later_system else role

    def _takes_first(self, turns: Sequence[_Turn]) -> bool:
        """Instructions without anybody who asks are a question to some templates."""
        return len(turns) > 1 or self._takes(Role.SYSTEM)

    @staticmethod
    def _hand_over_system(turns: list[_Turn]) -> None:
        """Makes the instructions the beginning of the first thing that the user says."""
        asked = next((n for n, turn in enumerate(turns) if turn.role is Role.USER), None)
        if asked is None:
            turns[0] = _Turn(Role.USER, turns[0].messages)
        else:
            turns[asked] = _Turn(Role.USER, turns[0].messages + turns[asked].messages)
            del turns[0]

    def _rendered(self, roles: tuple[Role, ...], thinking: bool, _day: date) -> tuple[str | int, ...]:
        """What the template says, with the number of a turn where its text stands. Raises TemplateError."""
        sentinels = [f"{_OPEN}{n}{_SHUT}" for n in range(len(roles))]
        contents = [[{"type": "text", "text": s}] for s in sentinels] if self._in_parts else sentinels
        try:
            text = self._template.render(
                messages=[{"role": r.value, "content": c} for r, c in zip(roles, contents, strict=True)],
                add_generation_prompt=True,
                bos_token=self._bos,
                eos_token=self._eos,
                **_SWITCHES[thinking],
            )
        except _RENDERING_ERRORS as error:
            raise TemplateError(f"the template cannot render a conversation: {error}") from error
        # Some templates write the text at the beginning and name the token as well.
        while self._bos and text.startswith(2 * self._bos):
            text = text.removeprefix(self._bos)
        pieces = _SENTINEL.split(text)
        shown = [int(number) for number in pieces[1::2]]
        if sorted(shown) != list(range(len(roles))):
            raise TemplateError("the template does not show each message once")
        pieces[-1] = self._opened(pieces[-1]) if thinking else self._closed(pieces[-1])
        form = [piece if n % 2 == 0 else int(piece) for n, piece in enumerate(pieces)]
        return tuple(piece for piece in form if piece != "")

    def _opened(self, end: str) -> str:
        """The end of a prompt, so that thoughts come next."""
        if self._way is None or end.rstrip().endswith(self._way.marks.begin):
            return end
        return end + self._way.marks.begin + self._way.before

    def _closed(self, end: str) -> str:
        """The end of a prompt, so that the answer comes next."""
        if self._way is None:
            return end
        if end.rstrip().endswith(self._way.marks.begin):
            return f"{end.rstrip()}{self._way.before}{self._way.after}{self._way.marks.end}{self._way.marks.gap}"
        return end + self._way.answer

    def _own_markup(self) -> frozenset[str]:
        roles = (Role.SYSTEM, Role.USER, Role.ASSISTANT, Role.USER)
        turns = self._turns(roles)
        form = self._form(tuple(turn.role for turn in turns), False, date.today())
        found = {mark.strip() for piece in form if isinstance(piece, str) for mark in _MARKUP.findall(piece)}
        if self.marks:
            found |= {self.marks.begin, self.marks.end}
        return frozenset(mark for mark in found if len(mark) > 1)


def _mentions(source: str, marks: Marks) -> bool:
    # What ends with an answer's beginning is written in pieces; its own beginning is enough.
    end = marks.end if not marks.end.startswith("<|end|>") else marks.begin
    return marks.begin in source and end in source


def _alternating(turns: Sequence[_Turn]) -> list[_Turn]:
    """`turns` with neighbours of one role made one, and a question in front of an answer to nothing."""
    made: list[_Turn] = []
    for turn in turns:
        if made and made[-1].role is turn.role:
            made[-1] = _Turn(turn.role, made[-1].messages + turn.messages)
        else:
            if turn.role is Role.ASSISTANT and (not made or made[-1].role is Role.SYSTEM):
                made.append(_Turn(Role.USER, (None,)))
            made.append(turn)
    return made


def _now(form: str) -> str:
    return datetime.now().astimezone().strftime(form)


def _refuse(message: str) -> NoReturn:
    raise jinja2.TemplateError(message)


def _to_json(
    value: Any,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    # Jinja's own filter escapes for HTML, which no model was trained on.
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


class _Generation(Extension):
    """`{% generation %}`, by which training finds what the assistant wrote: here no more than what it stands around."""

    tags = {"generation"}  # noqa: RUF012 - as Jinja declares it

    def parse(self, parser: Parser) -> list[Node]:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


def _environment() -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols, _Generation]
    )
    environment.globals |= {"raise_exception": _refuse, "strftime_now": _now}
    environment.filters["tojson"] = _to_json
    return environment


_ENVIRONMENT = _environment()
