"""The form of both agents' completions: written here, constrained by a grammar here, read back here.

A memory is named by its line in the prompt, quoted. A small model that has to point at a number must compare
every memory with the message in one step; to quote a line it only has to begin as the message suggests and to go on as
the line does, and the number comes by itself.

The manager writes its operations, one after the other:

    ADD: User lives in Lima.
    UPDATE: User has a dog named Buddy. [1]
    WITH: User has two dogs named Buddy and Scout.
    DELETE: User works at Hexworks. [3]

The Answer Agent distils the memories on offer to those it uses, then answers:

    Memories:
    User has two dogs named Buddy and Scout. [1]
    Answer: Two, Buddy and Scout.

A completion that does not have this form is data (`Malformed`), never an exception: it is kept for review.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from assistant.agents.prompts import memory_lines
from assistant.memory.operations import Action, MemoryOperation

MAX_OPERATIONS = 4
MAX_TEXT = 240
"""Longest text of a memory that a manager may write, in characters."""

# Only ASCII control characters are barred. llama.cpp decides byte by byte while a character spans tokens: barring one
# character of two or three bytes bars all others that share its first byte, such as "£" or a dash.
_TEXT_CHAR = r"[^\x00-\x1F\x7F]"
_TEXT = re.compile(_TEXT_CHAR + f"{{1,{MAX_TEXT}}}")
MAX_QUOTE = 240
"""Of a longer memory only so many characters are quoted, then an ellipsis and its number."""
_ADD, _UPDATE, _WITH, _DELETE = "ADD: ", "UPDATE: ", "WITH: ", "DELETE: "
_MEMORIES = "Memories:"
_BLANK = " \n"
"""What may stand around a completion. Other white space is text, as it is to the grammar."""
ANSWER_MARK = "\nAnswer: "
"""What stands between the memories and the answer; all after it may be shown as it streams."""


@dataclass(frozen=True, slots=True)
class Malformed:
    """A completion that could not be read, with the reason in plain words."""

    text: str
    reason: str


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer and the short ids of the memories it uses, in the order quoted, each once."""

    text: str
    ids: tuple[int, ...] = ()


def quotes(memories: Sequence[str]) -> list[str]:
    """How each of `memories` is named: by its line in the prompt, the end of a long one left out."""
    lines = memory_lines(memories)
    return [
        line if len(line) <= MAX_QUOTE else f"{line[:MAX_QUOTE].rstrip()}… [{i}]" for i, line in enumerate(lines, 1)
    ]


def format_operations(operations: Sequence[MemoryOperation], memories: Sequence[str]) -> str:
    """The completion that stands for `operations`, whose `memory_id` counts from 1 in `memories`; none is NOOP."""
    offered = quotes(memories)
    lines = []
    for operation in operations:
        quote = offered[operation.memory_id - 1] if operation.memory_id is not None else ""
        match operation.action:
            case Action.ADD:
                lines.append(f"{_ADD}{operation.text}")
            case Action.UPDATE:
                lines += [f"{_UPDATE}{quote}", f"{_WITH}{operation.text}"]
            case Action.DELETE:
                lines.append(f"{_DELETE}{quote}")
            case Action.NOOP:
                pass
    return "\n".join(lines) or Action.NOOP.value


def format_answer(text: str, ids: Sequence[int], memories: Sequence[str]) -> str:
    """The completion that stands for an answer from those of `memories` with these short ids."""
    offered = quotes(memories)
    used = "".join(f"\n{offered[i - 1]}" for i in ids) or " none"
    return f"{_MEMORIES}{used}{ANSWER_MARK}{text}"


def manager_grammar(memories: Sequence[str]) -> str:
    """GBNF for the manager when `memories` are on offer; with none, only ADD and NOOP remain."""
    alternatives = [f'"{_ADD}" text']
    rules = [
        f'root ::= "NOOP" | op ("\\n" op){{0,{MAX_OPERATIONS - 1}}}',
        f"text ::= [^\\x00-\\x20\\x7F] {_TEXT_CHAR}{{0,{MAX_TEXT - 1}}}",
    ]
    if memories:
        alternatives += [f'"{_UPDATE}" memory "\\n{_WITH}" text', f'"{_DELETE}" memory']
        rules.append(_memory_rule(memories))
    return "\n".join([rules[0], f"op ::= {' | '.join(alternatives)}", *rules[1:]])


def answer_grammar(memories: Sequence[str]) -> str:
    """GBNF for the Answer Agent when `memories` are on offer."""
    used = f'(" none" | ("\\n" memory){{1,{len(memories)}}})' if memories else '" none"'
    rules = [f'root ::= "{_MEMORIES}" {used} "\\nAnswer: " [^\\x00-\\x20\\x7F] [^\\x00-\\x08\\x0B-\\x1F\\x7F]*']
    if memories:
        rules.append(_memory_rule(memories))
    return "\n".join(rules)


def _memory_rule(memories: Sequence[str]) -> str:
    quoted = (line.replace("\\", "\\\\").replace('"', '\\"') for line in quotes(memories))
    return "memory ::= " + " | ".join(f'"{line}"' for line in quoted)


def parse_operations(completion: str, memories: Sequence[str]) -> tuple[MemoryOperation, ...] | Malformed:
    """The operations a manager's completion asks for, with short ids; one NOOP if it asks for none.

    What it asks for twice counts once.
    """
    text = completion.strip(_BLANK)
    if text == Action.NOOP:
        return (MemoryOperation(Action.NOOP),)
    lines = [line.strip(_BLANK) for line in text.split("\n")]
    operations: list[MemoryOperation] = []
    while lines:
        read = _operation(lines, memories)
        if isinstance(read, str):
            return Malformed(completion, read)
        operations.append(read)
    if len(operations) > MAX_OPERATIONS:
        return Malformed(completion, f"{len(operations)} operations are more than the {MAX_OPERATIONS} allowed at once")
    return tuple(dict.fromkeys(operations))


def _operation(lines: list[str], memories: Sequence[str]) -> MemoryOperation | str:
    """The operation that `lines` begin with, whose lines are taken from it; or why there is none."""
    line = lines.pop(0)
    if line.startswith(_ADD):
        return _with_text(Action.ADD, None, line.removeprefix(_ADD))
    action, colon, quote = line.partition(": ")
    if not colon or action not in (Action.UPDATE, Action.DELETE):
        return f"not an operation: {line[:80]!r}"
    short_id = _short_id(quote, memories)
    if short_id is None:
        return f"not a memory on offer: {quote[:80]!r}"
    if action == Action.DELETE:
        return MemoryOperation(Action.DELETE, short_id)
    if not lines or not lines[0].startswith(_WITH):
        return "an UPDATE does not say with what"
    return _with_text(Action.UPDATE, short_id, lines.pop(0).removeprefix(_WITH))


def _with_text(action: Action, short_id: int | None, text: str) -> MemoryOperation | str:
    if not _TEXT.fullmatch(text):
        return "the text of a memory is too long or holds control characters"
    return MemoryOperation(action, short_id, text.strip(_BLANK))


def _short_id(quote: str, memories: Sequence[str]) -> int | None:
    offered = quotes(memories)
    return offered.index(quote) + 1 if quote in offered else None


def parse_answer(completion: str, memories: Sequence[str]) -> Answer | Malformed:
    """The answer and the short ids of the memories it quotes; any other line there makes it a malformed reply."""
    head, mark, text = completion.strip(_BLANK).partition(ANSWER_MARK.rstrip(" "))
    title, *quotes = head.split("\n")
    if not mark or not (title == _MEMORIES if quotes else title == f"{_MEMORIES} none"):
        return Malformed(completion, "the reply does not quote its memories and then answer")
    ids = [_short_id(quote, memories) for quote in quotes]
    for quote, short_id in zip(quotes, ids, strict=True):
        if short_id is None:
            return Malformed(completion, f"not a memory on offer: {quote[:80]!r}")
    return Answer(text.strip(_BLANK), tuple(dict.fromkeys(i for i in ids if i is not None)))
