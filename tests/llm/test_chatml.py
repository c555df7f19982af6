from __future__ import annotations

import pytest

from assistant.agents.generation import ChatMessage, Role
from assistant.llm.chatml import MIN_ROOM, ControlTokens, PromptTooLong, render

CONTROL = ControlTokens(start=1000, end=1001)


def tokenize(text: str) -> list[int]:
    return [ord(character) for character in text]


def shown(tokens: list[int]) -> str:
    return "".join({1000: "<", 1001: ">"}.get(token) or chr(token) for token in tokens)


def system(text: str) -> ChatMessage:
    return ChatMessage(Role.SYSTEM, text)


def user(text: str) -> ChatMessage:
    return ChatMessage(Role.USER, text)


def assistant(text: str) -> ChatMessage:
    return ChatMessage(Role.ASSISTANT, text)


CHAT = [system("Be kind"), user("one"), assistant("two"), user("three"), assistant("four"), user("five")]


def test_a_prompt_is_chatml_up_to_where_the_assistant_writes() -> None:
    tokens = render([system("Be kind"), user("Hello")], tokenize, CONTROL, 1000)
    assert shown(tokens) == "<system\nBe kind>\n<user\nHello>\n<assistant\n"


def test_a_role_and_its_text_are_tokenised_in_one_piece() -> None:
    pieces: list[str] = []

    def remember(text: str) -> list[int]:
        pieces.append(text)
        return tokenize(text)

    render([system("Be kind"), user("\nHello")], remember, CONTROL, 1000)
    assert sorted(pieces) == ["\n", "assistant\n", "system\nBe kind", "user\n\nHello"]


def test_everything_is_there_when_it_just_fits() -> None:
    whole = render(CHAT, tokenize, CONTROL, 1000)
    assert len(whole) == 97
    assert render(CHAT, tokenize, CONTROL, 97) == whole


def test_the_oldest_history_goes_first_and_no_answer_is_left_without_its_question() -> None:
    assert shown(render(CHAT, tokenize, CONTROL, 96)) == (
        "<system\nBe kind>\n<user\nthree>\n<assistant\nfour>\n<user\nfive>\n<assistant\n"
    )


def test_without_room_for_history_the_instructions_and_the_last_message_stay() -> None:
    assert shown(render(CHAT, tokenize, CONTROL, 60)) == "<system\nBe kind>\n<user\nfive>\n<assistant\n"


def test_a_last_message_that_is_too_long_loses_its_middle() -> None:
    message = user("A" * 100 + "B" * 100)
    tokens = render([system("Be kind"), user("old"), message], tokenize, CONTROL, 90)
    assert len(tokens) == 90
    assert shown(tokens) == "<system\nBe kind>\n<user\n" + "A" * 23 + " … " + "B" * 28 + ">\n<assistant\n"


def test_instructions_that_fill_the_budget_are_refused() -> None:
    with pytest.raises(PromptTooLong):
        render([system("x" * 500), user("y" * 100)], tokenize, CONTROL, 500 + MIN_ROOM)


def test_a_lone_message_needs_no_instructions() -> None:
    assert shown(render([system("Be kind")], tokenize, CONTROL, 100)) == "<system\nBe kind>\n<assistant\n"
