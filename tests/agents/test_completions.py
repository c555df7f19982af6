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
    quotes,
)
from assistant.memory.operations import Action, MemoryOperation

MEMORIES = ["User has a dog named Buddy.", "User lives in Oslo.", 'User said "no \\ yes".', *"abcd", "long " * 100]
OFFERED = len(MEMORIES)
BUDDY = "User has a dog named Buddy. [1]"
OSLO = "User lives in Oslo. [2]"
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


def test_operations_are_written_one_after_the_other_and_quote_the_memories_they_mean():
    operations = [
        MemoryOperation(Action.ADD, None, "User works at Hexworks."),
        MemoryOperation(Action.UPDATE, 1, "User has two dogs named Buddy and Scout."),
        MemoryOperation(Action.DELETE, 2),
    ]
    assert format_operations(operations, MEMORIES) == (
        "ADD: User works at Hexworks.\n"
        "UPDATE: User has a dog named Buddy. [1]\n"
        "WITH: User has two dogs named Buddy and Scout.\n"
        "DELETE: User lives in Oslo. [2]"
    )


def test_no_operation_and_a_noop_are_both_written_noop():
    assert format_operations([], []) == "NOOP"
    assert format_operations([MemoryOperation(Action.NOOP)], []) == "NOOP"


def test_operations_are_read():
    completion = f"ADD: User works at Hexworks.\nUPDATE: {BUDDY}\nWITH: User has two dogs.\nDELETE: {OSLO}"
    assert parse_operations(completion, MEMORIES) == (
        MemoryOperation(Action.ADD, None, "User works at Hexworks."),
        MemoryOperation(Action.UPDATE, 1, "User has two dogs."),
        MemoryOperation(Action.DELETE, 2, None),
    )


def test_of_a_long_memory_the_beginning_is_quoted():
    [quote] = quotes(["word " * 100])

    assert quote == "word " * 47 + "word… [1]"
    assert parse_operations(f"DELETE: {quote}", ["word " * 100]) == (MemoryOperation(Action.DELETE, 1),)


def test_noop_is_read_as_one_noop():
    assert parse_operations("NOOP", []) == (MemoryOperation(Action.NOOP),)
    assert parse_operations(" NOOP\n", MEMORIES) == (MemoryOperation(Action.NOOP),)


@given(st.lists(proposals, min_size=1, max_size=MAX_OPERATIONS))
def test_what_is_written_as_operations_is_read_back(operations):
    assert parse_operations(format_operations(operations, MEMORIES), MEMORIES) == tuple(dict.fromkeys(operations))


@pytest.mark.parametrize(
    ("completion", "reason"),
    [
        ("", "not an operation: ''"),
        ("I will remember that.", "not an operation: 'I will remember that.'"),
        ("ADD User lives in Oslo.", "not an operation: 'ADD User lives in Oslo.'"),
        ("ADD:", "not an operation: 'ADD:'"),
        ("ADD:    ", "not an operation: 'ADD:'"),
        ("add: lower case", "not an operation: 'add: lower case'"),
        ("UPDATE: no id", "not a memory on offer: 'no id'"),
        ("UPDATE 1", "not an operation: 'UPDATE 1'"),
        ("DELETE", "not an operation: 'DELETE'"),
        (f"DELETE: {BUDDY} why", f"not a memory on offer: '{BUDDY} why'"),
        (f"UPDATE: {BUDDY}", "an UPDATE does not say with what"),
        (f"UPDATE: {BUDDY}\nADD: User has two dogs.", "an UPDATE does not say with what"),
        ("WITH: User has two dogs.", "not an operation: 'WITH: User has two dogs.'"),
        ("NOOP\nADD: and yet", "not an operation: 'NOOP'"),
        ("ADD: one\n\nADD: two", "not an operation: ''"),
        ("UPDATE: User has a dog named Buddy.", "not a memory on offer: 'User has a dog named Buddy.'"),
        ("DELETE: User has a dog named Buddy. [2]", "not a memory on offer: 'User has a dog named Buddy. [2]'"),
        ("DELETE: " + "9" * 5000, "not a memory on offer: '" + "9" * 80 + "'"),
        ("ADD: " + "x" * 241, "the text of a memory is too long or holds control characters"),
        ("ADD: bell\a", "the text of a memory is too long or holds control characters"),
        (f"UPDATE: {BUDDY}\nWITH: \x1b[2Jgone", "the text of a memory is too long or holds control characters"),
    ],
)
def test_operations_without_form_are_malformed_with_a_reason(completion, reason):
    assert parse_operations(completion, MEMORIES) == Malformed(completion, reason)


def test_one_bad_line_makes_the_whole_completion_malformed():
    assert isinstance(parse_operations("ADD: User lives in Oslo.\nDELETE: nothing", MEMORIES), Malformed)


def test_with_nothing_on_offer_no_id_can_be_meant():
    assert parse_operations(f"DELETE: {OSLO}", []) == Malformed(f"DELETE: {OSLO}", f"not a memory on offer: '{OSLO}'")


def test_a_family_of_joined_emoji_is_a_text_like_any_other():
    assert parse_operations("ADD: User's family: 👨\u200d👩\u200d👧", []) == (
        MemoryOperation(Action.ADD, None, "User's family: 👨\u200d👩\u200d👧"),
    )


def test_a_text_of_240_characters_is_read_whole():
    assert parse_operations("ADD: " + "x" * 240, []) == (MemoryOperation(Action.ADD, None, "x" * 240),)


@given(st.text(), st.integers(0, OFFERED))
@example(f"UPDATE: {BUDDY}\nWITH: ", 1)
@example("DELETE: \u00b2", 2)
@example("ADD: \ud800", 0)
def test_reading_operations_never_raises_and_names_only_what_is_on_offer(completion, offered):
    parsed = parse_operations(completion, MEMORIES[:offered])
    if isinstance(parsed, Malformed):
        assert parsed.text == completion
        assert parsed.reason
    else:
        for operation in parsed:
            assert operation.memory_id is None or 1 <= operation.memory_id <= offered


def test_an_answer_quotes_its_memories_and_then_answers():
    assert format_answer("Buddy, in Oslo.", [1, 2], MEMORIES) == f"Memories:\n{BUDDY}\n{OSLO}\nAnswer: Buddy, in Oslo."
    assert format_answer("I don't know that yet.", [], MEMORIES) == "Memories: none\nAnswer: I don't know that yet."


def test_answers_are_read():
    assert parse_answer(f"Memories:\n{OSLO}\nAnswer: Oslo.", MEMORIES) == Answer("Oslo.", (2,))
    assert parse_answer("Memories: none\nAnswer: Hello!\nHow are you?", []) == Answer("Hello!\nHow are you?", ())


def test_a_memory_quoted_twice_is_cited_once_where_it_first_stood():
    completion = f"Memories:\n{OSLO}\n{BUDDY}\n{OSLO}\nAnswer: Two."
    assert parse_answer(completion, MEMORIES) == Answer("Two.", (2, 1))


NO_FORM = "the reply does not quote its memories and then answer"
answer_texts = st.text(st.characters(exclude_categories=["Cs"])).map(str.strip).filter(bool)


@given(answer_texts, st.lists(short_ids, unique=True, max_size=OFFERED))
@example(f"Memories:\n{BUDDY}\nAnswer: quoted", [2])
def test_what_is_written_as_an_answer_is_read_back(text, ids):
    assert parse_answer(format_answer(text, ids, MEMORIES), MEMORIES) == Answer(text, tuple(ids))


@pytest.mark.parametrize(
    ("completion", "reason"),
    [
        ("", NO_FORM),
        ("Two dogs.", NO_FORM),
        (f"Memories:\n{BUDDY}", NO_FORM),
        ("Memories: \nAnswer: Two.", NO_FORM),
        ("Memories: 1\nAnswer: Two.", NO_FORM),
        (f"Memories: none\n{BUDDY}\nAnswer: Two.", NO_FORM),
        (f"Answer: Two.\nMemories:\n{BUDDY}", NO_FORM),
        ("Memories:\nUser lives in Oslo.\nAnswer: Two.", "not a memory on offer: 'User lives in Oslo.'"),
        (f"Memories:\n{BUDDY}\n" + "9" * 5000 + "\nAnswer: Two.", "not a memory on offer: '" + "9" * 80 + "'"),
    ],
)
def test_answers_without_form_are_malformed_with_a_reason(completion, reason):
    assert parse_answer(completion, MEMORIES) == Malformed(completion, reason)


@given(st.text(), st.integers(0, OFFERED))
def test_reading_an_answer_never_raises(completion, offered):
    parsed = parse_answer(completion, MEMORIES[:offered])
    assert isinstance(parsed, Malformed) or all(1 <= short_id <= offered for short_id in parsed.ids)


def test_with_nothing_on_offer_the_managers_grammar_has_only_add_and_noop():
    assert manager_grammar([]) == (
        'root ::= "NOOP" | op ("\\n" op){0,3}\n'
        'op ::= "ADD: " text\n'
        r"text ::= [^\x00-\x20\x7F] [^\x00-\x1F\x7F]{0,239}"
    )


def test_the_managers_grammar_has_exactly_the_memories_on_offer():
    assert manager_grammar(MEMORIES[:3]) == (
        'root ::= "NOOP" | op ("\\n" op){0,3}\n'
        'op ::= "ADD: " text | "UPDATE: " memory "\\nWITH: " text | "DELETE: " memory\n'
        r"text ::= [^\x00-\x20\x7F] [^\x00-\x1F\x7F]{0,239}" + "\n"
        f'memory ::= "{BUDDY}" | "{OSLO}" | "User said \\"no \\\\ yes\\". [3]"'
    )


def test_with_nothing_on_offer_the_answers_grammar_allows_none_alone():
    assert answer_grammar([]) == (
        r'root ::= "Memories:" " none" "\nAnswer: " [^\x00-\x20\x7F] [^\x00-\x08\x0B-\x1F\x7F]*'
    )


def test_the_answers_grammar_has_exactly_the_memories_on_offer_and_no_more_of_them_than_there_are():
    assert answer_grammar(MEMORIES[:2]) == (
        'root ::= "Memories:" (" none" | ("\\n" memory){1,2}) '
        r'"\nAnswer: " [^\x00-\x20\x7F] [^\x00-\x08\x0B-\x1F\x7F]*' + "\n"
        f'memory ::= "{BUDDY}" | "{OSLO}"'
    )


def _as_pattern(grammar: str) -> re.Pattern[str]:
    """The language of a grammar as a regular expression: our grammars have no recursion."""
    rules = dict(line.split(" ::= ", 1) for line in grammar.splitlines())

    def expand(rule: str) -> str:
        parts = re.findall(r'"(?:\\.|[^"\\])*"|\[(?:\\.|[^\]\\])*\]|\w+|\{\d+,\d+\}|[()|*]', rule)
        return "".join(map(translate, parts))

    def translate(part: str) -> str:
        if part.startswith('"'):
            return re.escape(re.sub(r"\\(.)", lambda escape: {"n": "\n"}.get(escape[1], escape[1]), part[1:-1]))
        return f"(?:{expand(rules[part])})" if part in rules else part

    return re.compile(expand(rules["root"]))


@given(st.data(), st.integers(0, OFFERED))
def test_whatever_the_managers_grammar_allows_can_be_read(data, offered):
    completion = data.draw(st.from_regex(_as_pattern(manager_grammar(MEMORIES[:offered])), fullmatch=True))
    # A text of exotic blanks alone is the one thing that the grammar cannot tell from a text.
    assume(all(text.strip() for text in re.findall(r": (.*)", completion)))
    assert not isinstance(parse_operations(completion, MEMORIES[:offered]), Malformed)


@given(st.data(), st.integers(0, OFFERED))
def test_whatever_the_answers_grammar_allows_can_be_read(data, offered):
    completion = data.draw(st.from_regex(_as_pattern(answer_grammar(MEMORIES[:offered])), fullmatch=True))
    assume(completion.partition("\nAnswer: ")[2].strip())
    assert not isinstance(parse_answer(completion, MEMORIES[:offered]), Malformed)


@given(st.lists(proposals, min_size=1, max_size=MAX_OPERATIONS))
def test_the_managers_grammar_allows_every_completion_we_would_train_on(operations):
    assert _as_pattern(manager_grammar(MEMORIES)).fullmatch(format_operations(operations, MEMORIES))


@pytest.mark.parametrize("character", CONTROL)
def test_no_grammar_lets_an_ascii_control_character_into_a_text(character):
    assert not _as_pattern(manager_grammar([])).fullmatch(f"ADD: a{character}")
    allowed = _as_pattern(answer_grammar([])).fullmatch(f"Memories: none\nAnswer: a{character}")
    assert bool(allowed) is (character in "\n\t")


def test_an_operation_that_a_completion_repeats_counts_once():
    offered = ["User lives in Oslo.", "User has a dog."]
    completion = (
        "ADD: User drives a Fiat.\nDELETE: User has a dog. [2]\nADD: User drives a Fiat.\nDELETE: User has a dog. [2]"
    )
    assert parse_operations(completion, offered) == (
        MemoryOperation(Action.ADD, None, "User drives a Fiat."),
        MemoryOperation(Action.DELETE, 2),
    )
