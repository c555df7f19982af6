"""Finding secrets in a text: card numbers, keys, passwords. They are never remembered by a model's decision.

Promises little beyond that: what looks like none of these is taken for no secret.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

_DIGITS = re.compile(r"(?<![\d-])\d(?:[ -]?\d){12,39}(?![\d-])")
_GAP = re.compile("[ -]")
_SAID_TO_BE_ONE = re.compile(
    r"\b(pass(?:word|code|phrase)|pin(?: code| number)?|cvv|cvc|(?:api|access|secret|private|encryption) (?:key|token)"
    r"|recovery (?:code|phrase)|seed phrase)\b"
    r"(?:\s+\w+){0,4}?\s*(?:is|was|=|:|named|to)\s*[\"'“]?[^\s\"'”]{4,}",
    re.IGNORECASE,
)
_PRIVATE_KEY = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----")
_KNOWN_TOKENS = re.compile(
    r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"  # Amazon
    r"|\bAIza[\w-]{35}"  # Google
    r"|\bgh[pousr]_\w{36,}|\bgithub_pat_\w{22,}|\bglpat-[\w-]{20,}"
    r"|\bxox[abprs]-[\w-]{10,}"  # Slack
    r"|\bsk-[\w-]{20,}|\b[rs]k_(?:live|test)_\w{16,}"
    r"|\beyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]{10,}"  # JSON web tokens
)
_LONG_TOKEN = re.compile(r"(?<![\w/.:@-])[A-Za-z0-9+/_-]{24,}={0,2}(?![\w.@])")


def secret_in(text: str) -> str:
    """What kind of secret `text` holds, in plain words; "" if none is seen."""
    for kind, found in _KINDS:
        if found(text):
            return kind
    return ""


def _holds_card(text: str) -> bool:
    return any(_luhn(number) for digits in _DIGITS.finditer(text) for number in _numbers(digits[0]))


def _numbers(digits: str) -> Iterator[list[int]]:
    """What may be the number of a card: the first groups of `digits`, as the code on its back may follow, or a date."""
    for end in (*(gap.start() for gap in _GAP.finditer(digits)), len(digits)):
        number = [int(c) for c in digits[:end] if c.isdigit()]
        if 13 <= len(number) <= 19:
            yield number


def _luhn(digits: list[int]) -> bool:
    """Whether the check digit is right, as on every payment card (ISO/IEC 7812)."""
    doubled = [sum(divmod(2 * d, 10)) if i % 2 else d for i, d in enumerate(reversed(digits))]
    return sum(doubled) % 10 == 0 and any(digits)


def _holds_token(text: str) -> bool:
    if _KNOWN_TOKENS.search(text):
        return True
    # Words and names of files have no such mixture, nor have numbers alone.
    return any(
        len({c for c in token if c.isdigit()}) >= 3
        and any(c.islower() for c in token)
        and len(set(token)) >= len(token) // 3
        for token in _LONG_TOKEN.findall(text)
    )


_KINDS: tuple[tuple[str, Callable[[str], object]], ...] = (
    ("a card number", _holds_card),
    ("a private key", _PRIVATE_KEY.search),
    ("a password or key", _SAID_TO_BE_ONE.search),
    ("an access token", _holds_token),
)
