"""Simulated lives: nothing of the test split is seen in training, and the gold is what a person would expect."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from functools import reduce
from importlib.resources import files
from random import Random

import pytest

from trainer.data import facts
from trainer.data.english import HeldOut
from trainer.data.lives import ABSTAIN, Change, Life
from trainer.data.simulate import LEARNED_LAST, simulate
from trainer.data.storyteller import IN_TRAINING, USUAL, Shares, Storyteller
from trainer.data.tellers import TELLERS
from trainer.data.wordings import (
    ASSISTANTS_OWN,
    OPEN_POOLS,
    TRAINING_FILES,
    Register,
    Split,
    Wordings,
    fill,
    invented_value,
    roughened,
    spliced_word,
    split_of_value,
    wordings_of,
)

WORDINGS = {split: Wordings.load(split) for split in Split}


def test_every_wording_is_in_exactly_one_split() -> None:
    said = {
        split: {
            line for name, pool in WORDINGS[split].say.items() if not name.startswith(ASSISTANTS_OWN) for line in pool
        }
        for split in Split
    }

    assert said[Split.TRAIN].isdisjoint(said[Split.TEST])
    assert said[Split.TRAIN].isdisjoint(said[Split.DEV])
    assert said[Split.DEV].isdisjoint(said[Split.TEST])


def test_the_registers_of_a_split_make_up_what_it_says() -> None:
    for split in Split:
        plain, chatty = (Wordings.load(split, register).say for register in Register)
        pool = "pet.first"
        assert set(plain[pool]) | set(chatty[pool]) == set(WORDINGS[split].say[pool])
        assert set(plain[pool]).isdisjoint(chatty[pool])
        assert chatty["openers.all"] == plain["openers.all"], "there is only one form of them"
        assert [name for name, lines in chatty.items() if not lines] in ([], ["age.ask_turned"])


def for_training_alone() -> Iterator[tuple[str, list[str]]]:
    """Each pool of the files that are for training alone, and its lines there."""
    for name in TRAINING_FILES:
        text = (files("trainer.data") / "wordings" / name).read_text("utf-8")
        for kind, pools in tomllib.loads(text).items():
            yield from ((f"{kind}.{pool}", lines) for pool, lines in pools.items())


def test_wordings_for_training_alone_are_in_no_other_split() -> None:
    for pool, lines in for_training_alone():
        assert set(lines) <= set(WORDINGS[Split.TRAIN].say[pool])
        for split in (Split.DEV, Split.TEST):
            assert set(lines).isdisjoint(WORDINGS[split].say[pool])


def test_wordings_for_training_alone_name_nothing_that_is_held_out() -> None:
    held_out = HeldOut((WORDINGS[Split.DEV], WORDINGS[Split.TEST]))
    for _, lines in for_training_alone():
        for line in lines:
            assert not held_out.is_in(re.sub(r"\{\w+\}", "", line)), line


@pytest.mark.parametrize("split", [Split.DEV, Split.TEST])
def test_every_pool_has_wordings_in_every_split(split: Split) -> None:
    assert WORDINGS[split].say.keys() == WORDINGS[Split.TRAIN].say.keys()
    assert all(lines for pool, lines in WORDINGS[split].say.items() if not pool.endswith("_turned"))


def test_every_open_value_is_in_exactly_one_split() -> None:
    for pool in OPEN_POOLS:
        train, test = (set(WORDINGS[split].values[pool]) for split in (Split.TRAIN, Split.TEST))
        assert train, pool
        assert test, pool
        assert train.isdisjoint(test), pool


def test_training_lives_say_no_value_of_the_test_split() -> None:
    """Looked for in what is said, not in the pools: in a thousand messages and their questions."""
    held_out = {value for pool in ("first_names", "places", "companies") for value in WORDINGS[Split.TEST].values[pool]}
    said = " ".join(
        text
        for number in range(40)
        for turn in simulate(number, WORDINGS[Split.TRAIN]).turns
        for text in (turn.text, *(question.text for question in turn.questions))
    )

    assert held_out & set(re.findall(r"[A-Z]\w+(?: [A-Z]\w+)?", said)) == set()


def test_lives_of_the_test_split_speak_only_in_its_wordings() -> None:
    patterns = [
        re.compile(re.sub(r"\\\{\w+\\\}", ".+", re.escape(line)), re.IGNORECASE)
        for pool, lines in WORDINGS[Split.TEST].say.items()
        for line in lines
    ]
    for turn in simulate(7, WORDINGS[Split.TEST]).turns:
        for question in turn.questions:
            assert any(pattern.fullmatch(question.text) for pattern in patterns), question.text


def test_the_same_seed_gives_the_same_life() -> None:
    assert simulate("a", WORDINGS[Split.TRAIN]) == simulate("a", WORDINGS[Split.TRAIN])
    assert simulate("a", WORDINGS[Split.TRAIN]) != simulate("b", WORDINGS[Split.TRAIN])


def test_a_value_that_shares_its_first_word_shares_its_split() -> None:
    assert split_of_value("Toyota") is split_of_value("Toyota Corolla")


def test_no_value_to_train_with_holds_one_that_is_held_out() -> None:
    held_out = {
        value.lower()
        for split in (Split.DEV, Split.TEST)
        for pool in OPEN_POOLS
        for value in WORDINGS[split].values[pool]
    }
    words = {
        word for pool in OPEN_POOLS for value in WORDINGS[Split.TRAIN].values[pool] for word in value.lower().split()
    }

    assert len(held_out) > 300
    assert held_out.isdisjoint(words)


def test_a_small_pool_still_gives_the_test_split_two_wordings() -> None:
    pool = ["one", "two", "three", "four", "five"]

    assert len(wordings_of(pool, Split.TEST)) == 2
    assert sorted(line for split in Split for line in wordings_of(pool, split)) == sorted(pool)


@pytest.mark.parametrize(
    ("wording", "slots", "text"),
    [
        ("I have a {x}.", {"x": "dog"}, "I have a dog."),
        ("I have a {x}.", {"x": "iguana"}, "I have an iguana."),
        ("A {x} called {y}!", {"x": "otter", "y": "Bo"}, "An otter called Bo!"),
        ("I play a {x}.", {"x": "ukulele"}, "I play a ukulele."),
    ],
)
def test_an_article_fits_the_value_after_it(wording: str, slots: dict[str, str], text: str) -> None:
    assert fill(wording, **slots) == text


def test_one_sentence_remembers_each_kind_of_fact() -> None:
    assert facts.pet("User", "dog", ("Buddy",)).text == "User has a dog named Buddy."
    assert facts.pet("User", "dog", ("Buddy", "Scout")).text == "User has two dogs named Buddy and Scout."
    assert facts.allergy("Ann", ("milk", "nuts", "soy")).text == "Ann is allergic to milk, nuts and soy."
    assert facts.job("User", "nurse", "").text == "User works as a nurse."
    assert facts.job("User", "", "Northgate").text == "User works at Northgate."
    assert facts.job("User", "actor", "Northgate").text == "User works as an actor at Northgate."
    assert facts.friend_home("User", "boss", "Tom", "Lima").text == "User's boss Tom lives in Lima."


def _pets_of(story: Storyteller, turns: int) -> list[Change]:
    changes = []
    for _ in range(turns):
        event = TELLERS["pet"][1](story, "User")
        if event is None:
            continue
        change = event[2]
        if change.before is not None:
            del story.known[change.before.key]
        if change.after is not None:
            story.known[change.after.key] = change.after
        changes.append(change)
    return changes


def test_a_pet_more_or_less_changes_one_memory() -> None:
    changes = _pets_of(Storyteller(Random(3), WORDINGS[Split.TRAIN]), 60)

    for change in changes:
        before = set(change.before.values) if change.before else set()
        after = set(change.after.values) if change.after else set()
        assert len(before ^ after) == 1 or (not before and len(after) == 2), "two are told of at once only if new"
        assert len(after) <= facts.MOST
    assert any(len(c.after.values) == 2 for c in changes if c.after and not c.before)
    assert any(change.before and change.after for change in changes)
    assert any(change.after is None for change in changes)


def _evidence_is_known(life: Life) -> None:
    for turn in life.turns:
        gone = {c.before.text for c in turn.changes if c.before}
        known = {f.text for f in turn.known} - gone | {c.after.text for c in turn.changes if c.after}
        for question in turn.questions:
            assert (question.evidence is None) == (question.answer == ABSTAIN)
            assert question.evidence is None or question.evidence.text in known


def test_every_question_is_answered_by_what_is_known_or_by_nothing() -> None:
    for number in range(30):
        _evidence_is_known(simulate(number, WORDINGS[Split.TEST]))


def test_every_change_starts_from_what_is_known() -> None:
    for number in range(30):
        for turn in simulate(number, WORDINGS[Split.TRAIN]).turns:
            known = {fact.key: fact for fact in turn.known}
            for change in turn.changes:
                assert change.before is None or known[change.before.key] == change.before
                assert change.before is not None or change.after is not None
                assert change.before != change.after


def test_small_talk_and_questions_change_nothing() -> None:
    turns = [turn for number in range(20) for turn in simulate(number, WORDINGS[Split.TRAIN]).turns]
    quiet = [turn for turn in turns if turn.kind.startswith("small talk") or turn.kind == "question"]

    assert len(quiet) > 20
    assert all(turn.changes == () for turn in quiet)


def test_harder_lives_have_more_named_people_and_more_news_of_two_facts() -> None:
    def told(shares: Shares) -> tuple[int, int]:
        lives = [simulate(number, WORDINGS[Split.TRAIN], shares=shares) for number in range(40)]
        return (
            sum(len(life.people) == 2 for life in lives),
            sum(turn.kind == "two facts" for life in lives for turn in life.turns),
        )

    assert told(Shares(named=0, paired=0)) == (0, 0)
    assert told(Shares(named=1, paired=0))[0] == 40
    usual, hard = told(USUAL), told(Shares(named=0.6, paired=0.3))
    assert usual[0] < hard[0]
    assert usual[1] < hard[1]


def test_lives_may_practise_the_kinds_that_are_learned_last() -> None:
    def share(practised: float) -> float:
        lives = [simulate(number, WORDINGS[Split.TRAIN], shares=Shares(practised=practised)) for number in range(40)]
        told = [change for life in lives for turn in life.turns for change in turn.changes]
        return sum(f.kind in LEARNED_LAST for c in told if (f := c.after or c.before)) / len(told)

    assert share(1.0) == 1.0
    assert share(0.0) < share(0.3) < 1.0


def test_in_training_questions_are_asked_after_a_part_of_the_messages_only() -> None:
    def asked(shares: Shares) -> int:
        lives = (simulate(number, WORDINGS[Split.TRAIN], shares=shares) for number in range(40))
        return sum(bool(turn.questions) for life in lives for turn in life.turns)

    assert asked(Shares(asked=0)) == 0
    assert 0 < asked(IN_TRAINING) < asked(USUAL)


def test_a_roughened_wording_keeps_its_words_its_slots_and_what_stands_beside_them() -> None:
    rng = Random(0)
    wording = "I don't think I told you that my {species} {name} is a good one."
    told = {roughened(wording, ["horse", "violin", "teacher"], rng) for _ in range(200)}

    assert "I do not think I told you that my {species} {name} is a good one." in told
    assert "i don't think i told you that my {species} {name} is a good one" in told
    longer = [text for text in told if len(text.split()) == len(wording.split()) + 1 and " do not " not in text]
    assert len(longer) > 50
    for text in longer:
        words = text.split()
        [added] = [i for i in range(len(words)) if words[:i] + words[i + 1 :] == wording.split()]
        assert "{" not in words[added - 1] + words[added + 1]
        assert words[added - 1] != "a"


def test_a_spliced_word_may_begin_with_a_word_that_is_known() -> None:
    rng = Random(0)
    made = {spliced_word(["horse"], ["violin"], rng) for _ in range(2000)}

    assert {"newn", "newin", "carlin", "holin", "horiolin"} <= made


def test_a_word_that_nobody_knows_is_none_that_is_held_out() -> None:
    rng = Random(0)
    wording = "This is what I told you."
    known = {word for text in (wording, wording.lower().rstrip(".")) for word in text.split()}
    unknown = {w for _ in range(5000) for w in roughened(wording, ["violet", "gravest"], rng).split()} - known

    assert len(unknown) > 500
    assert {split_of_value(word) for word in unknown} == {Split.TRAIN}


def test_a_made_up_value_has_one_or_two_words_none_of_them_held_out() -> None:
    rng = Random(0)
    made = [invented_value(pool, WORDINGS[Split.TRAIN], 0.5, rng) for pool in OPEN_POOLS for _ in range(300)]
    words = [[word for word in value.split() if word != "and"] for value in made]

    assert {len(value) for value in words} == {1, 2}
    assert {split_of_value(word) for value in words for word in value} == {Split.TRAIN}


def test_a_long_wording_may_lose_a_word_that_is_no_slot_and_beside_none() -> None:
    rng = Random(0)
    wording = "Everybody around here thought that {name} would never bring my lovely {species} home again today."
    told = {roughened(wording, ["horse", "violin", "teacher"], rng) for _ in range(300)}

    lost = [set(wording.split()) - set(text.split()) for text in told if len(text.split()) == len(wording.split())]
    assert {frozenset(words) for words in lost if words and len(words) == 1} == {
        frozenset({word}) for word in ("around", "thought", "bring")
    }


def test_news_may_be_told_beside_a_remark() -> None:
    said = set(WORDINGS[Split.TRAIN].say["age.turn"])
    alone, beside = (
        Storyteller(Random(0), WORDINGS[Split.TRAIN], shares=Shares(beside=share)).tell("age.turn", age="{age}")
        for share in (0.0, 1.0)
    )

    assert any(wording in alone for wording in said)
    assert alone in beside
    assert len(beside) > len(alone)


def test_remarks_may_be_idle_talk_that_people_had() -> None:
    talk = ["Is it far to Rome?", "They won again."]
    shares = Shares(overheard=0.5)
    overhearing, alone = (
        {Storyteller(Random(n), wordings, shares=shares).chat("remark") for n in range(200)}
        for wordings in (replace(WORDINGS[Split.TRAIN], overheard=talk), WORDINGS[Split.TRAIN])
    )

    assert set(talk) <= overhearing
    assert len(overhearing) > 50
    assert not any(said in remark for remark in alone for said in talk)


def test_two_people_may_begin_with_the_name_of_the_other() -> None:
    shares = Shares(named=0.5, addressed=1.0)
    for number in range(12):
        life = simulate(number, WORDINGS[Split.TRAIN], turns=6, shares=shares)
        beginnings = WORDINGS[Split.TRAIN].say["openers.addressed"]
        for turn in life.turns:
            others = [name for name in life.people if name != turn.speaker]
            addressed = any(turn.text.startswith(fill(b, name=other)) for b in beginnings for other in others)
            assert addressed == bool(others)


def test_held_out_lives_hold_nothing_that_is_made_up() -> None:
    values = {value for pool in OPEN_POOLS for value in WORDINGS[Split.TEST].values[pool]}
    for number in range(10):
        for turn in simulate(number, WORDINGS[Split.TEST]).turns:
            for change in turn.changes:
                if change.after is not None and change.after.kind in ("home", "car", "allergy"):
                    assert values.issuperset(change.after.values)


def test_a_third_thing_is_not_called_the_second() -> None:
    story = Storyteller(Random(0), WORDINGS[Split.TRAIN])
    told = {kind: [] for kind in ("pet.another", "allergy.more")}
    for _ in range(4000):
        kind = story.rng.choice(("pet", "allergy"))
        event = TELLERS[kind][1](story, "User")
        if event is not None and event[0] in told:
            _, text, change = event
            if len(change.after.values) == 3:
                told[event[0]].append(text)
        story.known = {
            ("pet", "User", "dog"): facts.pet("User", "dog", ("Rex", "Ada")),
            ("allergy", "User"): facts.allergy("User", ("dust", "nuts")),
        }

    assert min(map(len, told.values())) > 100
    around = [*WORDINGS[Split.TRAIN].say["openers.all"], *WORDINGS[Split.TRAIN].say["tails.all"]]
    for text in (text for texts in told.values() for text in texts):
        news = reduce(lambda said, other: said.replace(other, ""), around, text)  # "Got a second?" counts nothing.
        assert not re.search(r"\b(second|two|both)\b", news, re.IGNORECASE), text
