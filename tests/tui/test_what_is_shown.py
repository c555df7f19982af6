"""Whatever people and models write, in whatever terminal: it is shown as text, and the screen holds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from textual import events
from textual.widgets import Static

from assistant.memory.bank import MemoryBank
from assistant.tui.shown import day_and_time, plain, typeable
from assistant.tui.widgets.chat.composer import Composer
from assistant.tui.widgets.chat.messages import Answer, UserMessage
from assistant.tui.widgets.chat.transcript import MOUNTED, Transcript
from assistant.tui.widgets.chat.transcript_lines import EarlierLine, LaterLine
from tests.scripted import ScriptedGenerator, cites
from tests.tui.driving import ScriptedEngine, app_with, say, screen_text, sees, until


def echo(answer: str = "Memories: none\nAnswer: Yes.") -> ScriptedEngine:
    return ScriptedEngine(ScriptedGenerator(default_answer=answer, default_manager="NOOP"))


def test_control_characters_and_lone_surrogates_are_made_visible_and_tabs_become_spaces() -> None:
    assert plain("a\x1b[31mb\x07\td\udc80\r\ne\n") == "a�[31mb�    d�\ne\n"


def test_pasted_text_keeps_its_lines_and_tabs_and_loses_escape_sequences() -> None:
    assert typeable("a\r\nb\rc\td\x1b]0;title\x07\x9b") == "a\nb\nc\td]0;title"


def test_a_moment_names_the_day_in_the_readers_zone_and_the_year_only_if_it_is_another() -> None:
    lisbon = timezone(timedelta(hours=1))
    now = datetime(2026, 11, 21, 12, 0, tzinfo=lisbon)
    assert day_and_time(datetime(2026, 11, 20, 23, 30, tzinfo=UTC), now) == "Saturday 21 November, 00:30"
    assert day_and_time(datetime(2025, 3, 4, 13, 2, tzinfo=UTC), now) == "Tuesday 4 March 2025, 14:02"


@pytest.mark.asyncio
@pytest.mark.parametrize("size", [(80, 24), (120, 40), (20, 8), (1, 1)])
async def test_wide_characters_emoji_and_right_to_left_text_do_not_break_the_screen(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    text = "日本語のテキスト 👩‍👩‍👧‍👦 🐕‍🦺 🇵🇹 é e\u0301 עברית العربية ﷽ \u202e\u200b x" * 3
    async with app_with(tmp_path, echo(f"Memories: none\nAnswer: {text}")).run_test(size=size) as pilot:
        await say(pilot, text)
        await until(pilot, lambda: any(a.message_id is not None for a in pilot.app.screen.query(Answer)))
        widths = {strip.cell_length for strip in pilot.app.screen._compositor.render_strips()}
        assert widths == {size[0]}


@pytest.mark.asyncio
async def test_brackets_and_escapes_in_messages_and_answers_are_only_text(tmp_path: Path) -> None:
    nasty = "[bold]x[/bold] [@click=app.quit]y[/] \x1b[2Jz"
    async with app_with(tmp_path, echo(f"Memories: none\nAnswer: {nasty}")).run_test(size=(80, 24)) as pilot:
        with MemoryBank.open(tmp_path / "recollect.db") as other:
            other.add_message(other.new_conversation(nasty).id, "user", nasty)
        await sees(pilot, "ready")
        await say(pilot, nasty)
        await until(pilot, lambda: screen_text(pilot).count("[bold]x[/bold] [@click=app.quit]y[/] ") >= 2)
        assert "\x1b" not in screen_text(pilot)


@pytest.mark.asyncio
async def test_without_any_colour_the_screen_still_says_everything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    engine = ScriptedEngine(
        ScriptedGenerator(answer=["Memories: none\nAnswer: Hello, Buddy."], manager=["ADD: User has a dog."])
    )
    async with app_with(tmp_path, engine).run_test(size=(80, 24)) as pilot:
        await say(pilot, "I have a dog.")
        await sees(pilot, "remembered: User has a dog. · undo")
        text = screen_text(pilot)
        assert "▌ I have a dog.\n" in text
        assert "    Hello, Buddy.\n" in text
        assert "● ready" in text
        assert pilot.app.no_color
        for strip in pilot.app.screen._compositor.render_strips():
            for _, style, _ in strip.apply_filter(pilot.app._filters[0], pilot.app.screen.styles.background):
                color = style.color.triplet if style is not None and style.color is not None else None
                assert color is None or color.red == color.green == color.blue


@pytest.mark.asyncio
async def test_a_paste_of_one_megabyte_is_refused_and_the_draft_stays(tmp_path: Path) -> None:
    async with app_with(tmp_path, echo()).run_test(size=(80, 24)) as pilot:
        composer = pilot.app.screen.query_one(Composer)
        await pilot.press(*"draft")
        composer.post_message(events.Paste("x" * 1_048_576))
        await sees(pilot, "Not pasted: that makes 1,048,581 characters")
        assert composer.text == "draft"
        composer.post_message(events.Paste("\x1b[31m and\r\nmore"))
        await until(pilot, lambda: composer.text == "draft[31m and\nmore")


@pytest.mark.asyncio
async def test_a_long_conversation_shows_its_end_and_more_on_demand(tmp_path: Path) -> None:
    with MemoryBank.open(tmp_path / "recollect.db") as bank:
        conversation = bank.new_conversation("Long")
        for i in range(75):
            bank.add_message(conversation.id, "user", f"message {i}")
            bank.add_message(conversation.id, "assistant", f"answer {i}")
    async with app_with(tmp_path, echo()).run_test(size=(80, 24)) as pilot:
        await sees(pilot, "answer 74")
        transcript = pilot.app.screen.query_one(Transcript)
        assert len(transcript.query(UserMessage)) == len(transcript.query(Answer)) == 20
        pilot.app.screen.query_one(EarlierLine).focus()
        await until(pilot, lambda: len(transcript.query(UserMessage)) == 40)
        assert transcript.first_message_id == 71
        await sees(pilot, "message 55")
        assert "message 35" not in screen_text(pilot), "what is being read stays where it is"
        await say(pilot, "And now the window is small again.")
        await sees(pilot, "Yes.")
        assert len(transcript.query("UserMessage, Answer")) == 40


@pytest.mark.asyncio
async def test_however_far_one_scrolls_only_a_window_is_mounted_and_one_comes_back_to_the_end(tmp_path: Path) -> None:
    with MemoryBank.open(tmp_path / "recollect.db") as bank:
        conversation = bank.new_conversation("Long")
        for i in range(150):
            bank.add_message(conversation.id, "user", f"message {i}")
            bank.add_message(conversation.id, "assistant", f"answer {i}")
    async with app_with(tmp_path, echo()).run_test(size=(80, 24)) as pilot:
        await sees(pilot, "answer 149")
        transcript = pilot.app.screen.query_one(Transcript)
        most = 0
        while "message 0\n" not in screen_text(pilot):
            await pilot.press("pageup")
            most = max(most, len(transcript.query("UserMessage, Answer")))
        assert most <= MOUNTED
        assert not transcript.query(EarlierLine)
        while "answer 149" not in screen_text(pilot):
            await pilot.press("pagedown")
            most = max(most, len(transcript.query("UserMessage, Answer")))
        assert most <= MOUNTED
        assert not transcript.query(LaterLine)


@pytest.mark.asyncio
async def test_a_new_conversation_leaves_the_old_one_and_keeps_the_memories(tmp_path: Path) -> None:
    engine = ScriptedEngine(
        ScriptedGenerator(
            answer=["Memories: none\nAnswer: Hello, Buddy.", cites(1, answer="One, Buddy.")],
            manager=["ADD: User has a dog named Buddy.", "NOOP"],
        )
    )
    async with app_with(tmp_path, engine).run_test(size=(80, 24)) as pilot:
        await say(pilot, "I adopted a dog named Buddy.")
        await sees(pilot, "remembered: ")
        await pilot.press("ctrl+n")
        await sees(pilot, "Tell me about yourself")
        await say(pilot, "What dog do I have?")
        await sees(pilot, "One, Buddy.")
        await sees(pilot, "▸ 1 memory used")
        assert str(pilot.app.screen.query_one("#title", Static).content) == "What dog do I have?"
    with MemoryBank.open(tmp_path / "recollect.db") as bank:
        assert [c.title for c in bank.conversations()] == ["What dog do I have?", "I adopted a dog named Buddy."]


@pytest.mark.asyncio
async def test_help_and_the_light_look_open_over_the_chat(tmp_path: Path) -> None:
    async with app_with(tmp_path, echo()).run_test(size=(80, 24)) as pilot:
        await sees(pilot, "ready")
        await pilot.press("f1")
        await sees(pilot, "stop the answer; what was said is kept")
        await pilot.press("escape")
        await sees(pilot, "Tell me about yourself")
        await pilot.press("ctrl+p", *"light", "enter")
        await until(pilot, lambda: pilot.app.theme == "recollect-light")
