"""Completions of many prompts at once: what each would be alone, drawn from the right probabilities."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM, Qwen2Config, Qwen2ForCausalLM

from trainer.decoders import decoder_of
from trainer.generating import Wanted, batches, chances, choose, generate

VOCABULARY = 40
END, PAD = 2, 0
ENDS = frozenset({END})
PROMPTS = [tuple(3 + (7 * n + k * k) % 37 for k in range(length)) for n, length in enumerate((5, 19, 2, 11, 8, 30, 1))]


def qwen2(seed: int = 0, **changes: Any) -> Qwen2ForCausalLM:
    """Random weights, large enough for sharp opinions; two heads ask each that has keys."""
    shape = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2}
    config = Qwen2Config(vocab_size=VOCABULARY, intermediate_size=48, max_position_embeddings=128, **shape | changes)
    return roughened(Qwen2ForCausalLM(config), seed)


def roughened(model: Any, seed: int) -> Any:
    torch.manual_seed(seed)
    with torch.no_grad():
        for weights in model.parameters():
            weights.add_(torch.randn_like(weights) * 0.3)
    return model.eval()


def llama() -> LlamaForCausalLM:
    rope = {
        "rope_type": "llama3",
        "rope_theta": 10_000.0,
        "factor": 8.0,
        "low_freq_factor": 1.0,
        "high_freq_factor": 4.0,
        "original_max_position_embeddings": 16,
    }
    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=1,
        max_position_embeddings=128,
        rope_parameters=rope,
    )
    return roughened(LlamaForCausalLM(config), 3)


def gpt2() -> GPT2LMHeadModel:
    config = GPT2Config(vocab_size=VOCABULARY, n_positions=128, n_embd=32, n_layer=2, n_head=2)
    return roughened(GPT2LMHeadModel(config), 1)


def alone(model: Any, prompt: tuple[int, ...], seed: int, room: int, temperature: float) -> tuple[int, ...]:
    """The completion of one prompt, with everything read anew for each token and no padding anywhere."""
    written: list[int] = []
    draws = chances(seed, room).tolist()
    while len(written) < room and END not in written:
        with torch.no_grad():
            logits = model(torch.tensor([[*prompt, *written]])).logits[0, -1].double()
        if temperature == 0:
            written.append(int(logits.argmax()))
            continue
        probabilities = torch.softmax(logits / temperature, -1).tolist()
        left = draws[len(written)] * sum(probabilities)
        token = 0
        while left >= probabilities[token]:
            left -= probabilities[token]
            token += 1
        written.append(token)
    return tuple(written)


@pytest.fixture(scope="module", params=["qwen2", "qwen2 plainly", "llama", "llama plainly", "gpt2"])
def model(request: pytest.FixtureRequest) -> tuple[Any, bool]:
    kind, _, plainly = request.param.partition(" ")
    return {"qwen2": qwen2, "llama": llama, "gpt2": gpt2}[kind](), bool(plainly)


@pytest.mark.parametrize("temperature", [0.0, 1.0, 0.6])
def test_completions_written_together_are_those_written_alone(model: tuple[Any, bool], temperature: float) -> None:
    lm, plainly = model
    room = 40  # More than keys have room for at first.
    wanted = [Wanted(p, tuple(range(10 * n, 10 * n + 1 + n % 4)), room) for n, p in enumerate(PROMPTS)]

    written = generate(lm, wanted, temperature=temperature, ends=ENDS, pad=PAD, rows=12, plainly=plainly)

    assert written == [[alone(lm, one.prompt, s, room, temperature) for s in one.seeds] for one in wanted]
    if temperature == 1.0:
        lengths = {len(tokens) for completions in written for tokens in completions}
        assert len(lengths) > 2  # Some had to leave while others went on.


def test_which_completions_are_written_together_changes_none(model: tuple[Any, bool]) -> None:
    lm, plainly = model
    wanted = [Wanted(p, (1, 2, 3), 12) for p in PROMPTS]

    def written(order: list[Wanted], rows: int) -> list[list[tuple[int, ...]]]:
        return generate(lm, order, temperature=1.0, ends=ENDS, pad=PAD, rows=rows, plainly=plainly)

    together = written(wanted, 1000)
    assert written(wanted, 1) == together
    assert written(wanted[::-1], 6) == together[::-1]


def test_a_completion_goes_through_its_first_end_and_has_none_but_at_its_end() -> None:
    written = generate(qwen2(), [Wanted(p, tuple(range(20)), 15) for p in PROMPTS], temperature=1.0, ends=ENDS, pad=PAD)

    every = [tokens for completions in written for tokens in completions]
    assert len(every) == 140
    assert all(END not in tokens[:-1] for tokens in every)
    assert all(len(tokens) == 15 for tokens in every if tokens[-1] != END)
    assert any(PAD in tokens for tokens in every)  # The token of padding is a token like any other.
    assert 20 < sum(tokens[-1] == END for tokens in every) < 140


def test_each_completion_has_a_room_of_its_own() -> None:
    wanted = [Wanted(PROMPTS[0], (1, 2), 1), Wanted(PROMPTS[1], (1,), 3), Wanted(PROMPTS[2], (1, 2, 3), 50)]

    written = generate(qwen2(), wanted, temperature=1.0, ends=frozenset(), pad=PAD)

    assert [[len(tokens) for tokens in completions] for completions in written] == [[1, 1], [3], [50, 50, 50]]


def test_a_prompt_is_read_once_for_all_its_completions(monkeypatch: pytest.MonkeyPatch) -> None:
    lm = qwen2()
    shapes: list[tuple[int, ...]] = []
    lm.model.register_forward_pre_hook(
        lambda _, __, given: shapes.append(tuple(given["input_ids"].shape)), with_kwargs=True
    )

    generate(lm, [Wanted(PROMPTS[1], tuple(range(8)), 5)], temperature=1.0, ends=ENDS, pad=PAD)

    assert shapes == [(1, 19)]


def test_what_has_ended_costs_no_more_time() -> None:
    lm = qwen2()
    widths: list[int] = []
    lm.lm_head.register_forward_pre_hook(lambda _, given: widths.append(given[0].shape[:-1].numel()))

    written = generate(lm, [Wanted(p, (1, 2, 3, 4), 60) for p in PROMPTS], temperature=1.0, ends=ENDS, pad=PAD)

    steps = [sum(len(t) > step for c in written for t in c) for step in range(1, 60)]
    needed = [count for count in steps if count]
    assert widths[0] == 7  # Of each prompt the last token.
    assert len(widths) == 1 + len(needed)
    assert widths[-1] < 28
    assert sum(widths[1:]) < 2 * sum(needed)


def test_a_model_in_training_stays_in_training_and_is_sampled_without_dropout() -> None:
    lm = qwen2(attention_dropout=0.5)
    wanted = [Wanted(PROMPTS[0], (1, 2), 8)]
    expected = generate(lm, wanted, temperature=1.0, ends=ENDS, pad=PAD)

    lm.train()
    assert generate(lm, wanted, temperature=1.0, ends=ENDS, pad=PAD) == expected
    assert lm.training


def test_what_is_not_a_plain_qwen2_or_llama_goes_through_its_own_forward() -> None:
    def way(model: Any) -> str:
        return type(decoder_of(model)).__name__

    sliding = qwen2(use_sliding_window=True, sliding_window=4, max_window_layers=0)
    stretched = qwen2(rope_parameters={"rope_type": "dynamic", "rope_theta": 10_000.0, "factor": 2.0})
    assert [way(m) for m in (qwen2(), llama())] == ["_SharedPrompts"] * 2
    assert [way(m) for m in (gpt2(), sliding, stretched)] == ["_AnyModel"] * 3


def test_a_sliding_window_is_kept() -> None:
    lm = qwen2(use_sliding_window=True, sliding_window=4, max_window_layers=0)

    written = generate(lm, [Wanted(PROMPTS[5], (1, 2), 10)], temperature=1.0, ends=ENDS, pad=PAD)

    assert written == [[alone(lm, PROMPTS[5], seed, 10, 1.0) for seed in (1, 2)]]


def test_tokens_are_drawn_as_often_as_they_are_likely() -> None:
    likely = torch.tensor([0.5, 0.0, 0.2, 0.3]).log()
    draws = torch.from_numpy(chances(0, 20_000))

    drawn = Counter(choose(likely.expand(20_000, -1), 1.0, draws).tolist())
    cooler = Counter(choose(likely.expand(20_000, -1), 0.5, draws).tolist())

    # Three standard deviations of 20,000 draws are 0.011 at most; at temperature 0.5 probabilities are squared.
    assert [drawn[n] / 20_000 for n in range(4)] == pytest.approx([0.5, 0.0, 0.2, 0.3], abs=0.011)
    assert [cooler[n] / 20_000 for n in range(4)] == pytest.approx([25 / 38, 0, 4 / 38, 9 / 38], abs=0.011)


def test_no_chance_leads_to_a_token_without_a_probability() -> None:
    likely = torch.tensor([[0.0, 1.0, 0.0, 1.0, 0.0]]).log()

    found = [int(choose(likely, 1.0, torch.tensor([c]))) for c in (0.0, 0.49, 0.5, 1 - 2**-24, 1.0)]

    assert found == [1, 1, 3, 3, 3]


def test_prompts_alike_in_length_are_read_together() -> None:
    sizes = [(10, 2), (300, 2), (12, 2), (290, 2), (11, 2)]

    assert list(batches(sizes, 4)) == [[1, 3], [2, 4], [0]]
    assert list(batches(sizes, 1)) == [[1], [3], [2], [4], [0]]
    assert list(batches([(5, 1), (6, 8), (7, 1)], 9)) == [[2], [1], [0]]
    assert list(batches([], 4)) == []
