"""Conversations that branch: messages said anew and answered anew, and what is shown of them."""

from __future__ import annotations

import time

import pytest

from assistant.errors import InputError, NotFoundError
from assistant.memory.bank import MemoryBank, Message
from assistant.memory.checking import check, mend
from tests.memory.shorthand import NOON, adding


class Talk:
    """A conversation of a bank, whose messages go by their texts."""

    def __init__(self, bank: MemoryBank) -> None:
        self.bank = bank
        self.id = bank.new_conversation("Talk").id
        self.said: dict[str, Message] = {}

    def say(self, *texts: str, role: str = "", after: str | None = None) -> None:
        """Says the texts one after the other: those with a capital are the user's, those without the assistant's."""
        for text in texts:
            parent_id = self.said[after].id if after is not None else None
            who = role or ("user" if text[0].isupper() else "assistant")
            self.said[text] = self.bank.add_message(self.id, who, text, parent_id=parent_id)
            after = None

    def instead(self, of: str, text: str) -> None:
        self.said[text] = self.bank.add_message(self.id, "user", text, instead_of=self.said[of].id, remember=True)

    def shown(self, limit: int = 99) -> str:
        return texts(self.bank.messages(self.id, limit))

    def show(self, text: str) -> None:
        self.bank.show_branch(self.said[text].id)

    def places(self, *shown: str) -> dict[str, tuple[int, int]]:
        by_id = {message.id: text for text, message in self.said.items()}
        found = self.bank.sibling_places([self.said[text].id for text in shown])
        return {by_id[message_id]: place for message_id, place in found.items()}


def texts(messages: list[Message]) -> str:
    return " ".join(message.text for message in messages)


@pytest.fixture
def talk(bank: MemoryBank) -> Talk:
    return Talk(bank)


def test_a_message_follows_the_last_one_shown_and_is_then_the_last(talk: Talk) -> None:
    talk.say("A", "a", "B")
    assert [talk.said[text].parent_id for text in "AaB"] == [None, talk.said["A"].id, talk.said["a"].id]
    assert talk.bank.conversation(talk.id).head_id == talk.said["B"].id
    assert talk.shown() == "A a B"


def test_a_message_said_anew_stands_beside_the_old_one_which_keeps_what_followed_it(talk: Talk) -> None:
    talk.say("A", "a", "B", "b", "C", "c")
    talk.instead("B", "B2")
    assert talk.shown() == "A a B2"
    talk.say("b2")
    assert talk.shown() == "A a B2 b2"
    talk.show("B")
    assert talk.shown() == "A a B b C c"
    assert talk.bank.siblings(talk.said["B2"].id) == [talk.said["B"].id, talk.said["B2"].id]


def test_the_first_message_can_be_said_anew(talk: Talk) -> None:
    elsewhere = Talk(talk.bank)
    elsewhere.say("Z", "z")
    talk.say("A", "a")
    talk.instead("A", "A2")
    assert (talk.said["A2"].parent_id, talk.shown(), elsewhere.shown()) == (None, "A2", "Z z")
    assert talk.bank.siblings(talk.said["A"].id) == [talk.said["A"].id, talk.said["A2"].id]
    assert elsewhere.bank.siblings(elsewhere.said["Z"].id) == [elsewhere.said["Z"].id]


def test_a_second_answer_takes_the_place_of_the_first_which_can_be_shown_again(talk: Talk) -> None:
    talk.say("A", "a", "B", "b")
    talk.say("a2", after="A")
    assert talk.shown() == "A a2"
    talk.say("a3", after="A")
    assert talk.shown() == "A a3"
    assert talk.places("A", "a", "a3") == {"a": (1, 3), "a3": (3, 3)}
    talk.show("a")
    assert talk.shown() == "A a B b"


def test_an_answer_stays_on_the_branch_on_which_it_was_asked_for(talk: Talk) -> None:
    talk.say("A", "a", "B")
    talk.instead("B", "B2")
    talk.show("B")
    talk.say("b2", after="B2")
    assert talk.shown() == "A a B"
    talk.say("b")
    assert talk.shown() == "A a B b"
    talk.show("B2")
    assert talk.shown() == "A a B2 b2"


def test_an_answer_that_comes_when_the_talk_has_gone_on_hides_nothing(talk: Talk) -> None:
    talk.say("A", "B")
    talk.say("a", after="A")
    assert talk.shown() == "A B"
    talk.say("b")
    assert talk.shown() == "A B b"


def test_what_is_shown_of_a_branch_goes_on_to_the_newest_that_follows(talk: Talk) -> None:
    talk.say("A", "a", "B", "b")
    talk.instead("B", "B2")
    talk.say("b2")
    talk.show("A")
    assert talk.shown() == "A a B2 b2"
    talk.show("b")
    talk.show("a")
    assert talk.shown() == "A a B2 b2"


def test_messages_come_a_page_at_a_time_along_their_branch(talk: Talk) -> None:
    talk.say("A", "a", "B", "b", "C", "c")
    talk.instead("B", "B2")
    talk.say("b2", "D", "d")
    bank, said = talk.bank, talk.said
    assert texts(bank.messages(talk.id, 3)) == "b2 D d"
    assert texts(bank.messages(talk.id, 2, before_id=said["b2"].id)) == "a B2"
    assert texts(bank.messages(talk.id, 9, before_id=said["c"].id)) == "A a B b C"
    assert texts(bank.messages(talk.id, 9, before_id=said["A"].id)) == ""
    assert texts(bank.messages_after(talk.id, said["a"].id, 2)) == "B2 b2"
    assert texts(bank.messages_after(talk.id, said["D"].id, 9)) == "d"
    assert texts(bank.messages_after(talk.id, said["d"].id, 9)) == ""
    assert texts(bank.messages_after(talk.id, said["B"].id, 9)) == ""


def test_a_message_can_be_seen_among_those_around_it_without_showing_its_branch(talk: Talk) -> None:
    talk.say("A", "a", "B", "b", "C", "c")
    talk.instead("B", "B2")
    talk.say("b2", "D", "d")
    around = talk.bank.messages_around
    assert texts(around(talk.said["b2"].id, 2, 1)) == "a B2 b2 D"
    assert texts(around(talk.said["b"].id, 1, 1)) == "B b C"
    assert texts(around(talk.said["B"].id, 0, 9)) == "B b C c"
    talk.say("c2", after="C")
    assert texts(around(talk.said["B"].id, 9, 9)) == "A a B b C c2"
    assert texts(around(talk.said["a"].id, 0, 9)) == "a B2 b2 D d"
    assert talk.shown() == "A a B2 b2 D d"


def test_only_messages_of_the_same_role_are_siblings(talk: Talk) -> None:
    talk.say("A", "B")
    talk.say("a", after="A")
    assert talk.places("A", "B", "a") == {}
    assert talk.bank.siblings(999) == []


@pytest.mark.parametrize("is_being_read", [False, True])
def test_a_message_that_was_said_anew_before_it_was_read_is_not_read_any_more(talk: Talk, is_being_read: bool) -> None:
    bank = talk.bank
    first = bank.add_message(talk.id, "user", "My dog is called Budy.", remember=True)
    job = bank.next_job() if is_being_read else None
    again = bank.add_message(talk.id, "user", "My dog is called Buddy.", remember=True, instead_of=first.id)
    assert bank.pending_jobs() == 1
    if job is not None:
        read_in_vain = bank.apply(
            [adding("User's dog is called Budy.")], actor="manager", observed_at=NOON, job_id=job.id
        )
        assert read_in_vain == []
    following = bank.next_job()
    assert following is not None
    assert following.message_id == again.id


def test_a_message_cannot_follow_one_of_another_conversation(talk: Talk) -> None:
    other = Talk(talk.bank)
    other.say("Z")
    said = rf"Message {other.said['Z'].id} is not in conversation {talk.id}\."
    with pytest.raises(InputError, match=said):
        talk.bank.add_message(talk.id, "user", "A", parent_id=other.said["Z"].id)
    with pytest.raises(InputError, match=said):
        talk.bank.add_message(talk.id, "user", "A", instead_of=other.said["Z"].id)
    with pytest.raises(NotFoundError, match=r"There is no message 99\."):
        talk.bank.add_message(talk.id, "user", "A", parent_id=99)
    with pytest.raises(NotFoundError, match=r"There is no message 99\."):
        talk.bank.show_branch(99)
    assert (talk.shown(), talk.bank.messages(talk.id, 9, before_id=other.said["Z"].id)) == ("", [])


def test_the_replies_that_are_shown_are_counted(talk: Talk) -> None:
    talk.say("A", "a", "B", "b")
    talk.say("b2", after="B")
    talk.bank.add_message(talk.id, "user", "C")
    talk.bank.add_message(talk.id, "assistant", "", state="stopped")
    assert talk.bank.count_replies(talk.id) == 2


def test_what_leads_into_another_conversation_is_found_and_mended(talk: Talk) -> None:
    other = Talk(talk.bank)
    talk.say("A", "a")
    other.say("Z", "z")
    talk.say("B")
    database = talk.bank._database
    assert check(database) == []
    with database.write() as connection:
        connection.execute("UPDATE message SET parent_id = ? WHERE text = 'B'", (other.said["z"].id,))
        connection.execute("UPDATE conversation SET head_id = ? WHERE id = ?", (talk.said["a"].id, other.id))
    [found] = check(database)
    assert (found.ailment, found.what, found.mendable) == (
        "branches",
        "2 messages or conversations lead into other conversations, or to nothing",
        True,
    )
    mend(database)
    assert check(database) == []
    assert (talk.shown(), other.shown()) == ("A a B", "Z z")


def test_ten_thousand_messages_are_leafed_through_at_once(talk: Talk) -> None:
    with talk.bank._database.write() as connection:
        connection.execute(
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 10000)"
            " INSERT INTO message (id, conversation_id, role, text, created_at, state, parent_id)"
            " SELECT i, ?, 'user', 'Hello ' || i, '2026-01-01T00:00:00+00:00', 'complete', nullif(i - 1, 0) FROM n",
            (talk.id,),
        )
        connection.execute("UPDATE conversation SET head_id = 10000")
    bank = talk.bank

    def seconds() -> float:
        began = time.perf_counter()
        assert bank.messages(talk.id, 60)[0].text == "Hello 9941"
        assert bank.messages(talk.id, 60, before_id=5000)[-1].text == "Hello 4999"
        return (time.perf_counter() - began) / 2

    assert min(seconds() for _ in range(5)) < 0.005
    assert [m.id for m in bank.messages_after(talk.id, 2, 2)] == [3, 4]
    bank.show_branch(1)
    assert bank.conversation(talk.id).head_id == 10000


def test_it_is_told_whether_a_message_is_on_the_branch_that_is_shown(bank: MemoryBank) -> None:
    talk = Talk(bank)
    talk.say("One", "a", "Two", "b")
    talk.say("c", after="One", role="assistant")
    talk.show("b")
    assert talk.shown() == "One a Two b"
    assert {text for text, message in talk.said.items() if bank.is_shown(message.id)} == {"One", "a", "Two", "b"}
