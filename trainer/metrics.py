"""How right an answer is, from 0 to 1: by our own measure, and by those that papers report.

Pure: texts in, a number out, and the same ones always give the same. Knows nothing of models and of rewards.
"""

from __future__ import annotations

import math
import re
import string
import unicodedata
from collections import Counter
from functools import lru_cache

from assistant.memory.words import stems

_ARTICLES = frozenset({"a", "an", "the"})
_UNITS = "one two three four five six seven eight nine".split()
_TEENS = "ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen".split()
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
_NUMBERS = {word: str(number) for number, word in enumerate(["zero", *_UNITS, *_TEENS])}
_NUMBERS |= {tens: str(10 * i) for i, tens in enumerate(_TENS, 2)}
_NUMBERS |= {f"{tens} {unit}": f"{i}{j}" for i, tens in enumerate(_TENS, 2) for j, unit in enumerate(_UNITS, 1)}
_NUMBER = re.compile(rf"\b(?:(?:{'|'.join(_TENS)}) (?:{'|'.join(_UNITS)})|{'|'.join(_NUMBERS)})\b")
_MARK = re.compile(r"(?P<within_number>(?<=\d)[.:/](?=\d))|[^\w\s]|_")


def normalised(text: str) -> str:
    """The form in which answers are compared: small letters, no punctuation, no articles, single spaces.

    Numbers up to 99 are digits, because "Two." and "2" say the same. A dash or a slash parts words; a point, a colon
    or a slash between digits stays, as 3.5 is not 35. Where articles are all there is, they stay: a grade may be an A.
    """
    words = _MARK.sub(_unmarked, unicodedata.normalize("NFKC", text).casefold()).split()
    return _NUMBER.sub(lambda found: _NUMBERS[found[0]], " ".join([w for w in words if w not in _ARTICLES] or words))


def _unmarked(mark: re.Match[str]) -> str:
    character = mark[0]
    category = unicodedata.category(character)
    if mark["within_number"]:
        return character
    if category == "Pd" or character == "/":
        return " "
    return "" if category[0] == "P" or category == "Sc" or character in string.punctuation else character


def exact_match(answer: str, gold: str) -> float:
    """1 if both say the same once `normalised`, else 0. What says nothing matches nothing."""
    said = normalised(answer)
    return float(said != "" and said == normalised(gold))


def f1_sets(answer: str, gold: str) -> float:
    """F1 over the sets of words, in small letters and without ". , ! ?": mem0's, which Memory-R1 reports."""
    said, wanted = (set(re.sub(r"[.,!?]", " ", text.lower()).split()) for text in (answer, gold))
    return _f1(len(said & wanted), len(said), len(wanted))


def _f1(same: int, said: int, wanted: int) -> float:
    """The harmonic mean of precision and recall; 0 where nothing is the same."""
    return 2 * same / (said + wanted) if same else 0.0


def bleu1(answer: str, gold: str) -> float:
    """BLEU with the weights 1, 0, 0, 0, as mem0's code asks NLTK for it, in small letters.

    The share of the answer's tokens that the gold has as well, each as often as there; less for an answer that is
    shorter than the gold. NLTK's smoothing method 1 changes only what has weight 0, so it does not show.
    """
    said, wanted = tokens(answer.lower()), tokens(gold.lower())
    same = (Counter(said) & Counter(wanted)).total()
    if not same:
        return 0.0
    return same / len(said) * math.exp(min(0.0, 1 - len(wanted) / len(said)))


_APART = (
    (re.compile("`+"), r" \g<0> "),
    (re.compile(r'(^|[\s(\[{<])"'), r"\1 `` "),
    (re.compile(r'"'), " '' "),
    (re.compile(r"\.{2,}|--|[;@#$%&?!*()\[\]{}<>\u00ab\u00bb\u2014\u2018\u2019\u201c\u201d\u201e]"), r" \g<0> "),
    (re.compile(r"[,:](?!\d)"), r" \g<0> "),
)
"""What the Penn Treebank parts from the words around it, in the order in which NLTK does so."""
_PERIOD = re.compile(r"(?<!\S)(\S*[^\s.])\.(?!\S)(?=(?P<closing>[\s)\]}>'\"\u00bb\u2019\u201d]*\Z)?)")
_WITHIN = (
    (re.compile(r"(?<!\S)'(?!(?:re|ve|ll|[mtsdn])\b)(?=\w)"), "' "),
    (re.compile(r"(?<=[^\s'])(?:n't|'(?:s|m|d|ll|re|ve)?)(?!\S)"), r" \g<0>"),
    (re.compile(r"(?<!\S)(?:(can)(not)|(gon|wan)(na)|(got)(ta)|(gim|lem)(me))(?!\S)"), r"\1\3\5\7 \2\4\6\8"),
)
"""What it parts within words."""
_ABBREVIATIONS = frozenset(
    "mr mrs ms dr prof st sr jr vs etc inc ltd co corp dept jan feb mar apr jun jul aug sep sept oct nov dec".split()
)


def tokens(text: str) -> list[str]:
    """The tokens of `text`, in small letters, as NLTK's `word_tokenize` finds them in English answers.

    NLTK finds the ends of sentences by a model that has learned where periods are none. Here each period is one, but
    after a few abbreviations, after single letters, and after what has a period within.
    """
    for pattern, parted in _APART:
        text = pattern.sub(parted, text)
    text = _PERIOD.sub(_parted, text)
    for pattern, parted in _WITHIN:
        text = pattern.sub(parted, text)
    return text.split()


def _parted(period: re.Match[str]) -> str:
    word = period[1]
    stays = word in _ABBREVIATIONS or "." in word or (len(word) == 1 and word.isalpha())
    return period[0] if stays and period["closing"] is None else f"{word} ."


_ABSENT = ("no information available", "not mentioned")


def f1_locomo(answer: str, gold: str, kind: str) -> float:
    """The score of LoCoMo's own code for a question of that `kind`, its own name of the category.

    F1 over the stems of all words, each as often as it stands there, without articles and "and". A gold answer to a
    multi-hop question is a list with commas, and each of its items is compared with that item of the answer that
    is nearest. Of an open-domain one only what stands before a semicolon counts. An adversarial one is answered
    right by whatever says "no information available" or "not mentioned". Stems are Porter's with his own later
    changes; NLTK, which LoCoMo uses, has changed a few more.
    """
    match kind:
        case "adversarial":
            return float(any(phrase in answer.lower() for phrase in _ABSENT))
        case "multi-hop":
            wanted, said = gold.split(","), answer.split(",")
            return sum(max(_f1_stems(part, item) for part in said) for item in wanted) / len(wanted)
        case "open-domain":
            return _f1_stems(answer, gold.partition(";")[0])
        case "temporal" | "single-hop":
            return _f1_stems(answer, gold)
    raise ValueError(f"LoCoMo has no kind of question called {kind!r}")


def _f1_stems(answer: str, gold: str) -> float:
    said, wanted = (Counter(map(_stem, _locomo_words(text))) for text in (answer, gold))
    return _f1((said & wanted).total(), said.total(), wanted.total())


def _locomo_words(text: str) -> list[str]:
    plain = text.lower().translate(str.maketrans("", "", string.punctuation))
    return re.sub(r"\b(?:a|an|the|and)\b", " ", plain).split()


@lru_cache(maxsize=1 << 14)
def _stem(word: str) -> str:
    # Of what is no word, as an emoji is none, there is no stem.
    return " ".join(stems(word)) or word
