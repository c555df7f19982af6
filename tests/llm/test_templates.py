from __future__ import annotations

from datetime import datetime

import pytest

from assistant.agents.generation import ChatMessage, Role
from assistant.llm.templates import CHATML, ChatTemplate, Marks, Part, TemplateError
from tests.llm.families import (
    FAMILIES,
    GEMMA2,
    GEMMA3,
    GEMMA4,
    LLAMA3,
    MISTRAL1,
    MISTRAL3,
    PHI3,
    QWEN2,
    QWEN3,
    SMOLLM,
    Family,
)

SIMPLE = "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}{{ '<assistant>' if add_generation_prompt }}"


def system(text: str) -> ChatMessage:
    return ChatMessage(Role.SYSTEM, text)


def user(text: str) -> ChatMessage:
    return ChatMessage(Role.USER, text)


def assistant(text: str) -> ChatMessage:
    return ChatMessage(Role.ASSISTANT, text)


CHAT = [system("Be kind"), user("one"), assistant("two"), user("three")]


def of(family: Family) -> ChatTemplate:
    return ChatTemplate(family.template, bos=family.bos, eos=family.eos)


def shown(template: ChatTemplate, prompt: list[ChatMessage], *, thinking: bool = False) -> str:
    return "".join(part.text for part in template.parts(prompt, thinking=thinking))


def test_the_texts_of_messages_are_parts_of_their_own() -> None:
    assert ChatTemplate(CHATML).parts([system("Be kind"), user("Hello")]) == [
        Part("<|im_start|>system\n"),
        Part("Be kind", 0),
        Part("<|im_end|>\n<|im_start|>user\n"),
        Part("Hello", 1),
        Part("<|im_end|>\n<|im_start|>assistant\n"),
    ]


@pytest.mark.parametrize(
    ("family", "expected"),
    [
        (
            QWEN2,
            "<|im_start|>system\nBe kind<|im_end|>\n<|im_start|>user\none<|im_end|>\n<|im_start|>assistant\n"
            "two<|im_end|>\n<|im_start|>user\nthree<|im_end|>\n<|im_start|>assistant\n",
        ),
        (
            SMOLLM,
            "<|im_start|>system\nBe kind<|im_end|>\n<|im_start|>user\none<|im_end|>\n<|im_start|>assistant\n"
            "two<|im_end|>\n<|im_start|>user\nthree<|im_end|>\n<|im_start|>assistant\n",
        ),
        (
            QWEN3,
            "<|im_start|>system\nBe kind<|im_end|>\n<|im_start|>user\none<|im_end|>\n<|im_start|>assistant\n"
            "two<|im_end|>\n<|im_start|>user\nthree<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n",
        ),
        (
            LLAMA3,
            "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nBe kind<|eot_id|>"
            "<|start_header_id|>user<|end_header_id|>\n\none<|eot_id|>"
            "<|start_header_id|>assistant<|end_header_id|>\n\ntwo<|eot_id|>"
            "<|start_header_id|>user<|end_header_id|>\n\nthree<|eot_id|>"
            "<|start_header_id|>assistant<|end_header_id|>\n\n",
        ),
        (
            GEMMA2,
            "<bos><start_of_turn>user\nBe kind\n\none<end_of_turn>\n<start_of_turn>model\ntwo<end_of_turn>\n"
            "<start_of_turn>user\nthree<end_of_turn>\n<start_of_turn>model\n",
        ),
        (
            GEMMA3,
            "<bos><start_of_turn>user\nBe kind\n\none<end_of_turn>\n<start_of_turn>model\ntwo<end_of_turn>\n"
            "<start_of_turn>user\nthree<end_of_turn>\n<start_of_turn>model\n",
        ),
        (
            GEMMA4,
            "<bos><|turn>system\nBe kind<turn|>\n<|turn>user\none<turn|>\n<|turn>model\ntwo<turn|>\n"
            "<|turn>user\nthree<turn|>\n<|turn>model\n<|channel>thought\n<channel|>",
        ),
        (MISTRAL1, "<s>[INST] Be kind\n\none [/INST] two</s>[INST] three [/INST]"),
        (MISTRAL3, "<s>[INST]one[/INST]two</s>[INST]Be kind\n\nthree[/INST]"),
        (
            PHI3,
            "<|system|>\nBe kind<|end|>\n<|user|>\none<|end|>\n<|assistant|>\ntwo<|end|>\n<|user|>\nthree<|end|>\n"
            "<|assistant|>\n",
        ),
    ],
    ids=lambda value: value.name if isinstance(value, Family) else "",
)
def test_every_family_gets_the_form_it_knows(family: Family, expected: str) -> None:
    assert shown(of(family), CHAT) == expected


def test_a_template_never_sees_what_a_message_says() -> None:
    curious = ChatTemplate(SIMPLE.replace("{{ m.content }}", "{{ m.content if 'secret' not in m.content }}"))
    assert shown(curious, [user("secret {{ 6 * 7 }} {% if")]) == "<user>secret {{ 6 * 7 }} {% if<assistant>"


def test_instructions_that_a_template_refuses_go_in_front_of_the_first_question() -> None:
    assert of(GEMMA2).parts([system("Be kind"), user("Hello")]) == [
        Part("<bos><start_of_turn>user\n"),
        Part("Be kind", 0),
        Part("\n\n"),
        Part("Hello", 1),
        Part("<end_of_turn>\n<start_of_turn>model\n"),
    ]


def test_instructions_that_a_template_passes_over_in_silence_go_there_too() -> None:
    deaf = SIMPLE.replace("in messages", "in messages if m.role != 'system'")
    assert shown(ChatTemplate(deaf), CHAT) == "<user>Be kind\n\none<assistant>two<user>three<assistant>"


def test_instructions_that_a_template_shows_only_to_a_first_question_go_there_too() -> None:
    forgetful = SIMPLE.replace("in messages", "in messages if m.role != 'system' or messages | length < 3")
    assert shown(ChatTemplate(forgetful), CHAT) == "<user>Be kind\n\none<assistant>two<user>three<assistant>"


def test_instructions_later_on_are_the_users_where_a_template_takes_them_first_only() -> None:
    once = SIMPLE.replace("<{{", "{% if m.role == 'system' and not loop.first %}{% continue %}{% endif %}<{{")
    prompt = [system("Be kind"), user("one"), system("Be brief"), user("two")]
    assert shown(ChatTemplate(once), prompt) == "<system>Be kind<user>one<user>Be brief<user>two<assistant>"
    assert shown(ChatTemplate(SIMPLE), prompt) == "<system>Be kind<user>one<system>Be brief<user>two<assistant>"


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_instructions_alone_are_a_prompt(family: Family) -> None:
    parts = of(family).parts([system("Be kind")])
    assert [part for part in parts if part.message is not None] == [Part("Be kind", 0)]


@pytest.mark.parametrize("family", [GEMMA2, GEMMA3, MISTRAL1, MISTRAL3], ids=lambda family: family.name)
def test_neighbours_of_one_role_become_one_where_turns_must_be_taken(family: Family) -> None:
    prompt = [user("one"), user("two"), assistant("three"), assistant("four"), user("five")]
    said = shown(of(family), prompt)
    assert "one\n\ntwo" in said
    assert "three\n\nfour" in said


def test_instructions_later_on_are_the_users_where_turns_must_be_taken() -> None:
    prompt = [assistant("one"), system("Be brief"), user("two")]
    assert shown(of(MISTRAL3), prompt) == "<s>[INST]…[/INST]one</s>[INST]Be brief\n\ntwo[/INST]"


def test_an_answer_to_nothing_gets_a_question_where_turns_must_be_taken() -> None:
    prompt = [assistant("two"), user("three")]
    assert shown(of(MISTRAL1), prompt) == "<s>[INST] … [/INST] two</s>[INST] three [/INST]"
    assert shown(of(MISTRAL1), [system("Be kind"), *prompt]) == (
        "<s>[INST] Be kind\n\n… [/INST] two</s>[INST] three [/INST]"
    )
    assert shown(ChatTemplate(CHATML), prompt) == (
        "<|im_start|>assistant\ntwo<|im_end|>\n<|im_start|>user\nthree<|im_end|>\n<|im_start|>assistant\n"
    )


def test_contents_in_parts_are_given_to_templates_that_know_no_others() -> None:
    in_parts = (
        "{% for m in messages %}{% for c in m.content %}<{{ m.role }} {{ c.type }}>{{ c.text }}{% endfor %}{% endfor %}"
    )
    assert shown(ChatTemplate(in_parts), [user("Hello")]) == "<user text>Hello"


@pytest.mark.parametrize(
    "source",
    [
        "{% for m in messages %}",
        "{{ raise_exception('Never.') }}",
        "{{ messages[-1].content }}",
        "{{ messages[0].content }}{{ messages[0].content }}",
        "{{ messages[0].content + 1 }}",
        "{{ tools.first.name }}" + SIMPLE,
        "{{ ''.__class__.__mro__ }}" + SIMPLE,
        "{% include '/etc/hostname' %}" + SIMPLE,
        "{% set _ = messages.append(messages[0]) %}" + SIMPLE,
        "\ue000" + SIMPLE,
    ],
)
def test_what_is_no_template_for_a_conversation_is_refused(source: str) -> None:
    with pytest.raises(TemplateError):
        ChatTemplate(source)


def test_a_message_that_a_template_shows_twice_is_refused() -> None:
    template = ChatTemplate(SIMPLE + "{{ messages[4].content if messages | length > 4 }}")
    with pytest.raises(TemplateError, match="each message once"):
        template.parts([user("a"), assistant("b"), user("c"), assistant("d"), user("e")])


def test_what_published_templates_use_is_there() -> None:
    source = (
        "{% if tools is not none and documents %}{{ tools }}{% endif %}{{ date_string }}{{ strftime_now('%Y') }} "
        "{{ {'a': '<é>'} | tojson }} {% for n in range(9) %}{% if n == 2 %}{% break %}{% endif %}{{ n }}{% endfor %}"
        "\n  {% generation %}\n" + SIMPLE + "{% endgeneration %}"
    )
    year = datetime.now().astimezone().year
    assert shown(ChatTemplate(source), [user("Hello")]) == f'{year} {{"a": "<é>"}} 01<user>Hello<assistant>'


def test_a_prompt_begins_with_one_beginning() -> None:
    template = ChatTemplate("<s>{{ bos_token }}" + SIMPLE, bos="<s>")
    assert shown(template, [user("Hello")]) == "<s><user>Hello<assistant>"


@pytest.mark.parametrize("family", [QWEN2, LLAMA3, GEMMA2, MISTRAL3, PHI3, SMOLLM], ids=lambda family: family.name)
def test_models_without_marks_do_not_think(family: Family) -> None:
    template = of(family)
    assert template.marks is None
    assert template.parts(CHAT, thinking=True) == template.parts(CHAT)


@pytest.mark.parametrize(
    ("source", "marks", "thoughts", "answer"),
    [
        (
            QWEN3.template,
            Marks("<think>", "</think>", "\n\n"),
            "assistant\n<think>\n",
            "assistant\n<think>\n\n</think>\n\n",
        ),
        (
            GEMMA4.template,
            Marks("<|channel>thought", "<channel|>"),
            "<|turn>model\n<|channel>thought\n",
            "<|turn>model\n<|channel>thought\n<channel|>",
        ),
        (
            SIMPLE + "{{ '<think>\n' }}{# </think> #}",
            Marks("<think>", "</think>", "\n\n"),
            "<assistant><think>\n",
            "<assistant><think>\n\n</think>\n\n",
        ),
        (
            SIMPLE + "{{ '<think></think>' if thinking is false else '<think>' }}",
            Marks("<think>", "</think>", "\n\n"),
            "<assistant><think>",
            "<assistant><think></think>",
        ),
        (SIMPLE + "{# [THINK][/THINK] #}", Marks("[THINK]", "[/THINK]"), "<assistant>[THINK]", "<assistant>"),
        (SIMPLE + "{# <think></think> #}", Marks("<think>", "</think>", "\n\n"), "<assistant><think>\n", "<assistant>"),
        (
            SIMPLE + "{# <|channel|>analysis<|message|> #}",
            Marks("<|channel|>analysis<|message|>", "<|end|><|start|>assistant<|channel|>final<|message|>"),
            "<assistant><|channel|>analysis<|message|>",
            "<assistant><|channel|>final<|message|>",
        ),
    ],
)
def test_thoughts_come_next_if_they_are_wanted_and_the_answer_if_not(
    source: str, marks: Marks, thoughts: str, answer: str
) -> None:
    template = ChatTemplate(source)
    assert template.marks == marks
    assert shown(template, CHAT, thinking=True).endswith(thoughts)
    assert shown(template, CHAT).endswith(answer)


def test_what_marks_turns_in_plain_text_is_known() -> None:
    assert of(MISTRAL1).markup == {"<s>", "[INST]", "[/INST]", "</s>"}
    alpaca = "{% for m in messages %}### {{ m.role }}:\n{{ m.content }}\n\n{% endfor %}### Response:\n"
    assert ChatTemplate(alpaca).markup == {"### system:", "### user:", "### assistant:", "### Response:"}
