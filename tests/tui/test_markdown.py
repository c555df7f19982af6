"""Answers in Markdown are drawn as such while they stream, and plain ones cost a single widget."""

from __future__ import annotations

from pathlib import Path

import pytest

from assistant.memory.bank import MemoryBank
from assistant.tui.widgets.chat.messages import Answer
from tests.scripted import ScriptedGenerator
from tests.tui.driving import ScriptedEngine, app_with, say, screen_text, sees, until

pytestmark = pytest.mark.asyncio

TEXT = "# Bread\n\nUse **strong** flour:\n\n- 500 g flour\n- 10 g salt\n\n```sh\noven --heat 230\n```\n\nThat is all."


def answering(text: str, pause_after: int | None = None) -> ScriptedEngine:
    return ScriptedEngine(
        ScriptedGenerator(answer=[f"Memories: none\nAnswer: {text}"], default_manager="NOOP"), pause_after=pause_after
    )


async def test_markdown_is_drawn_as_it_streams_and_stays_as_it_is_saved(tmp_path: Path) -> None:
    engine = answering(TEXT, pause_after=16)
    async with app_with(tmp_path, engine).run_test(size=(80, 30)) as pilot:
        await say(pilot, "How do I bake bread?")
        await sees(pilot, "• 500 g")
        assert "**" not in screen_text(pilot)
        engine.go.set()
        await sees(pilot, "That is all.")
        await sees(pilot, "oven --heat 230")
        assert "```" not in screen_text(pilot)
    with MemoryBank.open(tmp_path / "recollect.db") as bank:
        assert bank.messages(1, limit=1)[0].text == TEXT
    async with app_with(tmp_path, answering("")).run_test(size=(80, 30)) as pilot:
        await sees(pilot, "• 500 g flour")


async def test_a_plain_answer_is_drawn_without_a_widget_of_its_own(tmp_path: Path) -> None:
    async with app_with(tmp_path, answering("It is 5 * 3 and 2_000, [so] they say.")).run_test(size=(80, 24)) as pilot:
        await say(pilot, "How much is it?")
        await sees(pilot, "It is 5 * 3 and 2_000, [so] they say.")
        await until(pilot, lambda: pilot.app.screen.query_one(Answer).message is not None)
        assert not pilot.app.screen.query_one(Answer).children


async def test_a_link_is_opened_only_after_it_was_shown_where_it_leads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    app = app_with(tmp_path, answering("See [the manual](https://example.org/a?b=c)."))
    monkeypatch.setattr(app, "open_url", opened.append)
    async with app.run_test(size=(80, 24)) as pilot:
        await say(pilot, "Where is it written?")
        await sees(pilot, "See the manual (https://example.org/a?b=c).")
        await pilot.click(Answer, offset=(8, 0))
        await sees(pilot, "│  https://example.org/a?b=c  ")
        assert opened == []
        await pilot.press("y")
        await until(pilot, lambda: opened == ["https://example.org/a?b=c"])


async def test_a_stopped_answer_in_markdown_keeps_its_part_and_says_so(tmp_path: Path) -> None:
    async with app_with(tmp_path, answering(TEXT, pause_after=16)).run_test(size=(80, 30)) as pilot:
        await say(pilot, "How do I bake bread?")
        await sees(pilot, "• 500 g")
        await pilot.press("escape")
        await sees(pilot, "stopped here")
        assert "That is all." not in screen_text(pilot)


async def test_who_wants_no_markdown_gets_the_text_as_it_came(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("markdown = false\n")
    async with app_with(tmp_path, answering("Use **strong** flour.")).run_test(size=(80, 24)) as pilot:
        await say(pilot, "How do I bake bread?")
        await sees(pilot, "Use **strong** flour.")
