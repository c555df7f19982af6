"""The blocks of a text that comes in pieces.

Promises that a piece costs what the last block costs, or of a list its last item, of a table its last row, of code its
last line and of a long paragraph its last words; that only the last block may look different once the text is whole;
and that after `finish` the blocks are those of the whole text, however it was cut. Pure.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

from textual.content import Content

from assistant.tui.markdown.blocks import Block, Cells
from assistant.tui.markdown.inline import ASIDE, CODE, Environment, joined, styled, without_first
from assistant.tui.markdown.parsing import Building, Group, is_closed, parse, structure

LONG = 600
"""Characters from which a paragraph is read from a place within it."""
KEPT_BACK = 120
"""Characters of such a paragraph that are read again and again."""
LONG_UNCLEAR = 2400
"""The same if it is not sure that what was read will not mean something else."""
_UNCLEAR = re.compile(r"[`~\[]|(?<!\s)\*|\*(?!\s)|(?<!\w)_|_(?!\w)")
"""What may yet be the beginning of something."""
_SURELY_BEGUN = re.compile(r" {0,3}[^\W\d_]| {0,3}\S.{40}")
"""The beginning of a line that is a paragraph's, and will stay so."""
_LISTS = ("bullet_list_open", "ordered_list_open")
_ITEM = re.compile(r"\s*(?:(?P<bullet>[-+*])|\d{1,9}(?P<ordered>[.)]))")


@dataclass(frozen=True)
class _Open:
    """The block that the text goes on in: `stub` is what to put before the rest to have it read as its continuation."""

    type: str
    stub: str
    start: int
    """Where it began in the text."""
    content: Content = field(default_factory=Content)
    """What is known of code or of a paragraph."""
    rows: tuple[Cells, ...] = ()
    """The rows that are known of a table."""
    number: int = 0
    """Which item the stub stands for."""
    is_sure: bool = True
    """Whether what is known of a paragraph will not change."""


class Growing:
    """A text that grows, and its blocks."""

    def __init__(self) -> None:
        self.text = ""
        self._settled: list[Block] = []
        self._last: list[Block] = []
        self._at = 0
        self._open: _Open | None = None
        self._environment: Environment = {}
        self._known: dict[str, Content] = {}
        self._may_open = True

    @property
    def blocks(self) -> list[Block]:
        """What there is so far; those that did not change are the very same objects."""
        return [*self._settled, *self._last]

    def add(self, piece: str) -> None:
        """Takes the next piece of the text."""
        self.text += piece
        groups, environment = self._read()
        while self._settle(groups):
            groups, environment = self._read()
        self._last = self._build(groups, environment)
        if self._last and not self._last[-1].closed and groups[-1].type == "fence":
            self._last[-1] = _without_closing(self._last[-1], groups[-1].tokens[0].markup)

    def finish(self) -> None:
        """Makes what there is exact; no more will come."""
        if "]:" in self.text:  # It may say where a link leads that stands before it.
            self._settled, self._last = parse(self.text), []
            return
        if self._open is not None and not self._open.is_sure:
            self._read_anew(self._open.start)
        groups, environment = self._read()
        while not self._fits(groups):
            assert self._open is not None
            self._read_anew(self._open.start)
            groups, environment = self._read()
        self._last = self._build(groups, environment)

    # Reading

    @property
    def _source(self) -> str:
        return (self._open.stub if self._open is not None else "") + self.text[self._at :]

    def _read(self) -> tuple[list[Group], Environment]:
        environment = {"references": dict(self._environment.get("references", {}))}
        return structure(self._source, environment), environment

    def _read_anew(self, start: int) -> None:
        """Forgets what is known of the block at hand, which is not what it seemed to be."""
        self._at, self._open, self._may_open = start, None, False

    def _build(self, groups: list[Group], environment: Environment) -> list[Block]:
        known, self._known = self._known, {}

        def style(source: str, environment: Environment) -> Content:
            if environment.get("references"):
                return styled(source, environment)
            content = self._known.get(source) or known.get(source) or styled(source, environment)
            self._known[source] = content
            return content

        number = self._open.number if self._open is not None and self._open.type in _LISTS else None
        follows = bool(self._settled)
        blocks = Building(self._source, environment, style, follows=follows, number=number).build(groups)
        return self._continued(blocks)

    def _continued(self, blocks: list[Block]) -> list[Block]:
        """`blocks` with the first one as it is, not as it looks behind its stub."""
        if self._open is None or not blocks:
            return blocks
        first, *others = blocks
        match self._open.type:
            case known if known in _LISTS:
                return others
            case "fence":
                code = Content(first.content.plain.removeprefix("x\n"), strip_control_codes=False)
                first = replace(first, content=joined(self._open.content, code))
            case "table_open":
                first = replace(first, rows=(*self._open.rows, *first.rows))
            case _:
                first = replace(first, content=joined(self._open.content, without_first(first.content)))
        return [first, *others]

    # Settling

    def _fits(self, groups: list[Group]) -> bool:
        """Whether the block at hand still is what it was taken for."""
        if self._open is None:
            return True
        types = ("paragraph_open", "heading_open") if self._open.type == "paragraph_open" else (self._open.type,)
        return bool(groups) and groups[0].type in types

    def _settle(self, groups: list[Group]) -> bool:
        """Puts away what will not change. Says whether anything was, so that the rest is to be read again."""
        if not self._fits(groups):
            assert self._open is not None
            self._read_anew(self._open.start)
            return True
        lines = self._source.split("\n")
        complete = len(lines) - 1
        begun = [at for at in range(1, len(groups)) if _is_begun(groups[at], lines)]
        if begun:
            return self._settle_groups(groups[: begun[-1]], lines)
        if len(groups) != 1:
            return False
        group = groups[0]
        if _is_over(group, complete):
            return self._settle_groups(groups, lines)
        if not self._may_open:
            return False
        match group.type:
            case "bullet_list_open" | "ordered_list_open":
                return self._settle_items(group, lines, complete)
            case "fence":
                return self._settle_code(group, lines, complete)
            case "table_open":
                return self._settle_rows(group, lines, complete)
            case "paragraph_open":
                return self._settle_words()
        return False

    def _settle_groups(self, groups: list[Group], lines: list[str]) -> bool:
        if self._open is not None and not self._open.is_sure:
            self._read_anew(self._open.start)
            return True
        self._put_away(groups, self._after(lines, groups[-1].end))
        self._open, self._may_open = None, True
        return True

    def _put_away(self, groups: list[Group], end: int) -> None:
        environment = {"references": dict(self._environment.get("references", {}))}
        settled = self.text[self._at : end]
        if "]:" in settled:
            structure(settled, self._environment)
            environment = self._environment
        self._settled += self._build(groups, environment)
        self._at = end

    def _settle_items(self, group: Group, lines: list[str], complete: int) -> bool:
        items = [at for at, token in enumerate(group.tokens) if token.type == "list_item_open" and token.level == 1]
        starts = [(group.tokens[at].map or [0])[0] for at in items]
        last = max((at for at, start in enumerate(starts) if start < complete), default=0)
        if last <= (1 if self._open is not None else 0):
            return False
        start = self._start_of(group)
        number = self._open.number if self._open is not None else int(group.tokens[0].attrs.get("start", 1))
        part = Group(group.tokens[: items[last]], group.start, starts[last])
        self._put_away([part], self._after(lines, starts[last]))
        mark = _ITEM.match(lines[starts[last]])
        assert mark is not None, "an item begins with its mark"
        # As far in as an item may be, so that none of its siblings is taken for a part of it.
        stub = f"   {mark['bullet'] or '1' + mark['ordered']} x\n" + "\n" * (not lines[starts[last] - 1].strip())
        self._open = _Open(group.type, stub, start, number=number + last - 1)
        return True

    def _settle_code(self, group: Group, lines: list[str], complete: int) -> bool:
        first = group.start + (1 if self._open is None else 2)
        known = complete - first - 1  # One line stays, so that there is code behind the stub.
        if known < 1 or is_closed(group.tokens[0]):
            return False
        code = group.tokens[0].content.split("\n")[first - group.start - 1 :][:known]
        before = self._open.content.plain if self._open is not None else ""
        start = self._start_of(group)
        self._at = self._after(lines, complete - 1)
        content = Content(before + "".join(f"{line}\n" for line in code), strip_control_codes=False)
        # A line of code between, or the opening line may be taken for the header of a table.
        self._open = _Open(group.type, f"{lines[group.start]}\nx\n", start, content)
        return True

    def _settle_rows(self, group: Group, lines: list[str], complete: int) -> bool:
        known = complete - group.start - 2
        if known < 1:
            return False
        start = self._start_of(group)
        rows = self._build([group], {})[0].rows
        rows = rows[: len(rows) - (group.end - group.start - 2 - known)]
        self._at = self._after(lines, complete)
        self._open = _Open(group.type, "\n".join(lines[group.start : group.start + 2]) + "\n", start, rows=rows)
        return True

    def _settle_words(self) -> bool:
        source = self._source
        if len(source) < LONG or source.lstrip().startswith("["):
            return False
        end = len(source) - KEPT_BACK
        cut = max(source.rfind(" ", 0, end), source.rfind("\n", 0, end))
        while cut > 0 and source[cut - 1].isspace():
            cut -= 1
        stub = self._open.stub if self._open is not None else ""
        is_long = len(source) >= LONG_UNCLEAR
        if cut <= len(stub) or source[:cut].isspace():
            if not is_long:
                return False
            cut = end
        content, is_sure = self._words(source[:cut])
        # A line may turn out to be the header of a table, of which all cells must be there.
        is_sure = is_sure and source[cut].isspace() and "|" not in source[:cut].rpartition("\n")[2]
        if not is_sure and not is_long:
            return False
        before = self._open
        if before is not None:
            content, is_sure = joined(before.content, without_first(content)), is_sure and before.is_sure
        start = before.start if before is not None else self._at
        self._at += cut - len(stub)
        self._open = _Open("paragraph_open", "x", start, content, is_sure=is_sure)
        return True

    def _words(self, source: str) -> tuple[Content, bool]:
        """What the beginning of a paragraph says, and whether it says that whatever follows."""
        content = styled(source.strip(), self._environment)
        plain = content.plain
        for start, end, style in content.spans:
            if style in (CODE, ASIDE):
                plain = plain[:start] + "." * (end - start) + plain[end:]
        return content, not _UNCLEAR.search(plain)

    def _start_of(self, group: Group) -> int:
        if self._open is not None:
            return self._open.start
        return self._at + len("".join(f"{line}\n" for line in self._source.split("\n")[: group.start]))

    def _after(self, lines: list[str], count: int) -> int:
        """Where in the text the line begins of that number in the source."""
        stub = len(self._open.stub) if self._open is not None else 0
        return self._at + len("".join(f"{line}\n" for line in lines[:count])) - stub


def _is_begun(group: Group, lines: list[str]) -> bool:
    """Whether there surely is another block from there on, whatever comes."""
    if group.start + 1 < len(lines) - 1:
        return True
    return group.type == "paragraph_open" and bool(_SURELY_BEGUN.match(lines[group.start]))


def _is_over(group: Group, complete: int) -> bool:
    """Whether a block ends where it ends now, whatever comes; lines up to `complete` are whole."""
    match group.type:
        case "heading_open" | "hr":
            return group.end <= complete
        case "fence":
            return group.end <= complete and is_closed(group.tokens[0])
        case "bullet_list_open" | "ordered_list_open" | "code_block":
            return False
    return group.end < complete


def _without_closing(block: Block, fence: str) -> Block:
    """Code without a last line that may be about to end it."""
    code, _, last = block.content.plain.rpartition("\n")
    if not last.strip() or last.strip().strip(fence[0]):
        return block
    return replace(block, content=Content(code, strip_control_codes=False))
