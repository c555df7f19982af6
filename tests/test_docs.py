"""What the documents say of commands, formats and each other is so."""

from __future__ import annotations

import argparse
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from assistant.commands.arguments import EPILOG, build_parser
from assistant.conversation.locomo import read_locomo
from assistant.tui.help import EVERYWHERE, HELP

DRAW = """
import asyncio, sys
from pathlib import Path
sys.path.insert(0, "docs")
import make_screenshot
asyncio.run(asyncio.wait_for(make_screenshot.draw(Path(sys.argv[1])), 60))
"""
ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
BLOCK = re.compile(r"^```\w*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!https?://)([^)#]*)(?:#([^)]*))?\)")


def read(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def commands() -> list[str]:
    """The lines in code blocks that call `recollect`, without what is piped into them or stands behind a #."""
    lines = [
        line for document in DOCUMENTS for block in BLOCK.findall(document.read_text()) for line in block.split("\n")
    ]
    calls = [re.search(r"(?:^|\| )(recollect(?: .*)?)$", line.partition("  #")[0].rstrip()) for line in lines]
    return sorted({call[1] for call in calls if call})


def anchor(heading: str) -> str:
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


@pytest.mark.parametrize("command", commands())
def test_every_command_in_a_document_can_be_given(command: str) -> None:
    arguments = shlex.split(command, comments=True)[1:]
    assert isinstance(build_parser().parse_args(arguments), argparse.Namespace)


def test_the_documents_show_commands() -> None:
    assert {"recollect", "recollect memory undo", "recollect memory list"} <= set(commands())


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_leads_somewhere(document: Path) -> None:
    for file, fragment in LINK.findall(document.read_text().replace("\n", " ")):
        target = document.parent / file if file else document
        assert target.exists(), file
        if fragment:
            headings = re.findall(r"^#+ (.*)$", target.read_text(), re.MULTILINE)
            assert re.sub(r" +", "-", fragment) in map(anchor, headings)


def test_the_readme_has_every_exit_code() -> None:
    told = re.findall(r"^  (\d+) +(.+)$", EPILOG, re.MULTILINE)
    assert len(told) == 8
    assert re.findall(r"^\| (\d+) \| (.+) \|$", read("README.md"), re.MULTILINE) == told


def test_the_guide_has_every_key_of_the_help() -> None:
    guide = read("docs/guide.md")
    told = {key for keys in re.findall(r"^\| (.+?) \|", guide, re.MULTILINE) for key in keys.split(", ")}
    keys = [*EVERYWHERE, *(pair for mode in HELP.values() for pair in mode.keys)]
    assert [key for pair in keys for key in pair[0].strip().split(", ") if key not in told] == []


def test_the_example_of_a_recorded_conversation_can_be_imported(tmp_path: Path) -> None:
    example = next(block for block in BLOCK.findall(read("docs/file-formats.md")) if "sample_id" in block)
    file = tmp_path / "example.json"
    file.write_text(json.dumps(json.loads(example)))
    (conversation,) = read_locomo(file)
    assert [turn.text for turn in conversation.turns] == [
        "I adopted a dog, Buddy.",
        "Look at mine! (shares a picture: a photo of a brown dog)",
    ]


def test_the_picture_in_the_readme_can_be_drawn_again(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", DRAW, str(tmp_path / "chat.svg")], check=True, cwd=ROOT, timeout=120)
    drawn = (tmp_path / "chat.svg").read_text(encoding="utf-8")
    assert "two&#160;dogs&#160;named&#160;Buddy&#160;and&#160;Scout" in drawn
