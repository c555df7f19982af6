"""What a text in Markdown consists of: blocks, one below the other, each with what stands before its lines.

Values only. Knows nothing of how they are found in a text or drawn.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from textual.content import Content

Cells = tuple[Content, ...]
"""A row of a table."""


class Kind(StrEnum):
    """What a block is."""

    TEXT = "text"
    HEADING = "heading"
    CODE = "code"
    TABLE = "table"
    RULE = "rule"


@dataclass(frozen=True, eq=False)
class Block:
    """A piece of text that is laid out by itself.

    Quotes and lists are told by what stands before its lines: `first` before the first one, such as "▌ • ", and `rest`,
    which is as wide, before the others. `gap` stands on a line of its own above the block; None is for no such line.
    """

    kind: Kind
    content: Content = field(default_factory=Content)
    first: str = ""
    rest: str = ""
    gap: str | None = None
    level: int = 0
    """Of a heading, from 1 to 6."""
    language: str = ""
    """Of code."""
    closed: bool = True
    """Whether the end of code is known."""
    header: Cells = ()
    rows: tuple[Cells, ...] = ()
    """Of a table, without its header; each with as many cells as that."""
    aligns: tuple[str, ...] = ()
    """Of a table: "left", "center" or "right" for each column."""
