"""The product's main job with the model that ships: told today, known tomorrow, by the command a user types."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest


class Recollect:
    """The `recollect` command on a data folder of its own. Each call is a new process: nothing stays in memory."""

    def __init__(self, folder: Path) -> None:
        self._environment = {**os.environ, "RECOLLECT_DATA_DIR": str(folder)}

    def __call__(self, *arguments: str) -> Any:
        done = subprocess.run(
            [sys.executable, "-m", "assistant", *arguments, "--json"],
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def texts(self) -> list[str]:
        return [memory["text"] for memory in self("memory", "list")]


@pytest.fixture
def recollect(tmp_path: Path) -> Recollect:
    return Recollect(tmp_path)


def test_a_second_dog_changes_the_memory_of_the_first_and_undo_gives_it_back(recollect: Recollect) -> None:
    first = recollect("ask", "I adopted a dog called Buddy.", "--wait")
    assert [operation["operation"] for operation in first["operations"]] == ["ADD"]
    assert recollect.texts() == ["User has a dog named Buddy."]

    second = recollect("ask", "I adopted another dog, Scout.", "--wait")
    assert [(o["operation"], o["status"]) for o in second["operations"]] == [("UPDATE", "applied")]
    assert second["operations"][0]["memory_id"] == first["operations"][0]["memory_id"]
    assert recollect.texts() == ["User has two dogs named Buddy and Scout."]

    asked = recollect("ask", "How many dogs do I have?", "--wait")
    assert asked["answer"] == "two"
    (cited,) = asked["citations"]
    assert cited["memory_id"] == first["operations"][0]["memory_id"]
    assert cited["text"] == "User has two dogs named Buddy and Scout."
    assert [operation["operation"] for operation in asked["operations"]] == ["NOOP"]

    recollect("memory", "undo")
    assert recollect.texts() == ["User has a dog named Buddy."]


def test_what_nobody_told_is_not_known(recollect: Recollect) -> None:
    reply = recollect("ask", "Where do I live?", "--wait")

    assert reply["answer"] == "I don't know that yet."
    assert reply["citations"] == []
    assert recollect.texts() == []


def test_a_message_is_remembered_even_if_nobody_waited_for_the_manager(recollect: Recollect) -> None:
    recollect("ask", "I live in Lisbon.")

    assert "Lisbon" in recollect("ask", "Where do I live?")["answer"]
