"""Vectors of tokens from what stands around them in plain text, for the embeddings of a model to begin with.

Lives teach a model only words that its wordings have, each only where it stands there. That "rescued" is used much as
"adopted" is can be read off any English text in a minute, by counting: the vectors are those of a truncated singular
value decomposition of positive pointwise mutual information (Levy and Goldberg 2014), with the words before and the
words behind counted apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

import numpy as np
import torch
from tokenizers import Tokenizer

NEAR = (1.0, 1.0, 0.7, 0.5, 0.4)
"""What a token counts for that stands 1, 2, ... places away."""
SHIFT = 0.7
"""Taken from the mutual information, so that pairs seen about as often as by chance count nothing."""
SMOOTHING = 0.75
RARELY = 200
"""Tokens counted less than this get no vector: theirs would be chance."""
BATCH = 200_000


def token_vectors(texts: Iterable[str], tokenizer: Tokenizer, size: int, seed: int) -> torch.Tensor:
    """(vocabulary, size) float32: a vector of length 1 for each token that `texts` have often enough, else zeros.

    Each text counts for itself, with a space before it, as in the assistant's prompts.
    """
    counts = torch.from_numpy(_counts(texts, tokenizer))
    around = torch.cat([_mutual_information(counts), _mutual_information(counts.T)], 1)
    torch.manual_seed(seed)
    u, s, _ = torch.svd_lowrank(around, q=size + 32, niter=3)
    vectors = torch.nn.functional.normalize(u[:, :size] * s[:size].sqrt(), dim=1)
    return torch.where(counts.sum(1, keepdim=True) >= RARELY, vectors, torch.zeros(()))


def _counts(texts: Iterable[str], tokenizer: Tokenizer) -> np.ndarray:
    """(vocabulary, vocabulary) float32: how often the second token follows near the first."""
    size = tokenizer.get_vocab_size()
    counts = np.zeros(size * size, np.float32)
    for ids in _ids(texts, tokenizer):
        for apart, weight in enumerate(NEAR, 1):
            first, second = ids[:-apart], ids[apart:]
            both = (first >= 0) & (second >= 0)
            found = np.bincount(first[both] * size + second[both], minlength=len(counts))
            counts += weight * found.astype(np.float32)
    return counts.reshape(size, size)


def _ids(texts: Iterable[str], tokenizer: Tokenizer) -> Iterator[np.ndarray]:
    """The token ids of many texts at a time; between two texts as many -1 as keep them apart."""
    apart = [-1] * len(NEAR)
    left = iter(texts)
    while batch := list(islice(left, BATCH)):
        encoded = tokenizer.encode_batch_fast([f" {text}" for text in batch], add_special_tokens=False)
        yield np.array([i for e in encoded for i in (*e.ids, *apart)], dtype=np.int64)


def _mutual_information(counts: torch.Tensor) -> torch.Tensor:
    """(vocabulary, vocabulary): positive, shifted, and smoothed in the second token."""
    often, often_around = counts.sum(1, keepdim=True), counts.sum(0, keepdim=True) ** SMOOTHING
    ratio = counts / often.clamp_min(1) * (often_around.sum() / often_around.clamp_min(1e-9))
    return (ratio.clamp_min(1e-9).log() - SHIFT).clamp_min(0)
