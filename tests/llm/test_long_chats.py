"""A chat that grows far beyond what the model can read at once, on a real engine and a real bank."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

from assistant.agents.answer import AnswerAgent
from assistant.agents.generation import ModelTraits
from assistant.conversation.chat import Chat
from assistant.llm.engine import Engine
from assistant.llm.files.manifest import ModelFile
from assistant.memory.bank import MemoryBank
from tests.llm.families import QWEN2, tiny_family

TURNS = 40
TRAITS = ModelTraits(answer_tokens=40)
BUDGET = 2048 - TRAITS.answer_tokens


def test_it_never_fails_and_says_where_the_model_begins_to_read_and_reads_hardly_anything_twice(tmp_path: Path) -> None:
    model = tiny_family(tmp_path / "tiny.gguf", QWEN2, context=2048)
    with (
        Engine(model, embedder=None, log_file=tmp_path / "log", threads=1) as engine,
        MemoryBank.open(tmp_path / "recollect.db") as bank,
    ):
        for number in range(20):
            bank.add(f"User has a dog named Buddy{number}.")
        chat = Chat(bank, AnswerAgent(engine, TRAITS))
        conversation = bank.new_conversation("").id
        turns = [chat.send(f"Message {n} about my dogs.", conversation_id=conversation) for n in range(TURNS)]
        seen_from = [turn.seen_from for turn in turns]
        assert bank.conversation(conversation).seen_from == seen_from[-1]
    assert seen_from[0] is None
    begins = [seen for seen in seen_from if seen is not None]
    assert begins == sorted(begins)
    assert begins[-1] > turns[0].message.id
    # It begins anew a few times and not each time, and between those reads only what is new.
    assert len(set(begins)) < len(begins) / 2
    for before, turn in pairwise(turns):
        assert turn.completion.prompt_tokens <= BUDGET
        if turn.seen_from == before.seen_from:
            news = sum(len(m.text.encode()) for m in (before.message, before.reply, turn.message))
            assert turn.completion.read_tokens < news + 600  # eight memories, and what stands around them
    read = sum(turn.completion.read_tokens for turn in turns)
    assert read < 0.6 * sum(turn.completion.prompt_tokens for turn in turns)


def test_one_message_longer_than_all_that_can_be_read_is_answered(tmp_path: Path) -> None:
    model: ModelFile = tiny_family(tmp_path / "tiny.gguf", QWEN2, context=2048)
    with (
        Engine(model, embedder=None, log_file=tmp_path / "log", threads=1) as engine,
        MemoryBank.open(tmp_path / "recollect.db") as bank,
    ):
        chat = Chat(bank, AnswerAgent(engine, TRAITS))
        first = chat.send("Hello.", conversation_id=None)
        turn = chat.send("dog " * 5000, conversation_id=first.message.conversation_id)
    assert turn.completion.prompt_tokens == BUDGET
    assert turn.seen_from == turn.message.id
