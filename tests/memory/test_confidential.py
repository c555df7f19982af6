"""Secrets are seen, and what merely looks a little like one is not."""

from __future__ import annotations

import pytest

from assistant.memory.confidential import secret_in


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("My card is 4111 1111 1111 1111.", "a card number"),
        ("User's card number is 5500-0000-0000-0004.", "a card number"),
        ("378282246310005", "a card number"),
        ("4111 1111 1111 1111 123", "a card number"),
        ("It is 5500-0000-0000-0004 12 27 737", "a card number"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----\nb3Blbn", "a private key"),
        ("My password is hunter2", "a password or key"),
        ("User's wifi password is correct-horse", "a password or key"),
        ("the PIN of my phone is 4821", "a password or key"),
        ("password: s3cret!", "a password or key"),
        ("The API key was abcd1234", "a password or key"),
        ("use AKIAIOSFODNN7EXAMPLE for it", "an access token"),
        ("sk-proj-abcdefghijklmnopqrstuvwx", "an access token"),
        ("it is ghp_0123456789abcdefghijABCDEFGHIJ012345", "an access token"),
        ("f3a9c1d2e4b5a6978877665544332211aabbccdd", "an access token"),
    ],
)
def test_secrets_are_seen(text: str, kind: str) -> None:
    assert secret_in(text) == kind


@pytest.mark.parametrize(
    "text",
    [
        "User's phone number is 0171 2345678.",
        "User was born on 1987-05-17.",
        "The order was 4111 1111 1111 1112.",  # Its check digit is wrong.
        "0000 0000 0000 0000",
        "We ran 12 14 16 18 20 22 24 26 28 km.",
        "I forgot my password again.",
        "User uses a password manager.",
        "My key ring is red.",
        "Llanfairpwllgwyngyllgogerychwyrndrobwllllantysiliogogogoch is a village.",
        "See https://example.org/a/very/long/path/with/2026/11/27/numbers-in-it",
        "/home/me/projects/recollect/models/recollect-starter-v12.gguf",
        "User plans to visit Bath in May.",
        "",
    ],
)
def test_what_is_no_secret_is_none(text: str) -> None:
    assert secret_in(text) == ""
