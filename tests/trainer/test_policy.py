"""A policy: it samples what its model would say to the app's prompts, and refuses what the app would cut."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from assistant.agents.generation import Agent, ChatMessage, Role
from tests.trainer.tiny_checkpoint import CONTEXT, tiny_checkpoint, tiny_qwen2, tiny_tokenizer
from trainer.errors import TrainingError
from trainer.policy import Lora, Policy
from trainer.sampling import Sampled, Sampler

END = 2


def asked(text: str) -> list[ChatMessage]:
    return [ChatMessage(Role.SYSTEM, "Answer Agent"), ChatMessage(Role.USER, text)]


PROMPTS = [asked(text) for text in ("Hello", "Where do I live? " * 5, "Hm", "Hello")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_checkpoint(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def policy(folder: Path) -> Policy:
    return Policy.load(folder)


def greedy(model: Any, prompt: tuple[int, ...], most: int) -> tuple[int, ...]:
    written: list[int] = []
    while len(written) < most and not {0, END}.intersection(written):
        with torch.no_grad():
            written.append(int(model(torch.tensor([[*prompt, *written]])).logits[0, -1].argmax()))
    return tuple(written)


def rows_read(model: Any) -> list[int]:
    """Grows with the number of prompts that are read each time."""
    rows: list[int] = []

    def look(_: Any, given: Any, named: Any) -> None:
        rows.append(len(named["input_ids"]))

    model.model.register_forward_pre_hook(look, with_kwargs=True)
    return rows


def test_greedy_completions_are_the_models_own_in_the_order_of_the_prompts(policy: Policy) -> None:
    sampler: Sampler = policy
    sampled = sampler.sample(Agent.ANSWER, PROMPTS, count=2, max_tokens=20)

    assert len(sampled) == 4
    for prompt, own in zip(PROMPTS, sampled, strict=True):
        expected = greedy(policy.model, policy.prompting.tokens(prompt), 20)
        ended = expected[-1] in (0, END)
        assert own == [Sampled(policy.prompting.text(expected), expected, ended)] * 2


def test_what_is_the_same_is_answered_once_at_temperature_0(folder: Path) -> None:
    policy = Policy.load(folder)
    rows = rows_read(policy.model)
    written: list[int] = []
    policy.model.lm_head.register_forward_pre_hook(lambda _, given: written.append(given[0].shape[:-1].numel()))

    policy.sample(Agent.ANSWER, PROMPTS, count=5, max_tokens=4)

    assert rows == [3]
    assert max(written) == 3


def test_the_same_prompt_twice_is_read_once_and_drawn_anew_each_time(folder: Path) -> None:
    policy = Policy.load(folder)
    rows = rows_read(policy.model)

    sampled = policy.sample(Agent.ANSWER, [PROMPTS[0]] * 6, count=2, temperature=1.0, max_tokens=12)

    assert rows == [1]
    assert len({one.tokens for own in sampled for one in own}) == 12


def test_samples_repeat_with_torchs_random_state_and_not_without(policy: Policy) -> None:
    def sampled() -> list[list[Sampled]]:
        return policy.sample(Agent.MANAGER, PROMPTS, count=3, temperature=1.0, max_tokens=12)

    torch.manual_seed(7)
    first, second = sampled(), sampled()
    torch.manual_seed(7)

    assert sampled() == first
    assert second != first


def test_greedy_sampling_leaves_the_random_state_alone(policy: Policy) -> None:
    before = torch.get_rng_state()

    policy.sample(Agent.MANAGER, PROMPTS, max_tokens=4)

    assert torch.equal(torch.get_rng_state(), before)


def test_a_seed_gives_the_same_completion_whatever_is_written_with_it(folder: Path) -> None:
    policy = Policy.load(folder)
    tokens = [policy.prompting.tokens(prompt) for prompt in PROMPTS[:3]]

    together = policy.write(tokens, [[1, 2], [3, 4], [5, 6]], temperature=1.0, max_tokens=16)
    policy.rows = 1
    apart = policy.write([tokens[1], tokens[0], tokens[1]], [[4], [2, 1], [3]], temperature=1.0, max_tokens=16)

    assert apart == [[together[1][1]], [together[0][1], together[0][0]], [together[1][0]]]


def test_a_completion_has_ended_only_by_itself(policy: Policy) -> None:
    sampled = policy.sample(Agent.ANSWER, PROMPTS, count=40, temperature=1.0, max_tokens=30)
    every = [one for own in sampled for one in own]

    assert {one.ended for one in every} == {True, False}
    for one in every:
        assert one.ended == (one.tokens[-1] in policy.prompting.ends)
        assert not policy.prompting.ends.intersection(one.tokens[:-1])
        assert one.ended or len(one.tokens) == 30


def test_a_prompt_that_the_app_would_cut_is_refused_by_its_number_before_anything_runs(folder: Path) -> None:
    policy = Policy.load(folder)
    rows = rows_read(policy.model)
    around = len(policy.prompting.tokens(asked("")))
    fits = asked("z" * (CONTEXT - 100 - around))
    too_long = asked("z" * (CONTEXT - 100 - around + 1))

    with pytest.raises(TrainingError) as caught:
        policy.sample(Agent.ANSWER, [PROMPTS[0], fits, too_long], max_tokens=100)

    assert caught.value.message == (
        "The prompt of episode 2 has 413 tokens; the model's context of 512 leaves room for 412 beside a completion."
    )
    assert "memories" in caught.value.hint
    assert rows == []
    assert len(policy.sample(Agent.ANSWER, [PROMPTS[0], fits], max_tokens=100)) == 2


def test_a_completion_ends_where_the_context_does(folder: Path) -> None:
    policy = Policy.load(folder, context=90)
    prompt = asked("z")
    assert len(policy.prompting.tokens(prompt)) == 40

    sampled = policy.sample(Agent.ANSWER, [prompt], count=20, temperature=1.0, max_tokens=500)

    assert max(len(one.tokens) for one in sampled[0]) == 50


def test_an_adapter_alone_learns_and_is_sampled_with(folder: Path) -> None:
    policy = Policy.load(folder, lora=Lora(rank=2, alpha=4.0))
    bare = Policy.load(folder).sample(Agent.ANSWER, PROMPTS, max_tokens=12)
    learning = [name for name, weights in policy.model.named_parameters() if weights.requires_grad]
    assert len(learning) == 2 * 2 * 7
    assert all(".lora_" in name for name in learning)
    assert policy.sample(Agent.ANSWER, PROMPTS, max_tokens=12) == bare

    torch.manual_seed(1)
    with torch.no_grad():
        for name, weights in policy.model.named_parameters():
            if ".lora_B" in name:
                weights.normal_()
    changed = policy.sample(Agent.ANSWER, PROMPTS, max_tokens=12)

    assert changed != bare
    for prompt, own in zip(PROMPTS, changed, strict=True):
        assert own[0].tokens == greedy(policy.model, policy.prompting.tokens(prompt), 12)
    with policy.model.disable_adapter():
        assert policy.sample(Agent.ANSWER, PROMPTS, max_tokens=12) == bare


def test_a_policy_around_a_model_in_training_says_what_the_model_is_now(folder: Path) -> None:
    model = tiny_qwen2()
    policy = Policy(model, tiny_tokenizer())
    before = policy.sample(Agent.ANSWER, PROMPTS, max_tokens=8)

    model.load_state_dict(tiny_qwen2(seed=1).state_dict())

    other = Policy(tiny_qwen2(seed=1), tiny_tokenizer()).sample(Agent.ANSWER, PROMPTS, max_tokens=8)
    assert policy.sample(Agent.ANSWER, PROMPTS, max_tokens=8) == other != before


def test_weights_come_in_the_precision_that_is_asked_for(folder: Path) -> None:
    policy = Policy.load(folder, dtype=torch.bfloat16)

    assert {weights.dtype for weights in policy.model.parameters()} == {torch.bfloat16}
    assert len(policy.sample(Agent.ANSWER, PROMPTS, count=2, temperature=1.0, max_tokens=6)) == 4


def test_a_folder_without_a_model_is_an_error_that_says_what_is_wanted(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(TrainingError, match=r"No model can be loaded from .*empty") as caught:
        Policy.load(tmp_path / "empty")
    assert "config.json" in caught.value.hint
    with pytest.raises(TrainingError, match="The adapter does not fit the model"):
        Policy.load(folder, lora=Lora(targets=("no_such",)))
