from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.llm.protocol import (
    AgentOptions,
    Cancel,
    ChildOptions,
    Done,
    Embed,
    Failed,
    FailureKind,
    Piece,
    Ready,
    decode,
    encode,
)


@pytest.mark.parametrize(
    "message",
    [
        ChildOptions({"answer": AgentOptions("/models/a.gguf", "/models/b.gguf", 2048, 100)}, 1, None, "/states", 42),
        Embed(3, ["one", "two"]),
        Cancel(3),
        Ready({"answer": 2048}),
        Piece(3, "Hel"),
        Done(3, "Hello", "stop", 10, 5, 2, 0.75),
        Failed(3, FailureKind.GRAMMAR, "no"),
    ],
)
def test_a_message_is_read_as_it_was_written(message: Embed) -> None:
    assert decode(encode(message)) == message


@given(st.text(st.characters(), max_size=50))
def test_any_text_travels_on_one_ascii_line(text: str) -> None:
    line = encode(Piece(1, text))
    assert line.isascii()
    assert "\n" not in line
    assert decode(line) == Piece(1, text)
