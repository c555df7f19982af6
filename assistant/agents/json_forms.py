"""The agents' completions as JSON, for a server that can hold a model to a JSON Schema but not to a grammar.

Promises that JSON in that form reads as the completion that says the same, and that any other reads as one which the
parsers refuse. Knows nothing of servers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from assistant.agents.completions import MAX_OPERATIONS, MAX_TEXT, format_answer, format_operations
from assistant.agents.generation import JsonForm
from assistant.memory.operations import Action, MemoryOperation

MANAGER_REQUEST = f"""\
Write the operations as JSON instead, with nothing before and nothing after it:
{{"operations": [{{"action": "ADD", "text": "..."}}, {{"action": "UPDATE", "memory": 1, "text": "..."}}, \
{{"action": "DELETE", "memory": 2}}]}}
"memory" is the number of a memory, "text" the whole text of the new one in one line of at most {MAX_TEXT} characters. \
Where nothing is worth remembering, the list is empty: {{"operations": []}}

The example as JSON
{{"operations": [{{"action": "UPDATE", "memory": 1, "text": "User has two dogs named Buddy and Scout."}}, \
{{"action": "UPDATE", "memory": 2, "text": "User quit the job at a bakery on 3 May."}}]}}"""

ANSWER_REQUEST = """\
Write the reply as JSON instead, with nothing before and nothing after it: first the numbers of the memories that your \
answer rests on, or an empty list, then your answer.

The example as JSON
{"memories": [1], "answer": "Two, Buddy and Scout."}"""

_FIELDS: dict[str, set[str]] = {
    Action.ADD: {"action", "text"},
    Action.UPDATE: {"action", "memory", "text"},
    Action.DELETE: {"action", "memory"},
}
# A surrogate without its other half is no character: no database and no terminal takes it.
_NO_TEXT = re.compile(r"[\x00-\x1F\x7F\uD800-\uDFFF]")
_NO_ANSWER_TEXT = re.compile(r"[\x00-\x08\x0B-\x1F\x7F\uD800-\uDFFF]")

_SPACE = re.compile(r"[ \t\r\n]*")
_FENCE = "```"
_LANGUAGE = re.compile(r"[A-Za-z]*")
_PLAIN = re.compile(r'[^"\\]*')
_ESCAPES = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_ESCAPE = re.compile(r'\\(?:u([0-9a-fA-F]{4})|(["\\/bfnrt]))')
_ESCAPE_CUT = re.compile(r"\\(?:u[0-9a-fA-F]{0,3})?\Z")
_LOW_HALF = re.compile(r"\\u([dD][c-fC-F][0-9a-fA-F]{2})")
_NUMBER_LIKE = re.compile(r"[-+.0-9eE]*")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?")


# OpenAI's strict mode wants every property required and no other allowed. Lengths, numbers of items, `enum` and `anyOf`
# are what it has in common with the converters of llama.cpp (and so of Ollama and LM Studio) and of vLLM. None of them
# has `uniqueItems`; a `pattern` lets llama.cpp write a quotation mark without its backslash; and a string with a length
# can have neither quotation marks nor line breaks under vLLM's xgrammar, so that only the text of a memory has one.
def manager_json(memories: Sequence[str]) -> JsonForm:
    """The manager's operations as JSON when `memories` are on offer; with none, only ADD remains.

    A list is read only when it is whole: half of what a model had in mind is not what it had in mind.
    """
    text = {"type": "string", "minLength": 1, "maxLength": MAX_TEXT}
    shapes = [_object({"action": _one_of([Action.ADD.value]), "text": text})]
    if memories:
        memory = _one_of(list(range(1, len(memories) + 1)))
        shapes += [
            _object({"action": _one_of([Action.UPDATE.value]), "memory": memory, "text": text}),
            _object({"action": _one_of([Action.DELETE.value]), "memory": memory}),
        ]
    operation = {"anyOf": shapes} if len(shapes) > 1 else shapes[0]
    schema = _object({"operations": {"type": "array", "items": operation, "maxItems": MAX_OPERATIONS}})
    return JsonForm(schema, MANAGER_REQUEST, partial(_read_operations, memories=tuple(memories)))


def answer_json(memories: Sequence[str]) -> JsonForm:
    """An answer as JSON when `memories` are on offer.

    It is read as it grows, once its memories are known. What a terminal cannot show is left out of it, and what follows
    it is ignored, because an answer that has been shown cannot be taken back.
    """
    ids = _one_of(list(range(1, len(memories) + 1))) if memories else {"type": "integer"}
    used = {"type": "array", "items": ids, "maxItems": len(memories)}
    schema = _object({"memories": used, "answer": {"type": "string"}})
    return JsonForm(schema, ANSWER_REQUEST, partial(_read_answer, memories=tuple(memories)))


def _object(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(properties),
        "additionalProperties": False,
    }


def _one_of(values: Sequence[str] | Sequence[int]) -> dict[str, Any]:
    return {"type": "string" if isinstance(values[0], str) else "integer", "enum": list(values)}


def _read_operations(json_text: str, memories: Sequence[str]) -> str:
    scanner = _Scanner(json_text)
    said = ""
    try:
        scanner.open()
        said = format_operations(_operations(scanner, len(memories)), memories)
        scanner.close()
    except _CutOff:
        return said
    except _NotInForm:
        # The JSON itself is no operation, so that none of those before it counts.
        return f"{said}\n{json_text}" if said else json_text
    return said


def _operations(scanner: _Scanner, offered: int) -> list[MemoryOperation]:
    return [_operation(scanner, offered) for _ in scanner.members("operations") for _ in scanner.items(MAX_OPERATIONS)]


def _operation(scanner: _Scanner, offered: int) -> MemoryOperation:
    short_id: int | None = None
    texts: dict[str, str] = {}
    for key in scanner.members("action", "memory", "text"):
        if key == "memory":
            short_id = scanner.number(offered)
        else:
            texts[key] = scanner.whole_string()
    action, text = texts.get("action", ""), texts.get("text")
    if _FIELDS.get(action) != texts.keys() | ({"memory"} if short_id is not None else set()):
        raise _NotInForm
    if text is not None and (len(text) > MAX_TEXT or _NO_TEXT.search(text)):
        raise _NotInForm
    return MemoryOperation(Action(action), short_id, text)


def _read_answer(json_text: str, memories: Sequence[str]) -> str:
    # A backslash before anything else stands for itself: models write formulas and paths like that.
    scanner = _Scanner(json_text, lenient=True)
    ids: list[int] | None = None
    text, cut_off = "", False
    try:
        scanner.open()
        for key in scanner.members("memories", "answer"):
            if key == "memories":
                ids = [scanner.number(len(memories)) for _ in scanner.items(len(memories))]
            else:
                text = scanner.string()
                scanner.end_of_string()
    except _CutOff:
        cut_off = True
    except _NotInForm:
        pass
    text = _NO_ANSWER_TEXT.sub("", text).lstrip()
    if ids is not None and text:
        return format_answer(text, list(dict.fromkeys(ids)), memories)
    return "" if cut_off else json_text


class _CutOff(Exception):
    """The text ends before what was looked for does."""


class _NotInForm(Exception):
    """The text is no JSON, or not in the form asked for."""


@dataclass(slots=True)
class _Scanner:
    """Reads JSON from the left, each part as it is asked for. Raises _NotInForm or _CutOff."""

    text: str
    lenient: bool = False
    at: int = 0
    fence: str = ""

    def open(self) -> None:
        """To the first brace, past the fence that a model may put before it."""
        self._peek()
        if self.text.startswith(_FENCE, self.at):
            self.fence = _FENCE
            self._skip(_LANGUAGE, self.at + len(_FENCE))
        elif _FENCE.startswith(self.text[self.at :]):
            raise _CutOff

    def close(self) -> None:
        """Checks that nothing follows but the end of the fence."""
        if not self.fence.startswith(self.text[self.at :].strip()):
            raise _NotInForm

    def members(self, *names: str) -> Iterator[str]:
        """The keys of an object, each at most once; whoever gets one reads its value. An object has at least one."""
        expected = set(names)
        separator = self._take("{")
        while separator != "}":
            key = self.whole_string()
            if key not in expected:
                raise _NotInForm
            expected.remove(key)
            self._take(":")
            yield key
            separator = self._take(",}")

    def items(self, most: int) -> Iterator[int]:
        """Counts the values of an array; whoever gets a number reads the value."""
        self._take("[")
        if self._peek() == "]":
            self._take("]")
            return
        count = 0
        separator = ","
        while separator == ",":
            if count == most:
                raise _NotInForm
            yield count
            count += 1
            separator = self._take(",]")

    def number(self, most: int) -> int:
        """A whole number from 1 to `most`."""
        self._peek()
        literal = self._skip(_NUMBER_LIKE, self.at)
        if self.at == len(self.text):
            raise _CutOff
        if not _NUMBER.fullmatch(literal):
            raise _NotInForm
        # As a float, because 1.0 and 1e0 are the number 1 to JSON, and an int of 5,000 digits is an error in Python.
        value = float(literal)
        if value not in range(1, most + 1):
            raise _NotInForm
        return int(value)

    def whole_string(self) -> str:
        value = self.string()
        self.end_of_string()
        return value

    def string(self) -> str:
        """A string up to its quotation mark, or as far as it is certain."""
        self._take('"')
        pieces = [self._skip(_PLAIN, self.at)]
        while self.text.startswith("\\", self.at) and (character := self._escaped()):
            pieces += [character, self._skip(_PLAIN, self.at)]
        return "".join(pieces)

    def end_of_string(self) -> None:
        if not self.text.startswith('"', self.at):
            raise _CutOff
        self.at += 1

    def _escaped(self) -> str:
        """The character that an escape stands for; none if it is cut off."""
        escape = _ESCAPE.match(self.text, self.at)
        if escape is None:
            if _ESCAPE_CUT.match(self.text, self.at):
                return ""
            if not self.lenient:
                raise _NotInForm
            self.at += 1
            return "\\"
        code, short = escape.groups()
        character = _ESCAPES[short] if short else chr(int(code, 16))
        end = escape.end()
        # Until its other half has come, half a pair counts as one alone, which nobody gets to see.
        if "\ud800" <= character <= "\udbff" and (low := _LOW_HALF.match(self.text, end)):
            character = chr(0x10000 + (ord(character) - 0xD800) * 0x400 + int(low[1], 16) - 0xDC00)
            end = low.end()
        self.at = end
        return character

    def _peek(self) -> str:
        """The next character that is no white space."""
        self._skip(_SPACE, self.at)
        if self.at == len(self.text):
            raise _CutOff
        return self.text[self.at]

    def _take(self, expected: str) -> str:
        if (character := self._peek()) not in expected:
            raise _NotInForm
        self.at += 1
        return character

    def _skip(self, pattern: re.Pattern[str], start: int) -> str:
        """What matches at `start`, which any of these patterns does, if only as nothing."""
        match = pattern.match(self.text, start)
        assert match is not None
        self.at = match.end()
        return match[0]
