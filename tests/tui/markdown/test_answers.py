"""An answer in Markdown as the app draws it: in pieces, in its colours, selected with the mouse."""

from __future__ import annotations

from pathlib import Path

import pytest

from assistant.tui.widgets.chat.messages import Answer
from tests.scripted import ScriptedGenerator
from tests.tui.driving import ScriptedEngine, app_with, say, screen_text, sees, until

pytestmark = pytest.mark.asyncio

CODE = "Look:\n\n```python\ndef answer():\n    return 42\n```"


def answering(text: str, pause_after: int | None = None) -> ScriptedEngine:
    generator = ScriptedGenerator(answer=[f"Memories: none\nAnswer: {text}"], default_manager="NOOP")
    return ScriptedEngine(generator, pause_after=pause_after)


async def test_a_growing_answer_ends_in_a_cursor_that_goes_when_it_is_whole(tmp_path: Path) -> None:
    engine = answering("- one\n- two and **more**", pause_after=8)
    async with app_with(tmp_path, engine).run_test(size=(80, 30)) as pilot:
        await say(pilot, "Tell me.")
        await sees(pilot, "▍")
        engine.go.set()
        await sees(pilot, "• two and more")
        await until(pilot, lambda: pilot.app.screen.query_one(Answer).message is not None)
        assert "▍" not in screen_text(pilot)


async def test_code_gets_its_colours_after_it_was_drawn_plain(tmp_path: Path) -> None:
    async with app_with(tmp_path, answering(CODE)).run_test(size=(80, 30)) as pilot:
        await say(pilot, "Show me.")
        await sees(pilot, "return 42")

        def words() -> set[str]:
            rows = pilot.app.screen._compositor.render_strips()
            return {segment.text for strip in rows for segment in strip if "return" in strip.text}

        await until(pilot, lambda: {"return", "42"} <= words())


async def test_what_is_selected_with_the_mouse_is_what_is_seen(tmp_path: Path) -> None:
    async with app_with(tmp_path, answering("- some **strong** words\n- others")).run_test(size=(80, 30)) as pilot:
        await say(pilot, "Tell me.")
        await sees(pilot, "• others")
        await until(pilot, lambda: pilot.app.screen.query_one(Answer).message is not None)
        await pilot.mouse_down(Answer, offset=(9, 0))
        await pilot.hover(Answer, offset=(8, 1))
        await pilot.mouse_up(Answer, offset=(8, 1))
        assert pilot.app.screen.get_selected_text() == "strong words\n• other"


async def test_an_answer_that_was_cut_off_says_so_below_its_words(tmp_path: Path) -> None:
    engine = answering("- one\n- two and more", pause_after=8)
    async with app_with(tmp_path, engine).run_test(size=(80, 30)) as pilot:
        await say(pilot, "Tell me.")
        await sees(pilot, "▍")
        await pilot.app.screen.query_one(Answer).cut_off()
        await sees(pilot, "cut off here")
        assert "▍" not in screen_text(pilot)
