"""The starter's own byte-level BPE tokenizer, with ChatML control tokens.

Splits text as Qwen2 does and normalises nothing, which is what llama.cpp's "qwen2" pre-tokenizer does.

A name that was never seen must be copied, and what finds its way from one token to the next is lost where a token is
common: learned by frequency alone, two thirds of unseen names begin with a single letter, which stands in front of many
words. So the first merges are not learned but laid down: every word begins with its first two or three letters as one
token. Behind these no token but "s" itself ends with an s: what is one "newt" today is two "newts" tomorrow, and a
model can only copy the one from the other if they are the same tokens but for the last.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable
from itertools import takewhile

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

END_OF_TEXT, TURN_START, TURN_END = "<|endoftext|>", "<|im_start|>", "<|im_end|>"
CONTROL = [END_OF_TEXT, TURN_START, TURN_END]
QWEN2_SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
CHAT_TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
SPACE = "Ġ"
"""How byte-level BPE writes the space that a word begins with."""
LONGEST_OPENING = 1 + 3
PLURAL = "s"
STAND_INS = 0xE000
"""Private-use characters: each stands for one opening while the rest is learned."""

Merge = tuple[str, str]


def train_tokenizer(texts: Iterable[str], vocabulary: int, long_openings: int) -> PreTrainedTokenizerFast:
    """A tokenizer of exactly `vocabulary` tokens from `texts`, with at most `long_openings` openings of three letters.

    Raises ValueError if there is too little text for so many tokens.
    """
    splitter = _splitter()
    words = Counter(word for text in texts for word, _ in splitter.pre_tokenize_str(text))
    opening = _openings(words, long_openings)
    learned = _learn_merges(words, opening, vocabulary - len(CONTROL))
    merges = [*((o[:-1], o[-1]) for o in opening), *learned]
    tokens = [*CONTROL, *sorted(pre_tokenizers.ByteLevel.alphabet()), *(a + b for a, b in merges)]
    if len(tokens) != vocabulary:
        raise ValueError(f"There is text for {len(tokens)} tokens, not for {vocabulary}.")
    return assembled(tokens, merges)


def assembled(tokens: list[str], merges: list[Merge]) -> PreTrainedTokenizerFast:
    """The tokenizer of `tokens`, in the order of their ids, and `merges`, in the order of their rank."""
    tokenizer = Tokenizer(models.BPE(vocab={token: i for i, token in enumerate(tokens)}, merges=merges))
    tokenizer.pre_tokenizer = _splitter()
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(CONTROL)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token=TURN_END,
        pad_token=END_OF_TEXT,
        chat_template=CHAT_TEMPLATE,
        clean_up_tokenization_spaces=False,
    )


def _splitter() -> pre_tokenizers.PreTokenizer:
    return pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(QWEN2_SPLIT), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )


def _openings(words: Counter[str], long: int) -> list[str]:
    """The openings, short ones first, so that each is made of the one before it and a letter.

    All of one and two letters, in capitals and in small letters, and those of three letters that the most different
    words have.
    """
    variety: Counter[str] = Counter()
    for word in words:
        letters = "".join(takewhile(str.isalpha, word[1:]))
        if word[0] == SPACE and letters:
            short = (letters[:1], letters[:2])
            cases = (case for part in short for case in (part, part.lower(), part.capitalize()))
            variety.update({SPACE + opening for opening in (*cases, letters[:3])})
    ranked = sorted(variety, key=lambda o: (-variety[o], o))
    longest = [o for o in ranked if len(o) == LONGEST_OPENING][:long]
    return sorted([*(o for o in variety if len(o) < LONGEST_OPENING), *longest], key=lambda o: (len(o), o))


def _learn_merges(words: Counter[str], openings: list[str], tokens: int) -> list[Merge]:
    """The merges that make `tokens` tokens of bytes and `openings`, learned from `words`."""
    stand_in = {opening: chr(STAND_INS + i) for i, opening in enumerate(openings)}
    meaning = {char: opening for opening, char in stand_in.items()}

    def abbreviated(word: str) -> str:
        for length in range(LONGEST_OPENING, 1, -1):
            if char := stand_in.get(word[:length]):
                return char + word[length:]
        return word

    def parts(word: str) -> list[str]:
        """What merges are learned in: no part ends with an s that has something before it."""
        return re.split(f"(?={PLURAL})", abbreviated(word))

    def written_out(token: str) -> str:
        return "".join(meaning.get(char, char) for char in token)

    learner = Tokenizer(models.BPE())
    trainer = trainers.BpeTrainer(
        vocab_size=tokens,
        initial_alphabet=[*pre_tokenizers.ByteLevel.alphabet(), *meaning],
        show_progress=False,
    )
    learner.train_from_iterator((part for word in words.elements() for part in parts(word)), trainer)
    return [(written_out(a), written_out(b)) for a, b in json.loads(learner.to_str())["model"]["merges"]]
