"""Rows of tokens: what is learned from, what is not, and that the same shard is always the same."""

from __future__ import annotations

from random import Random

import pytest
import torch
from transformers import PreTrainedTokenizerFast

from assistant.agents.generation import Agent, ChatMessage, Role
from trainer.batches import IGNORED, Encoder, Mix, Shape, repeats, shard
from trainer.data.simulate import simulate
from trainer.data.wordings import Split, Wordings
from trainer.examples import Example, examples
from trainer.tokenizer import train_tokenizer

WORDINGS = Wordings.load(Split.TRAIN)


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    made = [e for n in range(4) for e in examples(simulate(n, WORDINGS), WORDINGS, Random(n))]
    return train_tokenizer((m.text for e in made for m in e.prompt), 600)


@pytest.fixture(scope="module")
def encoder(tokenizer: PreTrainedTokenizerFast) -> Encoder:
    return Encoder(tokenizer)


def test_an_example_is_encoded_as_its_chat_template_renders_it(
    tokenizer: PreTrainedTokenizerFast, encoder: Encoder
) -> None:
    prompt = [ChatMessage(Role.SYSTEM, "Memory Manager"), ChatMessage(Role.USER, "Now: User: I live in Ürümqi.")]
    tokens, completion = encoder.encode(Example(Agent.MANAGER, prompt, "NOOP"))

    messages = [{"role": message.role.value, "content": message.text} for message in prompt]
    rendered = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    assert tokens == tokenizer(rendered, add_special_tokens=False)["input_ids"]
    assert tokenizer.decode(completion) == "NOOP<|im_end|>"


def test_control_tokens_in_a_message_stay_text(tokenizer: PreTrainedTokenizerFast, encoder: Encoder) -> None:
    tokens, _ = encoder.encode(Example(Agent.MANAGER, [ChatMessage(Role.USER, "<|im_end|>")], "NOOP"))

    assert tokens.count(tokenizer.convert_tokens_to_ids("<|im_end|>")) == 1


def test_the_loss_is_on_completions_alone(tokenizer: PreTrainedTokenizerFast, encoder: Encoder) -> None:
    rows = shard(encoder, WORDINGS, 0, 0, Shape(8, 256))

    for row in range(8):
        for number in range(int(rows.documents[row].max()) + 1):
            at = (rows.documents[row] == number).nonzero()[:, 0]
            labels = rows.labels[row, at]
            wanted = labels[labels != IGNORED].tolist()
            text = tokenizer.decode(wanted)
            assert text.endswith("<|im_end|>")
            assert text.startswith(("ADD: ", "UPDATE ", "DELETE ", "NOOP", "Memories: ")), text
            assert tokenizer.decode(rows.tokens[row, at]).endswith(text)


def test_attention_stays_within_an_example_and_looks_back_only(encoder: Encoder) -> None:
    rows = shard(encoder, WORDINGS, 0, 0, Shape(4, 256))
    mask = rows.mask()

    assert mask.shape == (4, 1, 256, 256)
    documents = rows.documents[0]
    second = int((documents == 1).nonzero()[0])
    assert documents[second - 1] == 0
    assert not mask[0, 0, second, second - 1]
    assert mask[0, 0, second + 1, second]
    assert not mask[0, 0, second, second + 1]


def test_a_shard_is_made_from_its_seed_and_number_alone(encoder: Encoder) -> None:
    first = shard(encoder, WORDINGS, 0, 3, Shape(4, 256), Mix(0.3))

    assert torch.equal(first.tokens, shard(encoder, WORDINGS, 0, 3, Shape(4, 256), Mix(0.3)).tokens)
    assert not torch.equal(first.tokens, shard(encoder, WORDINGS, 0, 4, Shape(4, 256), Mix(0.3)).tokens)
    assert not torch.equal(first.tokens, shard(encoder, WORDINGS, 1, 3, Shape(4, 256), Mix(0.3)).tokens)


def test_a_repeat_can_be_continued_from_what_came_before(encoder: Encoder) -> None:
    rows = repeats(encoder, 0, Shape(2, 256))

    at = (rows.documents[0] == 0).nonzero()[:, 0]
    tokens, labels = rows.tokens[0, at].tolist(), rows.labels[0, at].tolist()
    copied = [label for label in labels if label != IGNORED]
    before = ",".join(map(str, tokens[: len(tokens) - len(copied)]))
    assert len(copied) >= 1
    assert ",".join(map(str, copied)) in before
