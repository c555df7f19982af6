"""A text that comes in pieces has the blocks of the whole text in the end, and almost so on the way."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from textual.content import Content

from assistant.tui.markdown import growing
from assistant.tui.markdown.blocks import Block
from assistant.tui.markdown.growing import Growing
from assistant.tui.markdown.parsing import parse
from assistant.tui.shown import plain

PARTS = st.sampled_from(
    (
        "# §## §- §* §1. §2) §> §```§````§~~~§===§---§***§↵§↵↵§↵§↵§ §  §    §a§b c§word word §**§*§_§`§~~§[a]"
        "§[a]: x§(u)§[§]§:§|§| §a|b|§|-|-|§|a|b|↵|-|-|↵§-§+§1§.§\\§&amp;§<b>§https://e.org §[ ] §[x] §py↵§x y z↵§x↵↵y"
        "§日本§👩‍👩‍👧‍👦§!§a longer piece of plain words §**strong words** §- an item↵§  - below↵§code`, `b`§a_b_c §'t'↵"
        "§![i](u) §1. a↵"
    )
    .replace("↵", "\n")
    .split("§")
)
TEXTS = st.lists(PARTS, max_size=30).map("".join) | st.text(max_size=60)


def told(blocks: list[Block]) -> list[tuple[object, ...]]:
    """All that is known of blocks, as values that can be compared."""
    return [
        (
            *(block.kind, _words(block.content), block.first, block.rest, block.gap),
            *(block.level, block.language, block.closed, block.aligns),
            *([_words(cell) for cell in block.header], [[_words(cell) for cell in row] for row in block.rows]),
        )
        for block in blocks
    ]


def _words(content: Content) -> tuple[str, list[list[object]]]:
    merged: list[list[object]] = []
    for start, end, style in content.spans:
        if merged and merged[-1][1] == start and merged[-1][2] == style:
            merged[-1][1] = end
        else:
            merged.append([start, end, style])
    return content.plain, merged


def grown(text: str, cuts: list[int]) -> Growing:
    grows = Growing()
    places = sorted({min(cut, len(text)) for cut in cuts} | {0, len(text)})
    for start, end in pairwise(places):
        grows.add(text[start:end])
    return grows


@settings(max_examples=200, deadline=None)
@given(TEXTS.map(plain), st.lists(st.integers(0, 120), max_size=30), st.booleans())
def test_however_a_text_is_cut_its_blocks_are_those_of_the_whole(text: str, cuts: list[int], is_long: bool) -> None:
    with pytest.MonkeyPatch.context() as patched:
        if is_long:
            set_long(patched)
        grows = grown(text, cuts)
        grows.finish()
    assert told(grows.blocks) == told(parse(text))


@settings(max_examples=60, deadline=None)
@given(st.lists(PARTS, max_size=16).map("".join).map(plain), st.booleans())
def test_on_the_way_only_the_last_block_may_look_different(text: str, is_long: bool) -> None:
    assume("]:" not in text)
    grows, whole = Growing(), told(parse(text))
    with pytest.MonkeyPatch.context() as patched:
        if is_long:
            set_long(patched)
        for character in text:
            grows.add(character)
            settled = told(grows._settled)
            assert settled == whole[: len(settled)]


def set_long(patched: pytest.MonkeyPatch) -> None:
    """Has texts as short as those of the tests be taken for long."""
    for name, characters in (("LONG", 30), ("KEPT_BACK", 8), ("LONG_UNCLEAR", 60)):
        patched.setattr(growing, name, characters)


def test_of_a_long_list_only_the_last_item_is_read_again() -> None:
    grows = grown("".join(f"{number}. item\n" for number in range(1, 501)), list(range(0, 6000, 32)))
    assert len(grows._source) < 40
    before = grows.blocks
    grows.add("501. more")
    assert [block.first for block in grows.blocks[-2:]] == ["500. ", "501. "]
    assert all(a is b for a, b in zip(before[:498], grows.blocks, strict=False))


def test_of_long_code_a_long_table_and_a_long_paragraph_only_the_end_is_read_again() -> None:
    code = grown("```py\n" + "x = 1\n" * 1000, list(range(0, 6000, 32)))
    table = grown("| a | b |\n|---|---|\n" + "| 1 | 2 |\n" * 100, list(range(0, 1100, 32)))
    words = grown("Words and `code_of` words, **strong** ones. " * 500, list(range(0, 22_000, 32)))
    assert [len(grows._source) < 700 for grows in (code, table, words)] == [True, True, True]
    assert code.blocks[0].content.plain.count("x = 1") == 1000
    assert len(table.blocks[0].rows) == 100
    assert words.blocks[0].content.plain.count("code_of words, strong ones.") == 500


@pytest.mark.parametrize(
    "text",
    [
        "**bold " + "word " * 700 + "up to here**",
        "a | " + "word " * 700 + "| b\n|---|---|---|\n| 1 | 2 | 3 |",
        "  - item\n" * 5 + "   - item\n" * 5,
        "```a|b\n" + "x\n" * 5 + "|-|-|\n" + "y\n" * 3,
        "|a|\n|-|\n|b|\n\n1. one\n2. two\n",
    ],
)
def test_a_long_block_is_what_it_is_once_it_is_whole(text: str) -> None:
    grows = grown(text, list(range(0, 3400, 7)))
    grows.finish()
    assert told(grows.blocks) == told(parse(text))


def test_a_line_that_may_end_the_code_is_not_shown_as_code() -> None:
    grows = grown("```py\nx\n``", [])
    assert (grows.blocks[0].content.plain, grows.blocks[0].closed) == ("x", False)
    grows.add("`\n")
    assert (grows.blocks[0].content.plain, grows.blocks[0].closed) == ("x", True)


def test_a_link_whose_address_comes_last_is_a_link_in_the_end() -> None:
    grows = grown("See [it].\n\n- one\n\n[it]: https://e.org", [3, 9, 20])
    assert grows.blocks[0].content.plain == "See [it]."
    grows.finish()
    assert grows.blocks[0].content.plain == "See it (https://e.org)."
