"""The colours of code, line by line.

Takes long, the more so for a language that was not met before: to be asked away from the UI loop. What cannot be
coloured stays plain.
"""

from __future__ import annotations

from textual.content import Content, Span

LONGEST = 200_000
"""Characters up to which code is coloured."""


def coloured(code: str, language: str) -> list[Content] | None:
    """The lines of `code` in their colours; None if it cannot be coloured."""
    from textual.highlight import highlight

    if len(code) > LONGEST:
        return None
    content = highlight(code, language=language)
    if content.plain != code:  # It takes more characters than LF for the end of a line.
        return None
    return _lines(content)


def _lines(content: Content) -> list[Content]:
    lines: list[Content] = []
    spans = [span for span in content.spans if span[:2] != (0, len(content.plain))]
    at = start = 0
    for line in content.plain.split("\n"):
        end, within = start + len(line), list[Span]()
        while at < len(spans) and spans[at].start < end:
            first, last, style = spans[at]
            if last > start and max(first, start) < min(last, end):
                within.append(Span(max(first, start) - start, min(last, end) - start, style))
            if last > end:
                break
            at += 1
        lines.append(Content(line, within, strip_control_codes=False))
        start = end + 1
    return lines
