"""What is remembered is said as it was told: in the language of the message, its dates and names as written."""

# ruff: noqa: RUF001 - Cyrillic letters are what this is about

from __future__ import annotations

from datetime import datetime

import pytest

from assistant.agents.manager import MemoryManager
from assistant.agents.prompts import ANSWER_INSTRUCTIONS, MANAGER_INSTRUCTIONS
from assistant.conversation.queue import ManagerQueue
from assistant.memory.operations import OperationStatus
from tests.scripted import ScriptedGenerator

AS_TOLD = [
    ("Ich wohne seit dem 3. Mai 2024 in Köln.", "User wohnt seit dem 3. Mai 2024 in Köln."),
    ("J'habite à Besançon depuis le 03/05/2024.", "User habite à Besançon depuis le 03/05/2024."),
    ("Vivo en Lima desde el 3 de mayo.", "User vive en Lima desde el 3 de mayo."),
    ("Я живу в Казани с 3 мая.", "User живёт в Казани с 3 мая."),
    ("我2024年5月3日搬到了成都。", "User 2024年5月3日搬到了成都。"),
    ("私は京都に住んでいます。", "User は京都に住んでいます。"),
    ("저는 부산에 살아요.", "User 는 부산에 살아요."),
    ("أنا أسكن في الإسكندرية.", "User يسكن في الإسكندرية."),
    ("ฉันอาศัยอยู่ที่เชียงใหม่", "User อาศัยอยู่ที่เชียงใหม่"),
]
IN_ENGLISH = [
    ("Ich wohne seit dem 3. Mai 2024 in Köln.", "User has lived in Cologne since 3 May 2024."),
    ("Я живу в Казани с 3 мая.", "User has lived in Kazan since 3 May."),
    ("我2024年5月3日搬到了成都。", "User moved to Chengdu on 3 May 2024."),
    ("私は京都に住んでいます。", "User lives in Kyoto."),
]


def told(bank, message, text):
    conversation = bank.new_conversation("")
    bank.add_message(
        conversation.id,
        "user",
        message,
        created_at=datetime.fromisoformat("2024-05-04T09:00:00+02:00"),
        remember=True,
    )
    generator = ScriptedGenerator(manager=[f"ADD: {text}"])
    [receipt] = ManagerQueue(bank, MemoryManager(generator)).run_pending()
    [operation] = receipt.operations
    return operation


@pytest.mark.parametrize(("message", "text"), AS_TOLD)
def test_a_memory_in_the_language_of_the_message_is_kept_as_it_was_written_and_found(bank, message, text):
    operation = told(bank, message, text)
    assert (operation.status, operation.text) == (OperationStatus.APPLIED, text)
    assert [memory.text for memory in bank.memories()] == [text]
    [hit] = bank.search(message, limit=1)
    assert hit.memory.text == text


@pytest.mark.parametrize(("message", "text"), IN_ENGLISH)
def test_a_memory_translated_into_another_language_waits_for_the_user(bank, message, text):
    operation = told(bank, message, text)
    assert operation.status is OperationStatus.HELD
    assert bank.memories() == []


def test_a_model_that_was_not_trained_for_it_is_told_so():
    assert "Write it in the language of the message." in MANAGER_INSTRUCTIONS
    assert "Copy names, dates, times and numbers exactly as the message has them." in MANAGER_INSTRUCTIONS
    assert "Answer in the language of the message" in ANSWER_INSTRUCTIONS
