"""Whatever is written, at whatever width: no row is wider than there is room, and all of it can be read."""

from __future__ import annotations

from hypothesis import example, given, settings
from hypothesis import strategies as st
from textual.geometry import Offset
from textual.selection import SELECT_ALL, Selection
from textual.style import Style
from textual.visual import RenderOptions

from assistant.tui.markdown.blocks import Block
from assistant.tui.markdown.growing import Growing
from assistant.tui.markdown.parsing import parse
from assistant.tui.markdown.visual import BlocksVisual
from assistant.tui.markdown.wrapping import wrap
from assistant.tui.shown import plain

PARTS = st.sampled_from(
    (
        "# §- §1. §> §```py↵§```↵§↵§↵↵§ §    §word §averyverylongwordthatgoeson §日本語の文章§👩\u200d👩\u200d👧 "
        "§❤\ufe0f§e\u0301§\u200b§עברית §\ufdfd§**§`§| a | b |↵|-|-|↵| c | d |↵§| x§~~§[t](u) §\t§\x1b[2J§---↵"
        "§\u2028§\uff41"
    )
    .replace("↵", "\n")
    .split("§")
)
TEXTS = st.lists(PARTS, max_size=25).map("".join) | st.text(max_size=80)


def shown(blocks: list[Block], width: int, *, cursor: bool = False) -> list[str]:
    visual = BlocksVisual()
    visual.cursor = cursor
    visual.show(blocks)
    return drawn(visual, width)


def drawn(visual: BlocksVisual, width: int) -> list[str]:
    options = RenderOptions(lambda style: style if isinstance(style, Style) else Style(), {})
    strips = visual.render_strips(width, None, Style(), options)
    assert len(strips) == visual.get_height({}, width)
    assert max((strip.cell_length for strip in strips), default=0) <= width
    return [strip.text.rstrip() for strip in strips]


@settings(max_examples=150, deadline=None)
@given(TEXTS.map(plain), st.integers(1, 200), st.booleans())
@example("日本", 1, True)
@example("| a | b |\n|-|-|\n| c | d |", 21, False)
def test_no_row_is_wider_than_there_is_room(text: str, width: int, cursor: bool) -> None:
    shown(parse(text), width, cursor=cursor)


@settings(max_examples=100, deadline=None)
@given(TEXTS.map(plain), st.integers(1, 60), st.lists(st.integers(0, 80), max_size=12))
def test_what_was_drawn_while_a_text_grew_is_what_the_whole_text_looks_like(
    text: str, width: int, cuts: list[int]
) -> None:
    growing, visual = Growing(), BlocksVisual()
    visual.cursor = True
    places = sorted({min(cut, len(text)) for cut in cuts} | {0, len(text)})
    for at, place in enumerate(places):
        growing.add(text[places[at - 1] if at else 0 : place])
        visual.show(growing.blocks)
        drawn(visual, width)
    growing.finish()
    visual.cursor = False
    visual.show(growing.blocks)
    assert drawn(visual, width) == shown(parse(text), width)


@given(st.text(st.sampled_from("ab  \nöé"), max_size=60), st.integers(1, 12), st.data())
def test_a_row_may_be_wrapped_anew_without_the_rows_before_it(text: str, width: int, data: st.DataObject) -> None:
    rows = list(wrap(text, width))
    at = data.draw(st.integers(0, len(rows) - 1))
    assert rows[:at] + list(wrap(text, width, rows[at].start)) == rows


def test_words_in_any_script_are_wrapped_where_they_may_be() -> None:
    assert [text[start:end] for text in ["日本語 ab cd"] for start, end in wrap(text, 5)] == ["日本", "語 ab", "cd"]
    assert [text[start:end] for text in ["naïve  words"] for start, end in wrap(text, 6)] == ["naïve", "words"]
    assert [text[start:end] for text in ["abcdefg h"] for start, end in wrap(text, 3)] == ["abc", "def", "g h"]


def test_the_row_that_had_the_cursor_is_drawn_again_when_the_text_goes_on_below() -> None:
    growing, visual = Growing(), BlocksVisual()
    visual.cursor = True
    growing.add("Some words.\n\n")
    visual.show(growing.blocks)
    assert drawn(visual, 40) == ["Some words.▍"]
    growing.add("And more.")
    assert visual.show(growing.blocks) == 0
    assert drawn(visual, 40) == ["Some words.", "", "And more.▍"]


def test_headings_lists_quotes_tables_and_code_are_told_by_marks_alone() -> None:
    text = (
        "# Bread\nUse **flour**.\n- one that is long enough\n- [x] done\n  1. below\n\n> said\n> so\n\n"
        "```sh\noven --heat 230 --fan yes\n```\n| a | b |\n|---|--:|\n| long cell | 2 |\n***"
    )
    assert shown(parse(text), 22) == [
        "Bread",
        "═════",
        "",
        "Use flour.",
        "",
        "• one that is long",
        "  enough",
        "☑ done",
        "  1. below",
        "",
        "▌ said",
        "▌ so",
        "",
        "                   sh",
        "  oven --heat 230 --f\u203a",
        "",
        "a         │ b",
        "──────────┼──",
        "long cell │ 2",
        "",
        "──────────────────────",
    ]


def test_a_table_that_has_no_room_is_told_in_lines() -> None:
    table = parse("| name | age |\n|---|---|\n| Buddy | 3 |\n| Rex | 12 |")
    assert shown(table, 19) == ["name: Buddy", "age: 3", "", "name: Rex", "age: 12"]


def test_a_link_shows_where_it_leads_if_that_is_short_and_is_not_its_text() -> None:
    long = "https://example.org/" + "a" * 40
    text = f"[one](https://e.org) <https://f.org> [two]({long}) https://g.org. ![cat](c.png)"
    assert shown(parse(text), 200) == ["one (https://e.org) https://f.org two https://g.org. image: cat (c.png)"]
    leads = {span.style.meta["@click"] for span in parse(text)[0].content.spans if isinstance(span.style, Style)}
    assert leads == {
        "screen.follow_link('https://e.org')",
        "screen.follow_link('https://f.org')",
        f"screen.follow_link('{long}')",
        "screen.follow_link('https://g.org')",
        "screen.follow_link('c.png')",
    }


def test_html_is_text_like_any_other() -> None:
    assert shown(parse("<div>\n<b>x</b>\n</div>"), 40) == ["<div>", "<b>x</b>", "</div>"]


def test_what_is_selected_is_copied_without_the_breaks_and_marks_that_drawing_adds() -> None:
    visual = BlocksVisual()
    visual.show(parse("- some words that are wrapped\n\n```sh\noven --heat 230\n```"))
    assert drawn(visual, 16) == [
        "• some words",
        "  that are",
        "  wrapped",
        "",
        "             sh",
        "  oven --heat 2\u203a",
    ]
    assert visual.copied(SELECT_ALL, 16) == "• some words that are wrapped\n\n\noven --heat 230"
    assert visual.copied(Selection(Offset(7, 0), Offset(6, 1)), 16) == "words that"
    assert visual.copied(Selection(Offset(7, 5), Offset(13, 5)), 16) == "--heat"


def test_code_takes_its_colours_once_they_are_known_and_stays_as_high() -> None:
    from assistant.tui.markdown.highlighting import coloured

    visual = BlocksVisual()
    visual.show(parse("```python\ndef f():\n    return 1\n```\n\n```\nplain\n```"))
    before = drawn(visual, 40)
    assert visual.uncoloured == {("def f():\n    return 1", "python")}
    code = visual.uncoloured.copy().pop()
    lines = coloured(*code)
    assert lines is not None
    assert "$text-accent" in {span.style for span in lines[1].spans}, "a keyword"
    visual.take_colours(code, lines)
    assert drawn(visual, 40) == before
    assert visual.uncoloured == set()


def test_of_an_unknown_language_nothing_is_coloured() -> None:
    lines = coloured_spans("x = 1", "no such language")
    assert lines == [[]]


def coloured_spans(code: str, language: str) -> list[list[object]]:
    from assistant.tui.markdown.highlighting import coloured

    return [list(line.spans) for line in coloured(code, language) or []]


def test_a_deep_quote_or_a_long_list_number_leaves_room_for_words() -> None:
    assert shown(parse("> > > > > words here"), 10) == ["▌ words", "▌ here"]
