"""Examples as rows of tokens: packed, with attention kept inside each example and loss on completions alone.

Rows come in shards. A shard is made from its seed and number alone, so that a run that was interrupted goes on with the
very rows it would have seen.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

import torch
from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerFast

from assistant.llm.chatml import ControlTokens, render
from trainer.data.simulate import simulate
from trainer.data.wordings import Wordings
from trainer.examples import AS_IN_USE, Difficulty, Example, examples
from trainer.tokenizer import END_OF_TEXT, TURN_END, TURN_START

IGNORED = -100
UNLIMITED = 1 << 30
WAITING = 24
"""Documents among which a row's next one is looked for."""


@dataclass(frozen=True, slots=True)
class Rows:
    """`tokens` and `labels` are (rows, length) int64; `documents` numbers each token's example within its row."""

    tokens: torch.Tensor
    labels: torch.Tensor
    documents: torch.Tensor

    def __getitem__(self, index: slice) -> Rows:
        return Rows(self.tokens[index], self.labels[index], self.documents[index])

    def mask(self) -> torch.Tensor:
        """(rows, 1, length, length) bool: causal, and never across examples."""
        length = self.tokens.shape[1]
        same = self.documents[:, None, :, None] == self.documents[:, None, None, :]
        return same & torch.ones(length, length, dtype=torch.bool).tril()


Document = tuple[list[int], list[int]]
"""The tokens of a prompt and of its completion."""


class Encoder:
    """Turns examples into tokens as llama.cpp will see them: control tokens by id, everything else as plain text."""

    def __init__(self, tokenizer: PreTrainedTokenizerFast) -> None:
        self._plain = Tokenizer.from_str(tokenizer.backend_tokenizer.to_str())
        self._plain.encode_special_tokens = True  # "<|im_end|>" in a message is text.
        start, self.end, self.pad = map(tokenizer.convert_tokens_to_ids, (TURN_START, TURN_END, END_OF_TEXT))
        self._control = ControlTokens(start, self.end)
        self.vocabulary = len(tokenizer)

    def _text(self, text: str) -> list[int]:
        return self._plain.encode(text, add_special_tokens=False).ids

    def encode(self, example: Example) -> Document:
        """The prompt's tokens, up to where the assistant speaks, and the completion's, with the end of the turn."""
        prompt = render(example.prompt, self._text, self._control, budget=UNLIMITED)
        return prompt, [*self._text(example.completion), self.end]


@dataclass(frozen=True, slots=True)
class Shape:
    """`rows` rows of `length` tokens."""

    rows: int
    length: int


@dataclass(frozen=True, slots=True)
class Mix:
    """What a shard is made of: a share `repeats` of random tokens said twice, and examples of a difficulty.

    Copying is what a small model finds hardest to learn, and random repeats teach nothing but copying.
    """

    repeats: float = 0.0
    difficulty: Difficulty = AS_IN_USE


EXAMPLES_ALONE = Mix()


def shard(
    encoder: Encoder, wordings: Wordings, seed: int, number: int, shape: Shape, mix: Mix = EXAMPLES_ALONE
) -> Rows:
    """Shard `number` of the split of `wordings`."""
    rng = Random(f"{wordings.split} {seed} {number}")
    documents = _documents(encoder, wordings, rng, mix, shape.length)
    return _packed(_shuffled(documents, shape.rows * 4, rng), shape, encoder)


def repeats(encoder: Encoder, seed: int, shape: Shape) -> Rows:
    """Rows of nothing but random tokens said twice, to measure copying by."""
    rng = Random(f"repeats {seed}")
    return _packed(iter(lambda: _repeat(encoder, rng), None), shape, encoder)


def _packed(documents: Iterator[Document], shape: Shape, encoder: Encoder) -> Rows:
    waiting: list[Document] = []
    tokens = torch.full((shape.rows, shape.length), encoder.pad)
    labels = torch.full((shape.rows, shape.length), IGNORED)
    numbers = torch.full((shape.rows, shape.length), -1)
    for r in range(shape.rows):
        at = 0
        for n, (prompt, completion) in enumerate(_pack(documents, waiting, shape.length)):
            start, end = at + len(prompt), at + len(prompt) + len(completion)
            tokens[r, at:end] = torch.tensor(prompt + completion)
            labels[r, start - 1 : end - 1] = torch.tensor(completion)
            numbers[r, at:end] = n
            at = end
    return Rows(tokens, labels, numbers)


def _documents(encoder: Encoder, wordings: Wordings, rng: Random, mix: Mix, longest: int) -> Iterator[Document]:
    """Documents of at most `longest` tokens, without end."""
    while True:
        life = simulate(rng.getrandbits(48), wordings, turns=rng.randint(12, 48))
        for example in examples(life, wordings, rng, mix.difficulty):
            while rng.random() < mix.repeats:
                yield _repeat(encoder, rng)
            document = encoder.encode(example)
            if len(document[0]) + len(document[1]) <= longest:
                yield document


def _repeat(encoder: Encoder, rng: Random) -> Document:
    """Random tokens, then some of them again from a random point on."""
    tokens = [rng.randrange(3, encoder.vocabulary) for _ in range(rng.randint(16, 80))]
    begin = rng.randrange(len(tokens) - 6)
    length = rng.randint(6, 24)
    return [*tokens, tokens[begin]], tokens[begin + 1 : begin + length]


def _shuffled(documents: Iterator[Document], window: int, rng: Random) -> Iterator[Document]:
    """`documents` mixed within a moving window, so that one life is not one batch."""
    held = [next(documents) for _ in range(window)]
    while True:
        index = rng.randrange(window)
        yield held[index]
        held[index] = next(documents)


def _pack(documents: Iterator[Document], waiting: list[Document], length: int) -> list[Document]:
    """A row of documents: the longest of those waiting that still fits, again and again. Refills `waiting`."""
    row: list[Document] = []
    room = length
    while True:
        while len(waiting) < WAITING:
            waiting.append(next(documents))
        fitting = [d for d in waiting if len(d[0]) + len(d[1]) <= room]
        if not fitting:
            return row
        chosen = waiting[0] if not row and waiting[0] in fitting else max(fitting, key=lambda d: len(d[0]) + len(d[1]))
        waiting.remove(chosen)
        row.append(chosen)
        room -= len(chosen[0]) + len(chosen[1])
