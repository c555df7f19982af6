"""Replaying a recorded conversation through the manager, on a real bank."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

import pytest

from assistant.agents.manager import MemoryManager
from assistant.conversation.importing import Importer
from assistant.conversation.locomo import read_locomo
from assistant.conversation.queue import ManagerQueue
from assistant.errors import EngineCrashed, InputError
from assistant.memory.bank import MemoryBank
from tests.conversation.recorded import write
from tests.scripted import Breaks, ScriptedGenerator, deletes

CRASH = EngineCrashed("The model process ended unexpectedly (signal 11).", "See engine.log.")


@pytest.fixture
def recorded(tmp_path):
    [conversation] = read_locomo(write(tmp_path))
    return conversation


def importer(bank, recorded, *completions, speakers=("Ann", "Bob")):
    generator = ScriptedGenerator(manager=completions, default_manager="NOOP")
    return Importer(bank, ManagerQueue(bank, MemoryManager(generator)), recorded, speakers), generator


def messages(bank):
    [conversation] = bank.conversations()
    return bank.messages(conversation.id, limit=99)


SCRIPT = ("ADD: Ann lives in Oslo.", "ADD: Bob has a car.", "NOOP", "NOOP", deletes(1))


def test_every_turn_becomes_a_message_and_is_read_with_its_speaker_and_date(bank, recorded):
    run, generator = importer(bank, recorded, *SCRIPT)
    progress = run.run()
    assert (progress.turns, progress.total, progress.new, progress.complete) == (5, 5, 5, True)
    assert (progress.added, progress.updated, progress.deleted, progress.held, progress.rejected) == (2, 0, 1, 0, 0)
    assert [call.question.splitlines()[-1] for call in generator.calls] == [
        "Now: Ann: I moved to Oslo.",
        "Now: Bob: I have a car.",
        "Now: Ann: Look! (shares a picture: a photo of a fjord)",
        "Now: Ann: I love it here.",
        "Now: Bob: I sold my car.",
    ]
    [memory] = bank.memories()
    assert (memory.text, memory.observed_at) == ("Ann lives in Oslo.", datetime(2023, 5, 8, 13, 56, tzinfo=UTC))
    assert {operation.actor for operation in bank.operations()} == {"import"}
    assert [conversation.title for conversation in bank.conversations()] == ["conv-1"]


def test_only_the_turns_of_the_speakers_asked_for_are_read_but_all_are_kept(bank, recorded):
    run, generator = importer(bank, recorded, speakers=["Bob"])
    run.run()
    assert [call.question for call in generator.calls] == [
        "Memories: none\nEarlier: Ann: I moved to Oslo.\nNow: Bob: I have a car.",
        "Memories: none\nEarlier: Ann: Look! (shares a picture: a photo of a fjord)\n"
        "Earlier: Ann: I love it here.\nNow: Bob: I sold my car.",
    ]
    assert len(messages(bank)) == 5


def test_progress_is_told_after_every_turn(bank, recorded):
    told = []
    importer(bank, recorded, *SCRIPT)[0].run(told.append)
    assert [(p.turns, p.added, p.deleted) for p in told] == [(1, 1, 0), (2, 2, 0), (3, 2, 0), (4, 2, 0), (5, 2, 1)]


def test_a_second_run_finds_nothing_to_do(bank, recorded):
    importer(bank, recorded, *SCRIPT)[0].run()
    again, generator = importer(bank, recorded)
    progress = again.run()
    assert (progress.turns, progress.new, progress.complete) == (5, 0, True)
    assert generator.calls == []
    assert len(messages(bank)) == 5


@pytest.mark.parametrize("stopped_at", range(5))
def test_an_import_stopped_anywhere_goes_on_and_ends_as_if_it_had_not_been(path, recorded, stopped_at):
    cancel = threading.Event()

    def stop(call):
        cancel.set()
        return "ADD: Never read."

    with MemoryBank.open(path) as bank:
        first, _ = importer(bank, recorded, *SCRIPT[:stopped_at], stop)
        progress = first.run(cancel=cancel)
        assert (progress.turns, progress.complete) == (stopped_at, False)
    with MemoryBank.open(path) as bank:
        second, generator = importer(bank, recorded, *SCRIPT[stopped_at:])
        assert second.run().complete
        assert len(generator.calls) == 5 - stopped_at
        assert [m.text for m in bank.memories(include_all=True)] == ["Ann lives in Oslo.", "Bob has a car."]
        assert [m.text for m in bank.memories()] == ["Ann lives in Oslo."]
        assert len(messages(bank)) == 5


def test_after_a_crash_the_turn_at_hand_is_read_again(path, recorded):
    with MemoryBank.open(path) as bank, pytest.raises(EngineCrashed):
        importer(bank, recorded, SCRIPT[0], Breaks("ADD:", CRASH))[0].run()
    with MemoryBank.open(path) as bank:
        assert importer(bank, recorded, *SCRIPT[1:])[0].run().complete
        assert [m.text for m in bank.memories()] == ["Ann lives in Oslo."]
        assert bank.pending_jobs() == 0


def test_replies_without_form_are_counted_as_held_and_impossible_operations_as_rejected(bank, recorded):
    progress = importer(bank, recorded, "ADD: Ann lives in Oslo.", "Hm.", "ADD: Ann lives in Oslo.")[0].run()
    assert (progress.added, progress.held, progress.rejected) == (1, 1, 1)


def test_an_imported_conversation_is_not_the_one_that_the_user_goes_on_with(bank, recorded):
    importer(bank, recorded)[0].run()
    assert bank.latest_conversation() is None


def test_a_conversation_of_the_users_that_has_the_same_title_is_left_alone(bank, recorded):
    own = bank.new_conversation("conv-1")
    importer(bank, recorded)[0].run()
    assert bank.messages(own.id, limit=9) == []


def test_in_a_pause_nothing_is_brought_in_of_which_nothing_would_be_remembered(bank, recorded):
    bank.pause()
    with pytest.raises(InputError, match=r"Remembering is paused.*`recollect memory resume` ends the pause\."):
        importer(bank, recorded)[0].run()
    assert bank.conversations() == []


def test_a_pause_that_begins_in_the_middle_ends_the_import_which_then_goes_on(bank, recorded):
    def pause(progress):
        if progress.turns == 2:
            bank.pause()

    with pytest.raises(InputError, match="Remembering is paused"):
        importer(bank, recorded)[0].run(pause)
    bank.resume()
    assert importer(bank, recorded)[0].run().complete
    assert [message.parent_id for message in messages(bank)] == [None, 1, 2, 3, 4]
