"""What is copied lands where it can be pasted from, and it is said where that is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from assistant.tui.copying import OSC_52_AT_MOST, copy
from assistant.tui.widgets.chat.messages import code_blocks
from tests.scripted import ScriptedGenerator
from tests.tui.driving import ScriptedEngine, app_with, say, sees, until

CODE = """Memories: none
Answer: First:

```python
print("one")
```

then

~~~
two
~~~
"""


def clipboard(folder: Path, name: str, *, works: bool = True) -> dict[str, str]:
    """An environment in which a program of that name puts what it is given into a file."""
    folder.mkdir()
    program = folder / name
    program.write_text(f"#!/bin/sh\ncat > {folder}/board\nexit {0 if works else 1}\n")
    program.chmod(0o755)
    return {"WAYLAND_DISPLAY": "wayland-0", "DISPLAY": ":0", "PATH": f"{folder}:{os.environ['PATH']}", "TERM": "xterm"}


@pytest.mark.parametrize("name", ["wl-copy", "xclip", "xsel"])
def test_the_systems_clipboard_comes_first(tmp_path: Path, name: str) -> None:
    environ = clipboard(tmp_path / "bin", name)
    if name != "wl-copy":
        del environ["WAYLAND_DISPLAY"]
    sent: list[str] = []
    assert copy("Grüße\n", sent.append, tmp_path / "file", environ) == "to the clipboard"
    assert ((tmp_path / "bin" / "board").read_text(), sent) == ("Grüße\n", [])


def test_a_clipboard_that_refuses_leaves_it_to_the_terminal(tmp_path: Path) -> None:
    environ = clipboard(tmp_path / "bin", "wl-copy", works=False)
    sent: list[str] = []
    said = copy("text", sent.append, tmp_path / "file", environ)
    assert (said, sent) == ("to the terminal's clipboard, if it lets programs use it (OSC 52)", ["text"])


def test_over_ssh_it_is_the_terminals_clipboard_and_not_that_of_the_far_machine(tmp_path: Path) -> None:
    environ = clipboard(tmp_path / "bin", "wl-copy") | {"SSH_CONNECTION": "1.2.3.4 5 6.7.8.9 22"}
    sent: list[str] = []
    assert "OSC 52" in copy("text", sent.append, tmp_path / "file", environ)
    assert sent == ["text"]
    assert not (tmp_path / "bin" / "board").exists()


@pytest.mark.parametrize(("terminal", "text"), [("linux", "text"), ("xterm", "é" * (OSC_52_AT_MOST // 2 + 1))])
def test_what_the_terminal_cannot_take_goes_into_a_private_file(tmp_path: Path, terminal: str, text: str) -> None:
    file, sent = tmp_path / "copied.txt", list[str]()
    assert copy(text, sent.append, file, {"TERM": terminal}) == f"into {file}"
    assert (file.read_text(), file.stat().st_mode & 0o777, sent) == (text, 0o600, [])


def test_code_is_what_stands_in_fences() -> None:
    assert code_blocks("a\n```py\nx\n\ny\n```\nb\n~~~\n```\n~~~\n````\n```\n````\n```\nopen") == [
        "x\n\ny", "```", "```", "open",
    ]  # fmt: skip
    assert code_blocks("no `code` here") == []


@pytest.mark.asyncio
async def test_a_message_and_its_code_are_copied_by_keys_and_it_is_said_where_they_went(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in clipboard(tmp_path / "bin", "wl-copy").items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("SSH_CONNECTION", raising=False)
    board = tmp_path / "bin" / "board"
    engine = ScriptedEngine(ScriptedGenerator(answer=[CODE], default_manager="NOOP"))
    async with app_with(tmp_path / "data", engine).run_test(size=(120, 30)) as pilot:
        await say(pilot, "Show me code.")
        await sees(pilot, "two")
        await sees(pilot, "● ready")
        await pilot.press("up", "b")
        await sees(pilot, "Copied code block 1 of 2 to the clipboard.")
        assert board.read_text() == 'print("one")'
        await pilot.press("b")
        await sees(pilot, "Copied code block 2 of 2 to the clipboard.")
        assert board.read_text() == "two"
        await pilot.press("c")
        await sees(pilot, "Copied the message to the clipboard.")
        await until(pilot, lambda: board.read_text().startswith("First:\n\n```python"))
