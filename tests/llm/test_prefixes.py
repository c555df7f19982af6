from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from assistant.llm.prefixes import LEAST_TOKENS, SavedPrefix
from assistant.llm.protocol import AgentOptions

PREFIX = tuple(range(100))
SAID = b"what a model made of it" * 100


class FakeContext:
    """Saves `SAID`, and takes up whatever begins with it; notes what it was asked for."""

    def __init__(self, *, saves: bool = True, dies: bool = False) -> None:
        self.restored: list[tuple[bytes, tuple[int, ...]]] = []
        self.saved = 0
        self._saves = saves
        self._dies = dies

    def save(self, path: Path) -> bool:
        self.saved += 1
        path.write_bytes(SAID if self._saves else SAID[:50])
        if self._dies:
            raise SystemExit
        return self._saves

    def restore(self, path: Path, expected: Sequence[int]) -> bool:
        content = path.read_bytes()
        self.restored.append((content[: len(SAID)], tuple(expected)))
        if self._dies:
            raise SystemExit
        return content.startswith(SAID)


@pytest.fixture
def options(tmp_path: Path) -> AgentOptions:
    (tmp_path / "model.gguf").write_bytes(b"weights")
    (tmp_path / "adapter.gguf").write_bytes(b"more weights")
    return AgentOptions(model=str(tmp_path / "model.gguf"), adapter=str(tmp_path / "adapter.gguf"), context=1024)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "states"


def restored(prefix: SavedPrefix, tokens: Sequence[int] = PREFIX) -> list[tuple[bytes, tuple[int, ...]]]:
    context = FakeContext()
    prefix.restore(context, tokens)
    return context.restored


def names(folder: Path) -> list[tuple[str, str]]:
    return sorted((path.name.split("-")[0], path.suffix) for path in folder.iterdir())


def test_what_was_saved_is_restored_by_the_next_process(folder: Path, options: AgentOptions) -> None:
    SavedPrefix(folder, "answer", options).save(FakeContext(), PREFIX)
    for _ in range(3):
        assert restored(SavedPrefix(folder, "answer", options)) == [(SAID, PREFIX)]
    assert names(folder) == [("answer", ".state")]


def test_what_is_there_is_not_saved_again(folder: Path, options: AgentOptions) -> None:
    context = FakeContext()
    for _ in range(2):
        SavedPrefix(folder, "answer", options).save(context, PREFIX)
    assert context.saved == 1


def test_a_short_prefix_is_not_worth_a_file(folder: Path, options: AgentOptions) -> None:
    context, prefix = FakeContext(), SavedPrefix(folder, "answer", options)
    prefix.save(context, PREFIX[: LEAST_TOKENS - 1])
    assert not folder.exists()
    prefix.save(context, PREFIX[:LEAST_TOKENS])
    assert names(folder) == [("answer", ".state")]
    assert context.saved == 1


@pytest.mark.parametrize("change", ["instructions", "context", "adapter", "no adapter", "model", "model in place"])
def test_what_something_else_made_of_it_is_not_restored_but_replaced(
    folder: Path, options: AgentOptions, tmp_path: Path, change: str
) -> None:
    SavedPrefix(folder, "answer", options).save(FakeContext(), PREFIX)
    SavedPrefix(folder, "manager", options).save(FakeContext(), PREFIX)
    tokens = PREFIX
    other = tmp_path / "other.gguf"
    other.write_bytes(b"others")
    match change:
        case "instructions":
            tokens = (*PREFIX, 100)
        case "context":
            options = replace(options, context=2048)
        case "adapter":
            options = replace(options, adapter=str(other))
        case "no adapter":
            options = replace(options, adapter=None)
        case "model":
            options = replace(options, model=str(other))
        case "model in place":
            Path(options.model).write_bytes(b"heights")
            os.utime(options.model, (1.0, 2.0))
    changed = SavedPrefix(folder, "answer", options)
    assert restored(changed, tokens) == []
    changed.save(FakeContext(), tokens)
    assert restored(changed, tokens) == [(SAID, tokens)]
    assert names(folder) == [("answer", ".state"), ("manager", ".state")]


def test_a_model_that_was_replaced_after_it_was_loaded_does_not_get_what_the_old_one_made(
    folder: Path, options: AgentOptions, tmp_path: Path
) -> None:
    loaded = SavedPrefix(folder, "answer", options)
    newer = tmp_path / "newer.gguf"
    newer.write_bytes(b"other weights")
    newer.replace(options.model)
    loaded.save(FakeContext(), PREFIX)
    assert restored(SavedPrefix(folder, "answer", options)) == []


def test_a_model_that_was_removed_after_it_was_loaded_is_no_error(folder: Path, options: AgentOptions) -> None:
    loaded = SavedPrefix(folder, "answer", options)
    Path(options.model).unlink()
    assert restored(loaded) == []
    loaded.save(FakeContext(), PREFIX)


def test_a_file_that_takes_the_process_down_is_not_tried_again(folder: Path, options: AgentOptions) -> None:
    SavedPrefix(folder, "answer", options).save(FakeContext(), PREFIX)
    with pytest.raises(SystemExit):
        SavedPrefix(folder, "answer", options).restore(FakeContext(dies=True), PREFIX)
    next_start = SavedPrefix(folder, "answer", options)
    assert restored(next_start) == []
    next_start.save(FakeContext(), PREFIX)
    assert restored(next_start) == [(SAID, PREFIX)]
    assert names(folder) == [("answer", ".state")]


def test_a_process_that_ends_while_it_saves_leaves_nothing_that_is_restored(
    folder: Path, options: AgentOptions
) -> None:
    with pytest.raises(SystemExit):
        SavedPrefix(folder, "answer", options).save(FakeContext(dies=True), PREFIX)
    next_start = SavedPrefix(folder, "answer", options)
    assert restored(next_start) == []
    next_start.save(FakeContext(), PREFIX)
    assert names(folder) == [("answer", ".state")]


def test_a_file_that_the_context_does_not_take_is_replaced(folder: Path, options: AgentOptions) -> None:
    class Refusing(FakeContext):
        def restore(self, path: Path, expected: Sequence[int]) -> bool:
            super().restore(path, expected)
            return False

    context = Refusing()
    for _ in range(2):
        start = SavedPrefix(folder, "answer", options)
        start.restore(context, PREFIX)
        start.save(context, PREFIX)
    assert (len(context.restored), context.saved) == (1, 2)
    assert names(folder) == [("answer", ".state")]


@pytest.mark.parametrize("damage", ["cut off", "one bit", "the last bit", "empty", "something else", "longer"])
def test_a_damaged_file_never_reaches_the_context_and_is_replaced(
    folder: Path, options: AgentOptions, damage: str
) -> None:
    start = SavedPrefix(folder, "answer", options)
    start.save(FakeContext(), PREFIX)
    (path,) = folder.iterdir()
    whole = path.read_bytes()
    path.write_bytes(
        {
            "cut off": whole[:1000],
            "one bit": whole[:1000] + bytes([whole[1000] ^ 1]) + whole[1001:],
            "the last bit": whole[:-1] + bytes([whole[-1] ^ 1]),
            "empty": b"",
            "something else": b"x" * len(whole),
            "longer": whole + b"\x00",
        }[damage]
    )
    assert restored(start) == []
    start.save(FakeContext(), PREFIX)
    assert path.read_bytes() == whole
    assert names(folder) == [("answer", ".state")]


def test_without_room_nothing_is_left(folder: Path, options: AgentOptions) -> None:
    start = SavedPrefix(folder, "answer", options)
    start.save(FakeContext(saves=False), PREFIX)
    assert names(folder) == []


def test_the_folder_is_for_its_owner_alone(folder: Path, options: AgentOptions) -> None:
    before = os.umask(0o022)
    try:
        SavedPrefix(folder, "answer", options).save(FakeContext(), PREFIX)
    finally:
        os.umask(before)
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_folder_that_cannot_be_written_is_no_error(tmp_path: Path, options: AgentOptions) -> None:
    taken = tmp_path / "taken"
    taken.write_bytes(b"a file")
    start = SavedPrefix(taken, "answer", options)
    start.save(FakeContext(), PREFIX)
    assert restored(start) == []
    assert taken.read_bytes() == b"a file"
