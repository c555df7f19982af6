"""A text that comes in pieces has the blocks of the whole text in the end, and almost so on the way."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from assistant.tui.markdown import growing
from assistant.tui.markdown.blocks import Block
from assistant.tui.markdown.growing import Growing
from assistant.tui.markdown.parsing import parse
from assistant.tui.shown import plain

PARTS = st.sampled_from(
    (
        "# §## §- §* §1. §2) §> §```§````§~~~§===§---§***§↵§↵↵§↵§↵§ §  §    §a§b c§word word §**§*§_§`§~~§[a]§[a]: x§(u)"
        "§[§]§:§|§| §a|b|§|-|-|§|a|b|↵|-|-|↵§-§+§1§.§\\§&amp;§<b>§https://e.org §[ ] §[x] §py↵§x y z↵§x↵↵y§日本§👩‍👩‍👧‍👦§!"
        "§a longer piece of plain words §**strong words** §- an item↵§  - below↵§code`, `b`§a_b_c §'t'↵§![i](u) §1. one↵"
    )
    .replace("↵", "\n")
    .split("§")
)
TEXTS = st.lists(PARTS, max_size=30).map("".join) | st.text(max_size=60)


def told(blocks: list[Block]) -> list[tuple[object, ...]]:
    """All that is known of blocks, as values that can be compared."""
    return [
        (block.kind, _words(block.content), block.first, block.rest, block.gap, block.level, block.language)
        + (block.closed, [_words(cell) for cell in block.header], [[_words(c) for c in row] for row in block.rows])
        for block in blocks
    ]


def _words(content: object) -> tuple[str, list[object]]:
    text = content.plain  # type: ignore[attr-defined]
    merged: list[list[object]] = []
    for start, end, style in content.spans:  # type: ignore[attr-defined]
        if merged and merged[-1][1] == start and merged[-1][2] == style:
            merged[-1][1] = end
        else:
            merged.append([start, end, style])
    return text, merged  # type: ignore[return-value]


def grown(text: str, cuts: list[int]) -> Growing:
    grows = Growing()
    places = sorted({min(cut, len(text)) for cut in cuts} | {0, len(text)})
    for start, end in zip(places, places[1:], strict=False):
        grows.add(text[start:end])
    return grows


@settings(max_examples=200, deadline=None)
@given(TEXTS.map(plain), st.lists(st.integers(0, 120), max_size=30))
def test_however_a_text_is_cut_its_blocks_are_those_of_the_whole(text: str, cuts: list[int]) -> None:
    grows = grown(text, cuts)
    grows.finish()
    assert told(grows.blocks) == told(parse(text))


@settings(max_examples=60, deadline=None)
@given(st.lists(PARTS, max_size=16).map("".join).map(plain))
def test_on_the_way_only_the_last_block_may_look_different(text: str) -> None:
    grows = Growing()
    whole = told(parse(text))
    for character in text:
        grows.add(character)
        settled = told(grows._settled)
        assert settled == whole[: len(settled)] or "]:" in text
