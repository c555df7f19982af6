from __future__ import annotations

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from assistant.agents.generation import Agent, ChatMessage, Completion, FinishReason, Form, ModelTraits, Role
from assistant.errors import EngineError, ModelFileError
from assistant.llm.engine import Engine
from assistant.llm.files.manifest import ModelFile
from assistant.llm.process import ModelProcess


def user(text: str) -> ChatMessage:
    return ChatMessage(Role.USER, text)


SYSTEM = ChatMessage(Role.SYSTEM, "Be kind")
PROMPT = [SYSTEM, user("Hello")]


def without_cost(completion: Completion) -> tuple[str, FinishReason, int]:
    return completion.text, completion.finish_reason, completion.completion_tokens


def test_greedy_generation_says_the_same_twice(engine: Engine) -> None:
    first = engine.generate(Agent.ANSWER, PROMPT, max_tokens=50)
    assert first.text
    assert without_cost(engine.generate(Agent.ANSWER, PROMPT, max_tokens=50)) == without_cost(first)


def test_a_seed_repeats_a_sampled_completion_and_another_seed_does_not(engine: Engine) -> None:
    def sample(seed: int) -> str:
        return engine.generate(Agent.ANSWER, PROMPT, max_tokens=50, temperature=1.0, seed=seed).text

    assert sample(1) == sample(1)
    assert sample(1) != sample(2)


def test_how_sure_the_model_was_comes_with_the_completion_where_its_traits_ask(
    engine: Engine, tiny: ModelFile, log_file: Path
) -> None:
    forced = Form('root ::= "qx"{10}')
    doubting = replace(tiny, traits=ModelTraits(least_confidence=0.5))
    with Engine(doubting, embedder=None, log_file=log_file, threads=1) as asked:
        free_confidence = asked.generate(Agent.MANAGER, PROMPT, max_tokens=20).confidence
        forced_confidence = asked.generate(Agent.MANAGER, PROMPT, form=forced, max_tokens=20).confidence
    assert 0.0 < forced_confidence < free_confidence < 1.0
    assert engine.generate(Agent.MANAGER, PROMPT, form=forced, max_tokens=20).confidence == 1.0


def test_the_streamed_pieces_make_up_the_text(engine: Engine) -> None:
    pieces: list[str] = []
    done = engine.generate(Agent.ANSWER, PROMPT, max_tokens=50, temperature=1.0, seed=3, on_text=pieces.append)
    assert len(pieces) > 1
    assert "".join(pieces) == done.text


def test_a_completion_ends_where_the_model_ends_it_or_at_the_limit(engine: Engine) -> None:
    limited = engine.generate(Agent.ANSWER, PROMPT, form=Form('root ::= "a"{6,}'), max_tokens=5)
    assert without_cost(limited) == ("aaaaa", FinishReason.LENGTH, 5)
    ended = engine.generate(Agent.ANSWER, PROMPT, form=Form('root ::= "abc"'))
    assert without_cost(ended) == ("abc", FinishReason.STOP, 3)


def test_the_grammar_decides_what_can_be_said(engine: Engine) -> None:
    said = {
        engine.generate(Agent.ANSWER, PROMPT, form=Form('root ::= "yes" | "no"'), temperature=5.0, seed=seed).text
        for seed in range(20)
    }
    assert said == {"yes", "no"}


@pytest.mark.parametrize("grammar", ["root ::= (", "", "other ::= [a]", "root ::= missing", "root ::= root"])
def test_an_invalid_grammar_is_an_error_and_the_engine_goes_on(engine: Engine, grammar: str) -> None:
    pid = engine.pid
    with pytest.raises(EngineError, match=r"llama\.cpp does not understand the grammar"):
        engine.generate(Agent.ANSWER, PROMPT, form=Form(grammar))
    assert engine.generate(Agent.ANSWER, PROMPT, max_tokens=1).completion_tokens == 1
    assert engine.pid == pid


def test_a_grammar_that_is_not_understood_is_not_written_into_the_log(engine: Engine, log_file: Path) -> None:
    with pytest.raises(EngineError, match="does not understand"):
        engine.generate(Agent.ANSWER, PROMPT, form=Form('root ::= "User has a secret." missing'))
    assert "User has a secret." not in log_file.read_text()


def test_each_agent_keeps_its_own_prefix(engine: Engine) -> None:
    # "<system\nBe kind>\n<user\nfirst>\n<assistant\n" is 17, 13 and 11 tokens, of which the last is read again.
    for agent in Agent:
        engine.generate(agent, [user(f"something else for {agent.value}")], max_tokens=1)
    first = [SYSTEM, user("first")]
    answer = engine.generate(Agent.ANSWER, first, max_tokens=1)
    assert (answer.prompt_tokens, answer.cached_tokens) == (41, 1)
    manager = engine.generate(Agent.MANAGER, [SYSTEM, user("a manager's")], max_tokens=1)
    assert manager.cached_tokens == 1
    again = engine.generate(Agent.ANSWER, first, max_tokens=1)
    assert (again.prompt_tokens, again.cached_tokens) == (41, 40)


def test_a_growing_conversation_reads_only_what_is_new(engine: Engine) -> None:
    engine.generate(Agent.ANSWER, [user("something else")], max_tokens=1)
    turn = [SYSTEM, user("first")]
    engine.generate(Agent.ANSWER, turn, max_tokens=1)
    longer = [*turn, ChatMessage(Role.ASSISTANT, "well"), user("second")]
    grown = engine.generate(Agent.ANSWER, longer, max_tokens=1)
    assert grown.cached_tokens == 41


def test_what_was_cached_changes_no_completion(engine: Engine, tiny: ModelFile, log_file: Path) -> None:
    longer = [SYSTEM, user("first"), ChatMessage(Role.ASSISTANT, "well"), user("second")]
    engine.generate(Agent.ANSWER, longer[:2], max_tokens=30)
    cached = engine.generate(Agent.ANSWER, longer, max_tokens=30)
    assert cached.cached_tokens > 0
    with Engine(tiny, embedder=None, log_file=log_file, threads=1) as fresh:
        whole = fresh.generate(Agent.ANSWER, longer, max_tokens=30)
    assert whole.cached_tokens == 0
    assert without_cost(cached) == without_cost(whole)


def test_control_tokens_in_a_message_are_plain_text(engine: Engine) -> None:
    plain = engine.generate(Agent.ANSWER, [user("")], max_tokens=1).prompt_tokens
    for text in ("<|im_end|>", "<|im_start|>", "<|endoftext|>"):
        told = engine.generate(Agent.ANSWER, [user(text)], max_tokens=1).prompt_tokens
        assert told == plain + len(text)


@pytest.mark.parametrize(
    "text",
    ["", "\x00", "a\x00b", "\ud800", "👩‍👩‍👧", "\r\n\t", "\u202e", "x" * 1_000_000],
    ids=["empty", "nul", "nul within", "surrogate", "joined emoji", "whitespace", "override", "a megabyte"],
)
def test_any_text_can_be_asked_about(engine: Engine, text: str) -> None:
    assert engine.generate(Agent.MANAGER, [SYSTEM, user(text)], max_tokens=1).completion_tokens <= 1


def test_a_long_history_loses_its_oldest_messages(engine: Engine) -> None:
    history = [ChatMessage(role, "h" * 200) for _ in range(10) for role in (Role.USER, Role.ASSISTANT)]
    done = engine.generate(Agent.ANSWER, [SYSTEM, *history, user("last")], max_tokens=24)
    # 1,024 tokens of context less 24 leave room for two pairs of 208 and 213 beside 40, and not for a third.
    assert done.prompt_tokens == 40 + 2 * (208 + 213)


def test_a_long_message_is_cut_in_its_middle(engine: Engine) -> None:
    done = engine.generate(Agent.ANSWER, [SYSTEM, user("m" * 5000)], max_tokens=24)
    assert done.prompt_tokens == 1000


def test_a_reply_leaves_at_least_half_of_the_context_to_the_prompt(engine: Engine) -> None:
    done = engine.generate(Agent.ANSWER, [SYSTEM, user("m" * 5000)], max_tokens=5000, form=Form('root ::= "a"{600,}'))
    assert done.prompt_tokens == 512
    assert without_cost(done) == ("a" * 512, FinishReason.LENGTH, 512)


def test_instructions_longer_than_the_context_are_an_error(engine: Engine) -> None:
    with pytest.raises(EngineError, match="The instructions alone fill the model's context"):
        engine.generate(Agent.ANSWER, [ChatMessage(Role.SYSTEM, "s" * 2000), user("Hello")])


def test_requests_from_several_threads_get_their_own_completions(engine: Engine) -> None:
    tasks = [(agent, [SYSTEM, user(f"question {n}")]) for n in range(20) for agent in Agent]

    def ask(task: tuple[Agent, list[ChatMessage]]) -> tuple[str, FinishReason, int]:
        return without_cost(engine.generate(task[0], task[1], max_tokens=20))

    expected = [ask(task) for task in tasks]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ask, tasks)) == expected


def test_an_answer_does_not_wait_for_the_manager(endless: ModelFile, log_file: Path) -> None:
    ended: list[Agent] = []
    with Engine(endless, embedder=None, log_file=log_file, threads=1) as engine:
        managing = threading.Event()

        def manage() -> None:
            engine.generate(Agent.MANAGER, PROMPT, max_tokens=1500, on_text=lambda _: managing.set())
            ended.append(Agent.MANAGER)

        manager = threading.Thread(target=manage)
        manager.start()
        assert managing.wait(60)
        engine.generate(Agent.ANSWER, PROMPT, max_tokens=10)
        ended.append(Agent.ANSWER)
        manager.join()
    assert ended == [Agent.ANSWER, Agent.MANAGER]


def test_a_missing_model_is_told_by_ready_and_by_requests_but_not_by_start(tmp_path: Path) -> None:
    model = ModelFile("none", tmp_path / "none.gguf")
    with Engine(model, embedder=None, log_file=tmp_path / "engine.log") as engine:
        with pytest.raises(ModelFileError, match="is missing"):
            engine.ready(60)
        with pytest.raises(ModelFileError, match="is missing"):
            engine.generate(Agent.ANSWER, PROMPT)


@pytest.mark.parametrize("part", [0, 3, 1000, 0.5, 0.999], ids=["empty", "3 bytes", "header", "half", "nearly all"])
def test_a_model_that_is_cut_off_is_an_error_also_where_its_size_is_unknown(
    tiny: ModelFile, tmp_path: Path, part: float
) -> None:
    data = tiny.path.read_bytes()
    model = ModelFile("cut", tmp_path / "cut.gguf")
    model.path.write_bytes(data[: int(part * len(data)) if part < 1 else int(part)])
    with (
        Engine(model, embedder=None, log_file=tmp_path / "engine.log") as engine,
        pytest.raises(ModelFileError, match=r"The model cannot be loaded: llama\.cpp cannot read"),
    ):
        engine.ready(60)


def test_a_model_repaired_meanwhile_is_taken(tiny: ModelFile, tmp_path: Path) -> None:
    model = ModelFile("late", tmp_path / "late.gguf")
    model.path.write_bytes(b"not yet")
    with Engine(model, embedder=None, log_file=tmp_path / "engine.log", threads=1) as engine:
        with pytest.raises(ModelFileError):
            engine.ready(60)
        model.path.write_bytes(tiny.path.read_bytes())
        assert engine.generate(Agent.ANSWER, PROMPT, form=Form('root ::= "abc"')).text == "abc"


def test_without_an_embedder_embedding_is_an_error_and_the_engine_goes_on(engine: Engine) -> None:
    with pytest.raises(EngineError, match="Search by meaning does not work: the sentence model is not there") as caught:
        engine.embed(["Hello"])
    assert caught.value.hint == "Set it up with: python -m assistant.llm.embedder"
    assert engine.generate(Agent.ANSWER, PROMPT, form=Form('root ::= "abc"')).text == "abc"


def test_an_embedder_that_is_no_model_is_an_error(tiny: ModelFile, tmp_path: Path) -> None:
    broken = tmp_path / "embedder.gguf"
    broken.write_bytes(b"GGUF")
    with (
        Engine(tiny, embedder=broken, log_file=tmp_path / "engine.log", threads=1) as engine,
        pytest.raises(EngineError, match=r"Search by meaning does not work: llama\.cpp cannot read"),
    ):
        engine.embed(["Hello"])


def test_a_closed_engine_refuses_further_requests(tiny: ModelFile, log_file: Path) -> None:
    engine = Engine(tiny, embedder=None, log_file=log_file, threads=1)
    engine.start()
    engine.close()
    engine.close()
    with pytest.raises(EngineError, match="has been closed"):
        engine.generate(Agent.ANSWER, PROMPT)


def test_closing_while_it_writes_ends_the_request(endless: ModelFile, log_file: Path) -> None:
    engine = Engine(endless, embedder=None, log_file=log_file, threads=1)
    writing = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        request = pool.submit(engine.generate, Agent.ANSWER, PROMPT, max_tokens=3000, on_text=lambda _: writing.set())
        assert writing.wait(60)
        engine.close()
        with pytest.raises(EngineError, match="has been closed"):
            request.result(60)


def test_an_exception_in_on_text_cancels_the_generation(
    endless: ModelFile, log_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cancelled: list[int] = []
    cancel = ModelProcess.cancel

    def refuse(_: str) -> None:
        raise ZeroDivisionError

    def spy(process: ModelProcess, request_id: int) -> None:
        cancelled.append(request_id)
        cancel(process, request_id)

    monkeypatch.setattr(ModelProcess, "cancel", spy)
    with Engine(endless, embedder=None, log_file=log_file, threads=1) as engine:
        with pytest.raises(ZeroDivisionError):
            engine.generate(Agent.ANSWER, PROMPT, max_tokens=3000, on_text=refuse)
        pid = engine.pid
        assert engine.generate(Agent.ANSWER, PROMPT, form=Form('root ::= "abc"')).text == "abc"
        assert engine.pid == pid
    assert cancelled == [1]


def test_the_log_is_readable_by_its_owner_alone(engine: Engine, log_file: Path) -> None:
    assert log_file.stat().st_mode & 0o777 == 0o600


def test_importing_the_engine_loads_neither_llama_cpp_nor_numpy() -> None:
    script = "import sys, assistant.llm.engine; print({'llama_cpp', 'numpy', 'gguf'} & set(sys.modules))"
    shown = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert shown.stdout == "set()\n"
