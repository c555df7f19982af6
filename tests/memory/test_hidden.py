"""What nobody can see in a text is found and shown, and what people write is left alone."""

from __future__ import annotations

import pytest

from assistant.memory.hidden import Hidden, hidden, made_visible


def test_what_is_found_is_told_by_place_number_and_name() -> None:
    assert hidden("pass\u200bword \u00ad!") == (
        Hidden(4, 0x200B, "ZERO WIDTH SPACE"),
        Hidden(10, 0xAD, "SOFT HYPHEN"),
    )


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\u200bb", "a⟨U+200B⟩b"),
        ("\ufeffa", "⟨U+FEFF⟩a"),
        ("a\u2060b\u2064", "a⟨U+2060⟩b⟨U+2064⟩"),
        ("tea\u202egnp.exe\u202c", "tea⟨U+202E⟩gnp.exe⟨U+202C⟩"),
        ("\u2066a\u2069\u200f", "⟨U+2066⟩a⟨U+2069⟩⟨U+200F⟩"),
        ("hi\U000e0041\U000e0042", "hi⟨U+E0041⟩⟨U+E0042⟩"),
        ("a\ufe01b\ufe0f", "a⟨U+FE01⟩b⟨U+FE0F⟩"),
        ("😀\U000e0100\U000e0101", "😀⟨U+E0100⟩⟨U+E0101⟩"),
        ("a\u3164b\u2800", "a⟨U+3164⟩b⟨U+2800⟩"),
        ("a\x1b[2Jb\x00", "a⟨U+001B⟩[2Jb⟨U+0000⟩"),
        ("a\u200db a\u200cb", "a⟨U+200D⟩b a⟨U+200C⟩b"),
        ("p\u0430ypal", "p⟨U+0430⟩ypal"),
        ("\u0410nn", "⟨U+0410⟩nn"),
        ("g\u03bfogle", "g⟨U+03BF⟩ogle"),
        ("\u041c\u043eck\u0432\u0430", "\u041c\u043e⟨U+0063⟩⟨U+006B⟩\u0432\u0430"),
        ("\U0001f3f4\U000e0041\U000e0042\U000e007f", "\U0001f3f4⟨U+E0041⟩⟨U+E0042⟩⟨U+E007F⟩"),
    ],
)
def test_what_nobody_can_see_is_shown(text: str, shown: str) -> None:
    assert made_visible(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "Plain words, 2 lines\n\tand a tab\r\n",
        "Ça va? Über, “naïve” … 100 €",
        "I \u2764\ufe0f tea, \U0001f469\u200d\U0001f4bb \U0001f3f3\ufe0f\u200d\U0001f308",
        "\U0001f44d\U0001f3fd 1\ufe0f\u20e3 \u00a9\ufe0f",
        "\U0001f3f4\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f",
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
        "क्\u200dष",
        "葛\U000e0100 城",
        "Привет, мир. Αθήνα, Ελλάδα.",
        "我住在巴黎。ソウルに住む",
        "5 µm and 3 kΩ, β-carotene",
        "",
    ],
)
def test_what_people_write_is_left_alone(text: str) -> None:
    assert hidden(text) == ()
    assert made_visible(text) == text
