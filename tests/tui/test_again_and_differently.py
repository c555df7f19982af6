"""Somebody has an answer given again, says something differently, and looks at what stood there before."""

from __future__ import annotations

from pathlib import Path

import pytest

from assistant.memory.bank import MemoryBank
from assistant.tui.widgets.chat.composer import Composer
from tests.scripted import ScriptedGenerator
from tests.tui.driving import ScriptedEngine, app_with, say, screen_text, sees, until

pytestmark = pytest.mark.asyncio


def answers(*texts: str) -> ScriptedEngine:
    return ScriptedEngine(
        ScriptedGenerator(answer=[f"Memories: none\nAnswer: {text}" for text in texts], default_manager="NOOP")
    )


async def test_another_answer_stands_beside_the_first_and_one_goes_from_one_to_the_other(tmp_path: Path) -> None:
    async with app_with(tmp_path, answers("It is raining.", "The sun shines.")).run_test(size=(96, 24)) as pilot:
        await say(pilot, "How is the weather?")
        await sees(pilot, "It is raining.")
        await pilot.press("up", "r")
        await sees(pilot, "The sun shines.\n    ◂ 2 of 2 ▸")
        assert "It is raining." not in screen_text(pilot)
        await pilot.press("up", "left")
        await sees(pilot, "It is raining.\n    ◂ 1 of 2 ▸")
        assert "The sun shines." not in screen_text(pilot)
    with MemoryBank.open(tmp_path / "recollect.db") as bank:
        assert [message.text for message in bank.messages(1, limit=9)] == ["How is the weather?", "It is raining."]


async def test_the_second_answer_is_drawn_and_not_the_likeliest_again(tmp_path: Path) -> None:
    engine = answers("One.", "Another.")
    asked: list[float] = []
    generate = engine.generate

    def listen(*arguments: object, temperature: float = 0.0, **named: object) -> object:
        asked.append(temperature)
        return generate(*arguments, temperature=temperature, **named)  # type: ignore[arg-type]

    engine.generate = listen  # type: ignore[method-assign, assignment]
    async with app_with(tmp_path, engine).run_test(size=(96, 24)) as pilot:
        await say(pilot, "Say something.")
        await sees(pilot, "One.")
        await sees(pilot, "● ready")
        await pilot.press("up", "r")
        await sees(pilot, "Another.")
    assert max(asked) == 0.7


async def test_a_message_said_differently_stands_beside_the_first_with_its_own_answer(tmp_path: Path) -> None:
    async with app_with(tmp_path, answers("Lisbno?", "Lisbon is lovely.")).run_test(size=(96, 24)) as pilot:
        await say(pilot, "I moved to Lisbno.")
        await sees(pilot, "Lisbno?")
        await pilot.press("up", "up", "e")
        await sees(pilot, "saying it differently")
        composer = pilot.app.screen.query_one(Composer)
        assert composer.text == "I moved to Lisbno."
        composer.begin_anew("I moved to Lisbon.")
        await pilot.press("enter")
        await sees(pilot, "Lisbon is lovely.")
        assert "Lisbno" not in screen_text(pilot).split("\n", 2)[2]
        await sees(pilot, "I moved to Lisbon.\n  ▌ ◂ 2 of 2 ▸")
        await pilot.press("up", "up", "left")
        await sees(pilot, "Lisbno?")
    with MemoryBank.open(tmp_path / "recollect.db") as bank:
        first = bank.messages(1, limit=9)[0]
        assert [bank.message(sibling).text for sibling in bank.siblings(first.id)] == [
            "I moved to Lisbno.",
            "I moved to Lisbon.",
        ]


async def test_leaving_the_edit_gives_back_the_draft_that_was_there(tmp_path: Path) -> None:
    async with app_with(tmp_path, answers("Hello.")).run_test(size=(96, 24)) as pilot:
        await say(pilot, "Good morning.")
        await sees(pilot, "Hello.")
        await pilot.press(*"and")
        await pilot.press("up", "up", "e")
        await sees(pilot, "saying it differently")
        await pilot.press("escape")
        composer = pilot.app.screen.query_one(Composer)
        await until(pilot, lambda: composer.text == "and")
        assert "saying it differently" not in screen_text(pilot)


async def test_while_an_answer_streams_none_of_it_is_begun(tmp_path: Path) -> None:
    engine = ScriptedEngine(
        ScriptedGenerator(
            answer=["Memories: none\nAnswer: Hi.", "Memories: none\nAnswer: one two three"], default_manager="NOOP"
        ),
        pause_after=5,
    )
    async with app_with(tmp_path, engine).run_test(size=(96, 24)) as pilot:
        await say(pilot, "Hello.")
        await sees(pilot, "Hi.")
        await say(pilot, "Count.")
        await sees(pilot, "one two▍")
        await pilot.press("up", "up", "e")
        await sees(pilot, "Still answering. Esc stops it.")
        engine.go.set()
        await sees(pilot, "one two three\n")
