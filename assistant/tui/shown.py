"""Text from people and models as a terminal may get it, and times in words.

Promises that nothing that is shown can move the cursor, change a colour or fail to be encoded. Pure.
"""

from __future__ import annotations

import re
from datetime import datetime

from textual.content import Content

_REPLACED = "\N{REPLACEMENT CHARACTER}"
_DANGEROUS = re.compile(r"[\x00-\x09\x0B-\x1F\x7F-\x9F\uD800-\uDFFF]")
"""Control characters but LF, and lone surrogates, which no terminal's encoding has."""


def plain(text: str) -> str:
    """`text` with tabs as spaces, and control characters and lone surrogates made visible as "�"."""
    return _DANGEROUS.sub(_REPLACED, text.replace("\r\n", "\n").expandtabs(4))


def typeable(text: str) -> str:
    """`text` as it may be put into a text box: newlines as LF, and without control characters but tabs."""
    unified = text.replace("\r\n", "\n").replace("\r", "\n")
    return _DANGEROUS.sub(lambda found: "\t" if found[0] == "\t" else "", unified)


def content(text: str) -> Content:
    """`text` as content in which no bracket means anything."""
    return Content(plain(text))


def day_and_time(moment: datetime, now: datetime) -> str:
    """As "Tuesday 4 November, 14:02", in the zone of `now`; with the year if it is another one."""
    local = moment.astimezone(now.tzinfo)
    year = f" {local.year}" if local.year != now.year else ""
    return f"{local:%A} {local.day} {local:%B}{year}, {local:%H:%M}"
