"""The two looks: ink and paper. Amber stands for memory, blue for the user; nothing is said by colour alone."""

from __future__ import annotations

from textual.theme import Theme

DARK = Theme(
    name="recollect-dark",
    dark=True,
    primary="#e3b16c",
    secondary="#7fa6c9",
    accent="#e3b16c",
    success="#94b87f",
    warning="#d9a25f",
    error="#d9776d",
    foreground="#dcdbd6",
    background="#16181d",
    surface="#1e2128",
    panel="#262a33",
)
LIGHT = Theme(
    name="recollect-light",
    dark=False,
    primary="#8f5c10",
    secondary="#2f6690",
    accent="#8f5c10",
    success="#3d7132",
    warning="#96610a",
    error="#ab3a30",
    foreground="#2a2a2e",
    background="#faf8f3",
    surface="#efece4",
    panel="#e6e2d8",
)
