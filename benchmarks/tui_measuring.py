"""The parts of the terminal app's benchmark that are about the conversation: a start, keys, a reply, and going back.

Promises that every time is from the key that was written to the terminal, or from the moment that the server sent, to
the piece of output that shows it, and that what went wrong is told in `note`. Knows nothing of tables.
"""

from __future__ import annotations

import random
import re
import sys
from collections import deque
from typing import Any

from benchmarks.processes import cpu_seconds, memory_of
from benchmarks.tui_apps import App, opened
from benchmarks.tui_reply import mark, marks_in, pieces
from benchmarks.tui_screen import Screen
from benchmarks.tui_server import Script, ScriptedServer
from benchmarks.tui_window import LOST_SECONDS, WAIT_SECONDS, Window

Result = dict[str, Any]

LETTERS = "бвгдеёжзийклмнопрстуфхцчшщъыьэюя"
"""Letters that nothing else on the screen has."""
ECHO = """
import os
os.write(1, b"echo")
while (key := os.read(0, 100)) != b"\\x04":
    os.write(1, key)
"""
"""A program that does nothing else: what it takes is the machine's."""
PAUSES = 0.03, 0.12
"""Seconds from a letter that is seen to the next one, at least and at most."""
EARLIER = "earlier messages"
"""What is clicked, where it stands, for the messages before."""
STOP = "stop"
"""What the line of keys offers while an answer streams, and only then."""
PAGE_UP = "\x1b[5~"
END = "\x1b[F"
BACKSPACE = "\x7f"
REST_SECONDS = 3.0
SCROLLED = 2_000
_STUCK_SECONDS = 15.0
"""After so long without more of a reply, no more of it will come onto the screen."""
_AGAIN_SECONDS = 0.1
"""How often a key is typed that may be lost."""
_NUMBER = re.compile(r"No\. (\d+) ")


def beginning(number: int) -> str:
    """How the message of that number begins in the long conversation."""
    return f"No. {number} "


def worded(number: int, text: str) -> str:
    """A message of the long conversation: one that tells its number, and is no memory."""
    return beginning(number) + text.replace("User", "Somebody")


def start(app: App) -> Result:
    """Seconds from the start to the first paint and key, and from there to the conversation, where one is shown."""
    ahead = "ahead" not in app.lacks
    with Window(app.command, app.environment) as window:
        if ahead:
            window.send(LETTERS[0])
        at = window.times_of([app.painted, *LETTERS[:ahead]], WAIT_SECONDS)
        result: Result = {"cpu_s": cpu_seconds(window.pid), "paint_s": at[app.painted]}
        result["key_s"] = at[LETTERS[0]] if ahead else _first_key(window)
        if app.opened:
            shown, paint = window.times_of([app.opened], WAIT_SECONDS)[app.opened], result["paint_s"]
            result["opening_s"] = None if shown is None or paint is None else shown - paint
        window.settle(WAIT_SECONDS)
        window.send(app.quit)
    return result


def _first_key(window: Window) -> float | None:
    """When a letter is there that is typed again and again, as it may be lost."""
    for _ in range(int(WAIT_SECONDS / _AGAIN_SECONDS)):
        window.send(LETTERS[0])
        at = window.wait_until(lambda screen: LETTERS[0] in screen.text, _AGAIN_SECONDS)
        if at is not None:
            return at
    return None


def keys(app: App, server: ScriptedServer, script: Script, count: int) -> Result:
    """Milliseconds from a key to its letter, while nothing else happens and while a reply streams."""
    chance = random.Random(script.seed)
    end = mark(script.reply, script.count - 1)
    with Window([sys.executable, "-c", ECHO], app.environment) as window:
        window.wait_until(lambda screen: "echo" in screen.text, WAIT_SECONDS)
        echo = _typed(window, chance, count, "")
        window.send("\x04")
    with opened(app) as window:
        begin = cpu_seconds(window.pid)
        idle = _typed(window, chance, count, "")
        cpu = (cpu_seconds(window.pid) - begin) / count
        window.send(BACKSPACE * count)
        window.settle(WAIT_SECONDS)
        _ask(window, app, server, script)
        window.wait_until(lambda screen: bool(marks_in(screen.text, script.reply)), WAIT_SECONDS)
        streaming = _typed(window, chance, count, end)
    return {"echo_ms": echo, "idle_ms": idle, "idle_cpu_ms": 1000 * cpu, "streaming_ms": streaming}


def _typed(window: Window, chance: random.Random, count: int, end: str) -> list[float]:
    """Types letters, each some time after the one before was seen, until `end` is on the screen."""
    taken: list[float] = []
    while len(taken) < count and not (window.ended or (end and end in window.screen.text)):
        letter = LETTERS[len(taken) % len(LETTERS)]
        before = window.screen.text.count(letter)
        begin = window.now
        window.send(letter)
        at = window.wait_until(lambda screen: screen.text.count(letter) > before, LOST_SECONDS)  # noqa: B023
        taken.append(1000 * ((at if at is not None else window.now) - begin))
        window.look_on(chance.uniform(*PAUSES))
    return taken


def stream(app: App, server: ScriptedServer, script: Script) -> Result:
    """Milliseconds from the moment that a piece was sent until its mark is there, and to the end of it all."""
    with opened(app) as window:
        _ask(window, app, server, script)
        begin = cpu_seconds(window.pid)
        seen, over = _followed(window, script)
        still = window.settle(WAIT_SECONDS)
        cpu, sent = cpu_seconds(window.pid) - begin, server.sent()
    at = [time - window.begin for time in sent.pieces]
    lag = [1000 * (seen[number] - at[number]) for number in sorted(seen)]
    done = None if sent.over is None else sent.over - window.begin
    result: Result = {"lag_ms": lag, "rate": (len(at) - 1) / (at[-1] - at[0]), "cpu_ms": 1000 * cpu / len(at)}
    if sent.failures:
        result["note"] = sent.failures[0]
    last = seen.get(script.count - 1)
    if last is None or done is None:
        return {"note": "the end of the reply did not come onto the screen", **result}
    result["last_ms"] = 1000 * (last - at[-1])
    result["over_ms"] = 1000 * (over - done) if over is not None else None
    result["still_ms"] = 1000 * (still - done) if still is not None else None
    return result


def _ask(window: Window, app: App, server: ScriptedServer, script: Script) -> None:
    server.will_stream(script)
    window.send("Tell me more.")
    window.wait_until(lambda screen: "Tell me more." in screen.text, WAIT_SECONDS)
    window.send(app.send)


def _followed(window: Window, script: Script) -> tuple[dict[int, float], float | None]:
    """When each mark was there, and when the line of keys no longer offered to stop.

    A mark that was passed over, because more than a screen came at once, counts as there when a later one is.
    """
    texts = enumerate(pieces(script.reply, script.count, script.seed))
    marks = deque(number for number, text in texts if mark(script.reply, number) in text)
    seen: dict[int, float] = {}
    answering, over = False, None
    deadline = window.now + WAIT_SECONDS
    while (marks or (answering and over is None)) and window.now < deadline and not window.ended:
        if not window.read(0.05):
            continue
        text = window.screen.text
        stop = STOP in text.splitlines()[-1]
        over = window.at if answering and not stop else None
        answering = answering or stop
        newest = max(marks_in(text, script.reply), default=-1)
        while marks and marks[0] <= newest:
            seen[marks.popleft()] = window.at
            deadline = window.at + _STUCK_SECONDS
    return seen, over


def memory(app: App, server: ScriptedServer, script: Script, last: int, scrolled: int) -> Result:
    """MB of the program itself: opened and at rest, after going back so many messages, and after a long reply."""
    with opened(app) as window:
        window.look_on(REST_SECONDS)  # What it brings in beforehand for other modes is no growth.
        result: Result = {"opened": _size(window)}
        begin = window.now
        steps = _go_back(window, last - scrolled)
        result |= {"back_s": window.now - begin, "page_ms": steps, "scrolled": _size(window)}
        if min(_numbers(window.screen), default=last) > last - scrolled:
            result["note"] = f"went back to message {min(_numbers(window.screen), default=last):,} only"
        window.send(END)
        _ask(window, app, server, script)
        _followed(window, script)
        window.settle(WAIT_SECONDS)
        result["replied"] = _size(window)
    return result


def _go_back(window: Window, until: int) -> list[float]:
    """Pages up until that message is on the screen. Milliseconds of each page, those included that were fetched."""
    taken: list[float] = []
    while min(_numbers(window.screen), default=0) > until:
        before, begin = _numbers(window.screen), window.now
        window.send(PAGE_UP)
        at = window.wait_until(lambda screen: _numbers(screen) not in ([], before), LOST_SECONDS)  # noqa: B023
        if at is not None:
            taken.append(1000 * (at - begin))
        elif (place := window.screen.place_of(EARLIER)) is not None:
            window.click(*place)
            window.settle(WAIT_SECONDS)
        else:
            break
    return taken


def _numbers(screen: Screen) -> list[int]:
    """The numbers of the messages on the screen, from above."""
    return [int(found) for found in _NUMBER.findall(screen.text)]


def _size(window: Window) -> Result:
    return memory_of(window.pid).as_dict()
