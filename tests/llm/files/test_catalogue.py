from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from assistant.errors import ModelFileError
from assistant.llm.files.catalogue import CATALOGUE, Offer, memory_needed, read_catalogue
from assistant.llm.files.gguf_header import read_header
from assistant.llm.files.manifest import ModelFile, models_folder
from assistant.llm.files.resources import available_memory, free_disk

ENTRY = """
[[model]]
name = "small"
family = "Qwen"
parameters = 500_000_000
file = "small-q4.gguf"
url = "https://huggingface.co/somebody/small-GGUF/resolve/main/small-q4.gguf"
size = 400_000_000
licence = "Apache-2.0"
context = 32_768
cache_per_token = 12_288
"""
SMALL = Offer(
    name="small",
    family="Qwen",
    parameters=500_000_000,
    file="small-q4.gguf",
    url="https://huggingface.co/somebody/small-GGUF/resolve/main/small-q4.gguf",
    size=400_000_000,
    licence="Apache-2.0",
    context=32_768,
    cache_per_token=12_288,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / CATALOGUE


def test_offers_are_read_in_their_order(path: Path) -> None:
    digest = "0123456789abcdef" * 4
    second = ENTRY.replace("small", "second") + f'about = true\nthinking = true\nsha256 = "{digest}"\n'
    path.write_text(ENTRY + second)
    first, other = read_catalogue(path)
    assert first == SMALL
    assert (other.name, other.about, other.thinking, other.sha256) == ("second", True, True, digest)


def test_a_rounded_size_is_not_one_that_a_download_must_have() -> None:
    assert SMALL.exact_size == 400_000_000
    assert replace(SMALL, about=True).exact_size is None


def test_memory_is_weights_and_two_caches_and_the_rest() -> None:
    # 400 MB of weights, 2 * 8,192 tokens of 12,288 bytes, 300 MB
    assert memory_needed(SMALL) == 400_000_000 + 201_326_592 + 300_000_000
    assert memory_needed(SMALL, contexts=1) == 400_000_000 + 100_663_296 + 300_000_000


def test_a_short_context_takes_less_memory() -> None:
    assert memory_needed(replace(SMALL, context=1000)) == 400_000_000 + 24_576_000 + 300_000_000


def test_the_memory_of_a_file_follows_from_its_header(tiny: ModelFile) -> None:
    # 1,024 tokens * 2 layers * 2 heads * 64 numbers of 2 bytes, twice
    assert memory_needed(read_header(tiny.path)) == tiny.path.stat().st_size + 2 * 524_288 + 300_000_000


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('name = "small"', "", "'name'"),
        ('name = "small"', 'name = "small"\nstars = 5', "stars"),
        ("400_000_000", '"large"', "size of small is not of the type int"),
        ("400_000_000", "true", "size of small is not of the type int"),
        ("32_768", "0", "context of small is not above 0"),
        ("https://", "http://", "url of small cannot be used"),
        ("small-q4.gguf", "../small.gguf", "file of small cannot be used"),
        ("small-q4.gguf", "small.exe", "file of small cannot be used"),
        ("32_768", '32_768\nsha256 = "abc"', "sha256 of small cannot be used: 'abc'"),
        ("[[model]]", "[[model", "Expected"),
        ("[[model]]", "model = [1]\n[other]", "a model is not a table"),
    ],
)
def test_a_catalogue_that_cannot_be_read_is_told(path: Path, old: str, new: str, said: str) -> None:
    path.write_text(ENTRY.replace(old, new))
    with pytest.raises(ModelFileError) as caught:
        read_catalogue(path)
    assert caught.value.message.startswith(f"The catalogue of models at {path} cannot be read (")
    assert said in caught.value.message


@pytest.mark.parametrize(
    ("entry", "twice"),
    [(ENTRY.replace("small-q4", "other"), "small"), (ENTRY.replace('"small"', '"other"'), "small-q4.gguf")],
)
def test_no_name_and_no_file_is_there_twice(path: Path, entry: str, twice: str) -> None:
    path.write_text(ENTRY + entry)
    with pytest.raises(ModelFileError, match=f"has two entries for '{twice}'"):
        read_catalogue(path)


def test_a_missing_catalogue_is_told(path: Path) -> None:
    with pytest.raises(ModelFileError, match="There is no catalogue of models at"):
        read_catalogue(path)


def test_the_shipped_catalogue_can_be_read() -> None:
    offers = read_catalogue(models_folder() / CATALOGUE)
    assert len(offers) == 18
    assert {offer.family for offer in offers} == {"Qwen", "Llama", "Gemma", "Mistral", "Phi", "SmolLM"}
    assert all(offer.sha256 is not None and not offer.about for offer in offers)
    for offer in offers:
        assert offer.url.startswith("https://huggingface.co/")
        assert offer.url.endswith(f"/resolve/main/{offer.file}")
        # Between 4-bit and 8-bit weights, with the embeddings that are kept finer.
        assert 0.5 < offer.size / offer.parameters < 1.2, offer.name


def test_available_memory_is_what_linux_says(tmp_path: Path) -> None:
    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemTotal:       24000 kB\nMemFree:  5 kB\nMemAvailable:   17000 kB\n")
    assert available_memory(meminfo) == 17_408_000


def test_where_that_is_not_told_all_memory_counts(tmp_path: Path) -> None:
    built_in = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    assert available_memory(tmp_path / "none") == built_in
    (tmp_path / "odd").write_text("MemAvailable: much\n")
    assert available_memory(tmp_path / "odd") == built_in


def test_unknown_memory_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(_: str) -> int:
        raise ValueError("unrecognized configuration name")

    monkeypatch.setattr(os, "sysconf", unknown)
    assert available_memory(tmp_path / "none") is None


def test_the_disk_of_a_folder_that_is_not_made_yet_is_that_of_the_one_above(tmp_path: Path) -> None:
    free = free_disk(tmp_path / "not" / "yet")
    assert free is not None
    assert abs(free - os.statvfs(tmp_path).f_bavail * os.statvfs(tmp_path).f_frsize) < 1_000_000_000
