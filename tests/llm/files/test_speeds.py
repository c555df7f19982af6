from __future__ import annotations

import stat
from datetime import UTC, datetime
from pathlib import Path

import gguf
import pytest

from assistant.agents.generation import Agent
from assistant.agents.speed import MeasuredSpeed, Speed
from assistant.errors import NotWritable
from assistant.llm.files.partial import unfinished_in
from assistant.llm.files.quantisation import quantisation
from assistant.llm.files.speeds import forget_speeds, keep_speed, read_speeds
from assistant.paths import Paths

NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)
FAST = Speed(100.0, 20.0, 0.5, 300, 64)
SLOW = Speed(None, None, 5.0, 300, 1)
BOTH = (Agent.MANAGER, Agent.ANSWER)


def test_what_was_measured_last_for_an_agent_takes_the_place_of_what_was_known(tmp_path: Path) -> None:
    paths = Paths(tmp_path)
    keep_speed(paths, MeasuredSpeed("a", BOTH, NOW, FAST))
    keep_speed(paths, MeasuredSpeed("b", BOTH, NOW, FAST))
    keep_speed(paths, MeasuredSpeed("a", (Agent.ANSWER,), NOW, SLOW))
    assert read_speeds(paths) == (
        MeasuredSpeed("b", BOTH, NOW, FAST),
        MeasuredSpeed("a", (Agent.ANSWER,), NOW, SLOW),
    )
    assert stat.S_IMODE((paths.models / "speeds.json").stat().st_mode) == 0o600


def test_a_model_that_goes_takes_its_speed_with_it(tmp_path: Path) -> None:
    paths = Paths(tmp_path)
    keep_speed(paths, MeasuredSpeed("a", BOTH, NOW, FAST))
    forget_speeds(paths, "b")
    assert len(read_speeds(paths)) == 1
    forget_speeds(paths, "a")
    assert read_speeds(paths) == ()


@pytest.mark.parametrize(
    "text", ["", "{", "[1]", '[{"model": "a"}]', '[{"model": "a", "agents": ["cook"], "at": "x", "speed": {}}]', "{}"]
)
def test_a_file_that_cannot_be_read_counts_as_none(tmp_path: Path, text: str) -> None:
    paths = Paths(tmp_path)
    paths.create()
    (paths.models / "speeds.json").write_text(text)
    assert read_speeds(paths) == ()


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    paths = Paths(tmp_path)
    (tmp_path / "models" / "speeds.json").mkdir(parents=True)
    with pytest.raises(NotWritable, match=r"The speeds at .* cannot be written"):
        keep_speed(paths, MeasuredSpeed("a", BOTH, NOW, FAST))


def test_every_type_of_file_has_the_name_that_gguf_gives_it() -> None:
    named = {int(kind): kind.name.removeprefix("MOSTLY_").removeprefix("ALL_") for kind in gguf.LlamaFileType}
    known = {number: name for number in range(64) if (name := quantisation(number))}
    assert {number: named.get(number) for number in known} == known
    assert (quantisation(15), quantisation(7), quantisation(None), quantisation(999)) == ("Q4_K_M", "Q8_0", "", "")


def test_what_was_begun_is_found_with_where_the_rest_comes_from(tmp_path: Path) -> None:
    (tmp_path / "a.gguf.partial").write_bytes(b"GGUF1234")
    (tmp_path / "a.gguf.partial.json").write_text('{"address": "https://example.org/a.gguf", "total": 100}')
    (tmp_path / "b.gguf.partial").write_bytes(b"GGUF")
    (tmp_path / "c.gguf.partial").write_bytes(b"GGUF")
    (tmp_path / "c.gguf.partial.json").write_text("[")
    [found] = unfinished_in(tmp_path)
    assert (found.name, found.address, found.done, found.total) == ("a.gguf", "https://example.org/a.gguf", 8, 100)
