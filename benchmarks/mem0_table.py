"""Markdown tables of what `benchmarks.mem0` measured, with their columns aligned for a terminal.

Knows nothing of how a number came about.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from typing import Any

Report = dict[str, Any]
Message = dict[str, Any]
Grid = list[list[str]]


def _sum(message: Message, key: str) -> float:
    return float(sum(cost[key] for cost in message["costs"]))


MEASURES: dict[str, tuple[Callable[[Message], float], int]] = {
    "calls": (lambda m: float(len(m["costs"])), 0),
    "tokens of the prompts": (lambda m: _sum(m, "prompt"), 0),
    "tokens read (not cached)": (lambda m: _sum(m, "read"), 0),
    "tokens written": (lambda m: _sum(m, "written"), 0),
    "processor seconds, model": (lambda m: _sum(m, "processor"), 2),
    "seconds in the model": (lambda m: _sum(m, "seconds"), 2),
    "seconds in all": (lambda m: float(m["seconds"]), 2),
}
"""What is told of a message, with the decimals of it (its mean has two more than none)."""
RATIOS: dict[str, Callable[[Message], float]] = {
    "tokens, prompts and replies": lambda m: _sum(m, "prompt") + _sum(m, "written"),
    "tokens computed": lambda m: _sum(m, "read") + _sum(m, "written"),
    "tokens written": lambda m: _sum(m, "written"),
    "processor seconds, model": lambda m: _sum(m, "processor"),
    "seconds in the model": lambda m: _sum(m, "seconds"),
    "seconds in all": lambda m: float(m["seconds"]),
}
PARTS: dict[str, Callable[[Message], bool]] = {
    "all": lambda _: True,
    "that change something": lambda m: bool(m["changes"]),
    "that change nothing": lambda m: not m["changes"],
}
"""Messages by what they do."""


def report_text(report: Report) -> str:
    """The tables, below the machine and the command that they come from."""
    machine, results = report["machine"], report["results"]
    source = (
        f"`{machine['command']}`, commit {machine['commit']}; {machine['body']}, tokenizer of {machine['tokenizer']};"
        f" {machine['threads']} of {machine['cores']} cores ({machine['processor']})"
    )
    parts = [source, "\n".join(piped(_costs(results)))]
    ours, peers = results[: report["ours"]], results[report["ours"] :]
    if peers:
        parts.append("\n".join(piped(_ratios(ours, peers))))
    return "\n\n".join([*parts, *report["notes"]])


def _costs(results: Sequence[Report]) -> Grid:
    """A row for each measure: mean, then p50 / p95 of the messages; below what was asked for and is remembered."""
    grid = [["a message: mean (p50 / p95)", *(result["manager"] for result in results)]]
    for label, (value, decimals) in MEASURES.items():
        cells = [_spread([value(message) for message in result["messages"]], decimals) for result in results]
        grid.append([label, *cells])
    made = [", ".join(f"{count} {call}" for call, count in result["made"].items()) for result in results]
    grid.append(["requests in all", *made])
    ends = [f"{result['memories']}, {result['right']} of the {result['wanted']} right ones" for result in results]
    grid.append(["memories at the end", *ends])
    return grid


def _ratios(ours: Sequence[Report], peers: Sequence[Report]) -> Grid:
    """How many times as much a peer takes, for all messages and for parts of them."""
    grid = [["times as much", "messages", *RATIOS]]
    for own in ours:
        for peer in peers:
            for label, counts in PARTS.items():
                pairs = [
                    (_total(peer, counts, value), _total(own, counts, value), sum(map(counts, own["messages"])))
                    for value in RATIOS.values()
                ]
                if pairs[0][2]:
                    row = [f"{one / other:.1f}" for one, other, _ in pairs]
                    grid.append([f"{peer['manager']} : {own['manager']}", f"{pairs[0][2]} {label}", *row])
    return grid


def _total(result: Report, counts: Callable[[Message], bool], value: Callable[[Message], float]) -> float:
    return sum(value(message) for message in result["messages"] if counts(message))


def _spread(values: Sequence[float], decimals: int) -> str:
    middle, high = _percentile(values, 50), _percentile(values, 95)
    return f"{statistics.mean(values):,.{decimals or 1}f} ({middle:,.{decimals}f} / {high:,.{decimals}f})"


def _percentile(values: Sequence[float], percent: int) -> float:
    """The least of `values` that `percent` in 100 of them do not exceed."""
    ranked = sorted(values)
    return ranked[max(0, -(-len(ranked) * percent // 100) - 1)]


def piped(grid: Grid) -> list[str]:
    """Lines of a Markdown table whose columns stand under each other in a terminal, too."""
    widths = [max(map(len, column)) for column in zip(*grid, strict=True)]
    rows = [[row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])] for row in grid]
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return [lines[0], f"| --- |{' ---: |' * (len(grid[0]) - 1)}", *lines[1:]]
