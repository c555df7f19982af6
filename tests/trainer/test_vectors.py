"""Vectors of tokens from plain text, and the embeddings that begin with them."""

from __future__ import annotations

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers

from trainer.pretrain import EMBEDDING_SCALE, new_model, starter_config
from trainer.vectors import RARELY, token_vectors

WORDS = ["dog", "hound", "barks", "growls", "car", "truck", "stops", "starts", "the", "rare"]
ANIMALS = [f"the {who} {does}" for who in ("dog", "hound") for does in ("barks", "growls")]
VEHICLES = [f"the {which} {does}" for which in ("car", "truck") for does in ("stops", "starts")]


def word_tokenizer() -> Tokenizer:
    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(WORDS)}, unk_token="rare"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return tokenizer


def vectors() -> torch.Tensor:
    return token_vectors([*(ANIMALS + VEHICLES) * RARELY, "the rare dog"], word_tokenizer(), 4, seed=0)


def test_words_that_are_used_alike_get_vectors_that_are_alike() -> None:
    dog, hound, car = (vectors()[WORDS.index(word)] for word in ("dog", "hound", "car"))

    assert dog.norm() == pytest.approx(1)
    assert dog @ hound > 0.9
    assert dog @ car < 0.5


def test_a_word_that_is_hardly_used_gets_none() -> None:
    assert not vectors()[WORDS.index("rare")].any()


def test_texts_do_not_run_into_each_other() -> None:
    """Or else their order would matter: what stands at the end of one would be near the beginning of the next."""
    texts = (ANIMALS + VEHICLES) * RARELY
    mixed, sorted_ = (token_vectors(some, word_tokenizer(), 4, seed=0) for some in (texts, sorted(texts)))

    torch.testing.assert_close(mixed @ mixed.T, sorted_ @ sorted_.T, atol=1e-4, rtol=0)


def test_embeddings_lean_towards_the_vectors_and_keep_their_length() -> None:
    config = starter_config(512, 1, 0)
    wanted = torch.nn.functional.normalize(torch.randn(512, config.hidden_size), dim=1)
    wanted[100:] = 0

    embeddings = new_model(config, 0, wanted).model.embed_tokens.weight.detach()
    usual = new_model(config, 0).model.embed_tokens.weight.detach()

    likeness = torch.nn.functional.cosine_similarity(embeddings[:100], wanted[:100])
    assert likeness.min() > 0.5
    assert embeddings[:100].std() == pytest.approx(EMBEDDING_SCALE, rel=0.05)
    assert torch.equal(embeddings[100:], usual[100:])
