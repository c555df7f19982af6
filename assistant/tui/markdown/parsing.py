"""From a text in Markdown to its blocks.

Promises that HTML is text like any other, and that line breaks stay where they were written. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING

from textual.content import Content

from assistant.tui.markdown.blocks import Block, Cells, Kind
from assistant.tui.markdown.inline import Environment, styled

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

QUOTED = "▌ "
BULLETS = ("• ", "◦ ", "▪ ")
"""By the depth of their list; the last one also for all that are deeper."""
TASKS = {"[ ] ": "☐ ", "[x] ": "☑ ", "[X] ": "☑ "}
_MARKED = re.compile(r"[\\`*_~\[<&|]|://|^(?:\s|[-+=>#]|\d{1,9}[.)])", re.MULTILINE)
"""What a text has that is more than paragraphs of plain words; and what only might be it."""

Styled = Callable[[str, Environment], Content]


@dataclass(frozen=True)
class Group:
    """What one block at the outermost level consists of, and its lines: from `start` to before `end`."""

    tokens: Sequence[Token]
    start: int
    end: int

    @property
    def type(self) -> str:
        return self.tokens[0].type


@cache
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt

    options = {"html": False, "maxNesting": 100}
    return MarkdownIt("commonmark", options).enable("table").disable(["inline", "text_join"])


def parse(text: str) -> list[Block]:
    """The blocks of a whole text."""
    if not _MARKED.search(text):
        return _plain_blocks(text)
    environment: Environment = {}
    groups = structure(text, environment)
    return Building(text, environment, styled).build(groups)


def as_it_stands(text: str) -> list[Block]:
    """One block with the text just so."""
    return [Block(Kind.TEXT, Content(text, strip_control_codes=False))]


def _plain_blocks(text: str) -> list[Block]:
    paragraphs = [part for part in re.split(r"\n{2,}", text.strip("\n")) if part]
    contents = ["\n".join(line.rstrip() for line in part.split("\n")) for part in paragraphs]
    return [
        Block(Kind.TEXT, Content(content, strip_control_codes=False), gap="" if at else None)
        for at, content in enumerate(contents)
    ]


def structure(source: str, environment: Environment) -> list[Group]:
    """The outermost blocks, whose words are not looked at yet. Adds what names of links mean to `environment`."""
    groups: list[Group] = []
    tokens = _parser().parse(source, environment)
    first = 0
    for at, token in enumerate(tokens):
        if token.level == 0 and token.nesting <= 0:
            start, end = tokens[first].map or [0, 0]
            groups.append(Group(tokens[first : at + 1], start, end))
            first = at + 1
    return groups


@dataclass
class _Around:
    """A quote, a list or an item of one around what is built; `used` once there is a block in it."""

    first: str = ""
    rest: str = ""
    is_list: bool = False
    is_item: bool = False
    ordered: bool = False
    number: int = 0
    line: int = 0
    used: bool = False


class Building:
    """Turns what the parser found in `source` into blocks. `number` is where a list goes on that began earlier."""

    def __init__(
        self, source: str, environment: Environment, style: Styled, *, follows: bool = False, number: int | None = None
    ) -> None:
        self._lines = source.split("\n")
        self._environment = environment
        self._style = style
        self._follows = follows
        self._number = number
        self._around: list[_Around] = []
        self._blocks: list[Block] = []

    def build(self, groups: Sequence[Group]) -> list[Block]:
        for group in groups:
            self.build_tokens(group.tokens)
        return self._blocks

    def build_tokens(self, tokens: Sequence[Token]) -> list[Block]:
        """Builds what may also be the first part of a list."""
        at = 0
        while at < len(tokens):
            at += self._take(tokens, at)
        return self._blocks

    def _take(self, tokens: Sequence[Token], at: int) -> int:
        """Builds what begins at a token, and says how many it took."""
        token = tokens[at]
        line = token.map[0] if token.map is not None else 0
        match token.type:
            case "paragraph_open" | "heading_open":
                self._add_text(token, tokens[at + 1].content, line)
                return 3
            case "fence" | "code_block":
                self._add(Block(Kind.CODE, _code(token), language=_language(token), closed=is_closed(token)), line)
            case "hr":
                self._add(Block(Kind.RULE), line)
            case "table_open":
                return self._add_table(tokens, at, line)
            case "blockquote_open":
                self._around.append(_Around(QUOTED, QUOTED, line=line))
            case "bullet_list_open" | "ordered_list_open":
                self._open_list(token)
            case "list_item_open":
                self._around.append(self._item(line))
            case "blockquote_close" | "list_item_close":
                if not self._around[-1].used:
                    self._add(Block(Kind.TEXT), self._around[-1].line)
                self._around.pop()
            case "bullet_list_close" | "ordered_list_close":
                self._around.pop()
        return 1

    def _open_list(self, token: Token) -> None:
        number = int(token.attrs.get("start", 1))
        if self._number is not None and not self._around:
            number, self._number = self._number, None
        self._around.append(_Around(is_list=True, ordered=token.type == "ordered_list_open", number=number))

    def _item(self, line: int) -> _Around:
        around = self._around[-1]
        if around.ordered:
            marker = f"{around.number}. "
            around.number += 1
        else:
            depth = sum(1 for outer in self._around if outer.is_list) - 1
            marker = BULLETS[min(depth, len(BULLETS) - 1)]
        return _Around(marker, " " * len(marker), is_item=True, line=line)

    def _add_text(self, token: Token, source: str, line: int) -> None:
        if token.type == "heading_open":
            content = self._style(source, self._environment)
            self._add(Block(Kind.HEADING, content, level=int(token.tag[1:])), line)
            return
        item = self._around[-1] if self._around else None
        if item is not None and item.is_item and not item.used and source[:4] in TASKS:
            mark = TASKS[source[:4]]
            # The box is the mark of a task; a number says in which order as well.
            item.first = item.first + mark if self._around[-2].ordered else mark
            item.rest = " " * len(item.first)
            source = source[4:]
        self._add(Block(Kind.TEXT, self._style(source, self._environment)), line)

    def _add_table(self, tokens: Sequence[Token], at: int, line: int) -> int:
        rows: list[list[Content]] = []
        aligns: list[str] = []
        size = 1
        while tokens[at + size].type != "table_close":
            token = tokens[at + size]
            if token.type == "tr_open":
                rows.append([])
            elif token.type == "inline":
                rows[-1].append(self._style(token.content, self._environment))
            elif token.type == "th_open":
                aligns.append(str(token.attrs.get("style", "")).removeprefix("text-align:") or "left")
            size += 1
        header, *body = (tuple(row) for row in rows)
        self._add(Block(Kind.TABLE, header=header, rows=_same_length(body, len(header)), aligns=tuple(aligns)), line)
        return size + 1

    def _add(self, block: Block, line: int) -> None:
        gap = self._gap(line)
        first = "".join(around.rest if around.used else around.first for around in self._around)
        rest = "".join(around.rest for around in self._around)
        for around in self._around:
            around.used = True
        self._follows = True
        self._blocks.append(replace(block, first=first, rest=rest, gap=gap))

    def _gap(self, line: int) -> str | None:
        """What stands above a block that begins in that line: nothing within a list that was written so."""
        if not self._follows:
            return None
        shared = [around for around in self._around if around.used]
        if shared and (shared[-1].is_list or shared[-1].is_item) and self._lines[line - 1].strip(" >\t"):
            return None
        return "".join(around.rest for around in shared).rstrip(" ")


def _same_length(rows: Sequence[Cells], length: int) -> tuple[Cells, ...]:
    return tuple((*row, *(Content() for _ in range(length - len(row))))[:length] for row in rows)


def _code(token: Token) -> Content:
    return Content(token.content.removesuffix("\n"), strip_control_codes=False)


def _language(token: Token) -> str:
    return token.info.strip().split(" ")[0] if token.type == "fence" else ""


def is_closed(token: Token) -> bool:
    """Whether the fence is there that ends it: a line more than the first one and those of the code."""
    if token.type != "fence" or token.map is None:
        return True
    lines = token.content.count("\n") + (not token.content.endswith("\n") and bool(token.content))
    return token.map[1] - token.map[0] - 1 > lines
