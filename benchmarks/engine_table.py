"""The table of what `benchmarks.engine` measured, each row with what it has to keep to, and whether it does.

`python -m benchmarks.engine_table FILE...` prints the Markdown of its JSON files. Knows nothing of how a number came
about.
"""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.measuring import percentile
from benchmarks.table import Grid, aligned, piped

Report = dict[str, Any]
Result = dict[str, Any]
Row = list[str]

HEADING = ["", "ours", "beside it", "ours ÷ beside, median", "least to most", "floor", ""]
LEAST_RATE = 0.95
MOST_FIRST, MOST_FIRST_S = 1.10, 0.020
MOST_KEY_S = 0.4
MOST_APP_MB = 120


def report_text(report: Report) -> str:
    """For a terminal."""
    return "\n".join([_source(report), "", *aligned(grid(report["results"]))])


def markdown(report: Report) -> str:
    """For a document."""
    return "\n".join([_source(report), "", *piped(grid(report["results"]))])


def grid(results: Sequence[Result]) -> Grid:
    """A row for each measure, below a row of headings."""
    rows = [HEADING]
    for result in results:
        rows += _ROWS[result["part"]](result)
    return rows


def ratios(ours: Sequence[float], others: Sequence[float]) -> tuple[float, float, float]:
    """The median of how many times the other of its pair each of `ours` is, the least and the most."""
    each = [one / other for one, other in zip(ours, others, strict=True)]
    return statistics.median(each), min(each), max(each)


def rates(rounds: Sequence[Result], who: str) -> list[float]:
    """Tokens a second after the first, in each round in which `who` wrote more than that."""
    return [(each[who]["tokens"] - 1) / each[who]["rest_s"] for each in _written(rounds)]


def too_long(rounds: Sequence[Result]) -> float:
    """By how many seconds our first tokens come later than they may, in the median of the pairs."""
    late: list[float] = [
        each["ours"]["first_s"] - MOST_FIRST * each["plain"]["first_s"] - MOST_FIRST_S for each in rounds
    ]
    return statistics.median(late)


def _written(rounds: Sequence[Result]) -> list[Result]:
    return [each for each in rounds if each["ours"]["tokens"] > 1]


def _source(report: Report) -> str:
    machine = report["machine"]
    return (
        f"`{machine['command']}`, commit {machine['commit']}; {machine['cores']} cores ({machine['processor']},"
        f" {machine['system']}), Python {machine['python']}, load {machine['load']:.1f}"
    )


def _pair_rows(result: Result) -> list[Row]:
    name, rounds = f"{result['model']}, {result['prompt']} read", result["rounds"]
    if not rounds:
        return _writing_rows(name, rounds, LEAST_RATE)
    ours, plain = ([each[who]["first_s"] for each in rounds] for who in ("ours", "plain"))
    first = _row(f"{name}: first token, ms", ours, plain, 1000, 1)
    late = too_long(rounds)
    first[-2:] = ["≤ 110% of it + 20 ms", "" if late <= 0 else f"missed by {1000 * late:.1f} ms"]
    ours, plain = ([each[who]["first_cpu_s"] for each in rounds] for who in ("ours", "plain"))
    taken = _row(f"{name}: ms of the processor until then", ours, plain, 1000, 1)
    return [*_writing_rows(name, rounds, LEAST_RATE), first, taken]


def _grammar_rows(result: Result) -> list[Row]:
    return _writing_rows(f"{result['model']}, as {result['agent']} with its grammar", result["rounds"], None)


def _writing_rows(name: str, rounds: Sequence[Result], least: float | None) -> list[Row]:
    if not _written(rounds):
        return [[f"{name}: too little was written", *[""] * (len(HEADING) - 1)]]
    ours, plain = rates(rounds, "ours"), rates(rounds, "plain")
    count = round(statistics.median(each["ours"]["tokens"] for each in rounds))
    rate = _row(f"{name}, {count} written: tokens a second", ours, plain, 1, 1)
    if least is not None:
        rate[-2:] = [f"≥ {least:.0%} of it", _missed(ratios(ours, plain)[0] < least)]
    ours, plain = (
        [each[who]["rest_cpu_s"] / (each[who]["tokens"] - 1) for each in _written(rounds)] for who in ("ours", "plain")
    )
    return [rate, _row(f"{name}: ms of the processor a token", ours, plain, 1000, 3)]


def _cancel_rows(result: Result) -> list[Row]:
    name = f"{result['model']}: from cancel to the end while {result['when']}, ms"
    return [_times(name, result["seconds"])]


def _kill_rows(result: Result) -> list[Row]:
    return [_times(f"{result['model']}: from kill -9 to the next first token, ms", result["seconds"])]


def _memory_rows(result: Result) -> list[Row]:
    contexts = ", ".join(f"{agent} {size:,}" for agent, size in result["contexts"].items())
    name = f"{result['model']}, {result['agents']} ({contexts} tokens)"
    parts = f"file {result['file_mb']:.0f}, caches {result['caches_mb']:.0f}, adapters {2 * result['adapter_mb']:.1f}"
    return [
        _cells(f"{name}: resident, MB", f"{result['resident']:.0f}", parts),
        _cells(f"{name}: proportional, MB", f"{result['proportional']:.0f}", ""),
    ]


def _chat_rows(result: Result) -> list[Row]:
    ours, usual = result["ours"], result["usual"]
    told = "trained" if result["trained"] else "untrained"
    name = f"{result['model']}, {told}, {len(ours)} turns, context {result['context']:,}"
    rows = []
    for label, key in (("tokens of all prompts", "prompt_tokens"), ("tokens read", "read_tokens")):
        sums = [sum(call[key] for call in calls) for calls in (ours, usual)]
        rows.append(_cells(f"{name}: {label}", f"{sums[0]:,}", f"{sums[1]:,}", f"{sums[0] / sums[1]:.3f}"))
    for percent in (50, 95):
        cells = [f"{percentile([call['first_s'] for call in calls], percent):.3f}" for calls in (ours, usual)]
        rows.append(_cells(f"{name}: first token, s, p{percent}", *cells))
    rows.append(_cells(f"{name}: history first cut", _first_cut(ours), _first_cut(usual)))
    return rows


def _first_cut(calls: Sequence[Result]) -> str:
    at = next((number for number, call in enumerate(calls, 1) if call["dropped"]), None)
    return f"turn {at}" if at is not None else "never"


def _restart_rows(result: Result) -> list[Row]:
    name = f"{result['model']}, context {result['context']:,}: after a restart, instructions kept (beside: not)"
    kept, anew = result["kept"], result["anew"]
    return [
        _cells(
            f"{name}: tokens read of {kept['prompt_tokens']:,}", f"{kept['read_tokens']:,}", f"{anew['read_tokens']:,}"
        ),
        _cells(f"{name}: first token, s", f"{kept['first_s']:.3f}", f"{anew['first_s']:.3f}"),
    ]


def _start_rows(result: Result) -> list[Row]:
    starts = result["starts"]
    rows = []
    for key, label, most in (
        ("key_s", "first key, s", MOST_KEY_S),
        ("key_cpu_s", "of the processor until then, s", None),
        ("paint_s", "first paint, s", None),
        ("model_s", "model's process begun, s", None),
        ("ready_s", "model ready, s", None),
    ):
        if not (values := [start[key] for start in starts if start[key] is not None]):
            rows.append(_cells(f"start, {result['bank']}: {label}", "never"))
            continue
        middle, late = percentile(values, 50), percentile(values, 95)
        row = _cells(f"start, {result['bank']}: {label}, p50 (p95)", f"{middle:.3f} ({late:.3f})")
        if most is not None:
            row[-2:] = [f"< {most} s", _missed(late >= most)]
        rows.append(row)
    early = [start for start in starts if start["model_s"] is not None and start["model_s"] < start["paint_s"]]
    rows.append(
        [f"start, {result['bank']}: model begun before the first paint", f"{len(early)} of {len(starts)}", "", "", "",
         "0", _missed(bool(early))]
    )  # fmt: skip
    for key, label in (("started_mb", "once the model is ready"), ("idle_mb", "idle")):
        most_mb = max(start[key] for start in starts)
        rows.append(
            [f"start, {result['bank']}: app's own process {label}, MB", f"{most_mb:.0f}", "", "", "",
             f"< {MOST_APP_MB}", _missed(most_mb >= MOST_APP_MB)]
        )  # fmt: skip
    return rows


def _import_rows(result: Result) -> list[Row]:
    middle, late = (percentile(result["seconds"], percent) for percent in (50, 95))
    return [_cells('start: python -c "import textual.app", s, p50 (p95)', "", f"{middle:.3f} ({late:.3f})")]


def _row(name: str, ours: Sequence[float], others: Sequence[float], factor: float, decimals: int) -> Row:
    """Medians of both, and of how they compare in pairs."""
    cells = [f"{factor * statistics.median(values):,.{decimals}f}" for values in (ours, others)]
    middle, least, most = ratios(ours, others)
    return [name, *cells, f"{middle:.3f}", f"{least:.2f} to {most:.2f}", "", ""]


def _times(name: str, seconds: Sequence[float]) -> Row:
    middle, most = 1000 * statistics.median(seconds), 1000 * max(seconds)
    return _cells(f"{name}, median of {len(seconds)} (most)", f"{middle:,.1f} ({most:,.1f})")


def _cells(name: str, ours: str, beside: str = "", ratio: str = "") -> Row:
    return [name, ours, beside, ratio, "", "", ""]


def _missed(missed: bool) -> str:
    return "missed" if missed else ""


_ROWS: dict[str, Callable[[Result], list[Row]]] = {
    "pairs": _pair_rows,
    "grammar": _grammar_rows,
    "cancel": _cancel_rows,
    "kill": _kill_rows,
    "memory": _memory_rows,
    "chat": _chat_rows,
    "restart": _restart_rows,
    "start": _start_rows,
    "import": _import_rows,
}

if __name__ == "__main__":
    print("\n\n".join(markdown(json.loads(Path(file).read_text(encoding="utf-8"))) for file in sys.argv[1:]))
