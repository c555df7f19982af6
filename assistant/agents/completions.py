"""The form of both agents' completions: written here, constrained by a grammar here, read back here.

The manager writes one operation a line:

    UPDATE 1: User has two dogs named Buddy and Scout.
    DELETE 3

The Answer Agent names the memories it uses, then answers:

    Memories: 1, 4
    Answer: Two, Buddy and Scout.

A completion that does not have this form is data (`Malformed`), never an exception: it is kept for review.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from assistant.memory.operations import Action, MemoryOperation

MAX_OPERATIONS = 4
MAX_TEXT = 240
"""Longest text of a memory that a manager may write, in characters."""

# Only ASCII control characters are barred. llama.cpp decides byte by byte while a character spans tokens: barring one
# character of two or three bytes bars all others that share its first byte, such as "£" or a dash.
_TEXT_CHAR = r"[^\x00-\x1F\x7F]"
_TEXT = re.compile(_TEXT_CHAR + f"{{1,{MAX_TEXT}}}")
_OPERATION = re.compile(r"(?:ADD: (?P<add>.+)|UPDATE (?P<update>\d{1,9}): (?P<new>.+)|DELETE (?P<delete>\d{1,9}))")
_ANSWER = re.compile(r"Memories: (?P<ids>none|\d{1,9}(?:, \d{1,9})*)\nAnswer: (?P<answer>.*)", re.DOTALL)
_BLANK = " \n"
"""What may stand around a completion. Other white space is text, as it is to the grammar."""
ANSWER_MARK = "\nAnswer: "
"""What stands between the ids and the answer; all after it may be shown as it streams."""


@dataclass(frozen=True, slots=True)
class Malformed:
    """A completion that could not be read, with the reason in plain words."""

    text: str
    reason: str


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer and the short ids of the memories it uses, in the order named, each once."""

    text: str
    ids: tuple[int, ...] = ()


def format_operations(operations: Sequence[MemoryOperation]) -> str:
    """The completion that stands for `operations`, with `memory_id` as the short id. No operation is NOOP."""
    lines = []
    for operation in operations:
        match operation.action:
            case Action.ADD:
                lines.append(f"ADD: {operation.text}")
            case Action.UPDATE:
                lines.append(f"UPDATE {operation.memory_id}: {operation.text}")
            case Action.DELETE:
                lines.append(f"DELETE {operation.memory_id}")
            case Action.NOOP:
                pass
    return "\n".join(lines) or Action.NOOP.value


def format_answer(text: str, ids: Sequence[int]) -> str:
    """The completion that stands for an answer from the memories with these short ids."""
    return f"Memories: {', '.join(map(str, ids)) or 'none'}{ANSWER_MARK}{text}"


def manager_grammar(offered: int) -> str:
    """GBNF for the manager when memories 1 to `offered` are on offer; with none, only ADD and NOOP remain."""
    alternatives = [r'"ADD: " text']
    rules = [
        f'root ::= "NOOP" | op ("\\n" op){{0,{MAX_OPERATIONS - 1}}}',
        f"text ::= [^\\x00-\\x20\\x7F] {_TEXT_CHAR}{{0,{MAX_TEXT - 1}}}",
    ]
    if offered:
        alternatives += [r'"UPDATE " id ": " text', r'"DELETE " id']
        rules.append(_id_rule(offered))
    return "\n".join([rules[0], f"op ::= {' | '.join(alternatives)}", *rules[1:]])


def answer_grammar(offered: int) -> str:
    """GBNF for the Answer Agent when memories 1 to `offered` are on offer."""
    ids = f'"none" | id (", " id){{0,{offered - 1}}}' if offered else '"none"'
    rules = [f'root ::= "Memories: " ({ids}) "\\nAnswer: " [^\\x00-\\x20\\x7F] [^\\x00-\\x08\\x0B-\\x1F\\x7F]*']
    if offered:
        rules.append(_id_rule(offered))
    return "\n".join(rules)


def _id_rule(offered: int) -> str:
    return "id ::= " + " | ".join(f'"{i}"' for i in range(1, offered + 1))


def parse_operations(completion: str, offered: int) -> tuple[MemoryOperation, ...] | Malformed:
    """The operations a manager's completion asks for, with short ids; one NOOP if it asks for none."""
    text = completion.strip(_BLANK)
    if text == Action.NOOP:
        return (MemoryOperation(Action.NOOP),)
    lines = text.split("\n")
    if len(lines) > MAX_OPERATIONS:
        return Malformed(completion, f"{len(lines)} operations are more than the {MAX_OPERATIONS} allowed at once")
    operations = []
    for line in lines:
        match = _OPERATION.fullmatch(line.strip(_BLANK))
        if match is None:
            return Malformed(completion, f"not an operation: {line[:80]!r}")
        short_id = match["update"] or match["delete"]
        if short_id is not None and not 1 <= int(short_id) <= offered:
            return Malformed(completion, f"memory {short_id} is not among the {offered} on offer")
        new_text = match["add"] or match["new"]
        if new_text is not None and not _TEXT.fullmatch(new_text):
            return Malformed(completion, "the text of a memory is too long or holds control characters")
        operations.append(
            MemoryOperation(
                Action(line.strip(_BLANK).split(":")[0].split(" ")[0]),
                int(short_id) if short_id is not None else None,
                new_text.strip(_BLANK) if new_text is not None else None,
            )
        )
    return tuple(operations)


def parse_answer(completion: str, offered: int) -> Answer | Malformed:
    """The answer and the ids it names, ids that are not on offer being a malformed reply."""
    match = _ANSWER.fullmatch(completion.strip(_BLANK))
    if match is None:
        return Malformed(completion, "the reply does not name its memories and then answer")
    ids = () if match["ids"] == "none" else tuple(dict.fromkeys(int(i) for i in match["ids"].split(", ")))
    for short_id in ids:
        if not 1 <= short_id <= offered:
            return Malformed(completion, f"memory {short_id} is not among the {offered} on offer")
    return Answer(match["answer"].strip(_BLANK), ids)
