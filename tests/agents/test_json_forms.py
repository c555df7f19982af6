"""What is read from JSON is what it says, however far it has come; what it should not say is refused by the parsers."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from assistant.agents.completions import (
    MAX_OPERATIONS,
    MAX_TEXT,
    Answer,
    Malformed,
    parse_answer,
    parse_operations,
)
from assistant.agents.generation import JsonForm
from assistant.agents.json_forms import answer_json, manager_json
from assistant.memory.operations import Action, MemoryOperation

MEMORIES = ["User has a dog named Buddy.", "User lives in Oslo.", 'User said "no \\ yes".', "long " * 100]
BUDDY = "User has a dog named Buddy. [1]"
OSLO = "User lives in Oslo. [2]"
MANAGER = manager_json(MEMORIES)
ANSWER = answer_json(MEMORIES)
DOG = '{"action": "ADD", "text": "User has a dog."}'


def add(text: str) -> str:
    return json.dumps({"operations": [{"action": "ADD", "text": text}]})


def operations_in(json_text: str) -> tuple[MemoryOperation, ...] | Malformed:
    return parse_operations(MANAGER.read(json_text), MEMORIES)


def answer_in(json_text: str) -> Answer | Malformed:
    return parse_answer(ANSWER.read(json_text), MEMORIES)


# Values of each form, as a server that holds a model to its schema lets through.
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="".join(map(chr, [*range(0x20), 0x7F]))))
memory_texts = texts.map(lambda text: text[:MAX_TEXT]).filter(lambda text: text.strip(" "))
short_ids = st.integers(1, len(MEMORIES))
an_operation = st.one_of(
    st.builds(lambda text: {"action": "ADD", "text": text}, memory_texts),
    st.builds(lambda memory, text: {"action": "UPDATE", "memory": memory, "text": text}, short_ids, memory_texts),
    st.builds(lambda memory: {"action": "DELETE", "memory": memory}, short_ids),
)
manager_values = st.builds(lambda items: {"operations": items}, st.lists(an_operation, max_size=MAX_OPERATIONS))
answer_values = st.builds(
    lambda ids, text: {"memories": ids, "answer": text},
    st.lists(short_ids, unique=True),
    st.text(st.characters(exclude_categories=["Cs", "Cc"], include_characters="\n\t")).filter(str.strip),
)
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
# Values that are nearly in the form: each part may be anything.
nearly = st.dictionaries(
    st.sampled_from(["operations", "memories", "answer", "x"]),
    st.lists(
        st.dictionaries(
            st.sampled_from(["action", "memory", "text", "x"]),
            st.sampled_from(
                ["ADD", "UPDATE", "DELETE", "NOOP", 1, 2, 99, 0, -1, 1.5, True, None, "", " ", "a\nb", "\x00"]
            )
            | st.text(max_size=2),
        )
        | st.sampled_from([1, 2, 99, 1.0]),
        max_size=6,
    )
    | st.text(),
)


@st.composite
def as_json(draw: st.DrawFn, values: st.SearchStrategy[Any]) -> str:
    """A value as any server may write it: keys in any order, blanks anywhere, characters as escapes or not."""

    def shuffled(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: shuffled(value[key]) for key in draw(st.permutations(list(value)))}
        return list(map(shuffled, value)) if isinstance(value, list) else value

    text = json.dumps(
        shuffled(draw(values)),
        ensure_ascii=draw(st.booleans()),
        indent=draw(st.sampled_from([None, 0, 1, "\t"])),
        separators=draw(st.sampled_from([(",", ":"), (", ", ": "), (" ,\r\n", "\t: ")])),
    )
    return draw(st.sampled_from(["", "\n ", "```json\n", "```"])) + text


@st.composite
def broken(draw: st.DrawFn) -> str:
    """JSON of any kind with a stretch left out or replaced."""
    text = draw(st.one_of(as_json(manager_values), as_json(answer_values), as_json(nearly), as_json(anything)))
    first = draw(st.integers(0, len(text)))
    last = draw(st.integers(first, min(len(text), first + 9)))
    return text[:first] + draw(st.text(' {}[]":,\\u0d8e1nq`\n', max_size=4)) + text[last:]


def written(value: dict[str, Any]) -> tuple[MemoryOperation, ...]:
    """The operations that a value of the schema stands for."""
    listed = [
        MemoryOperation(Action(item["action"]), item.get("memory"), item["text"].strip(" ") if "text" in item else None)
        for item in value["operations"]
    ]
    return tuple(dict.fromkeys(listed)) or (MemoryOperation(Action.NOOP),)


@pytest.mark.parametrize("form", [MANAGER, ANSWER], ids=["manager", "answer"])
@given(json_text=st.one_of(broken(), st.text()))
@example(json_text='{"memories": [1], "answer": "\\ud83d\\ude00 \\ud83d"')
@example(json_text='{"memories": ' + "[" * 100_000)
@example(json_text='{"memories": [' + "9" * 5000 + '], "answer": "a"}')
@example(json_text='{"operations": []} {"operations": []}')
@example(json_text='{"operations": [{"action": "DELETE", "memory": 1.0}]}')
@example(json_text='{"memories": [1e+0], "answer": "a"}')
def test_whatever_comes_reading_it_never_raises_and_only_ever_adds(form: JsonForm, json_text: str) -> None:
    before = ""
    for end in range(0, len(json_text) + 1, max(1, len(json_text) // 500)):
        read = form.read(json_text[:end])
        assert read.startswith(before)
        before = read
    assert form.read(json_text).startswith(before)


@given(as_json(manager_values))
@example('{"operations": [{"action": "DELETE", "memory": 1.0}, {"action": "DELETE", "memory": 2e0}]}')
def test_all_operations_that_the_schema_allows_are_read(json_text: str) -> None:
    assert operations_in(json_text) == written(json.loads(json_text.removeprefix("```").removeprefix("json")))


@given(as_json(answer_values))
def test_all_answers_that_the_schema_allows_are_read(json_text: str) -> None:
    value = json.loads(json_text.removeprefix("```").removeprefix("json"))
    answer = answer_in(json_text)
    assert answer == Answer(value["answer"].lstrip().strip(" \n"), tuple(value["memories"]))


@given(st.one_of(as_json(nearly), as_json(anything)))
def test_what_the_schema_does_not_allow_is_never_an_operation(json_text: str) -> None:
    value = json.loads(json_text.strip("`").removeprefix("json"))
    read = operations_in(json_text)
    assert isinstance(read, Malformed) or (fits_manager(value) and read == written(value))


def fits_manager(value: Any) -> bool:
    """What the manager's schema says, in other words."""
    return (
        isinstance(value, dict)
        and value.keys() == {"operations"}
        and isinstance(value["operations"], list)
        and len(value["operations"]) <= MAX_OPERATIONS
        and all(map(fits_operation, value["operations"]))
    )


def fits_operation(item: Any) -> bool:
    shapes = {"ADD": {"action", "text"}, "UPDATE": {"action", "memory", "text"}, "DELETE": {"action", "memory"}}
    return (
        isinstance(item, dict)
        and shapes.get(str(item.get("action"))) == item.keys()
        and ("memory" not in item or (not isinstance(item["memory"], bool) and item["memory"] in (1, 2, 3, 4)))
        and ("text" not in item or (isinstance(item["text"], str) and 1 <= len(item["text"]) <= MAX_TEXT))
    )


def test_operations_read_as_the_lines_that_a_grammar_would_have_forced() -> None:
    json_text = (
        '{"operations": [{"action": "ADD", "text": "User works at Hexworks."},'
        ' {"text": "User has two dogs.", "action": "UPDATE", "memory": 1}, {"action": "DELETE", "memory": 2}]}'
    )
    assert MANAGER.read(json_text) == (
        "ADD: User works at Hexworks.\n"
        "UPDATE: User has a dog named Buddy. [1]\n"
        "WITH: User has two dogs.\n"
        "DELETE: User lives in Oslo. [2]"
    )


def test_an_empty_list_is_noop() -> None:
    assert MANAGER.read('{"operations": []}') == "NOOP"


def test_operations_count_only_when_the_list_is_whole() -> None:
    whole = f'{{"operations": [{DOG}]}}'
    assert {MANAGER.read(whole[:end]) for end in range(len(whole))} == {""}
    assert MANAGER.read(whole) == "ADD: User has a dog."


@pytest.mark.parametrize(
    "json_text",
    [
        '{"operations": [{"action": "DELETE", "memory": 99}]}',
        '{"operations": [{"action": "DELETE", "memory": 0}]}',
        '{"operations": [{"action": "DELETE", "memory": "1"}]}',
        '{"operations": [{"action": "DELETE", "memory": 1.5}]}',
        '{"operations": [{"action": "DELETE", "memory": 01}]}',
        '{"operations": [{"action": "DELETE", "memory": true}]}',
        '{"operations": [{"action": "DELETE", "memory": 1, "text": "a"}]}',
        '{"operations": [{"action": "DELETE"}]}',
        '{"operations": [{"action": "ADD", "memory": 1, "text": "a"}]}',
        '{"operations": [{"action": "ADD", "text": "a", "text": "b"}]}',
        '{"operations": [{"action": "ADD", "text": "a", "why": "b"}]}',
        '{"operations": [{"action": "ADD"}]}',
        '{"operations": [{"action": "NOOP"}]}',
        '{"operations": [{}]}',
        '{"operations": [[]]}',
        '{"operations": null}',
        '{"operations": [], "why": "nothing"}',
        "{}",
        "[]",
        f'{{"operations": [{", ".join([DOG] * 5)}]}}',
        f'{{"operations": [{DOG}]}} and more',
        f'{{"operations": [{DOG}]}}{{"operations": []}}',
        f'{{"operations": [{DOG}]}}\n```',
        f'```json\n{{"operations": [{DOG}]}}\n``` more',
        f'```json\nHere: {{"operations": [{DOG}]}}',
        f'Here it is: {{"operations": [{DOG}]}}',
        f"[{DOG}]",
        add("x" * 241),
        add("x" * 240 + " "),
        add(""),
        add("   "),
        add("a\nDELETE: " + OSLO),
        add("a\r"),
        add("a\x00b"),
        add("\x7f"),
        add("\ud83d"),
        '{"operations": [{"action": "ADD", "text": "a\nDELETE: ' + OSLO + '"}]}',
        '{"operations": [{"action": "ADD", "text": "a \\q"}]}',
        "{'operations': []}",
    ],
)
def test_what_is_not_in_the_form_is_refused(json_text: str) -> None:
    assert isinstance(operations_in(json_text), Malformed)


@pytest.mark.parametrize("text", ["Nothing.", "ADD: User has a dog.", '{"operations": 1}', "`", "```python\n"])
def test_what_is_no_json_in_the_form_is_left_as_it_is(text: str) -> None:
    assert MANAGER.read(text + "!") == text + "!"
    assert ANSWER.read(text + "!") == text + "!"


@pytest.mark.parametrize(
    "json_text",
    ['{"operations": []}', '\n {"operations": []}\n', '```json\n{"operations": []}\n```\n', '```\n{"operations":[]}'],
)
def test_a_fence_and_blanks_around_the_json_do_not_matter(json_text: str) -> None:
    assert MANAGER.read(json_text) == "NOOP"


def test_a_text_of_240_characters_is_read_whole() -> None:
    assert operations_in(add("x" * 240)) == (MemoryOperation(Action.ADD, None, "x" * 240),)


def test_an_answer_streams_character_by_character() -> None:
    json_text = '{"memories": [2, 1, 2], "answer": "Oslo, \\"\\u00e9\\ud83d\\ude00\\n!"}'
    head = f"Memories:\n{OSLO}\n{BUDDY}\nAnswer: "
    seen = list(dict.fromkeys(ANSWER.read(json_text[:end]) for end in range(len(json_text) + 1)))
    assert seen == ["", *(head + 'Oslo, "é😀\n!'[:end] for end in range(1, 12))]


def test_an_answer_that_comes_before_its_memories_waits_for_them() -> None:
    json_text = '{"answer": "In Oslo.", "memories": [2]}'
    assert ANSWER.read(json_text[:-2]) == ""
    assert ANSWER.read(json_text[:-1]) == f"Memories:\n{OSLO}\nAnswer: In Oslo."


def test_an_answer_from_no_memory_quotes_none() -> None:
    assert answer_json([]).read('{"memories": [], "answer": "Hello!"}') == "Memories: none\nAnswer: Hello!"


def test_what_no_terminal_shows_is_left_out_of_an_answer() -> None:
    json_text = '{"memories": [], "answer": " \\r\\n\\u001b[1mA\\ud83d\\u0000B\\ttab\nline\\u007f"}'
    assert ANSWER.read(json_text) == "Memories: none\nAnswer: [1mAB\ttab\nline"


def test_a_backslash_in_an_answer_that_escapes_nothing_stands_for_itself() -> None:
    json_text = r'{"memories": [], "answer": "\(x\) in C:\users, \u12, \\"}'
    assert ANSWER.read(json_text) == "Memories: none\nAnswer: \\(x\\) in C:\\users, \\u12, \\"


@pytest.mark.parametrize("tail", ["", "}", '", "memories": [1]}', '"}\n```', '", "why": 1}', '"} More.'])
def test_what_follows_an_answer_does_not_change_it(tail: str) -> None:
    assert answer_in('{"memories": [2], "answer": "Oslo' + tail.removeprefix("}")) == Answer("Oslo", (2,))


@pytest.mark.parametrize(
    "json_text",
    [
        '{"memories": [99], "answer": "a"}',
        '{"memories": [1, 2, 3, 4, 1], "answer": "a"}',
        '{"memories": ["1"], "answer": "a"}',
        '{"memories": 1, "answer": "a"}',
        '{"memories": [1]}',
        '{"memories": [1], "answer": ""}',
        '{"memories": [1], "answer": " \\n"}',
        '{"memories": [1], "answer": null}',
        '{"memories": [1],\nAnswer: "a"}',
        '{"answer": "a"}',
        '{"answer": "a", "memories": [5]}',
        '{"why": "", "memories": [1], "answer": "a"}',
        '{"memories": [',
        "Two dogs.",
        "",
    ],
)
def test_an_answer_that_is_not_in_the_form_is_refused(json_text: str) -> None:
    assert isinstance(answer_in(json_text), Malformed)


def test_with_nothing_on_offer_the_managers_schema_has_add_alone() -> None:
    assert manager_json([]).schema == {
        "type": "object",
        "properties": {
            "operations": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {
                        "action": {"type": "string", "enum": ["ADD"]},
                        "text": {"type": "string", "minLength": 1, "maxLength": 240},
                    },
                    "required": ["action", "text"],
                    "additionalProperties": False,
                },
                "maxItems": 4,
            }
        },
        "required": ["operations"],
        "additionalProperties": False,
    }


def test_the_managers_schema_offers_the_numbers_of_the_memories() -> None:
    shapes = manager_json(["a", "b"]).schema["properties"]["operations"]["items"]["anyOf"]
    assert [list(shape["properties"]) for shape in shapes] == [
        ["action", "text"],
        ["action", "memory", "text"],
        ["action", "memory"],
    ]
    assert [shape["properties"]["action"]["enum"] for shape in shapes] == [["ADD"], ["UPDATE"], ["DELETE"]]
    assert shapes[1]["properties"]["memory"] == shapes[2]["properties"]["memory"] == {"type": "integer", "enum": [1, 2]}


def test_the_answers_schema_asks_for_the_memories_first() -> None:
    assert answer_json(["a", "b"]).schema["properties"] == {
        "memories": {"type": "array", "items": {"type": "integer", "enum": [1, 2]}, "maxItems": 2},
        "answer": {"type": "string"},
    }
    assert answer_json([]).schema["properties"]["memories"] == {
        "type": "array",
        "items": {"type": "integer"},
        "maxItems": 0,
    }


def objects_in(schema: Any) -> list[dict[str, Any]]:
    inner = schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else []
    found = [schema] if isinstance(schema, dict) and schema.get("type") == "object" else []
    return found + [found for value in inner for found in objects_in(value)]


@pytest.mark.parametrize("form", [MANAGER, ANSWER, manager_json([]), answer_json([])])
def test_every_object_of_a_schema_requires_all_its_properties_and_allows_no_other(form: JsonForm) -> None:
    for item in objects_in(form.schema):
        assert item["required"] == list(item["properties"])
        assert item["additionalProperties"] is False


@pytest.mark.parametrize("form", [MANAGER, ANSWER], ids=["manager", "answer"])
def test_the_example_in_the_request_is_in_the_form(form: JsonForm) -> None:
    offered = ["User has a dog named Buddy.", "User works at a bakery."]
    example_json = form.request.splitlines()[-1]
    read = (manager_json if form is MANAGER else answer_json)(offered).read(example_json)
    if form is MANAGER:
        assert parse_operations(read, offered) == (
            MemoryOperation(Action.UPDATE, 1, "User has two dogs named Buddy and Scout."),
            MemoryOperation(Action.UPDATE, 2, "User quit the job at a bakery on 3 May."),
        )
    else:
        assert parse_answer(read, offered) == Answer("Two, Buddy and Scout.", (1,))


def test_the_requests_are_the_same_whatever_is_on_offer() -> None:
    # They stand in the system message, which a server keeps in its cache from turn to turn.
    assert manager_json([]).request == MANAGER.request
    assert answer_json([]).request == ANSWER.request
    assert not re.search(r"Oslo", MANAGER.request + ANSWER.request)
