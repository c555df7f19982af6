from __future__ import annotations

from pathlib import Path

import platformdirs
import pytest

from assistant.errors import NotWritable
from assistant.paths import Paths


def test_the_variable_names_the_data_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("RECOLLECT_DATA_DIR", str(tmp_path / "kept"))
    assert Paths.default() == Paths(tmp_path / "kept")


def test_a_relative_folder_in_the_variable_is_taken_from_the_working_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RECOLLECT_DATA_DIR", "kept")
    assert Paths.default().data == tmp_path / "kept"


@pytest.mark.parametrize("value", [None, ""])
def test_without_the_variable_the_platform_says_where(monkeypatch: pytest.MonkeyPatch, value: str | None) -> None:
    monkeypatch.delenv("RECOLLECT_DATA_DIR", raising=False)
    if value is not None:
        monkeypatch.setenv("RECOLLECT_DATA_DIR", value)
    assert Paths.default().data == Path(platformdirs.user_data_dir("recollect", appauthor=False))


def test_everything_lies_in_the_data_folder() -> None:
    paths = Paths(Path("/kept"))
    assert paths.database == Path("/kept/recollect.db")
    assert paths.models == Path("/kept/models")
    assert paths.logs == Path("/kept/logs")
    assert paths.embedder == Path("/kept/models/all-MiniLM-L6-v2-Q8_0.gguf")


def test_the_folders_are_made_for_their_owner_alone(tmp_path: Path) -> None:
    paths = Paths(tmp_path / "new" / "kept")
    paths.create()
    paths.create()
    folders = [tmp_path / "new", paths.data, paths.models, paths.logs]
    assert [oct(folder.stat().st_mode & 0o777) for folder in folders] == ["0o700"] * 4


def test_a_file_in_the_way_is_said_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("a file")
    with pytest.raises(NotWritable, match=r"kept cannot be made .* RECOLLECT_DATA_DIR"):
        Paths(tmp_path / "kept").create()
