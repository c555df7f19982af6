"""Vectors of tokens from plain text, and the embeddings that begin with them."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers

from trainer.data.english import SOURCES, trainable_sentences
from trainer.data.wordings import Split, Wordings
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


def folder_of(tmp_path: Path, turns: Iterable[str], prose: str) -> Path:
    for source in SOURCES:
        (tmp_path / source).mkdir()
        record = {"text": prose} if source == "wikinews" else {"turns": [{"text": text} for text in turns]}
        with gzip.open(tmp_path / source / "some.jsonl.gz", "wt") as file:
            file.write(json.dumps(record) + "\n")
    return tmp_path


def test_english_comes_in_sentences_without_what_is_held_out(tmp_path: Path) -> None:
    held_out = Wordings.load(Split.TEST)
    place, activity = held_out.values["places"][0], held_out.values["activities"][0]
    turns = ["It rains. Is it late?", f"Let us go to {place}! Gladly.", f"{activity.capitalize()} is fun."]
    folder = folder_of(tmp_path, turns, f"One line\nand another. They do {activity} there.")

    found = list(trainable_sentences(folder))

    assert found.count("It rains.") == found.count("Is it late?") == found.count("Gladly.") == len(SOURCES) - 1
    assert found[-2:] == ["One line", "and another."]
    assert set(found) == {"It rains.", "Is it late?", "Gladly.", "One line", "and another."}


def test_a_missing_source_is_named_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"No \*\.jsonl\.gz in .*self_dialogue"):
        trainable_sentences(tmp_path)
