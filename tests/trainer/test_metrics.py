from __future__ import annotations

import math

import pytest

from assistant.memory.words import stems
from trainer.metrics import bleu1, exact_match, f1_locomo, f1_sets, normalised, tokens

# Our own measure


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("  Buddy\tand\nScout. ", "buddy and scout"),
        ("The dog, a cat & an owl!", "dog cat owl"),
        ("Two.", "2"),
        ("twenty-one years", "21 years"),
        ("Twenty one", "21"),
        ("thirty", "30"),
        ("zero", "0"),
        ("nineteen", "19"),
        ("sixty sixteen", "60 16"),
        ("someone", "someone"),
        ("mother-in-law\u2019s", "mother in laws"),
        ("his\u2014her", "his her"),
        ("red/green", "red green"),
        ("3.5", "3.5"),
        ("10:30 p.m.", "10:30 pm"),
        ("8/5/2023.", "8/5/2023"),
        ("1,000", "1000"),
        ("$5", "5"),
        ("\u20ac5", "5"),
        ("ten\u2013twelve", "10 12"),
        ("A", "a"),
        ("The", "the"),
        ("STRASSE", "strasse"),
        ("stra\u00dfe", "strasse"),
        ("cafe\u0301", "caf\u00e9"),
        ("snake_case", "snakecase"),
        ("\U0001f436", "\U0001f436"),
        ("?!", ""),
        ("", ""),
    ],
)
def test_the_form_in_which_answers_are_compared(text: str, form: str) -> None:
    assert normalised(text) == form
    assert normalised(form) == form


@pytest.mark.parametrize(
    ("answer", "gold", "score"),
    [
        ("Two, Buddy and Scout.", "2 Buddy and Scout", 1.0),
        ("In Lima", "Lima", 0.0),
        ("Scout and Buddy", "Buddy and Scout", 0.0),
        ("3.5", "35", 0.0),
        ("twenty one", "20 1", 0.0),
        ("a", "the", 0.0),
        ("", "", 0.0),
        ("?", "!", 0.0),
    ],
)
def test_exact_match_is_all_or_nothing(answer: str, gold: str, score: float) -> None:
    assert exact_match(answer, gold) == score


# mem0's


@pytest.mark.parametrize(
    ("answer", "gold", "score"),
    [
        ("Buddy!", "buddy", 1.0),
        ("a big dog named Buddy", "Buddy, a dog", 3 / 4),  # 3 in common of 5 and 3: 6 / 8
        ("dog dog dog", "dog", 1.0),  # sets: how often does not count
        ("Lima", "Oslo", 0.0),
        ("it's", "it s", 0.0),  # no other punctuation is taken away
        ("two", "2", 0.0),
        ("1.5", "5 1", 1.0),  # a period is a space, within numbers too
        ("", "Lima", 0.0),
        ("...", "...", 0.0),
    ],
)
def test_f1_over_sets_of_words(answer: str, gold: str, score: float) -> None:
    assert f1_sets(answer, gold) == pytest.approx(score, abs=1e-12)


@pytest.mark.parametrize(
    ("answer", "gold", "score"),
    [
        ("Lima", "lima", 1.0),
        ("a dog named Buddy", "Buddy", 1 / 4),  # 1 of 4 tokens, and longer: no penalty
        ("Buddy", "a dog named Buddy", math.exp(-3)),  # all of 1 token; 4 against 1: exp(1 - 4)
        ("the the the", "the cat", 1 / 3),  # as often as in the gold, so once
        ("Two dogs.", "Two dogs", 2 / 3),  # the period is a token
        ("He doesn't know", "he does not know", 3 / 4),  # he, does, n't, know
        ("Lima", "Oslo", 0.0),
        ("", "Oslo", 0.0),
        ("Oslo", "", 0.0),
    ],
)
def test_bleu_of_single_words(answer: str, gold: str, score: float) -> None:
    assert bleu1(answer, gold) == pytest.approx(score, abs=1e-12)


@pytest.mark.parametrize(
    ("text", "parted"),
    [
        ("buddy, a dog.", "buddy|,|a|dog|."),
        ("he said so. she didn't.", "he|said|so|.|she|did|n't|."),
        ("it's john's, i'll say; we've won!", "it|'s|john|'s|,|i|'ll|say|;|we|'ve|won|!"),
        ("the dogs' home", "the|dogs|'|home"),
        ("'sleep' in '16", "'|sleep|'|in|'|16"),
        ("o'clock", "o'clock"),
        ('"little women", he said', "``|little|women|''|,|he|said"),
        ('a "b"', "a|``|b|''"),
        ("3,000 at 10:30", "3,000|at|10:30"),
        ("now: go", "now|:|go"),
        ("3 p.m. on monday", "3|p.m.|on|monday"),
        ("at 3 p.m.", "at|3|p.m|."),
        ("j. r. r. tolkien and dr. who", "j.|r.|r.|tolkien|and|dr.|who"),
        ("(the end.)", "(|the|end|.|)"),
        ("well... yes -- no", "well|...|yes|--|no"),
        ("100% of r&b @home", "100|%|of|r|&|b|@|home"),
        ("mother-in-law", "mother-in-law"),
        ("i cannot, gonna, gotta, gimme", "i|can|not|,|gon|na|,|got|ta|,|gim|me"),
        ("", ""),
    ],
)
def test_tokens_are_those_of_the_penn_treebank(text: str, parted: str) -> None:
    assert tokens(text) == [token for token in parted.split("|") if token]


# LoCoMo's

PORTERS_EXAMPLES = """
    caresses caress, ponies poni, ties ti, caress caress, cats cat, feed feed, agreed agre, plastered plaster,
    bled bled, motoring motor, sing sing, conflated conflat, troubled troubl, sized size, hopping hop, tanned tan,
    falling fall, hissing hiss, fizzed fizz, failing fail, filing file, happy happi, sky sky, relational relat,
    conditional condit, rational ration, vietnamization vietnam, predication predic, operator oper, feudalism feudal,
    decisiveness decis, hopefulness hope, callousness callous, triplicate triplic, formative form, formalize formal,
    electrical electr, hopeful hope, goodness good, revival reviv, allowance allow, inference infer, airliner airlin,
    gyroscopic gyroscop, adjustable adjust, defensible defens, irritant irrit, replacement replac, adjustment adjust,
    dependent depend, adoption adopt, communism commun, activate activ, homologous homolog, effective effect,
    bowdlerize bowdler, probate probat, rate rate, cease ceas, roll roll, connect connect, connected connect,
    connecting connect, connection connect, connections connect, generalizations gener, oscillators oscil
"""


@pytest.mark.parametrize("example", [example.split() for example in PORTERS_EXAMPLES.split(",")])
def test_the_index_stems_as_porter_does(example: list[str]) -> None:
    word, stem = example
    assert stems(word) == [stem]


@pytest.mark.parametrize("kind", ["temporal", "single-hop"])
@pytest.mark.parametrize(
    ("answer", "gold", "score"),
    [
        ("She adopted dogs and the cats", "adopting a dog, and a cat", 6 / 7),  # she adopt dog cat; adopt dog cat
        ("dog dog", "dog", 2 / 3),  # as often as there: 1 of 2, 1 of 1
        ("1,000", "1000", 1.0),
        ("7 May, 2023", "7 May 2023", 1.0),
        ("Lima; Oslo", "Lima", 2 / 3),
        ("Lima", "Oslo", 0.0),
        ("the", "a", 0.0),
        ("", "Lima", 0.0),
        ("\U0001f436 \U0001f431", "\U0001f436", 2 / 3),
        ("\U0001f431", "\U0001f436", 0.0),
    ],
)
def test_f1_over_stems(answer: str, gold: str, kind: str, score: float) -> None:
    assert f1_locomo(answer, gold, kind) == pytest.approx(score, abs=1e-12)


@pytest.mark.parametrize(
    ("answer", "gold", "score"),
    [
        ("running, swimming", "Swimming, running, pottery", 2 / 3),
        ("Running and swimming", "swimming, running", 2 / 3),  # both items against one of two words: F1 of 2/3 each
        ("pottery class, running", "pottery", 2 / 3),
        ("Oslo", "Lima, Rome", 0.0),
    ],
)
def test_a_multi_hop_answer_is_a_list(answer: str, gold: str, score: float) -> None:
    assert f1_locomo(answer, gold, "multi-hop") == pytest.approx(score, abs=1e-12)


def test_of_an_open_domain_answer_only_what_stands_before_the_semicolon_counts() -> None:
    gold = "Likely no; though she likes reading, she wants to be a counselor"
    assert f1_locomo("likely no", gold, "open-domain") == 1.0
    assert f1_locomo("likely no", gold, "single-hop") == pytest.approx(4 / 13, abs=1e-12)  # 2 of 2, 2 of 11


@pytest.mark.parametrize(
    ("answer", "score"),
    [
        ("No information available.", 1.0),
        ("It is NOT MENTIONED in the conversation", 1.0),
        ("I don't know that yet.", 0.0),
        ("Lima", 0.0),
    ],
)
def test_an_adversarial_question_is_answered_by_locomos_own_words_alone(answer: str, score: float) -> None:
    assert f1_locomo(answer, "Lima", "adversarial") == score


def test_there_are_no_other_kinds() -> None:
    with pytest.raises(ValueError, match="LoCoMo has no kind of question called 'hop'"):
        f1_locomo("Lima", "Lima", "hop")
