"""What the model reads of a conversation, and how much of it again, is on the screen."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.pilot import Pilot

from assistant.agents.generation import Completion, FinishReason
from assistant.memory.bank import MemoryBank
from assistant.tui.widgets.chat.messages import Answer, UserMessage
from assistant.tui.widgets.chat.transcript import Transcript
from assistant.tui.widgets.chat.transcript_lines import EarlierLine, SeenLine
from tests.scripted import ScriptedGenerator
from tests.tui.driving import ScriptedEngine, app_with, say, screen_text, sees, until

pytestmark = pytest.mark.asyncio
LINE = "the model reads from here on; what it remembered of before stays"


def answered(text: str, **cost: int) -> Completion:
    return Completion(f"Memories: none\nAnswer: {text}", FinishReason.STOP, **cost)  # type: ignore[arg-type]


def order(pilot: Pilot[None]) -> list[str]:
    """What stands in the transcript, in its order: messages, answers and the line."""
    children = pilot.app.screen.query_one(Transcript).children
    names = {UserMessage: "message", Answer: "answer", SeenLine: "line"}
    return [names[type(child)] for child in children if type(child) in names]


async def test_a_line_shows_where_the_model_begins_to_read_once_it_no_longer_reads_all(tmp_path: Path) -> None:
    answers = [answered("One."), answered("Two."), *(answered(said, dropped=2) for said in ("Three.", "Four."))]
    engine = ScriptedEngine(ScriptedGenerator(answer=answers, default_manager="NOOP"))
    async with app_with(tmp_path, engine).run_test(size=(100, 40)) as pilot:
        for said, seen in (("a", "One."), ("b", "Two.")):
            await say(pilot, said)
            await sees(pilot, seen)
        assert LINE not in screen_text(pilot)
        for said, seen in (("c", "Three."), ("d", "Four.")):
            await say(pilot, said)
            await sees(pilot, seen)
            await sees(pilot, LINE)
        assert order(pilot) == ["message", "answer", "line", *["message", "answer"] * 3]
    async with app_with(tmp_path, ScriptedEngine(ScriptedGenerator())).run_test(size=(100, 40)) as pilot:
        await sees(pilot, LINE)
        assert order(pilot) == ["message", "answer", "line", *["message", "answer"] * 3]


async def test_a_new_conversation_has_no_line(tmp_path: Path) -> None:
    answers = [answered("One."), answered("Two.", dropped=2), answered("Three.")]
    engine = ScriptedEngine(ScriptedGenerator(answer=answers, default_manager="NOOP"))
    async with app_with(tmp_path, engine).run_test(size=(100, 40)) as pilot:
        for said in ("a", "b"):
            await say(pilot, said)
            await pilot.pause(0.1)
        await sees(pilot, LINE)
        await pilot.press("ctrl+n")
        await say(pilot, "c")
        await sees(pilot, "Three.")
        assert order(pilot) == ["message", "answer"]


async def test_the_line_is_found_among_earlier_messages(tmp_path: Path) -> None:
    with MemoryBank.open(tmp_path / "recollect.db") as bank:
        conversation = bank.new_conversation("Long")
        said = []
        for i in range(75):
            said.append(bank.add_message(conversation.id, "user", f"message {i}"))
            bank.add_message(conversation.id, "assistant", f"answer {i}")
        bank.see_from(conversation.id, said[40].id)
    async with app_with(tmp_path, ScriptedEngine(ScriptedGenerator())).run_test(size=(80, 24)) as pilot:
        await sees(pilot, "answer 74")
        assert "line" not in order(pilot)
        pilot.app.screen.query_one(EarlierLine).focus()
        await pilot.press("enter")
        await until(pilot, lambda: "line" in order(pilot))
        after = order(pilot)[order(pilot).index("line") :]
        assert after.count("message") == 35


async def test_how_much_had_to_be_read_is_told_after_an_answer(tmp_path: Path) -> None:
    engine = ScriptedEngine(
        ScriptedGenerator(answer=[answered("One.", prompt_tokens=473, cached_tokens=410)], default_manager="NOOP")
    )
    async with app_with(tmp_path, engine).run_test(size=(120, 24)) as pilot:
        await say(pilot, "a")
        await sees(pilot, "63/473 tokens read")


async def test_an_answer_that_became_too_long_says_so(tmp_path: Path) -> None:
    cut = Completion("Memories: none\nAnswer: On and on", FinishReason.LENGTH)
    engine = ScriptedEngine(ScriptedGenerator(answer=[cut], default_manager="NOOP"))
    async with app_with(tmp_path, engine).run_test(size=(100, 24)) as pilot:
        await say(pilot, "a")
        await sees(pilot, "On and on")
        await sees(pilot, "cut off where it became too long")
