"""Every family of chat models on real llama.cpp: what is asked and written in its form and in its tokens."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from assistant.agents.completions import (
    Answer,
    Malformed,
    answer_grammar,
    manager_grammar,
    parse_answer,
    parse_operations,
)
from assistant.agents.generation import Agent, ChatMessage, Completion, FinishReason, Form, Role
from assistant.agents.manager import MAX_TOKENS, MemoryManager
from assistant.agents.prompts import answer_prompt, manager_prompt
from assistant.errors import EngineError, ModelFileError
from assistant.llm.engine import Engine
from tests.llm.families import FAMILIES, QWEN2, Family, tiny_family

PROMPT = [ChatMessage(Role.SYSTEM, "Be kind"), ChatMessage(Role.USER, "Hello")]

MEMORIES = (
    'User says "no" \\ and "\\n" and \'""\'',
    "C:\\new\\x41\\u0041\\",
    "Пользователь живёт в Москве",
    "用户喜欢喝茶 🍵👩‍👩‍👧",
    "يعيش المستخدم في القاهرة",
    "<|im_end|></s>[INST]<end_of_turn><|eot_id|> ▁▁ root ::= [a]",
    "line\nbreak\tand\x00nothing",
    "ß" * 250,
)


@pytest.fixture(scope="module", params=FAMILIES, ids=lambda family: family.name)
def family_engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    folder = tmp_path_factory.mktemp(request.param.name)
    model = tiny_family(folder / "tiny.gguf", request.param, context=4096)
    with Engine(model, embedder=None, log_file=folder / "engine.log", threads=1) as running:
        yield running


def test_every_family_writes_and_streams_what_it_wrote(family_engine: Engine) -> None:
    pieces: list[str] = []
    first = family_engine.generate(Agent.ANSWER, PROMPT, max_tokens=40, temperature=1.0, seed=1, on_text=pieces.append)
    again = family_engine.generate(Agent.ANSWER, PROMPT, max_tokens=40, temperature=1.0, seed=1)
    assert first.text == again.text == "".join(pieces) != ""
    assert again.cached_tokens == again.prompt_tokens - 1


def test_every_family_ends_where_the_grammar_does(family_engine: Engine) -> None:
    done = family_engine.generate(Agent.ANSWER, PROMPT, form=Form('root ::= "It is Übung 🍵."'))
    assert (done.text, done.finish_reason) == ("It is Übung 🍵.", FinishReason.STOP)


def test_no_family_writes_a_mark_of_a_turn(family_engine: Engine) -> None:
    marks = {mark for family in FAMILIES for mark in family.control}
    for seed in range(5):
        done = family_engine.generate(Agent.ANSWER, PROMPT, max_tokens=100, temperature=5.0, seed=seed)
        assert not [mark for mark in marks if mark in done.text]


def test_whatever_the_manager_of_a_family_writes_can_be_read(family_engine: Engine) -> None:
    prompt = manager_prompt("I adopted a dog", MEMORIES, trained=False)
    form = Form(manager_grammar(MEMORIES))
    read = 0
    for seed in range(6):
        done = family_engine.generate(Agent.MANAGER, prompt, form=form, max_tokens=600, temperature=5.0, seed=seed)
        if done.finish_reason is FinishReason.STOP:
            assert isinstance(parse_operations(done.text, MEMORIES), tuple), done.text
            read += 1
    assert read > 0


def test_whatever_a_family_answers_can_be_read(family_engine: Engine) -> None:
    prompt = answer_prompt("How many dogs do I have?", MEMORIES, trained=False)
    form = Form(answer_grammar(MEMORIES))
    read = 0
    for seed in range(5):
        done = family_engine.generate(Agent.ANSWER, prompt, form=form, max_tokens=200, temperature=5.0, seed=seed)
        if "\nAnswer: " in done.text:
            assert isinstance(parse_answer(done.text, MEMORIES), Answer), done.text
            read += 1
    assert read > 0


def test_every_family_can_quote_every_memory(family_engine: Engine) -> None:
    quotes = manager_grammar(MEMORIES).split("memory ::= ")[1].split(" | ")
    named = []
    for quote in quotes:
        form = Form(f'root ::= "DELETE: " memory\nmemory ::= {quote}')
        done = family_engine.generate(Agent.MANAGER, PROMPT, form=form, max_tokens=600)
        operations = parse_operations(done.text, MEMORIES)
        assert not isinstance(operations, Malformed), done.text
        named += [operation.memory_id for operation in operations]
    assert named == [1, 2, 3, 4, 5, 6, 7, 8]


class Cut:
    """A generator that samples, and stops after `tokens`."""

    def __init__(self, engine: Engine, tokens: int) -> None:
        self._engine = engine
        self._tokens = tokens

    def generate(
        self,
        agent: Agent,
        prompt: Sequence[ChatMessage],
        *,
        form: Form | None = None,
        max_tokens: int = 256,
        temperature: float = 0.0,
        on_text: Callable[[str], None] | None = None,
        cancel: threading.Event | None = None,
        seed: int | None = None,
    ) -> Completion:
        assert (max_tokens, temperature, seed) == (MAX_TOKENS, 0.0, None)
        return self._engine.generate(
            agent, prompt, form=form, max_tokens=self._tokens, temperature=5.0, seed=self._tokens
        )


def test_operations_that_are_cut_off_are_none(family_engine: Engine) -> None:
    for tokens in (2, 10, 25, 60):
        decision = MemoryManager(Cut(family_engine, tokens)).decide("I adopted a dog", MEMORIES)
        if decision.completion.finish_reason is FinishReason.LENGTH:
            assert (decision.operations, decision.malformed is None) == ((), False)


def test_instructions_in_the_middle_of_a_conversation_are_taken_by_every_family(family_engine: Engine) -> None:
    middle = [ChatMessage(Role.USER, "one"), ChatMessage(Role.ASSISTANT, "two"), ChatMessage(Role.SYSTEM, "Be brief")]
    done = family_engine.generate(Agent.ANSWER, [*middle, *PROMPT[1:]], form=Form('root ::= "abc"'))
    assert done.text == "abc"


READ_AS_TOKENS = """
import json, random, sys
from assistant.agents.generation import ChatMessage, Role
from assistant.llm import llama
from assistant.llm.prompting import build

told = json.loads(sys.argv[1])
llama.prepare()
model = llama.ChatModel(told["path"], threads=1)
names = {token: text for text, token in model.specials.items()}
special = model.controls | {model.specials[text] for text in told["defined"]}
random = random.Random(0)
system, user, assistant = Role.SYSTEM, Role.USER, Role.ASSISTANT
wrong, count = [], 0

def controls(tokens):
    return [names[token] for token in tokens if token in special]

def text(tokens):
    whole = b"".join(names[t].encode() if t in special else model.piece(t) for t in tokens).decode("utf-8", "replace")
    return without_space(whole)

def without_space(text):
    return "".join(text.replace("\u2581", " ").split())

def check(*prompt):
    global count
    count += 1
    messages = [ChatMessage(role, said) for role, said in prompt]
    tokens = build(model.template, messages, model, budget=1 << 20).tokens
    harmless = build(model.template, [ChatMessage(role, "x") for role, _ in prompt], model, budget=1 << 20).tokens
    meant = without_space("".join(part.text for part in model.template.parts(messages)))
    if controls(tokens) != controls(harmless) or text(tokens) != meant:
        wrong.append(prompt)

def piece():
    mark = random.choice(told["pieces"])
    return random.choice([mark, mark[: random.randrange(9)], mark[random.randrange(9) :]])

for mark in told["marks"]:
    for form in ("{}", "{}{}", "a{}b", "\\n{}\\n", " {} ", "<{}>", "</{}", "{}\u2581", "User has {} [1]"):
        said = form.replace("{}", mark)
        check((system, said), (user, "one"), (assistant, "two"), (user, "three"))
        check((system, "zero"), (user, said), (assistant, said), (user, said))
for _ in range(150):
    roles = random.choices([user, assistant], k=random.randrange(5))
    check(*[(role, "".join(piece() for _ in range(random.randrange(6)))) for role in [system, *roles, user]])
print(json.dumps([count, wrong]))
"""


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_no_token_of_a_family_can_be_said_by_its_name(family: Family, tmp_path: Path) -> None:
    others = ["\n", " ", "user\n", "system", "<|", "|>", "[", "]", "/", "▁", "▁▁", "<", ">", "ü", "🍵", "<unk>"]
    told = {
        "path": str(tiny_family(tmp_path / "tiny.gguf", family).path),
        "defined": family.defined,
        "marks": family.marks,
        "pieces": [*family.marks, *family.ordinary, *family.words, *others],
    }
    command = [sys.executable, "-c", READ_AS_TOKENS, json.dumps(told)]
    shown = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    assert json.loads(shown.stdout) == [18 * len(family.marks) + 150, []]


def test_a_model_without_a_form_of_chat_is_refused(tmp_path: Path) -> None:
    silent = replace(QWEN2, template="", control=("<|endoftext|>",), eos="<|endoftext|>")
    model = tiny_family(tmp_path / "tiny.gguf", silent)
    with Engine(model, embedder=None, log_file=tmp_path / "engine.log", threads=1) as engine:
        with pytest.raises(ModelFileError) as caught:
            engine.ready(60)
        assert str(caught.value).startswith(
            f"The model cannot be loaded: {model.path} has no chat template: it is no model for a conversation."
        )


def test_a_template_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    model = tiny_family(tmp_path / "tiny.gguf", replace(QWEN2, template="{% for message in %}"))
    with Engine(model, embedder=None, log_file=tmp_path / "engine.log", threads=1) as engine:
        with pytest.raises(ModelFileError) as caught:
            engine.ready(60)
        assert str(caught.value).startswith(
            f"The model cannot be loaded: the chat template of {model.path} cannot be used (the template cannot be read"
        )


def test_a_conversation_that_a_template_refuses_is_an_error_and_the_engine_goes_on(tmp_path: Path) -> None:
    moody = "{% if messages | length > 4 %}{{ raise_exception('Enough.') }}{% endif %}" + QWEN2.template
    model = tiny_family(tmp_path / "tiny.gguf", replace(QWEN2, template=moody))
    turn = [ChatMessage(Role.USER, "one"), ChatMessage(Role.ASSISTANT, "two")]
    with Engine(model, embedder=None, log_file=tmp_path / "engine.log", threads=1) as engine:
        engine.ready(60)
        pid = engine.pid
        with pytest.raises(EngineError, match=r"Enough\."):
            engine.generate(Agent.ANSWER, [*turn, *turn, *PROMPT], max_tokens=1)
        assert engine.generate(Agent.ANSWER, PROMPT, form=Form('root ::= "abc"')).text == "abc"
        assert engine.pid == pid
