"""Examples as rows of tokens: packed, with attention kept inside each example and loss on completions alone.

Rows come in shards. A shard is made from its seed and number alone, so that a run that was interrupted goes on with the
very rows it would have seen.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import takewhile
from random import Random

import torch
from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerFast

from assistant.llm.prompting import build
from assistant.llm.templates import CHATML, ChatTemplate
from trainer.data.simulate import simulate
from trainer.data.storyteller import USUAL, Shares
from trainer.data.wordings import Wordings
from trainer.examples import AS_IN_USE, Difficulty, Example, groups
from trainer.tokenizer import END_OF_TEXT, TURN_END, TURN_START

IGNORED = -100
UNLIMITED = 1 << 30
WAITING = 24
"""Documents among which a row's next one is looked for."""
BRANCHES = 4
"""Examples that share the beginning of their prompts, about: a memory bank is read once for so many messages."""


@dataclass(frozen=True, slots=True)
class Rows:
    """(rows, length) int64 tensors: `documents` numbers each token's document within its row, from 0; padding has -1.

    A document is a tree: a beginning, `branches` 0, and the examples that go on from it, from 1. `positions` count from
    the document's first token along a branch.
    """

    tokens: torch.Tensor
    labels: torch.Tensor
    documents: torch.Tensor
    branches: torch.Tensor
    positions: torch.Tensor

    def __getitem__(self, index: slice) -> Rows:
        return Rows(
            self.tokens[index],
            self.labels[index],
            self.documents[index],
            self.branches[index],
            self.positions[index],
        )

    def to(self, device: torch.device) -> Rows:
        """The same rows on `device`."""
        return Rows(
            self.tokens.to(device),
            self.labels.to(device),
            self.documents.to(device),
            self.branches.to(device),
            self.positions.to(device),
        )

    def mask(self) -> torch.Tensor:
        """(rows, 1, length, length) bool: what came before in the same branch, or in the beginning of its document."""
        same = self.documents[:, None, :, None] == self.documents[:, None, None, :]
        own = self.branches[:, None, :, None] == self.branches[:, None, None, :]
        beginning = (self.branches == 0)[:, None, None, :]
        return same & (own | beginning) & torch.ones_like(same[0, 0]).tril()


@dataclass(frozen=True, slots=True)
class Document:
    """The tokens that all its examples begin with, and for each the rest of its prompt and its completion."""

    beginning: list[int]
    examples: list[tuple[list[int], list[int]]]

    def __len__(self) -> int:
        return len(self.beginning) + sum(len(rest) + len(completion) for rest, completion in self.examples)

    def at_most(self, length: int) -> Document | None:
        """This document, without its last examples if it is longer than `length`; None if not even one fits."""
        kept = len(self.examples)
        while kept and len(shorter := Document(self.beginning, self.examples[:kept])) > length:
            kept -= 1
        return shorter if kept else None


class Encoder:
    """Turns examples into tokens as llama.cpp will see them: control tokens by id, everything else as plain text.

    A `prompting.Vocabulary`, so that it is the app's own code that writes the prompts.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerFast) -> None:
        self.plain = Tokenizer.from_str(tokenizer.backend_tokenizer.to_str())
        self.plain.encode_special_tokens = True  # "<|im_end|>" in a message is text.
        start, self.end, self.pad = map(tokenizer.convert_tokens_to_ids, (TURN_START, TURN_END, END_OF_TEXT))
        self.specials = {TURN_START: start, TURN_END: self.end, END_OF_TEXT: self.pad}
        self.controls: frozenset[int] = frozenset(self.specials.values())
        self.strips: frozenset[int] = frozenset()
        self.vocabulary = len(tokenizer)
        self._template = ChatTemplate(CHATML)

    def tokenize(self, text: str) -> list[int]:
        return self.plain.encode(text, add_special_tokens=False).ids

    def encode(self, example: Example) -> tuple[list[int], list[int]]:
        """The prompt's tokens, up to where the assistant speaks, and the completion's, with the end of the turn."""
        prompt = build(self._template, example.prompt, self, budget=UNLIMITED)
        return list(prompt.tokens), [*self.tokenize(example.completion), self.end]

    def document(self, group: list[Example]) -> Document:
        """The examples of `group` as one document: what all prompts begin with is there once."""
        pairs = [self.encode(example) for example in group]
        first, last = min(pairs)[0], max(pairs)[0]
        alike = sum(1 for _ in takewhile(lambda two: two[0] == two[1], zip(first, last, strict=False)))
        shared = min(alike, min(len(prompt) for prompt, _ in pairs) - 1)  # Each needs a token to predict from.
        return Document(first[:shared], [(prompt[shared:], completion) for prompt, completion in pairs])


@dataclass(frozen=True, slots=True)
class Shape:
    """`rows` rows of `length` tokens."""

    rows: int
    length: int


@dataclass(frozen=True, slots=True)
class Mix:
    """What a shard is made of: a share `repeats` of random tokens said twice, and examples of a difficulty and of lives
    with the given shares.

    Copying is what a small model finds hardest to learn, and random repeats teach nothing but copying.
    """

    repeats: float = 0.0
    difficulty: Difficulty = AS_IN_USE
    shares: Shares = USUAL


EXAMPLES_ALONE = Mix()


def shard(
    encoder: Encoder, wordings: Wordings, seed: int, number: int, shape: Shape, mix: Mix = EXAMPLES_ALONE
) -> Rows:
    """Shard `number` of the split of `wordings`."""
    rng = Random(f"{wordings.split} {seed} {number}")
    documents = _documents(encoder, wordings, rng, mix, shape)
    return _packed(documents, shape, encoder)


def repeats(encoder: Encoder, seed: int, shape: Shape) -> Rows:
    """Rows of nothing but random tokens said twice, to measure copying by."""
    rng = Random(f"repeats {seed}")
    return _packed(iter(lambda: _repeat(encoder, rng), None), shape, encoder)


def _packed(documents: Iterator[Document], shape: Shape, encoder: Encoder) -> Rows:
    waiting: list[Document] = []
    size = (shape.rows, shape.length)
    rows = Rows(
        tokens=torch.full(size, encoder.pad),
        labels=torch.full(size, IGNORED),
        documents=torch.full(size, -1),
        branches=torch.zeros(size, dtype=torch.long),
        positions=torch.zeros(size, dtype=torch.long),
    )
    for r in range(shape.rows):
        at = 0
        for n, document in enumerate(_pack(documents, waiting, shape.length)):
            begun = len(document.beginning)
            for b, (prompt, completion) in enumerate([(document.beginning, []), *document.examples]):
                tokens = prompt + completion
                start, end = at + len(prompt), at + len(tokens)
                rows.tokens[r, at:end] = torch.tensor(tokens)
                if completion:
                    rows.labels[r, start - 1 : end - 1] = torch.tensor(completion)
                rows.documents[r, at:end] = n
                rows.branches[r, at:end] = b
                rows.positions[r, at:end] = torch.arange(len(tokens)) + (begun if b else 0)
                at = end
    return rows


def _documents(encoder: Encoder, wordings: Wordings, rng: Random, mix: Mix, shape: Shape) -> Iterator[Document]:
    """Documents of at most a row, without end; as many as fill the shape are mixed with each other."""
    while True:
        some: list[Document] = []
        tokens = 0
        while tokens < shape.rows * shape.length:
            seed, turns = rng.getrandbits(48), rng.randint(12, 48)
            life = simulate(seed, wordings, turns=turns, branches=BRANCHES, shares=mix.shares)
            for group in groups(life, wordings, rng, mix.difficulty):
                while rng.random() < mix.repeats:
                    some.append(_repeat(encoder, rng))
                    tokens += len(some[-1])
                document = encoder.document(group).at_most(shape.length)
                if document is not None:
                    some.append(document)
                    tokens += len(document)
        rng.shuffle(some)
        yield from some


def _repeat(encoder: Encoder, rng: Random) -> Document:
    """Random tokens, then some of them again from a random point on."""
    tokens = [rng.randrange(3, encoder.vocabulary) for _ in range(rng.randint(16, 80))]
    begin = rng.randrange(len(tokens) - 6)
    length = rng.randint(6, 24)
    return Document(tokens, [([tokens[begin]], tokens[begin + 1 : begin + length])])


def _pack(documents: Iterator[Document], waiting: list[Document], length: int) -> list[Document]:
    """A row of documents: the longest of those waiting that still fits, again and again. Refills `waiting`.

    Where none fits any more, one is cut to as many of its examples as do; the others are lost.
    """
    row: list[Document] = []
    room = length
    while True:
        while len(waiting) < WAITING:
            waiting.append(next(documents))
        fitting = [i for i, d in enumerate(waiting) if len(d) <= room]
        chosen = 0 if not row and 0 in fitting else max(fitting, key=lambda i: len(waiting[i]), default=None)
        if chosen is None:
            cut = [d.at_most(room) for d in waiting]
            chosen = max((i for i, d in enumerate(cut) if d is not None), key=lambda i: len(cut[i] or ()), default=None)
            if chosen is None:
                return row
            waiting[chosen] = cut[chosen]
        row.append(waiting.pop(chosen))
        room -= len(row[-1])
