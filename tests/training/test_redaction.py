"""Taking out of a text what no model should learn, and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.memory import confidential
from assistant.training import redaction
from assistant.training.redaction import Kind, redact

WORDS = ("Anna", "Acme Corp", "José", "李明")


@pytest.mark.parametrize(
    ("said", "learned"),
    [
        ("Write to anna.smith+x@mail.example.org.", "Write to [email]."),
        ("Call +49 170 1234567 or (030) 123456.", "Call [phone] or [phone]."),
        ("call 555-123-4567, 0170/1234567", "call [phone], [phone]"),
        ("Account 12345678, order 12-34-56-78, room 12345", "Account [number], order [number], room [number]"),
        ("IBAN DE89 3704 0044 0532 0130 00 is mine", "IBAN [number] is mine"),
        ("I live at 12 Baker Street and Hauptstraße 5a.", "I live at [address] and [address]."),
        ("The router is 192.168.0.12 here.", "The router is [address] here."),
        ("See https://example.org/a?b=1, or www.example.org.", "See [link], or [link]."),
        ("My card is 4111 1111 1111 1111 there", "My card is [secret] there"),
        ("my password is hunter22 again", "my [secret] again"),
        ("key sk-abcdefghijklmnopqrstuvwxyz123 it", "key [secret] it"),
        ("-----BEGIN RSA PRIVATE KEY-----\nabc\ndef", "[secret]"),
        ("Anna's dog is at ACME  corp with Jose\u0301.", "[private]'s dog is at [private] with [private]."),
        ("昨天李明来了", "昨天[private]来了"),
        ("one password is abcd1234 and a PIN is 4821 end", "one [secret] and a [secret] end"),
    ],
)
def test_it_takes_out(said: str, learned: str) -> None:
    assert redact(said, WORDS).text == learned


@pytest.mark.parametrize(
    "said",
    [
        "",
        "I was born on 1985-03-02 at 14:30:00, or on 2.3.1985, or on 11/27/2026.",
        "From 2019-2024 and 2019 - 2024 I ran 10,000 steps a day, for 1.250.000,00 in all.",
        "Annabel has 3 cats, 12 fish and version 3.11.2.",
        "The Street I mean is nice; 5 of 12 people said so.",
        "Has anybody a @name or an e-mail?",
    ],
)
def test_it_leaves_in(said: str) -> None:
    assert redact(said, WORDS).text == said


def test_what_overlaps_is_taken_out_whole_under_one_mark() -> None:
    found = redact("Ask anna@acme.org now.", ("anna", "org now"))

    assert found.text == "Ask [email]."
    assert [(span.begin, span.end, span.kind) for span in found.spans] == [(4, 21, Kind.EMAIL)]


@given(st.text(), st.lists(st.text(min_size=1, max_size=6), max_size=3))
def test_what_is_not_taken_out_stays_as_it_was(text: str, words: list[str]) -> None:
    found = redact(text, words)
    rebuilt, at = [], 0
    for span in found.spans:
        assert at <= span.begin < span.end
        rebuilt += [text[at : span.begin], f"[{span.kind}]"]
        at = span.end
    assert "".join([*rebuilt, text[at:]]) == found.text


@given(
    st.text(), st.text(), st.sampled_from(["Anna", "mail@example.org", "my password is hunter22", "DE89370400440532"])
)
def test_what_must_go_goes_wherever_it_stands(before: str, after: str, secret: str) -> None:
    assert secret not in redact(f"{before} {secret} {after}", ("Anna",)).text


def test_a_long_text_is_not_read_again_for_each_of_its_words(monkeypatch: pytest.MonkeyPatch) -> None:
    read = 0

    def counting(text: str) -> str:
        nonlocal read
        read += len(text)
        return confidential.secret_in(text)

    monkeypatch.setattr(redaction, "secret_in", counting)
    for text in ("lorem ipsum 12 " * 400 + "my password is hunter22", "a password is hunter22 " * 200):
        read = 0
        assert "hunter22" not in redact(text).text
        # Word by word it was 200 times as much.
        assert read < 20 * len(text)
