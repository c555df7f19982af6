"""Rows of tokens: what is learned from, what is not, and that the same shard is always the same."""

from __future__ import annotations

from random import Random

import pytest
import torch
from transformers import PreTrainedTokenizerFast, Qwen2ForCausalLM

from assistant.agents.generation import Agent, ChatMessage, Role
from assistant.agents.prompts import answer_prompt
from trainer.batches import IGNORED, Document, Encoder, Mix, Rows, Shape, repeats, shard
from trainer.data.simulate import simulate
from trainer.data.wordings import Split, Wordings
from trainer.examples import Example, examples
from trainer.pretrain import starter_config
from trainer.tokenizer import train_tokenizer

WORDINGS = Wordings.load(Split.TRAIN)


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    made = [e for n in range(4) for e in examples(simulate(n, WORDINGS), WORDINGS, Random(n))]
    return train_tokenizer((m.text for e in made for m in e.prompt), 1800, 200)


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


def branches(rows: Rows, row: int) -> list[tuple[int, int]]:
    """(document, branch) of each example in a row."""
    inside = rows.branches[row] > 0
    return sorted(set(zip(rows.documents[row, inside].tolist(), rows.branches[row, inside].tolist(), strict=True)))


def path_to(rows: Rows, row: int, document: int, branch: int) -> torch.Tensor:
    """Where the tokens of one example stand: the beginning of its document, then its own."""
    own = (rows.branches[row] == branch) | (rows.branches[row] == 0)
    return ((rows.documents[row] == document) & own).nonzero()[:, 0]


def test_the_loss_is_on_completions_alone(tokenizer: PreTrainedTokenizerFast, encoder: Encoder) -> None:
    rows = shard(encoder, WORDINGS, 0, 0, Shape(8, 256))

    for row in range(8):
        for document, branch in branches(rows, row):
            at = path_to(rows, row, document, branch)
            labels = rows.labels[row, at]
            wanted = labels[labels != IGNORED].tolist()
            text = tokenizer.decode(wanted)
            assert text.endswith("<|im_end|>")
            assert text.startswith(("ADD: ", "UPDATE: ", "DELETE: ", "NOOP", "Memories:")), text
            assert tokenizer.decode(rows.tokens[row, at]).endswith(text)


def test_examples_that_begin_alike_are_one_document_that_branches(
    tokenizer: PreTrainedTokenizerFast, encoder: Encoder
) -> None:
    asked = [
        Example(Agent.ANSWER, answer_prompt(question, ["User lives in Lima."]), f"Memories: none\nAnswer: {answer}")
        for question, answer in (("Where do I live?", "Lima"), ("Where is home?", "Lima."), ("Hm?", "Yes"))
    ]

    document = encoder.document(asked)

    assert tokenizer.decode(document.beginning).endswith("User lives in Lima. [1]\nNow: User:")
    for example, (rest, completion) in zip(asked, document.examples, strict=True):
        assert (document.beginning + rest, completion) == encoder.encode(example)


def test_a_document_too_long_for_a_row_loses_its_last_examples() -> None:
    document = Document([1] * 10, [([2, 2], [3, 3]), ([4, 4], [5])])

    assert document.at_most(17) == document
    assert document.at_most(16) == Document([1] * 10, [([2, 2], [3, 3])])
    assert document.at_most(13) is None


def test_a_branch_is_computed_as_if_it_stood_alone(encoder: Encoder) -> None:
    rows = shard(encoder, WORDINGS, 0, 0, Shape(6, 256))
    config = starter_config(encoder.vocabulary, encoder.end, encoder.pad)
    config.hidden_size, config.intermediate_size, config.num_hidden_layers = 64, 128, 2
    config.num_attention_heads = config.num_key_value_heads = 2
    torch.manual_seed(0)
    model = Qwen2ForCausalLM(config).eval()
    places = [(r, *place) for r in range(6) for place in branches(rows, r)]
    r, document, branch = max(places, key=lambda place: place[2])
    assert branch > 1
    at = path_to(rows, r, document, branch)

    with torch.no_grad():
        mask = {"full_attention": rows.mask()}
        packed = model.model(rows.tokens, attention_mask=mask, position_ids=rows.positions).last_hidden_state[r, at]
        alone = model.model(rows.tokens[r : r + 1, at]).last_hidden_state[0]

    assert torch.allclose(packed, alone, atol=1e-5)


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
