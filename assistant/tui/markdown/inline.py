"""The words of a paragraph with their styles: strong, emphasis, code, struck out, links and images.

Promises that whatever is meant by attributes or marks is told without colour, that the spans of what it gives follow
one another, and that text which is costly to understand is taken as it stands. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from textual.content import Content, Span
from textual.style import Style

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

STYLES = {"strong": "bold", "em": "italic", "s": "strike"}
CODE = "$secondary 85% reverse"
LINK = "$primary underline"
ASIDE = "dim"
SHOWN_ADDRESS = 40
"""Characters of an address up to which it is shown behind the text of its link."""
UNCLOSED_AT_MOST = 100
"""Brackets that are opened and never closed up to which a text is understood; the time goes with their square."""
_ADDRESS = re.compile(r"https?://[^\s<>\"`]*[^\s<>\"`.,;:!?'*_)\]}]")

Environment = dict[str, Any]
"""What is known of a text beside its words: under "references", where the names of links lead."""


@cache
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt  # 50 ms, and a conversation of plain words does without

    return MarkdownIt("commonmark", {"html": False}).enable("strikethrough")


def styled(source: str, environment: Environment) -> Content:
    """What a paragraph says."""
    if any(source.count(opens) - source.count(closes) > UNCLOSED_AT_MOST for opens, closes in ("[]", "()")):
        return Content(source, strip_control_codes=False)
    writing = _Writing()
    for token in _parser().parseInline(source, environment):
        for child in token.children or ():
            writing.take(child)
    return Content("".join(writing.text), writing.spans, strip_control_codes=False)


def joined(before: Content, after: Content) -> Content:
    """`after` behind `before`, whose spans stay as they are."""
    shift = len(before.plain)
    spans = [Span(start + shift, end + shift, style) for start, end, style in after.spans]
    return Content(before.plain + after.plain, [*before.spans, *spans], strip_control_codes=False)


def without_first(content: Content) -> Content:
    """`content` but for its first character, which has no style."""
    spans = [Span(start - 1, end - 1, style) for start, end, style in content.spans]
    return Content(content.plain[1:], spans, strip_control_codes=False)


class _Writing:
    """What was read so far, and the styles that are open."""

    def __init__(self) -> None:
        self.text: list[str] = []
        self.spans: list[Span] = []
        self._length = 0
        self._styles: list[str] = []
        self._address = ""
        self._address_from = 0

    def take(self, token: Token) -> None:
        match token.type:
            case "text":
                self._take_text(token.content)
            case "code_inline":
                self._write(token.content, CODE)
            case "softbreak" | "hardbreak":
                self._write("\n")
            case "image":
                self._take_image(token)
            case "link_open":
                self._open_link(_text_of(token.attrs, "href"))
            case "link_close":
                self._close_link()
            case opening if opening.endswith("_open"):
                self._styles.append(STYLES[opening.removesuffix("_open")])
            case closing if closing.endswith("_close"):
                self._styles.remove(STYLES[closing.removesuffix("_close")])
            case _:
                self._write(token.content)

    def _take_text(self, text: str) -> None:
        done = 0
        for found in () if self._address or "://" not in text else _ADDRESS.finditer(text):
            self._write(text[done : found.start()])
            self._open_link(found[0])
            self._write(found[0])
            self._close_link()
            done = found.end()
        self._write(text[done:])

    def _take_image(self, token: Token) -> None:
        alone = not self._address
        if alone:
            self._open_link(_text_of(token.attrs, "src"))
        self._write(f"image: {token.content}" if token.content else "image")
        if alone:
            self._close_link()

    def _open_link(self, address: str) -> None:
        self._address, self._address_from = address, self._length

    def _close_link(self) -> None:
        address, self._address = self._address, ""
        text = "".join(self.text)[self._address_from :]
        differs = text not in (address, address.removeprefix("mailto:"))
        if differs and 0 < len(address) <= SHOWN_ADDRESS:
            self._write(f" ({address})", ASIDE)

    def _write(self, text: str, style: str = "") -> None:
        if not text:
            return
        start, self._length = self._length, self._length + len(text)
        self.text.append(text)
        styles = " ".join(
            [*((LINK,) if self._address else ()), *dict.fromkeys(self._styles), *((style,) if style else ())]
        )
        if styles:
            self.spans.append(Span(start, self._length, styles))
        if self._address:
            self.spans.append(Span(start, self._length, _leads_to(self._address)))


def _leads_to(address: str) -> Style:
    return Style.from_meta({"@click": f"screen.follow_link({address!r})"})


def _text_of(attributes: Mapping[str, str | int | float], name: str) -> str:
    return str(attributes.get(name, ""))


def spans_within(content: Content, start: int, end: int) -> Iterator[Span]:
    """The parts of the spans of `content` that lie from `start` to `end`, counted from `start`."""
    from bisect import bisect_left

    spans = content.spans
    at = bisect_left(spans, start, key=lambda span: span.end)
    while at < len(spans) and spans[at].start < end:
        first, last, style = spans[at]
        if last > start:
            yield Span(max(first, start) - start, min(last, end) - start, style)
        at += 1
