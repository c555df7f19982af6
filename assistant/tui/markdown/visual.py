"""Blocks as one widget draws them: their height, and each row as a strip, made once.

Promises that a row costs something only when it is asked for, and that rows which did not change are not made again.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

from textual.content import Content, Span
from textual.css.styles import RulesMap
from textual.selection import Selection
from textual.strip import Strip
from textual.style import Style
from textual.visual import RenderOptions, Visual

from assistant.tui.markdown.blocks import Block, Kind
from assistant.tui.markdown.rows import Drawn, Laid, lay, piece
from assistant.tui.markdown.wrapping import cells

CURSOR = "▍"
_ONE_ROW: RulesMap = {"text_wrap": "nowrap", "text_overflow": "clip"}

Code = tuple[str, str]
"""Code and its language."""


class BlocksVisual(Visual):
    """Blocks, one below the other. `cursor` is whether there stands a mark behind the last word."""

    def __init__(self) -> None:
        self.cursor = False
        self.uncoloured: set[Code] = set()
        """Code that was drawn, and whose colours are not known yet."""
        self._colours: dict[Code, list[Content] | None] = {}
        self._blocks: Sequence[Block] = ()
        self._layout: _Layout | None = None
        self._strips: list[Strip | None] = []
        self._style = Style()

    def show(self, blocks: Sequence[Block]) -> int:
        """Takes what there is to show by now. Gives the first row that may look different."""
        self._blocks = blocks
        if self._layout is None:
            return 0
        last = self._layout.height - 1  # It may have had the cursor.
        changed = max(min(self._layout.follow(blocks, self._colours), last), 0)
        del self._strips[changed:]
        return changed

    def take_colours(self, code: Code, lines: list[Content] | None) -> None:
        """Has that code drawn in its colours from now on; None is for none."""
        self._colours[code] = lines
        self.uncoloured.discard(code)
        self._layout = None
        self._strips.clear()

    def forget_strips(self) -> None:
        """Has all drawn anew, because the colours changed that they are drawn in."""
        self._strips.clear()

    def get_optimal_width(self, rules: RulesMap, container_width: int) -> int:
        return container_width

    def get_height(self, rules: RulesMap, width: int) -> int:
        return self._at(width).height

    def render_strips(self, width: int, height: int | None, style: Style, options: RenderOptions) -> list[Strip]:
        rows = self._at(width).height
        return [self.strip(y, width, style, options) for y in range(rows if height is None else min(rows, height))]

    def strip(self, y: int, width: int, style: Style, options: RenderOptions) -> Strip:
        """One row."""
        layout = self._at(width)
        if style != self._style:
            self._style = style
            self._strips.clear()
        if not 0 <= y < layout.height:
            return Strip.blank(width, style.rich_style)
        span = options.selection.get_span(y) if options.selection is not None else None
        is_last = self.cursor and y == layout.height - 1
        if not is_last and span is None:
            self._strips += [None] * (y + 1 - len(self._strips))
            known = self._strips[y]
            if known is None:
                known = self._strips[y] = self._draw(layout, y, style, options)
            return known
        return self._draw(layout, y, style, options, span, cursor=is_last)

    def copied(self, selection: Selection, width: int) -> str:
        """What of the text is selected, without the marks and breaks that laying it out adds."""
        layout = self._at(width)
        parts: list[str] = []
        for y in range(layout.height):
            span = selection.get_span(y)
            if span is None:
                continue
            start, end = span
            drawn = layout.row(y)
            parts.append(drawn.glue if parts else "")
            parts.append(drawn.text[max(start, drawn.lead) : None if end == -1 else end])
        return "".join(parts)

    def _at(self, width: int) -> _Layout:
        if self._layout is None or self._layout.width != width:
            self._layout = _Layout(width)
            self._layout.follow(self._blocks, self._colours)
            self._strips.clear()
        return self._layout

    def _draw(
        self,
        layout: _Layout,
        y: int,
        style: Style,
        options: RenderOptions,
        span: tuple[int, int] | None = None,
        *,
        cursor: bool = False,
    ) -> Strip:
        self._note_colours(layout.block(y))
        drawn = layout.row(y)
        content = drawn.content
        if span is not None and options.selection_style is not None:
            start, end = span
            content = content.stylize(options.selection_style, start, len(content.plain) if end == -1 else end)
        if cursor and cells(content.plain) < layout.width:
            text = content.plain + CURSOR
            content = Content(text, [*content.spans, Span(len(text) - 1, len(text), "dim")], strip_control_codes=False)
        if drawn.ground:
            content = _on_ground(content, drawn, layout.width)
        plain = RenderOptions(options.get_style, _ONE_ROW)
        strips = content.render_strips(max(layout.width, 1), None, style, plain)
        return strips[0].apply_offsets(0, y) if strips else Strip.blank(0)

    def _note_colours(self, block: Block) -> None:
        if block.kind is Kind.CODE and block.closed and block.language:
            code = (block.content.plain, block.language)
            if code not in self._colours:
                self.uncoloured.add(code)


def _on_ground(content: Content, drawn: Drawn, width: int) -> Content:
    text = content.plain + " " * (width - cells(content.plain))
    return Content(text, [Span(drawn.ground_from, len(text), drawn.ground), *content.spans], strip_control_codes=False)


def _is_same(old: Block, new: Block) -> bool:
    """Whether two blocks of words are known to be the same without looking at the words."""
    if old.content is not new.content or old.kind not in (Kind.TEXT, Kind.HEADING):
        return False
    return (old.kind, old.first, old.rest, old.gap, old.level) == (new.kind, new.first, new.rest, new.gap, new.level)


class _Layout:
    """Blocks laid out for a width."""

    def __init__(self, width: int) -> None:
        self.width = width
        self.height = 0
        self._blocks: list[Block] = []
        self._laid: list[Laid] = []
        self._starts: list[int] = []

    def follow(self, blocks: Sequence[Block], colours: dict[Code, list[Content] | None]) -> int:
        """Lays out what changed. Gives the first row that may look different."""
        same = 0
        for old, new in zip(self._blocks, blocks, strict=False):
            if old is not new and not _is_same(old, new):
                break
            same += 1
        before, changed = self._laid[same:], self._starts[same] if same < len(self._starts) else self.height
        height = changed
        del self._blocks[same:], self._laid[same:], self._starts[same:]
        for at, block in enumerate(blocks[same:]):
            old_laid = before[at] if at < len(before) else None
            coloured = colours.get((block.content.plain, block.language)) if block.kind is Kind.CODE else None
            laid = lay(block, self.width, old_laid, coloured)
            gap = block.gap is not None
            if at == 0 and old_laid is not None and laid.kept:
                changed += gap + laid.kept
            self._blocks.append(block)
            self._laid.append(laid)
            self._starts.append(height)
            height += gap + laid.height
        self.height = height
        return changed

    def block(self, y: int) -> Block:
        return self._blocks[bisect_right(self._starts, y) - 1]

    def row(self, y: int) -> Drawn:
        at = bisect_right(self._starts, y) - 1
        block, within = self._blocks[at], y - self._starts[at]
        if block.gap is None:
            return self._laid[at].row(within)
        if within == 0:
            return Drawn(piece(Content(), 0, 0, block.gap if cells(block.gap) <= self.width else ""))
        return self._laid[at].row(within - 1)
