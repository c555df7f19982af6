"""Quantities as people read them. Knows nothing of what they are of."""

from __future__ import annotations


def in_words(size: float) -> str:
    """A number of bytes as "6.1 MB" or "1.9 GB"; three digits say enough."""
    if size >= 1e9:
        return f"{size / 1e9:,.1f} GB"
    if size < 1e6:
        return f"{size / 1e3:,.0f} kB"
    return f"{size / 1e6:,.1f} MB" if size < 1e8 else f"{size / 1e6:,.0f} MB"


def counted(number: int, noun: str) -> str:
    """As "1 message" or "2,000 messages"."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
