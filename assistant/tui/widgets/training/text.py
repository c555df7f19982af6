"""Training in words: what may be learned from, how a run stands, before and after. Pure.

Promises that each is said without any colour, and that nothing is said that is not known.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from textual.content import Content

from assistant.quantities import counted
from assistant.training.following import CurveSeen, Far
from assistant.training.learnable import Learnable, Source
from assistant.training.preview import Previewed
from assistant.training.recipes import Kind, spoken
from assistant.training.results import Result
from assistant.training.runs import Run, RunState
from assistant.tui.shown import content, day_and_time, plain
from assistant.tui.widgets.training.plot import number

LONGEST_SHOWN = 1_500
MARKS = {
    RunState.RUNNING: "●",
    RunState.STOPPING: "◐",
    RunState.STOPPED: "■",
    RunState.FAILED: "✗",
    RunState.FINISHED: "✓",
}
NO_OWN_HISTORY = "No recipe trains on your conversations yet; this is what one would get."
NOTHING_SAID = (
    "Nothing was said yet, so there is nothing to learn from. Talk in the chat (F2): what you keep, edit and undo"
    " there counts most. Temporary conversations are not kept, so nothing is ever learned from them."
)
NO_RUNS = "Nothing was trained here yet. Press n to start a run; it goes on when you leave, and is found here again."


def overview(found: Learnable) -> str:
    """What may be learned from, in one line."""
    use = len(found.learned_from)
    return (
        f"{use} of {len(found.sources)} to learn from · {counted(found.messages, 'message')}"
        f" · {counted(found.signals, 'decision')}"
        f" · {found.held_out:,} of {found.questions:,} held out"
    )


def about(source: Source) -> str:
    """Whether the conversation is learned from, in a sentence."""
    if source.bar is not None:
        return f"Nothing is learned from it. {source.bar.why}"
    if source.lessons.is_excluded:
        return "You left it out: nothing is learned from it, and nothing that is said in it is remembered."
    if source.held_out:
        return f"Learned from, but for {source.held_out} of its {source.questions} questions, which are measured on."
    return "All of it may be learned from."


def taken_out(shown: Sequence[Previewed]) -> str:
    """What is taken out of the messages, counted."""
    counted = Counter(span.kind for one in shown for span in one.redacted.spans)
    told = ", ".join(f"{kind} {count}" for kind, count in counted.items())
    return f"Taken out: {told}." if told else "Nothing in it has to be taken out."


def message(one: Previewed, *, as_learned: bool) -> Content:
    """A message with what is taken out in brackets, or as it would be learned from."""
    who = "you" if one.message.role == "user" else "assistant"
    head = Content.assemble((who, "bold"), (" · held out" if one.is_held_out else "", "dim"), "\n")
    text, at, parts = one.message.text[:LONGEST_SHOWN], 0, [head]
    for span in one.redacted.spans:
        if span.begin >= len(text):
            break
        said = text[span.begin : span.end]
        parts.append(content(text[at : span.begin]))
        shown = span.kind.mark if as_learned else f"[{span.kind}: {said}]"
        parts.append(content(shown).stylize("bold $warning"))
        at = span.end
    rest = len(one.message.text) - len(text)
    parts += [content(text[at:]), Content.styled(f" … and {rest:,} more characters" if rest else "", "dim")]
    return Content("").join(parts)


def progress(run: Run, far: Far) -> str:
    """How far a run is and how long it will take, as far as is known; of a finished one, what it came to."""
    if run.result is not None:
        return " · ".join(f"{name} {share:.0%}" for name, share in list(run.result.after.shares.items())[:2])
    if run.recipe.kind is Kind.LIVES:
        return f"{run.recipe.size} lives"
    if not far.step:
        return "getting ready" if run.is_at_work else "no step was taken"
    told = f"step {far.step:,} of {far.of:,}"
    if not run.is_at_work:
        return told
    if far.step >= far.of:
        return f"{told} · being measured"
    return told if far.seconds_left is None else f"{told} · {spoken(far.seconds_left)} left"


def far_in_short(run: Run, far: Far) -> str:
    """`progress`, for a list."""
    if run.result is not None or run.recipe.kind is Kind.LIVES or not far.step or not far.of:
        return progress(run, far)
    done = f"{min(1, far.step / far.of):.0%}"
    if not run.is_at_work or far.seconds_left is None or far.step >= far.of:
        return done
    return f"{done} · {spoken(far.seconds_left)} left"


def standing(run: Run, now: datetime) -> Content:
    """How a run stands, and when it was begun."""
    reason = f": {run.reason}" if run.reason else ""
    threads = "1 thread" if run.recipe.threads == 1 else f"{run.recipe.threads} threads"
    ended = ""
    if run.ended is not None and not run.is_at_work:
        ended = f", ended {day_and_time(run.ended, now)}"
    return Content.assemble(
        (f"{MARKS[run.state]} {run.state}", "bold"),
        content(reason),
        ("\n", ""),
        (f"{run.recipe.kind.does} · seed {run.recipe.seed} · {threads}", ""),
        ("\n", ""),
        (f"begun {day_and_time(run.started, now)}{ended}", "dim"),
    )


def last_values(curves: Sequence[CurveSeen]) -> Content:
    """The last value of each curve, by its name."""
    told = [Content.assemble((f"{plain(curve.name)} ", "dim"), (number(curve.last), "bold")) for curve in curves]
    return Content("   ").join(told)


def comparison(result: Result) -> Content:
    """A table of what was right before and after, and what that was measured on."""
    before = result.before
    width = max(10, *(len(name) for name in result.measures)) + 2
    lines = [Content.styled(f"{'right':{width}}{'before':>9}{'after':>9}", "dim")]
    for name in result.measures:
        after = result.after.shares[name]
        was = before.shares.get(name) if before is not None else None
        change = (
            "" if was is None else f"  {'▲' if after > was else '▼' if after < was else '='} {100 * (after - was):+.1f}"
        )
        told = "-" if was is None else f"{was:.1%}"
        lines.append(Content.assemble(f"{name:{width}}{told:>9}", (f"{after:>9.1%}", "bold"), change))
    base = f" Before: {before.model}." if before is not None else " Nothing is known of before."
    lines.append(Content.styled(f"Measured on {result.measured_on}.{base}", "dim"))
    return Content("\n").join(lines)
