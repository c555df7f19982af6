"""Where things are kept on this machine.

Promises that everything lies in one data folder that only its owner can read. Knows nothing of what is in the files.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from assistant.errors import NotWritable

DATA_DIR_VARIABLE = "RECOLLECT_DATA_DIR"


@dataclass(frozen=True, slots=True)
class Paths:
    """The data folder and what stands where in it."""

    data: Path

    @classmethod
    def default(cls) -> Paths:
        """The folder that RECOLLECT_DATA_DIR names, else the platform's folder for a user's data."""
        if named := os.environ.get(DATA_DIR_VARIABLE):
            return cls(Path(named).expanduser().absolute())
        # Imported late: the command line should start without it where the variable is set.
        from platformdirs import user_data_path

        return cls(user_data_path("recollect", appauthor=False))

    @property
    def database(self) -> Path:
        return self.data / "recollect.db"

    @property
    def models(self) -> Path:
        return self.data / "models"

    @property
    def logs(self) -> Path:
        return self.data / "logs"

    @property
    def embedder(self) -> Path:
        """The sentence embedder, converted at set-up; search is by text alone until it is there."""
        return self.models / "all-MiniLM-L6-v2-Q8_0.gguf"

    def create(self) -> None:
        """Makes the folders that are missing, mode 0700. Raises NotWritable."""
        for folder in (self.data, self.models, self.logs):
            make_private_folder(folder)


def make_private_folder(folder: Path) -> None:
    """Makes `folder`, and its parents where missing, readable by its owner alone. Raises NotWritable."""
    try:
        # mkdir's mode does not apply to parents that it makes, and each of them may be ours alone.
        for missing in reversed([folder, *folder.parents]):
            if not missing.exists():
                missing.mkdir(mode=0o700, exist_ok=True)
        if not folder.is_dir():
            raise NotADirectoryError
    except OSError as error:
        raise NotWritable(
            f"The folder {folder} cannot be made ({error.strerror or 'a file is in the way'}).",
            f"Make it writable, or name another folder with {DATA_DIR_VARIABLE}.",
        ) from error
