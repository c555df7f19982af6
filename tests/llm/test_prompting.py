from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.agents.generation import ChatMessage, Role
from assistant.llm.prompting import MIN_ROOM, Prompt, PromptTooLong, build
from assistant.llm.templates import CHATML, ChatTemplate
from tests.llm.families import (
    FAMILIES,
    GEMMA2,
    GEMMA3,
    LLAMA3,
    MISTRAL1,
    MISTRAL3,
    PHI3,
    QWEN2,
    QWEN3,
    FakeVocabulary,
    Family,
)

UNLIMITED = 1 << 30


def of(family: Family) -> ChatTemplate:
    return ChatTemplate(family.template, bos=family.bos, eos=family.eos)


TEMPLATES = {family.name: of(family) for family in FAMILIES}
VOCABULARIES = {family.name: FakeVocabulary(family) for family in FAMILIES}
BY_NAME = pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)


class Letters:
    """A character is a token, and so are ChatML's marks."""

    specials: Mapping[str, int] = {"<|im_start|>": 1_000_000, "<|im_end|>": 1_000_001}
    controls = frozenset({1_000_000, 1_000_001})
    strips: frozenset[int] = frozenset()

    def __init__(self) -> None:
        self.calls: list[str] = []

    def tokenize(self, text: str) -> list[int]:
        self.calls.append(text)
        return [ord(character) for character in text]


PLAIN = ChatTemplate(CHATML)
LETTERS = Letters()


def system(text: str) -> ChatMessage:
    return ChatMessage(Role.SYSTEM, text)


def user(text: str) -> ChatMessage:
    return ChatMessage(Role.USER, text)


def assistant(text: str) -> ChatMessage:
    return ChatMessage(Role.ASSISTANT, text)


def chatml(prompt: list[ChatMessage], budget: int = UNLIMITED, vocabulary: Letters | None = None) -> Prompt:
    return build(PLAIN, prompt, vocabulary or LETTERS, budget=budget)


def shown(prompt: Prompt) -> str:
    return "".join({1_000_000: "<", 1_000_001: ">"}.get(token) or chr(token) for token in prompt.tokens)


def written(family: Family, prompt: list[ChatMessage], *, budget: int = UNLIMITED, thinking: bool = False) -> Prompt:
    return build(TEMPLATES[family.name], prompt, VOCABULARIES[family.name], budget=budget, thinking=thinking)


def rendered(family: Family, prompt: list[ChatMessage]) -> str:
    """The text of a prompt, without what tokens of the template swallow."""
    swallowed = "|>\n" if family.swallowing else "|>"
    return "".join(
        part.text if part.message is not None else part.text.replace(swallowed, "|>")
        for part in TEMPLATES[family.name].parts(prompt)
    )


def check_that_messages_are_text(family: Family, prompt: list[ChatMessage]) -> None:
    """The prompt says what its messages say, and has the control tokens of one whose messages say nothing."""
    vocabulary = VOCABULARIES[family.name]
    tokens = written(family, prompt).tokens
    harmless = written(family, [ChatMessage(message.role, "x") for message in prompt]).tokens
    assert vocabulary.control(tokens) == vocabulary.control(harmless)
    assert vocabulary.text(tokens) == rendered(family, prompt)
    for mark in family.plain_marks:
        # A mark whose tokens stand together is one that the template wrote.
        assert _count(vocabulary, mark, tokens) == _count(vocabulary, mark, harmless)


def _count(vocabulary: FakeVocabulary, mark: str, tokens: tuple[int, ...]) -> int:
    own = tuple(vocabulary.tokenize(f"\n{mark}")[len(vocabulary.tokenize("\n")) :])
    return sum(tokens[n : n + len(own)] == own for n in range(len(tokens)))


# What is plain ChatML.


def test_a_prompt_is_the_template_up_to_where_the_assistant_writes() -> None:
    prompt = chatml([system("Be kind"), user("Hello")])
    assert shown(prompt) == "<system\nBe kind>\n<user\nHello>\n<assistant\n"
    assert prompt.dropped == 0


def test_the_tokens_are_those_of_the_template_with_each_stretch_of_plain_text_read_at_once() -> None:
    vocabulary = Letters()
    start, end = vocabulary.specials.values()
    tokens = chatml([system("Be"), user("\nHi<|im_end|>")], vocabulary=vocabulary).tokens
    assert tokens == (
        *(start, *b"system\nBe", end, *b"\n"),
        *(start, *b"user\n\nHi<|im_end|>", end, *b"\n"),
        *(start, *b"assistant\n"),
    )
    assert {"system\nBe", "user\n\nHi<|im_end|>", "assistant\n"} <= set(vocabulary.calls)


@BY_NAME
def test_text_without_marks_is_read_as_the_whole_prompt_would_be(family: Family) -> None:
    vocabulary = VOCABULARIES[family.name]
    prompt = [system("Be kind,\n\nand brief."), user("a <b>bold</b> [1]"), assistant("</i> # two"), user("Ü  3")]
    whole = rendered(family, prompt)
    pieces = []
    rest = whole
    while rest:
        first = min((m for m in (*family.control, *family.defined) if m in rest), key=rest.find, default="")
        plain, _, rest = rest.partition(first) if first else (rest, "", "")
        pieces.append(vocabulary.tokenize(plain))
        pieces.append([vocabulary.specials[first]] if first else [])
    assert list(written(family, prompt).tokens) == [token for piece in pieces for token in piece]


@BY_NAME
def test_a_prompt_has_one_beginning_at_most(family: Family) -> None:
    vocabulary = VOCABULARIES[family.name]
    tokens = written(family, [system("Be kind"), user("one"), assistant("two"), user("three")]).tokens
    begins = [text for text in vocabulary.control(tokens) if text == family.bos and text != "<|im_start|>"]
    assert begins == ([family.bos] if family.adds_bos and family is not PHI3 else [])


# Messages are text.


@BY_NAME
@pytest.mark.parametrize("wrap", ["{}", "{}{}", "a{}b", "\n{}\n", " {} ", "user\n{}assistant\n", "<{}>", "[{}", "{}/"])
@pytest.mark.parametrize("place", range(4))
def test_no_mark_in_a_message_is_more_than_text(family: Family, wrap: str, place: int) -> None:
    for mark in family.marks:
        prompt = [system("Memories:"), user("one"), assistant("two"), user("three")]
        prompt[place] = ChatMessage(prompt[place].role, wrap.replace("{}", mark))
        check_that_messages_are_text(family, prompt)


@BY_NAME
def test_no_mark_comes_about_where_two_messages_meet(family: Family) -> None:
    for mark in family.marks:
        for at in range(1, len(mark)):
            # Instructions that a template refuses meet the first question; so do two questions in a row.
            check_that_messages_are_text(family, [system(mark[:at]), user(mark[at:]), user(mark[:at]), user(mark[at:])])
            check_that_messages_are_text(family, [user(mark[:at]), assistant(mark[at:]), user(mark)])


@BY_NAME
def test_no_mark_comes_about_within_another(family: Family) -> None:
    for one in family.marks:
        for other in family.marks:
            half = len(one) // 2
            check_that_messages_are_text(
                family, [user(one[:half] + other + one[half:]), assistant(one + other), user("")]
            )


@st.composite
def conversations(draw: st.DrawFn) -> tuple[Family, list[ChatMessage]]:
    family = draw(st.sampled_from(FAMILIES))
    marks = st.sampled_from([*family.marks, *family.ordinary, *family.words])
    pieces = st.one_of(
        marks,
        st.tuples(marks, st.integers(0, 20)).map(lambda cut: cut[0][: cut[1]]),
        st.tuples(marks, st.integers(0, 20)).map(lambda cut: cut[0][cut[1] :]),
        st.text(max_size=4),
        st.sampled_from(["\n", " ", "user\n", "system", "<|", "|>", "[", "]", "/", "▁", "<", ">"]),
    )
    texts = st.lists(pieces, max_size=6).map("".join)
    roles = draw(st.lists(st.sampled_from(Role), max_size=4))
    return family, [ChatMessage(role, draw(texts)) for role in (*roles, Role.USER)]


@given(conversations())
def test_whatever_is_said_is_text(conversation: tuple[Family, list[ChatMessage]]) -> None:
    check_that_messages_are_text(*conversation)


def test_a_mark_does_not_come_about_between_the_template_and_a_message() -> None:
    source = "{% for m in messages %}{{ '<thi' + m.content + 'nk>' }}{% endfor %}"
    template = ChatTemplate(source)
    vocabulary = FakeVocabulary(QWEN3)
    for text in ("nk>", "<thi", "", "x"):
        tokens = build(template, [user(text)], vocabulary, budget=UNLIMITED).tokens
        assert vocabulary.text(tokens) == f"<thi{text}nk>"
        assert vocabulary.control(tokens) == []


def test_the_tokens_of_a_mark_in_plain_text_are_others_in_a_message() -> None:
    vocabulary = FakeVocabulary(MISTRAL1)
    tokens = build(of(MISTRAL1), [user("[INST]")], vocabulary, budget=UNLIMITED).tokens
    word = vocabulary.words
    assert tokens == (
        vocabulary.specials["<s>"],
        *(*b" [", word["INST"], *b"] "),
        *(*b"[", word["IN"], word["ST"], *b"]"),
        *(*b" [/", word["INST"], *b"]"),
    )


def test_a_mark_that_is_not_broken_by_hand_is_read_in_one_piece() -> None:
    vocabulary = FakeVocabulary(LLAMA3)
    build(of(LLAMA3), [user("not <|eot_id|> at all")], vocabulary, budget=UNLIMITED)
    assert "\n\nnot <|eot_id|> at all" in vocabulary.calls


@pytest.mark.parametrize("text", ["<table>", "a\n\nb", "    x", "<h1>Hello</h1>"])
def test_tags_and_runs_of_space_that_are_tokens_stay_tokens(text: str) -> None:
    vocabulary = FakeVocabulary(GEMMA2)
    expected = vocabulary.tokenize(f"user\n{text}")
    tokens = build(of(GEMMA2), [user(text)], vocabulary, budget=UNLIMITED).tokens
    assert list(tokens[2 : 2 + len(expected)]) == expected


@pytest.mark.parametrize("source", ["<h1>{}</h1>", "{% if tools %}<table>{% endif %}<h1>{}</h1>"])
def test_a_tag_that_the_template_uses_itself_is_no_longer_an_ordinary_one(source: str) -> None:
    template = ChatTemplate(source.replace("{}", "{% for m in messages %}{{ m.content }} {% endfor %}"))
    vocabulary = FakeVocabulary(GEMMA2)
    heading = vocabulary.specials["<h1>"]
    table = [*b"<table>"] if "<table>" in source else [vocabulary.specials["<table>"]]
    tokens = build(template, [user("<h1><table>")], vocabulary, budget=UNLIMITED).tokens
    assert tokens == (heading, *b"<h1>", *table, *b" </h1>")


def test_of_two_control_tokens_that_begin_alike_the_longer_one_is_meant() -> None:
    class Longer(Letters):
        specials: Mapping[str, int] = {**Letters.specials, "<|im_end|>\n": 1_000_002}
        controls = Letters.controls | {1_000_002}

    tokens = chatml([user("a")], vocabulary=Longer()).tokens
    assert tokens == (1_000_000, *b"user\na", 1_000_002, 1_000_000, *b"assistant\n")


def test_a_mark_in_plain_text_is_broken_where_that_makes_other_tokens_of_it() -> None:
    class Joining(Letters):
        def tokenize(self, text: str) -> list[int]:
            return super().tokenize(text.replace("AB", "Æ"))

    template = ChatTemplate("{% for m in messages %}[wxyzAB]{{ m.content }}{% endfor %}")
    tokens = build(template, [user("[wxyzAB] AB")], Joining(), budget=UNLIMITED).tokens
    assert "".join(map(chr, tokens)) == "[wxyzÆ][wxyzAB] Æ"


def test_a_control_token_written_with_a_space_of_sentencepiece_is_text_with_a_space() -> None:
    class Spaced(Letters):
        specials: Mapping[str, int] = {**Letters.specials, "▁<PRE>": 1_000_002}
        controls = Letters.controls | {1_000_002}

        def tokenize(self, text: str) -> list[int]:
            tokens = super().tokenize(text.replace(" <PRE>", "\ufffe"))
            return [1_000_002 if token == 0xFFFE else token for token in tokens]

    assert shown(chatml([user("a <PRE>b")], vocabulary=Spaced())) == "<user\na <PRE>b>\n<assistant\n"


def test_a_control_token_that_no_text_accounts_for_is_left_out() -> None:
    class Normalizing(Letters):
        def tokenize(self, text: str) -> list[int]:
            start = self.specials["<|im_start|>"]
            return [start if token == ord("\u2039") else token for token in super().tokenize(text)]

    assert shown(chatml([user("a\u2039b")], vocabulary=Normalizing())) == "<user\nab>\n<assistant\n"


def test_a_long_text_of_nothing_but_marks_is_read_in_no_time() -> None:
    check_that_messages_are_text(QWEN3, [user("<think></think>" * 2000)])


def test_white_space_of_the_template_is_swallowed_as_the_model_learnt_it_and_none_of_a_message() -> None:
    vocabulary = VOCABULARIES[PHI3.name]
    special = vocabulary.specials
    tokens = written(PHI3, [user("\n Hello")]).tokens
    assert tokens == (special["<|user|>"], *b" \n Hello", special["<|end|>"], special["<|assistant|>"])


def test_thoughts_are_opened_and_closed_by_tokens() -> None:
    special = VOCABULARIES[QWEN3.name].specials
    open_, close = special["<think>"], special["</think>"]
    assert written(QWEN3, [user("Hi")]).tokens[-6:] == (*b"\n", open_, *b"\n\n", close, *b"\n\n")[-6:]
    assert written(QWEN3, [user("Hi")], thinking=True).tokens[-3:] == (*b"\n", open_, *b"\n")


# What fits.

CHAT = [system("Be kind"), user("one"), assistant("two"), user("three"), assistant("four"), user("five")]


def test_everything_is_there_when_it_just_fits() -> None:
    whole = chatml(CHAT)
    assert len(whole.tokens) == 97
    assert chatml(CHAT, 97) == whole


def test_the_oldest_turn_goes_first() -> None:
    prompt = chatml(CHAT, 96)
    assert shown(prompt) == "<system\nBe kind>\n<user\nthree>\n<assistant\nfour>\n<user\nfive>\n<assistant\n"
    assert prompt.dropped == 2


def test_without_room_for_history_the_instructions_and_the_last_message_stay() -> None:
    prompt = chatml(CHAT, 60)
    assert shown(prompt) == "<system\nBe kind>\n<user\nfive>\n<assistant\n"
    assert prompt.dropped == 4


def test_no_answer_is_left_without_its_question() -> None:
    history = [assistant("zero"), user("one"), user("again"), assistant("two" * 20), user("three"), assistant("four")]
    for budget in range(48, 250):
        prompt = chatml([system("Be kind"), *history, user("five")], budget)
        assert len(prompt.tokens) <= budget
        if prompt.dropped:
            assert shown(prompt).startswith("<system\nBe kind>\n<user\n")


def turns(number: int) -> list[ChatMessage]:
    """Turns of 100 tokens each in ChatML."""
    return [part for n in range(number) for part in (user(f"{n:040}"), assistant(f"{n:039}"))]


def test_a_turn_is_a_hundred_tokens() -> None:
    assert len(chatml([*turns(2), user("x")]).tokens) - len(chatml([*turns(1), user("x")]).tokens) == 100


def test_when_the_room_is_full_half_of_it_is_made_free() -> None:
    # 1,000 tokens are room for 8 turns with a last message of 200.
    last = user("x" * 181)
    assert chatml([*turns(8), last], 1000).dropped == 0
    prompt = chatml([*turns(9), last], 1000)
    assert prompt.dropped == 10
    assert len(prompt.tokens) == 600


def test_a_conversation_begins_alike_for_many_turns() -> None:
    begins = []
    for number in range(40):
        # The last message brings memories, a different number each time.
        last = user("x" * (100 + 37 * number % 90))
        begins.append(chatml([system("Be kind"), *turns(number), last], 1000).dropped)
    changes = [(number, now) for number, (before, now) in enumerate(pairwise(begins), 1) if now != before]
    assert changes == [(9, 10), (13, 20), (18, 30), (23, 40), (28, 50), (33, 60), (38, 70)]


def test_the_newest_turn_stays_if_it_fits_at_all() -> None:
    history = [*turns(3), user("n" * 300), assistant("m" * 300)]
    prompt = chatml([*history, user("x" * 181)], 1000)
    assert prompt.dropped == 6


def test_a_prompt_fits_where_it_cannot_be_told_beforehand_what_a_turn_costs() -> None:
    class Uneven(Letters):
        def tokenize(self, text: str) -> list[int]:
            return super().tokenize(text.replace("W", "wwwwwwwwww"))

    # Without control tokens, all is one piece of text.
    template = ChatTemplate("{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}")
    history = [*[user("w" * 100), assistant("w")] * 4, *[user("W" * 20), assistant("w")] * 2]
    prompt = build(template, [*history, user("x")], Uneven(), budget=350)
    assert len(prompt.tokens) == 228
    assert prompt.dropped == 10


def test_dropping_reads_no_text_again() -> None:
    vocabulary = Letters()
    chatml([system("Be kind"), *turns(20), user("x")], 1000, vocabulary)
    long = [text for text in vocabulary.calls if len(text) > 30]
    assert len(long) == len(set(long)) == 40


def test_a_last_message_that_is_too_long_loses_its_middle() -> None:
    prompt = chatml([system("Be kind"), user("old"), user("A" * 100 + "B" * 100)], 90)
    assert shown(prompt) == "<system\nBe kind>\n<user\n" + "A" * 25 + " … " + "B" * 26 + ">\n<assistant\n"
    assert len(prompt.tokens) == 90
    assert prompt.dropped == 1


@pytest.mark.parametrize(
    ("family", "before", "after"),
    [
        (GEMMA2, "<bos><start_of_turn>user\n", "<end_of_turn>\n<start_of_turn>model\n"),
        (MISTRAL1, "<s>[INST] ", " [/INST]"),
        (MISTRAL3, "<s>[INST]", "[/INST]"),
    ],
    ids=lambda value: value.name if isinstance(value, Family) else "",
)
def test_instructions_in_front_of_a_message_that_is_cut_stay_whole(family: Family, before: str, after: str) -> None:
    prompt = written(family, [system("Be kind. " * 9), user("A" * 300 + "B" * 300)], budget=200)
    said = VOCABULARIES[family.name].text(prompt.tokens)
    assert said.startswith(before + "Be kind. " * 9 + "\n\nAAAA")
    assert said.endswith("BBBB" + after)
    assert len(prompt.tokens) == 200


@BY_NAME
@given(text=st.text(min_size=1, max_size=50), budget=st.integers(150, 400))
def test_a_prompt_keeps_to_its_budget_and_to_its_form(family: Family, text: str, budget: int) -> None:
    vocabulary = VOCABULARIES[family.name]
    message = "".join(family.marks) + text * 20
    prompt = [system("Be kind"), *[user(message), assistant(text)] * 3, user(message)]
    made = written(family, prompt, budget=budget)
    assert len(made.tokens) <= budget
    kept = [ChatMessage(message.role, "x") for message in [prompt[0], *prompt[1 + made.dropped :]]]
    assert vocabulary.control(made.tokens) == vocabulary.control(written(family, kept).tokens)


@BY_NAME
def test_instructions_that_fill_the_budget_are_refused(family: Family) -> None:
    prompt = [system("x" * 500), user("y" * 100)]
    with pytest.raises(PromptTooLong):
        written(family, prompt, budget=500 + MIN_ROOM)


def test_a_message_shorter_than_the_least_room_needs_no_more_than_itself() -> None:
    assert shown(chatml([system("x" * 500), user("y")], 537)) == "<system\n" + "x" * 500 + ">\n<user\ny>\n<assistant\n"


def test_a_lone_message_needs_no_instructions() -> None:
    assert shown(chatml([system("Be kind")], 100)) == "<system\nBe kind>\n<assistant\n"


# What stays the same.


def test_what_is_stable_ends_where_the_first_message_begins() -> None:
    prompt = chatml([system("Be kind"), user("one"), assistant("two"), user("three")])
    assert shown(prompt)[: prompt.stable] == "<system\nBe kind>\n<user\n"


@pytest.mark.parametrize(
    ("family", "expected"),
    [
        (LLAMA3, "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nBe kind<|eot_id|>"
                 "<|start_header_id|>user<|end_header_id|>\n\n"),
        (GEMMA3, "<bos><start_of_turn>user\nBe kind\n\n"),
        (MISTRAL1, "<s>[INST] Be kind\n\n"),
        (MISTRAL3, "<s>[INST]"),
    ],
    ids=lambda value: value.name if isinstance(value, Family) else "",
)  # fmt: skip
def test_what_is_stable_depends_on_the_instructions_alone(family: Family, expected: str) -> None:
    history = [user("one"), assistant("two")]
    for middle in ([], history, history * 5):
        prompt = written(family, [system("Be kind"), *middle, user("three")])
        assert VOCABULARIES[family.name].text(prompt.tokens[: prompt.stable]) == expected


def test_what_joins_a_message_is_not_stable() -> None:
    class Pairs(Letters):
        def tokenize(self, text: str) -> list[int]:
            return super().tokenize(text.replace("\n\n", "¶"))

    prompt = chatml([system("Be kind"), user("\none")], vocabulary=Pairs())
    assert shown(prompt)[: prompt.stable] == "<system\nBe kind>\n<user"
    other = chatml([system("Be kind"), user("one")], vocabulary=Pairs())
    assert shown(other)[: other.stable] == "<system\nBe kind>\n<user\n"


def test_without_instructions_only_the_form_is_stable() -> None:
    prompt = written(QWEN2, [user("one")])
    assert VOCABULARIES[QWEN2.name].text(prompt.tokens[: prompt.stable]) == (
        "<|im_start|>system\nYou help.<|im_end|>\n<|im_start|>user\n"
    )
