"""What is forgotten stays forgotten, and its trace says nothing."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import apsw
import pytest

from assistant.errors import InputError
from assistant.memory import times
from assistant.memory.bank import MemoryBank
from assistant.memory.operations import OperationStatus
from tests.memory.shorthand import NOON, adding, deleting, texts, updating

ASTHMA = "User suffers from asthma since childhood."


def proposed(bank: MemoryBank, text: str, *, minutes: int = -1) -> str:
    time = times.now() + timedelta(minutes=minutes)
    [operation] = bank.apply([adding(text)], actor="manager", observed_at=time)
    return operation.reason if operation.status is not OperationStatus.APPLIED else ""


@pytest.mark.parametrize("purge", [False, True])
def test_a_forgotten_text_does_not_come_back(bank: MemoryBank, purge: bool) -> None:
    bank.forget(bank.add(ASTHMA).id, purge=purge)
    assert proposed(bank, ASTHMA) == "you had this forgotten"
    assert proposed(bank, "user suffers from  ASTHMA since childhood") == "you had this forgotten"
    assert proposed(bank, "User has been suffering from asthma since his childhood.") == "you had this forgotten"
    assert proposed(bank, ASTHMA, minutes=1) == "you had this forgotten, and then spoke of it again"
    assert proposed(bank, "User suffers from gout since childhood.") == ""
    assert texts(bank) == ["User suffers from gout since childhood."]


def test_nearly_the_same_is_asked_about(bank: MemoryBank) -> None:
    bank.forget(bank.add(ASTHMA).id)
    for text in (
        "Since childhood User suffers from asthma.",
        "User suffers from asthma and hay fever since childhood.",
    ):
        assert proposed(bank, text) == "you had something much like this forgotten"
    bank.forget(bank.add("User's sister Ann lives in a small house in Lima.").id)
    assert proposed(bank, "User's sister Ann lives in a house in Lima.") == "you had something much like this forgotten"


def test_an_update_does_not_bring_it_back_either(bank: MemoryBank) -> None:
    bank.forget(bank.add(ASTHMA).id)
    other = bank.add("User suffers from hay fever.")
    [operation] = bank.apply([updating(other.id, ASTHMA)], actor="manager", observed_at=times.now())
    assert operation.status is not OperationStatus.APPLIED


def test_undoing_it_or_writing_it_down_again_ends_it(bank: MemoryBank) -> None:
    bank.undo(bank.forget(bank.add(ASTHMA).id).id)
    assert proposed(bank, ASTHMA) == "memory 1 already says this"
    bank.forget(1)
    again = bank.add(ASTHMA)
    assert texts(bank) == [ASTHMA]
    bank.apply([updating(again.id, "User is well.")], actor="manager", observed_at=times.now())
    assert proposed(bank, ASTHMA) == ""


def test_a_purge_cannot_be_undone_and_stays_known(bank: MemoryBank) -> None:
    operation = bank.forget(bank.add(ASTHMA).id, purge=True)
    with pytest.raises(InputError):
        bank.undo(operation.id)
    assert proposed(bank, ASTHMA) == "you had this forgotten"


def test_a_trace_of_a_word_fits_many_words(bank: MemoryBank, path: Path) -> None:
    bank.forget(bank.add(ASTHMA).id)
    connection = apsw.Connection(str(path))
    traces = [trace for (trace,) in connection.execute("SELECT trace FROM tombstone_word")]
    connection.close()
    assert len(traces) == 4  # suffer, asthma, since, childhood
    assert all(0 <= trace < 4096 for trace in traces)


def test_two_banks_leave_different_traces(tmp_path: Path) -> None:
    digests = set()
    for name in ("one", "other"):
        with MemoryBank.open(tmp_path / name / "recollect.db") as bank:
            bank.forget(bank.add(ASTHMA).id)
        connection = apsw.Connection(str(tmp_path / name / "recollect.db"))
        digests.add(connection.execute("SELECT digest FROM tombstone").get)
        connection.close()
    assert len(digests) == 2


def test_the_youngest_trace_counts_to_the_microsecond(bank: MemoryBank, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [NOON]
    monkeypatch.setattr(times, "now", lambda: clock[-1])
    bank.apply([adding("red fox"), adding("blue whale")], actor="manager", observed_at=NOON)
    bank.apply([updating(2, "the red foxes")], actor="user", observed_at=NOON)
    for memory_id, microseconds in ((2, 100), (1, 300)):
        clock.append(NOON + timedelta(microseconds=microseconds))
        bank.forget(memory_id)
    [again] = bank.apply([adding("red fox")], actor="manager", observed_at=clock[-1])
    assert again.reason == "you had this forgotten"


def test_what_the_user_takes_back_is_forgotten_as_before(bank: MemoryBank) -> None:
    bank.add("red fox")
    bank.forget(1)
    bank.add("Red foxes")
    bank.undo()
    [again] = bank.apply([adding("red fox")], actor="manager", observed_at=NOON)
    assert again.reason == "you had this forgotten"
    bank.redo()
    assert texts(bank) == ["Red foxes"]
    bank.apply([deleting(2)], actor="manager", observed_at=NOON)
    [again] = bank.apply([adding("red fox")], actor="manager", observed_at=NOON)
    assert again.reason == ""


def test_texts_without_a_meaning_are_not_all_the_same(bank: MemoryBank) -> None:
    bank.add("!!")
    bank.forget(1)
    [other, same] = bank.apply([adding("they were"), adding("!!")], actor="manager", observed_at=NOON)
    assert (other.reason, same.reason) == ("", "you had this forgotten")


def test_four_words_in_five_are_near_and_three_in_four_are_not(bank: MemoryBank) -> None:
    bank.add("red fox, blue whale, frog")
    bank.add("old cat, tiny bird")
    bank.forget(1)
    bank.forget(2)
    [near, far] = bank.apply(
        [adding("red fox, blue whale, snake"), adding("old cat, tiny snake")], actor="manager", observed_at=NOON
    )
    assert near.reason == "you had something much like this forgotten"
    assert far.reason == ""
