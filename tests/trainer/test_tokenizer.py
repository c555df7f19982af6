"""The starter's tokenizer: its size, what it gives back, and that no word begins with a single letter."""

from __future__ import annotations

import pytest
from transformers import PreTrainedTokenizerFast

from trainer.data.wordings import Split, Wordings
from trainer.starter import LONG_OPENINGS, VOCABULARY
from trainer.tokenizer import CONTROL, train_tokenizer

WORDINGS = Wordings.load(Split.TRAIN)
LINES = [line for pool in WORDINGS.say.values() for line in pool]


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    values = (f" {value}" for pool in WORDINGS.values.values() for value in pool)
    return train_tokenizer([*LINES, *values], VOCABULARY, LONG_OPENINGS)


def pieces(tokenizer: PreTrainedTokenizerFast, text: str) -> list[str]:
    return [tokenizer.decode([token]) for token in tokenizer(text, add_special_tokens=False)["input_ids"]]


def test_it_has_as_many_tokens_as_asked_for_and_the_control_tokens_first(tokenizer: PreTrainedTokenizerFast) -> None:
    assert len(tokenizer) == VOCABULARY
    assert tokenizer.convert_ids_to_tokens([0, 1, 2]) == CONTROL


def test_too_little_text_for_so_many_tokens_is_an_error() -> None:
    with pytest.raises(ValueError, match="There is text for"):
        train_tokenizer(["a few words"], 3000, 500)


def test_a_name_never_seen_begins_with_two_or_three_of_its_letters(tokenizer: PreTrainedTokenizerFast) -> None:
    names = [name for split in (Split.DEV, Split.TEST) for name in Wordings.load(split).values["first_names"]]
    first = [pieces(tokenizer, f" {name}")[0] for name in names]

    assert len(names) > 50
    assert sum(len(piece) < 3 for piece in first) < 0.05 * len(names)
    assert pieces(tokenizer, " Barbara")[0] == " Bar"


def test_texts_come_back_as_they_were(tokenizer: PreTrainedTokenizerFast) -> None:
    for text in (*LINES[:200], " BMW's  x\n\tÉlodie 日本 \u00a0I\u2019m", "Tallinn", " a b"):
        assert tokenizer.decode(tokenizer(text, add_special_tokens=False)["input_ids"]) == text


def test_a_plural_is_the_tokens_of_the_singular_and_an_s(tokenizer: PreTrainedTokenizerFast) -> None:
    species = [value for split in Split for value in Wordings.load(split).values["species"]]

    assert len(species) > 20
    for one in species:
        assert pieces(tokenizer, f" {one}s") == [*pieces(tokenizer, f" {one}"), "s"]
