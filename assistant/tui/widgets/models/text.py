"""Models in words: sizes, what fits, how fast, how far. Pure.

Promises that each is said without any colour.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from assistant.agents.generation import Agent
from assistant.agents.speed import MeasuredSpeed, rate
from assistant.quantities import in_words
from assistant.tui.modeling.downloads import Download, State
from assistant.tui.modeling.shelf import Fit, InstalledModel, fit
from assistant.tui.shown import day_and_time

AGENT_NAMES = {Agent.MANAGER: "Memory Manager", Agent.ANSWER: "Answer Agent"}
BAR = 16
SILENT_SECONDS = 3.0
"""After so long without a byte, how fast they came says nothing any more."""


def size(count: int | None) -> str:
    """As "6.1 MB" or "1.9 GB"; "" where it is not known."""
    return in_words(count) if count is not None else ""


def count(number: int) -> str:
    """As "135 M" or "7.6 B"; "" for none."""
    if number <= 0:
        return ""
    return f"{number / 1e9:.1f} B" if number >= 1e9 else f"{number / 1e6:.{0 if number >= 1e7 else 1}f} M"


def bar(done: float, total: float | None, width: int = BAR) -> str:
    """How much of the whole is done, as a bar."""
    if not total or done <= 0:
        filled = 0
    elif done >= total:
        filled = width
    else:  # Something is there, and something is missing.
        filled = min(width - 1, max(1, round(width * done / total)))
    return "█" * filled + "░" * (width - filled)


def percent(done: int, total: int | None) -> str:
    """As "34 %", and never 100 before it is all; "" where the whole is not known."""
    return f"{min(100 * done // total, 100)} %" if total else ""


def duration(seconds: float | None) -> str:
    """As "40 s", "3 min" or "2 h 5 min" left; "" where it is not known."""
    if seconds is None:
        return ""
    if seconds < 90:
        return f"{max(1, round(seconds))} s left"
    minutes = round(seconds / 60)
    return f"{minutes} min left" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min left"


def memory(needed: int | None, there: int | None) -> str:
    """As "needs 1.9 GB, 12.4 GB are free: fits"."""
    how = fit(needed, there)
    if how is None:
        return f"needs {size(needed)}" if needed is not None else "nobody knows how much it needs"
    return f"needs {size(needed)}, {size(there)} are free: {how}"


def serves(agents: Sequence[Agent]) -> str:
    """Which agents, for a column."""
    if len(agents) == len(Agent):
        return "both agents"
    return ", ".join(AGENT_NAMES[agent] for agent in agents)


def who(agents: Sequence[Agent]) -> str:
    """Which agents, in a sentence."""
    return "both agents" if len(agents) == len(Agent) else f"the {AGENT_NAMES[agents[0]]}"


def in_use(models: Sequence[InstalledModel]) -> str:
    """Which model serves which agent, in short."""
    used = [model for model in models if model.used_by]
    if len(used) == 1 and len(used[0].used_by) == len(Agent):
        return f"{used[0].name} serves both agents"
    return " · ".join(f"{AGENT_NAMES[agent]}: {model.name}" for model in used for agent in model.used_by)


def is_too_large(needed: int | None, there: int | None) -> bool:
    return fit(needed, there) is Fit.TOO_LARGE


def short_rates(measured: MeasuredSpeed) -> str:
    """As "reads 1,234, writes 56 tokens/s", for a column."""
    speed = measured.speed
    if speed.reading is None or speed.writing is None:
        return ""
    return f"reads {rate(speed.reading)}, writes {rate(speed.writing)} tokens/s"


def measured_when(measured: MeasuredSpeed, now: datetime) -> str:
    """When, and for which agent if not for both."""
    of = "" if len(measured.agents) == len(Agent) else f" as {AGENT_NAMES[measured.agents[0]]}"
    return f"measured{of} on {day_and_time(measured.at, now)}"


def how_far(download: Download) -> str:
    """How a download stands, beside how much of it is here."""
    match download.state:
        case State.WAITING:
            return "waits for its turn"
        case State.RUNNING if not download.rate:
            return f"reaching {download.offer.host}"
        case State.RUNNING if (silent := download.seconds_silent) > SILENT_SECONDS:
            return f"nothing came for {silent:.0f} s"
        case State.RUNNING:
            parts = (f"{size(round(download.rate))}/s", duration(download.seconds_left))
            return "  ".join(part for part in parts if part)
        case State.STOPPING:
            return "stopping"
        case State.STOPPED:
            return "stopped · r goes on"
        case State.FAILED:
            return "ended with an error · r tries again"
        case State.DONE:
            return "is here"
