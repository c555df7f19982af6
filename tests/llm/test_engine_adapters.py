"""Both agents on one base, each with its adapter, on real llama.cpp."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from assistant.agents.generation import Agent, ChatMessage, Role
from assistant.errors import EngineCrashed, ModelFileError
from assistant.llm.engine import Engine
from assistant.llm.files.manifest import Adapter, ModelFile
from tests.llm.tiny_adapter import merged, tiny_adapter
from tests.tiny_model import tiny_model

PROMPT = [ChatMessage(Role.SYSTEM, "Be kind"), ChatMessage(Role.USER, "Hello")]
OTHER_PROMPT = [ChatMessage(Role.SYSTEM, "Be kind"), ChatMessage(Role.USER, "Is anybody here?")]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> ModelFile:
    return tiny_model(tmp_path_factory.mktemp("base") / "base.gguf", ends=False)


@pytest.fixture(scope="module")
def adapters(base: ModelFile) -> dict[Agent, Adapter]:
    return {
        agent: tiny_adapter(base.path.with_name(f"{agent}.gguf"), base, seed=seed)
        for seed, agent in enumerate(Agent, start=1)
    }


@pytest.fixture(scope="module")
def adapted(base: ModelFile, adapters: dict[Agent, Adapter]) -> ModelFile:
    return replace(base, adapters=adapters)


@pytest.fixture(scope="module")
def engine(adapted: ModelFile, log_file: Path) -> Iterator[Engine]:
    with Engine(adapted, embedder=None, log_file=log_file, threads=1) as running:
        yield running


@pytest.fixture(scope="module")
def texts(base: ModelFile, adapters: dict[Agent, Adapter], log_file: Path) -> dict[tuple[Agent, int], str]:
    """What each agent says to both prompts where its adapter is merged into a model of its own."""
    models = {
        agent: merged(base.path.with_name(f"merged-{agent}.gguf"), base, adapter) for agent, adapter in adapters.items()
    }
    with Engine(models, embedder=None, log_file=log_file, threads=1) as running:
        running.ready(60)
        assert mapped(running) == {"merged-manager.gguf": 1, "merged-answer.gguf": 1}
        return {
            (agent, number): running.generate(agent, prompt, max_tokens=30).text
            for agent in Agent
            for number, prompt in enumerate((PROMPT, OTHER_PROMPT))
        }


def mapped(engine: Engine) -> dict[str, int]:
    """The model files in the child's memory, and how often each is there."""
    names = [
        Path(line.split()[-1]).name
        for line in Path(f"/proc/{engine.pid}/maps").read_text().splitlines()
        if line.endswith(".gguf")
    ]
    return {name: names.count(name) for name in names}


def test_each_agent_writes_as_if_its_adapter_were_merged(engine: Engine, texts: dict[tuple[Agent, int], str]) -> None:
    for (agent, number), text in texts.items():
        assert engine.generate(agent, (PROMPT, OTHER_PROMPT)[number], max_tokens=30).text == text
    assert len(set(texts.values())) == 4


def test_the_base_is_in_memory_once(engine: Engine, texts: dict[tuple[Agent, int], str]) -> None:
    engine.ready(60)
    assert mapped(engine) == {"base.gguf": 1}


def test_an_agent_without_an_adapter_writes_as_the_base_does(
    base: ModelFile, adapters: dict[Agent, Adapter], log_file: Path, texts: dict[tuple[Agent, int], str]
) -> None:
    half = {Agent.MANAGER: replace(base, adapters={Agent.MANAGER: adapters[Agent.MANAGER]}), Agent.ANSWER: base}
    with Engine(half, embedder=None, log_file=log_file, threads=1) as engine:
        plain = engine.generate(Agent.ANSWER, PROMPT, max_tokens=30).text
        assert engine.generate(Agent.MANAGER, PROMPT, max_tokens=30).text == texts[Agent.MANAGER, 0]
        assert engine.generate(Agent.ANSWER, PROMPT, max_tokens=30).text == plain
        assert mapped(engine) == {"base.gguf": 1}
    assert plain not in texts.values()


def test_agents_by_turns_keep_what_each_has_read(engine: Engine, texts: dict[tuple[Agent, int], str]) -> None:
    for agent in Agent:
        engine.generate(agent, PROMPT, max_tokens=30)
    for _ in range(3):
        for agent in Agent:
            again = engine.generate(agent, PROMPT, max_tokens=30)
            # "<system\nBe kind>\n<user\nHello>\n<assistant\n" is 41 tokens, of which the last is read again.
            assert (again.prompt_tokens, again.cached_tokens) == (41, 40)
            assert again.text == texts[agent, 0]


def test_an_adapter_for_another_architecture_is_refused(base: ModelFile, tmp_path: Path) -> None:
    adapter = tiny_adapter(tmp_path / "llama.gguf", base, architecture="llama")
    check_refused(replace(base, adapters={Agent.ANSWER: adapter}), tmp_path)


def test_an_adapter_of_another_shape_is_refused(base: ModelFile, tmp_path: Path) -> None:
    wider = tiny_model(tmp_path / "wider.gguf", hidden=128)
    adapter = tiny_adapter(tmp_path / "wide.gguf", wider)
    check_refused(replace(base, adapters={Agent.MANAGER: adapter}), tmp_path)


def check_refused(model: ModelFile, folder: Path) -> None:
    (adapter,) = model.adapters.values()
    with (
        Engine(model, embedder=None, log_file=folder / "engine.log", threads=1) as engine,
        pytest.raises(ModelFileError) as caught,
    ):
        engine.ready(60)
    assert str(caught.value).startswith(
        f"The model cannot be loaded: the adapter {adapter.path} cannot be read or was made for another model than "
        f"{model.path}."
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"base": "0" * 64}, "The answer adapter of base was made for another base model."),
        ({"size": 5}, "bytes instead of 5: it is cut off or another one."),
        ({"path": Path("nowhere.gguf")}, "The model file nowhere.gguf is missing."),
    ],
    ids=["another base", "another size", "missing"],
)
def test_what_is_wrong_with_an_adapter_is_found_before_a_process_starts(
    adapted: ModelFile, tmp_path: Path, change: dict[str, object], message: str
) -> None:
    wrong = replace(adapted.adapters[Agent.ANSWER], **change)  # type: ignore[arg-type]
    model = replace(adapted, sha256="1" * 64, adapters={**adapted.adapters, Agent.ANSWER: wrong})
    engine = Engine(model, embedder=None, log_file=tmp_path / "engine.log", threads=1)
    with pytest.raises(ModelFileError) as caught:
        engine.ready(60)
    assert message in str(caught.value)
    assert engine.pid is None


def test_a_process_that_is_killed_comes_back_with_adapters_and_what_it_had_read(
    adapted: ModelFile, tmp_path: Path, texts: dict[tuple[Agent, int], str]
) -> None:
    long = [ChatMessage(Role.SYSTEM, "Be kind. " * 8), ChatMessage(Role.USER, "Hello")]
    states = tmp_path / "states"
    with Engine(adapted, embedder=None, log_file=tmp_path / "engine.log", states=states, threads=1) as engine:
        before = {agent: engine.generate(agent, long, max_tokens=20).text for agent in Agent}
        kill(engine)
        # The instructions and all up to the question are 88 tokens.
        for agent in Agent:
            after = engine.generate(agent, long, max_tokens=20)
            assert (after.text, after.cached_tokens) == (before[agent], 88)
        with pytest.raises(EngineCrashed, match="signal 9"):
            engine.generate(Agent.MANAGER, long, max_tokens=800, on_text=lambda _: kill(engine))
        for agent in Agent:
            again = engine.generate(agent, long, max_tokens=20)
            assert (again.text, again.cached_tokens) == (before[agent], 88)
    assert sorted(path.name.split("-")[0] for path in states.iterdir()) == ["answer", "manager"]


def kill(engine: Engine) -> None:
    if (pid := engine.pid) is not None:
        os.kill(pid, signal.SIGKILL)
        while engine.pid == pid:
            pass
