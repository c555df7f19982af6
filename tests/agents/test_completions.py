"""The form of completions: what is written is read back, and what has no form is Malformed, never an exception."""

from __future__ import annotations

import re

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from assistant.agents.completions import (
    MAX_OPERATIONS,
    MAX_TEXT,
    Answer,
    Malformed,
    answer_grammar,
    format_answer,
    format_operations,
    manager_grammar,
    parse_answer,
    parse_operations,
)
from assistant.memory.operations import Action, MemoryOperation

OFFERED = 8
CONTROL = "".join(map(chr, [*range(0x20), 0x7F]))

memory_texts = (
    st.text(st.characters(exclude_categories=["Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Zs"], include_characters=" "))
    .map(lambda text: text.strip()[:MAX_TEXT].strip())
    .filter(bool)
)
short_ids = st.integers(1, OFFERED)
proposals = st.one_of(
    st.builds(MemoryOperation, st.just(Action.ADD), st.none(), memory_texts),
    st.builds(MemoryOperation, st.just(Action.UPDATE), short_ids, memory_texts),
    st.builds(MemoryOperation, st.just(Action.DELETE), short_ids, st.none()),
)


def test_operations_are_written_one_a_line():
    operations = [
        MemoryOperation(Action.ADD, None, "User lives in Oslo."),
        MemoryOperation(Action.UPDATE, 1, "User has two dogs named Buddy and Scout."),
        MemoryOperation(Action.DELETE, 3),
    ]
    assert format_operations(operations) == (
        "ADD: User lives in Oslo.\nUPDATE 1: User has two dogs named Buddy and Scout.\nDELETE 3"
    )


def test_no_operation_and_a_noop_are_both_written_noop():
    assert format_operations([]) == "NOOP"
    assert format_operations([MemoryOperation(Action.NOOP)]) == "NOOP"


def test_operations_are_read():
    completion = "ADD: User lives in Oslo.\nUPDATE 1: User has two dogs.\nDELETE 3"
    assert parse_operations(completion, 3) == (
        MemoryOperation(Action.ADD, None, "User lives in Oslo."),
        MemoryOperation(Action.UPDATE, 1, "User has two dogs."),
        MemoryOperation(Action.DELETE, 3, None),
    )


def test_noop_is_read_as_one_noop():
    assert parse_operations("NOOP", 0) == (MemoryOperation(Action.NOOP),)
    assert parse_operations(" NOOP\n", 3) == (MemoryOperation(Action.NOOP),)


@given(st.lists(proposals, min_size=1, max_size=MAX_OPERATIONS))
def test_what_is_written_as_operations_is_read_back(operations):
    assert parse_operations(format_operations(operations), OFFERED) == tuple(operations)


@pytest.mark.parametrize(
    ("completion", "reason"),
    [
        ("", "not an operation: ''"),
        ("I will remember that.", "not an operation: 'I will remember that.'"),
        ("ADD User lives in Oslo.", "not an operation: 'ADD User lives in Oslo.'"),
        ("ADD:", "not an operation: 'ADD:'"),
        ("ADD:    ", "not an operation: 'ADD:'"),
        ("add: lower case", "not an operation: 'add: lower case'"),
        ("UPDATE: no id", "not an operation: 'UPDATE: no id'"),
        ("UPDATE 1", "not an operation: 'UPDATE 1'"),
        ("DELETE", "not an operation: 'DELETE'"),
        ("DELETE 1: why", "not an operation: 'DELETE 1: why'"),
        ("NOOP\nADD: and yet", "not an operation: 'NOOP'"),
        ("ADD: one\n\nADD: two", "not an operation: ''"),
        ("UPDATE 0: zero", "memory 0 is not among the 3 on offer"),
        ("UPDATE 4: four", "memory 4 is not among the 3 on offer"),
        ("DELETE 18442", "memory 18442 is not among the 3 on offer"),
        ("DELETE 1234567890", "not an operation: 'DELETE 1234567890'"),
        ("UPDATE " + "9" * 5000 + ": x", "not an operation: 'UPDATE " + "9" * 73 + "'"),
        ("ADD: " + "x" * 241, "the text of a memory is too long or holds control characters"),
        ("ADD: bell\a", "the text of a memory is too long or holds control characters"),
        ("UPDATE 1: \x1b[2Jgone", "the text of a memory is too long or holds control characters"),
    ],
)
def test_operations_without_form_are_malformed_with_a_reason(completion, reason):
    assert parse_operations(completion, 3) == Malformed(completion, reason)


def test_one_bad_line_makes_the_whole_completion_malformed():
    assert isinstance(parse_operations("ADD: User lives in Oslo.\nDELETE 9", 3), Malformed)


def test_with_nothing_on_offer_no_id_can_be_meant():
    assert parse_operations("DELETE 1", 0) == Malformed("DELETE 1", "memory 1 is not among the 0 on offer")


def test_a_family_of_joined_emoji_is_a_text_like_any_other():
    assert parse_operations("ADD: User's family: 👨\u200d👩\u200d👧", 0) == (
        MemoryOperation(Action.ADD, None, "User's family: 👨\u200d👩\u200d👧"),
    )


def test_a_text_of_240_characters_is_read_whole():
    assert parse_operations("ADD: " + "x" * 240, 0) == (MemoryOperation(Action.ADD, None, "x" * 240),)


@given(st.text(), st.integers(0, OFFERED))
@example("UPDATE : x", 1)
@example("DELETE \u00b2", 2)
@example("ADD: \ud800", 0)
def test_reading_operations_never_raises_and_names_only_what_is_on_offer(completion, offered):
    parsed = parse_operations(completion, offered)
    if isinstance(parsed, Malformed):
        assert parsed.text == completion
        assert parsed.reason
    else:
        for operation in parsed:
            assert operation.memory_id is None or 1 <= operation.memory_id <= offered


def test_an_answer_names_its_memories_and_then_answers():
    assert format_answer("Two, Buddy and Scout.", [1, 4]) == "Memories: 1, 4\nAnswer: Two, Buddy and Scout."
    assert format_answer("I don't know that yet.", []) == "Memories: none\nAnswer: I don't know that yet."


def test_answers_are_read():
    assert parse_answer("Memories: 1, 4\nAnswer: Two.", 4) == Answer("Two.", (1, 4))
    assert parse_answer("Memories: none\nAnswer: Hello!\nHow are you?", 4) == Answer("Hello!\nHow are you?", ())


def test_a_memory_named_twice_is_cited_once_where_it_first_stood():
    assert parse_answer("Memories: 2, 1, 2\nAnswer: Two.", 2) == Answer("Two.", (2, 1))


answer_texts = st.text(st.characters(exclude_categories=["Cs"])).map(str.strip).filter(bool)


@given(answer_texts, st.lists(short_ids, unique=True, max_size=OFFERED))
@example("Memories: 1\nAnswer: quoted", [2])
def test_what_is_written_as_an_answer_is_read_back(text, ids):
    assert parse_answer(format_answer(text, ids), OFFERED) == Answer(text, tuple(ids))


@pytest.mark.parametrize(
    ("completion", "reason"),
    [
        ("", "the reply does not name its memories and then answer"),
        ("Two dogs.", "the reply does not name its memories and then answer"),
        ("Memories: 1", "the reply does not name its memories and then answer"),
        ("Memories: \nAnswer: Two.", "the reply does not name its memories and then answer"),
        ("Memories: 1,2\nAnswer: Two.", "the reply does not name its memories and then answer"),
        ("Memories: none, 1\nAnswer: Two.", "the reply does not name its memories and then answer"),
        ("Answer: Two.\nMemories: 1", "the reply does not name its memories and then answer"),
        ("Memories: 0\nAnswer: Two.", "memory 0 is not among the 2 on offer"),
        ("Memories: 1, 3\nAnswer: Two.", "memory 3 is not among the 2 on offer"),
        ("Memories: " + "9" * 5000 + "\nAnswer: Two.", "the reply does not name its memories and then answer"),
    ],
)
def test_answers_without_form_are_malformed_with_a_reason(completion, reason):
    assert parse_answer(completion, 2) == Malformed(completion, reason)


@given(st.text(), st.integers(0, OFFERED))
def test_reading_an_answer_never_raises(completion, offered):
    parsed = parse_answer(completion, offered)
    assert isinstance(parsed, Malformed) or all(1 <= short_id <= offered for short_id in parsed.ids)


def test_with_nothing_on_offer_the_managers_grammar_has_only_add_and_noop():
    assert manager_grammar(0) == (
        'root ::= "NOOP" | op ("\\n" op){0,3}\n'
        'op ::= "ADD: " text\n'
        r"text ::= [^\x00-\x20\x7F] [^\x00-\x1F\x7F]{0,239}"
    )


def test_the_managers_grammar_has_exactly_the_ids_on_offer():
    assert manager_grammar(2) == (
        'root ::= "NOOP" | op ("\\n" op){0,3}\n'
        'op ::= "ADD: " text | "UPDATE " id ": " text | "DELETE " id\n'
        r"text ::= [^\x00-\x20\x7F] [^\x00-\x1F\x7F]{0,239}" + "\n"
        'id ::= "1" | "2"'
    )


def test_with_nothing_on_offer_the_answers_grammar_allows_none_alone():
    assert answer_grammar(0) == (
        r'root ::= "Memories: " ("none") "\nAnswer: " [^\x00-\x20\x7F] [^\x00-\x08\x0B-\x1F\x7F]*'
    )


def test_the_answers_grammar_has_exactly_the_ids_on_offer_and_no_more_of_them_than_there_are():
    assert answer_grammar(3) == (
        'root ::= "Memories: " ("none" | id (", " id){0,2}) '
        r'"\nAnswer: " [^\x00-\x20\x7F] [^\x00-\x08\x0B-\x1F\x7F]*' + "\n"
        'id ::= "1" | "2" | "3"'
    )


def _as_pattern(grammar: str) -> re.Pattern[str]:
    """The language of a grammar as a regular expression: our grammars have no recursion."""
    rules = dict(line.split(" ::= ", 1) for line in grammar.splitlines())

    def expand(rule: str) -> str:
        parts = re.findall(r'"(?:\\.|[^"\\])*"|\[(?:\\.|[^\]\\])*\]|\w+|\{\d+,\d+\}|[()|*]', rule)
        return "".join(map(translate, parts))

    def translate(part: str) -> str:
        if part.startswith('"'):
            return re.escape(part[1:-1].replace("\\n", "\n"))
        return f"(?:{expand(rules[part])})" if part in rules else part

    return re.compile(expand(rules["root"]))


@given(st.data(), st.integers(0, OFFERED))
def test_whatever_the_managers_grammar_allows_can_be_read(data, offered):
    completion = data.draw(st.from_regex(_as_pattern(manager_grammar(offered)), fullmatch=True))
    # A text of exotic blanks alone is the one thing that the grammar cannot tell from a text.
    assume(all(text.strip() for text in re.findall(r": (.*)", completion)))
    assert not isinstance(parse_operations(completion, offered), Malformed)


@given(st.data(), st.integers(0, OFFERED))
def test_whatever_the_answers_grammar_allows_can_be_read(data, offered):
    completion = data.draw(st.from_regex(_as_pattern(answer_grammar(offered)), fullmatch=True))
    assume(completion.partition("\nAnswer: ")[2].strip())
    assert not isinstance(parse_answer(completion, offered), Malformed)


@given(st.lists(proposals, min_size=1, max_size=MAX_OPERATIONS))
def test_the_managers_grammar_allows_every_completion_we_would_train_on(operations):
    assert _as_pattern(manager_grammar(OFFERED)).fullmatch(format_operations(operations))


@pytest.mark.parametrize("character", CONTROL)
def test_no_grammar_lets_an_ascii_control_character_into_a_text(character):
    assert not _as_pattern(manager_grammar(1)).fullmatch(f"ADD: a{character}")
    allowed = _as_pattern(answer_grammar(1)).fullmatch(f"Memories: none\nAnswer: a{character}")
    assert bool(allowed) is (character in "\n\t")
