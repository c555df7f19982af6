"""The benchmark of the terminal app reads a screen as a terminal shows it; how fast anything is, is not asked here."""

from __future__ import annotations

import argparse
import json
import os
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from benchmarks import tui as benchmark
from benchmarks import tui_measuring as measuring
from benchmarks import tui_showing as showing
from benchmarks import tui_table as table
from benchmarks.tui_apps import App, elia, peer
from benchmarks.tui_reply import mark, marks_in, pieces
from benchmarks.tui_screen import Screen
from benchmarks.tui_server import Script, ScriptedServer
from benchmarks.tui_window import COLUMNS, ROWS, Window


def screen(*written: str, rows: int = 4, columns: int = 10) -> Screen:
    """A screen after all that was written to it."""
    made = Screen(rows, columns)
    for text in written:
        made.feed(text.encode())
    return made


# The screen


def test_text_stands_where_the_program_put_it() -> None:
    assert screen("one\r\ntwo\x1b[4;3Hlast\x1b[1;2HX\x1b[3CY").lines == ["oXe  Y", "two", "", "  last"]


def test_what_is_longer_than_a_line_goes_on_in_the_next_and_pushes_the_first_one_out() -> None:
    assert screen("\x1b[4;8Habcdef").lines == ["", "", "       abc", "def"]


def test_a_wide_character_takes_two_cells_and_an_accent_none() -> None:
    shown = screen("日\uff21e\u0301x\x1b[1;5HY")
    assert shown.lines[0] == "日\uff21Yx"
    assert shown.place_of("Y") == (0, 4)


def test_a_sequence_and_a_character_may_come_in_pieces() -> None:
    shown = Screen(2, 10)
    for byte in "\x1b[2;3Hж\x1b]0;a title\x07!\x1b]8;;http://a\x1b\\l\x1b]8;;\x1b\\".encode():
        shown.feed(bytes([byte]))
    assert shown.lines == ["", "  ж!l"]


def test_what_asks_the_terminal_something_is_not_shown() -> None:
    assert (
        screen("\x1b[?2026$p\x1b[>4;1m\x1b[?u\x1bP+q544e\x1b\\\x1b_Gi=1;AAAA\x1b\\\x1b[c\x1b(Bhere").lines[0] == "here"
    )


def test_clearing_takes_away_what_stood_there() -> None:
    assert screen("aaaa\r\nbbbb\r\ncccc\x1b[2;3H\x1b[K").lines == ["aaaa", "bb", "cccc", ""]
    assert screen("aaaa\r\nbbbb\r\ncccc\x1b[2;3H\x1b[J").lines == ["aaaa", "bb", "", ""]
    assert screen("aaaa\x1b[?1049hb").lines == ["    b", "", "", ""]


def test_the_colour_behind_a_cell_is_known_until_it_is_set_back() -> None:
    shown = screen("\x1b[1;38;2;9;48;9;48;2;1;2;3ma\x1b[7mb\x1b[49mc\x1b[44;104md\x1b[me")
    assert [shown.background(0, x) for x in range(5)] == ["2;1;2;3", "2;1;2;3", "", "104", ""]


def test_only_what_becomes_something_else_is_a_change() -> None:
    shown = screen("same")
    before = shown.changes
    shown.feed(b"\x1b[H\x1b[?25lsame")
    assert shown.changes == before
    shown.feed(b"\x1b[H\x1b[41msame")
    assert shown.changes == before + 1


def test_another_size_keeps_what_fits() -> None:
    shown = screen("abcdef\r\nsecond\r\nthird")
    shown.resize(2, 3)
    assert shown.lines == ["abc", "sec"]
    shown.resize(3, 5)
    assert shown.lines == ["abc", "sec", ""]


# The reply


def test_a_reply_is_the_same_for_the_same_seed_and_each_mark_is_a_piece_that_stands_once() -> None:
    made = pieces(7, 2_000, seed=1)
    assert len(made) == 2_000
    assert made[:3] == pieces(8, 2_000, seed=1)[:3]
    found = marks_in("".join(made), 7)
    assert len(found) == len(set(found)) > 300
    assert all(made[number].strip() == mark(7, number) for number in found)
    assert found[-1] == 1_999
    assert max(later - sooner for sooner, later in pairwise(found)) < 40
    assert marks_in("".join(made), 70) == []


def test_a_reply_is_markdown_whose_code_begins_and_ends() -> None:
    lines = "".join(pieces(1, 2_000, seed=3)).split("\n")
    fences = [line for line in lines if line.startswith("```")]
    assert fences == ["```python", "```"] * (len(fences) // 2)
    assert len(fences) > 10
    assert sum(line.startswith("- ") for line in lines) > 20
    assert sum(line.startswith("## ") for line in lines) > 5


# The table


def report(*results: dict[str, Any]) -> dict[str, Any]:
    apps = {"Recollect": "0.1", "elia": "1.10"}
    return {"apps": apps, "results": [{"app": "Recollect", **result} for result in results]}


def test_a_row_has_all_rounds_of_each_program_and_says_where_a_floor_is_missed() -> None:
    rounds = [{"part": "keys", "streaming_ms": [10.0] * 19}, {"part": "keys", "streaming_ms": [49.0, 70.0]}]
    beside = {"part": "keys", "app": "elia", "streaming_ms": [900.0]}
    assert table.grid(report(*rounds, beside)) == [
        ["p50 (p95)", "Recollect 0.1", "elia 1.10", "floor", ""],
        ["key to screen while a reply streams, ms", "10 (49)", "900 (900)", "< 50 ms", ""],
    ]
    rounds[1]["streaming_ms"] = [50.0, 70.0]
    assert table.grid(report(*rounds))[1][1:] == ["10 (50)", "—", "< 50 ms", "missed"]


def test_a_floor_is_missed_where_nothing_was_to_be_seen_of_ours() -> None:
    other = {"part": "table", "app": "elia", "table_ms": [1.0]}
    assert table.grid(report({"part": "table", "note": "none"}, other))[1][-1] == "missed"


def test_memory_is_flat_if_it_grows_by_a_fifth_at_most() -> None:
    sizes = {"opened": 50.0, "scrolled": 60.0, "replied": 61.0}
    result = {key: {"resident": value, "proportional": value - 10} for key, value in sizes.items()}
    rows = table.grid(report({"part": "memory", **result}))[1:]
    assert [row[1:] for row in rows] == [
        ["50 (40)", "—", "", ""],
        ["60 (50)", "—", "≤ 120% of opened", ""],
        ["61 (51)", "—", "≤ 120% of opened", "missed"],
    ]


def test_a_mode_has_a_row_for_its_first_time_and_one_for_coming_back() -> None:
    rows = table.grid(report({"part": "modes", "mode": "Models", "first_ms": [80.0], "again_ms": [20.0, 30.0]}))[1:]
    assert rows == [
        ["to Models, for the first time, ms", "80 (80)", "—", "", ""],
        ["to Models, again, ms", "20 (30)", "—", "", ""],
    ]


def test_what_could_not_be_measured_is_said_once_with_its_reason() -> None:
    app = App("elia", "1", [], Path(), {}, "", "", "", lacks={"look": "no key for it"})
    results = [{"part": "modes", "app": "Recollect", "note": "Memory is not there yet"}] * 2
    assert benchmark.notes([app], results) == ["elia: no key for it.", "modes, Recollect: Memory is not there yet."]


# The command


def test_only_parts_that_there_are_can_be_asked_for() -> None:
    assert benchmark._parts("look,keys") == ("look", "keys")
    with pytest.raises(argparse.ArgumentTypeError, match="speed: choose from start, keys, stream"):
        benchmark._parts("keys,speed")


def test_the_command_of_a_report_names_what_is_unusual_and_no_folder() -> None:
    options = benchmark._parser().parse_args(["--rounds", "1", "--peer", "/home/me/elia", "--only", "keys"])
    assert benchmark._machine(options)["command"] == "python -m benchmarks.tui --seed 1 --only keys --rounds 1"


def test_a_folder_with_no_peer_in_it_is_told(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"Neither elia nor oterm is installed in .*"):
        peer(tmp_path, tmp_path, "http://127.0.0.1:1/v1")


def test_a_peer_works_on_a_copy_and_reaches_nothing_but_this_machine(tmp_path: Path) -> None:
    programs = tmp_path / "programs" / "bin"
    programs.mkdir(parents=True)
    (programs / "python").write_text("#!/bin/sh\necho 1.2.3\n")
    (programs / "python").chmod(0o755)
    app = elia(programs.parent, tmp_path, "http://127.0.0.1:1/v1")
    copy = app.in_copy(tmp_path / "copy")
    assert app.version == "1.2.3"
    assert copy.environment["HOME"] == str(tmp_path / "copy" / "elia")
    assert copy.environment["HTTPS_PROXY"] == "http://127.0.0.1:9"
    settings = tmp_path / "copy" / "elia" / ".config" / "elia" / "config.toml"
    assert 'api_base = "http://127.0.0.1:1/v1"' in settings.read_text()


# On a terminal

TALKS = """
import json, os, sys, threading, time, tty, urllib.request
tty.setraw(0)
typed = ""
def draw(at, text):
    os.write(1, f"\\x1b[{at};1H\\x1b[K{text}".encode())
def answer():
    asked = json.dumps({"stream": True, "messages": []}).encode()
    draw(40, "esc stop  F1 help")
    said = ""
    with urllib.request.urlopen(urllib.request.Request(sys.argv[1] + "/chat/completions", asked)) as reply:
        for line in reply:
            if line.startswith(b"data: {"):
                choices = json.loads(line[6:])["choices"]
                said += choices[0]["delta"]["content"] if choices else ""
                draw(3, " ".join(said.split())[-100:])
    draw(40, "F1 help")
draw(1, "\\u25b8 Chat")
draw(40, "F1 help")
while (key := os.read(0, 1000).decode()) != "\\x11":
    if key == "\\r":
        threading.Thread(target=answer).start()
    elif key == "\\x14":
        time.sleep(0.2)
        os.write(1, b"\\x1b[1;1H\\x1b[47m\\u25b8 Chat\\x1b[m")
    elif key == "\\x1b[17~":
        time.sleep(0.1)
        draw(1, "\\u25b8 Settings")
    elif key == "\\x1bOQ":
        draw(1, "\\u25b8 Chat")
    elif key == "\\x1bOR":
        break
    else:
        typed = typed[: -key.count("\\x7f")] if "\\x7f" in key else typed + key
        draw(38, typed)
"""


@pytest.fixture
def app(tmp_path: Path, server: ScriptedServer) -> App:
    """A program that has of an app just what the benchmark looks for."""
    return App("talks", "1", [sys.executable, "-c", TALKS, server.url], tmp_path, os.environ, "help", "\r", "\x11")


@pytest.fixture(scope="module")
def server() -> Any:
    with ScriptedServer() as made:
        yield made


@pytest.mark.slow
def test_a_reply_is_followed_on_the_screen_from_its_first_mark_to_its_end(app: App, server: ScriptedServer) -> None:
    result = measuring.stream(app, server, Script(3, 100, 1))
    assert "note" not in result
    assert len(result["lag_ms"]) == len(marks_in("".join(pieces(3, 100, 1)), 3))
    assert all(0 < lag < 5_000 for lag in result["lag_ms"])
    assert 0 < result["last_ms"] < 5_000
    assert -50 < result["over_ms"] < 5_000
    assert 50 < result["rate"] < 210
    assert 0 < result["cpu_ms"] < 100


@pytest.mark.slow
def test_keys_are_timed_while_nothing_happens_and_while_a_reply_streams(app: App, server: ScriptedServer) -> None:
    result = measuring.keys(app, server, Script(4, 300, 1), 4)
    assert [len(result[name]) for name in ("echo_ms", "idle_ms", "streaming_ms")] == [4, 4, 4]
    assert all(0 < taken < 2_000 for name, each in result.items() if isinstance(each, list) for taken in each)
    assert 0 < result["idle_cpu_ms"] < 100


@pytest.mark.slow
def test_a_look_is_timed_until_it_is_there_and_missed_where_nothing_changes(app: App) -> None:
    [taken] = showing.look(app, 1)["ms"]
    assert 200 < taken < 5_000
    assert showing.look(app, 2) == {"note": "nothing changed with Ctrl+T"}


@pytest.mark.slow
def test_a_mode_that_is_not_there_is_told_and_not_waited_for(app: App) -> None:
    there = showing.visit(app, "Settings", 2)
    assert "note" not in there
    assert [len(there["first_ms"]), len(there["again_ms"])] == [1, 2]
    assert all(100 < taken < 5_000 for taken in there["first_ms"] + there["again_ms"])
    assert showing.visit(app, "Memory", 2) == {"mode": "Memory", "note": "Memory is not there yet"}


@pytest.mark.slow
def test_what_a_terminal_is_told_of_its_size_reaches_the_program() -> None:
    script = "import os, signal\nsignal.signal(signal.SIGWINCH, lambda *_: print(os.get_terminal_size()))\n"
    script += "print('ready', flush=True)\nfor _ in range(2): signal.pause()"
    with Window([sys.executable, "-u", "-c", script], os.environ) as window:
        assert (window.screen.rows, window.screen.columns) == (ROWS, COLUMNS) == (40, 120)
        assert window.wait_until(lambda screen: "ready" in screen.text, 20) is not None
        window.resize(30, 90)
        assert window.wait_until(lambda screen: "columns=90, lines=30" in screen.text, 20) is not None
        window.resize(40, 120)


@pytest.mark.slow
def test_the_app_itself_is_measured_with_a_small_bank(tmp_path: Path) -> None:
    file = tmp_path / "tui.json"
    command = "--only start,keys,stream --starts 1 --rounds 1 --keys 3 --tokens 600 --memories 60 --messages 80"
    assert benchmark.main([*command.split(), "--json", str(file)]) == 0
    results = {result["part"]: result for result in json.loads(file.read_text())["results"]}
    assert 0 < results["start"]["cpu_s"] < results["start"]["paint_s"] + 0.5 < 60
    assert 0 <= results["start"]["opening_s"] < 60
    assert len(results["keys"]["streaming_ms"]) == 3
    assert results["stream"]["over_ms"] > -50
    assert len(results["stream"]["lag_ms"]) > 10
