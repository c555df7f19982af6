from __future__ import annotations

import os
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import gguf
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assistant.errors import ModelFileError
from assistant.llm.files.adapters import adapter_fits
from assistant.llm.files.gguf_header import BLOCKS, Header, Kind, Tensor, cache_bytes, read_header
from assistant.llm.files.manifest import ModelFile, models_folder

UINT32, FLOAT, BOOL, STRING, ARRAY, UINT64 = 4, 6, 7, 8, 9, 10
ARCHITECTURE = ("general.architecture", STRING, "qwen2")


def text(value: str | bytes) -> bytes:
    data = value.encode() if isinstance(value, str) else value
    return struct.pack("<Q", len(data)) + data


def entry(key: str, kind: int, value: object) -> bytes:
    forms = {UINT32: "<I", FLOAT: "<f", BOOL: "<?", UINT64: "<Q"}
    if kind in forms:
        data = struct.pack(forms[kind], value)
    else:
        data = text(value) if isinstance(value, str) else value  # type: ignore[assignment]
    return text(key) + struct.pack("<I", kind) + data


def tensor(name: str, shape: tuple[int, ...], kind: int = 0, offset: int = 0) -> bytes:
    return text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, kind, offset)


def array(kind: int, count: int, data: bytes = b"") -> bytes:
    return struct.pack("<IQ", kind, count) + data


def head(
    *entries: tuple[str, int, object],
    tensors: tuple[bytes, ...] = (),
    version: int = 3,
    counts: tuple[int, int] | None = None,
) -> bytes:
    tensor_count, entry_count = counts or (len(tensors), len(entries))
    start = b"GGUF" + struct.pack("<IQQ", version, tensor_count, entry_count)
    return start + b"".join(entry(*each) for each in entries) + b"".join(tensors)


@pytest.fixture
def read(tmp_path: Path) -> Callable[[bytes], Header]:
    def read_bytes(data: bytes) -> Header:
        path = tmp_path / "x.gguf"
        path.write_bytes(data)
        return read_header(path)

    return read_bytes


def test_a_model_says_what_it_is(tiny: ModelFile) -> None:
    header = read_header(tiny.path)
    assert (header.architecture, header.kind, header.name) == ("qwen2", Kind.MODEL, "")
    assert (header.context_length, header.block_count, header.embedding_length) == (1024, 2, 64)
    assert (header.heads, header.kv_heads, header.key_length, header.value_length) == ((2, 2), (2, 2), 32, 32)
    assert (header.vocabulary_size, header.file_type, header.chat_template) == (260, 0, None)
    assert header.tensors["blk.1.ffn_down.weight"].shape == (128, 64)
    assert header.parameters == 115_904
    assert header.expected_size == header.size == tiny.path.stat().st_size


def test_the_shipped_model_is_read_as_the_gguf_package_reads_it() -> None:
    path = models_folder() / "recollect-starter.gguf"
    header, theirs = read_header(path), gguf.GGUFReader(path)
    assert header.data_start == theirs.data_offset
    assert {name: each.shape for name, each in header.tensors.items()} == {
        each.name: tuple(int(number) for number in each.shape) for each in theirs.tensors
    }
    assert header.expected_size == max(each.data_offset + each.n_bytes for each in theirs.tensors)
    assert header.chat_template == theirs.fields["tokenizer.chat_template"].contents()
    assert header.vocabulary_size == len(theirs.fields["tokenizer.ggml.tokens"].data) == 8192
    assert (header.licence, header.parameters) == ("Apache-2.0", 10_231_680)


def test_every_tensor_type_has_the_size_that_the_format_gives_it() -> None:
    assert dict(BLOCKS) == {int(kind): sizes for kind, sizes in gguf.constants.GGML_QUANT_SIZES.items()}


def test_an_adapter_says_what_it_changes(read: Callable[[bytes], Header]) -> None:
    header = read(
        head(
            ARCHITECTURE,
            ("general.type", STRING, "adapter"),
            ("adapter.type", STRING, "lora"),
            ("adapter.lora.alpha", FLOAT, 32.0),
            ("general.base_model.count", UINT32, 2),
            ("general.base_model.0.name", STRING, "Qwen3 4B"),
            ("general.base_model.1.name", STRING, "Other"),
        )
    )
    assert (header.kind, header.lora_alpha, header.base_names) == (Kind.ADAPTER, 32.0, ("Qwen3 4B", "Other"))


def test_an_adapter_is_told_by_its_own_type_too(read: Callable[[bytes], Header]) -> None:
    assert read(head(ARCHITECTURE, ("adapter.type", STRING, "lora"))).kind is Kind.ADAPTER


@pytest.mark.parametrize(
    ("key", "value", "said"), [("general.type", "mmproj", "'mmproj'"), ("adapter.type", "ia3", "'ia3'")]
)
def test_what_is_neither_a_model_nor_an_adapter_is_refused(
    read: Callable[[bytes], Header], key: str, value: str, said: str
) -> None:
    with pytest.raises(ModelFileError, match=f"is neither a model nor a LoRA adapter but {said}"):
        read(head(ARCHITECTURE, (key, STRING, value), *([("general.type", STRING, "adapter")] * (value == "ia3"))))


def test_heads_may_be_stated_for_each_layer(read: Callable[[bytes], Header]) -> None:
    header = read(
        head(
            ARCHITECTURE,
            ("qwen2.block_count", UINT32, 3),
            ("qwen2.embedding_length", UINT32, 1024),
            ("qwen2.attention.head_count", UINT32, 8),
            ("qwen2.attention.head_count_kv", ARRAY, array(UINT32, 3, struct.pack("<3I", 2, 0, 4))),
            ("qwen2.attention.key_length", UINT32, 64),
        )
    )
    assert (header.heads, header.kv_heads) == ((8, 8, 8), (2, 0, 4))
    assert (header.key_length, header.value_length) == (64, 128)
    # 1,000 tokens * 6 heads * (64 + 128) numbers of 2 bytes
    assert cache_bytes(header, 1000) == 2_304_000


def test_the_cache_of_a_known_model_has_its_known_size(read: Callable[[bytes], Header]) -> None:
    numbers = {"block_count": 24, "embedding_length": 896, "attention.head_count": 14, "attention.head_count_kv": 2}
    header = read(head(ARCHITECTURE, *((f"qwen2.{key}", UINT32, value) for key, value in numbers.items())))
    assert cache_bytes(header, 8192) == 8192 * 12_288


def test_without_kv_heads_every_head_has_its_own(read: Callable[[bytes], Header]) -> None:
    numbers = (("qwen2.block_count", UINT32, 2), ("qwen2.attention.head_count", UINT32, 4))
    assert read(head(ARCHITECTURE, *numbers)).kv_heads == (4, 4)


def test_what_a_file_says_cannot_command_a_terminal(read: Callable[[bytes], Header]) -> None:
    assert read(head(ARCHITECTURE, ("general.name", STRING, "a\x1b[2J\nb\u202e"))).name == "a[2Jb"
    with pytest.raises(ModelFileError) as caught:
        read(head(ARCHITECTURE, ("general.\x1b[2J", STRING, "a"), ("general.\x1b[2J", STRING, "a")))
    assert "\x1b" not in str(caught.value)


def test_a_tensor_of_an_unknown_type_leaves_the_size_open(read: Callable[[bytes], Header]) -> None:
    assert read(head(ARCHITECTURE, tensors=(tensor("x", (1 << 40,), 999),))).expected_size is None


def test_a_file_without_its_last_byte_is_cut_off(tiny: ModelFile, read: Callable[[bytes], Header]) -> None:
    data = tiny.path.read_bytes()
    with pytest.raises(ModelFileError) as caught:
        read(data[:-1])
    assert caught.value.message.endswith(f"is cut off: it has {len(data) - 1} of {len(data)} bytes.")
    assert caught.value.hint == "Download it again."


def test_a_head_cut_off_anywhere_is_told(tiny: ModelFile, tmp_path: Path) -> None:
    path = tmp_path / "x.gguf"
    path.write_bytes(tiny.path.read_bytes())
    for length in reversed(range(read_header(tiny.path).data_start)):
        os.truncate(path, length)
        with pytest.raises(ModelFileError, match="is cut off" if length >= 4 else "is not a GGUF file"):
            read_header(path)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "is not a GGUF file"),
        (b"GGU", "is not a GGUF file"),
        (b"PK\x03\x04 and more", "is not a GGUF file"),
        (head(version=1), "has version 1, and versions 2 and 3 can be read"),
        (head(version=99), "has version 99"),
        (b"GGUF" + struct.pack(">IQQ", 3, 0, 0), "is big-endian"),
        (head(counts=(1 << 63, 0)), "it claims 9223372036854775808 tensors, more than 65536"),
        (head(counts=(0, 1 << 63)), "it claims 9223372036854775808 entries of metadata"),
        (head(), "it names no architecture"),
        (head(("general.architecture", UINT32, 7)), "'general.architecture' is not a text"),
        (head(ARCHITECTURE, ("qwen2.block_count", STRING, "many")), "'qwen2.block_count' is not a whole number"),
        (head(ARCHITECTURE, ("qwen2.block_count", FLOAT, 2.0)), "'qwen2.block_count' is not a whole number"),
        (head(ARCHITECTURE, ("qwen2.block_count", UINT64, 1 << 40)), "'qwen2.block_count' is not a whole number"),
        (head(ARCHITECTURE, ("qwen2.block_count", UINT32, 1 << 20)), "it has 1048576 layers, more than 4096"),
        (head(ARCHITECTURE, ARCHITECTURE), "the key 'general.architecture' is there twice"),
        (head(ARCHITECTURE, tensors=(tensor("x", ()), tensor("x", ()))), "the tensor 'x' is there twice"),
        (head(ARCHITECTURE, ("general.alignment", UINT32, 0)), "its alignment is 0"),
        (head(ARCHITECTURE, ("general.alignment", UINT32, 33)), "its alignment is 33"),
        (head(ARCHITECTURE, ("a", 13, b"")), "a value has the unknown type 13"),
        (head(ARCHITECTURE, ("a", ARRAY, array(13, 1))), "a list has the unknown type 13"),
        (head(ARCHITECTURE, ("a", ARRAY, array(ARRAY, 1, array(ARRAY, 1)))), "it has lists within lists"),
        (head(ARCHITECTURE, ("a", ARRAY, array(UINT32, 1 << 63))), "it ends within its head"),
        (head(ARCHITECTURE, ("a", ARRAY, array(STRING, 1 << 63))), "its lists have more than 2097152 words"),
        (head(ARCHITECTURE, ("a", ARRAY, array(STRING, 9, b"\xff" * 8))), "it ends within its head"),
        (head(ARCHITECTURE, ("a", STRING, b"\xff" * 8)), "it ends within its head"),
        (head(ARCHITECTURE, tensors=(tensor("x", (1,) * 5),)), "has 5 dimensions, more than 4"),
        (head(ARCHITECTURE, tensors=(tensor("x", (33,), 8),)), "has rows of 33 in blocks of 32"),
        (head(ARCHITECTURE, tensors=(tensor("x", (2**63,) * 4),)), "is cut off"),
        (head(ARCHITECTURE, tensors=(tensor("x", (1,), 0, 2**64 - 1),)), "is cut off"),
        (
            head(
                ARCHITECTURE,
                ("qwen2.block_count", UINT32, 3),
                ("qwen2.attention.head_count", ARRAY, array(UINT32, 2, bytes(8))),
            ),
            "'qwen2.attention.head_count' is not a number for each of 3 layers",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_damaged_or_hostile_file_is_told(read: Callable[[bytes], Header], data: bytes, said: str) -> None:
    with pytest.raises(ModelFileError) as caught:
        read(data)
    assert said in caught.value.message
    assert caught.value.message.endswith(".")
    assert caught.value.hint.endswith(".")


def sparse(path: Path, start: bytes, size: int) -> Path:
    """A file of `size` bytes of which only `start` takes room."""
    with path.open("wb") as file:
        file.write(start)
        file.truncate(size)
    return path


@pytest.mark.parametrize(
    ("start", "said"),
    [
        (
            head(ARCHITECTURE, ("tokenizer.chat_template", STRING, struct.pack("<Q", 1_000_000_000))),
            "the text 'tokenizer.chat_template' has 1000000000 bytes, more than 1048576",
        ),
        (head(ARCHITECTURE, ("a", STRING, struct.pack("<Q", 1_000_000_000))), "its head has more than 268435456 bytes"),
        (head(ARCHITECTURE, ("a", ARRAY, array(UINT64, 200_000_000))), "its head has more than 268435456 bytes"),
        (head(ARCHITECTURE, ("a", ARRAY, array(STRING, 200_000_000))), "its lists have more than 2097152 words"),
        (
            head(ARCHITECTURE, ("a", ARRAY, array(STRING, 2_000_000)), counts=(0, 60_000)),
            "the key '' is there twice",
        ),
        (head(ARCHITECTURE, counts=(0, 60_000)) + text(b"k" * 65_535), "the key '' is there twice"),
        (head(ARCHITECTURE, counts=(0, 2)) + struct.pack("<Q", 1 << 30), "a key has 1073741824 bytes"),
        (head(ARCHITECTURE, counts=(1, 1)) + struct.pack("<Q", 1 << 30), "a tensor's name has 1073741824 bytes"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_endless_takes_neither_time_nor_memory(tmp_path: Path, start: bytes, said: str) -> None:
    path = sparse(tmp_path / "x.gguf", start, 2_000_000_000)
    begun = time.monotonic()
    with pytest.raises(ModelFileError) as caught:
        read_header(path)
    assert time.monotonic() - begun < 10
    assert said in caught.value.message
    peak = "import resource; print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    program = f"""
from pathlib import Path
from assistant.errors import ModelFileError
from assistant.llm.files.gguf_header import read_header
{peak}
try:
    read_header(Path({str(path)!r}))
except ModelFileError:
    {peak}
"""
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    before, after = (int(line) for line in shown.stdout.split())
    assert after - before < 20_000


@settings(max_examples=300)
@given(st.data())
def test_a_file_changed_anywhere_is_read_or_refused(
    tiny: ModelFile, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    end = read_header(tiny.path).data_start
    content = bytearray(tiny.path.read_bytes())
    for place, value in data.draw(st.lists(st.tuples(st.integers(0, end), st.integers(0, 255)), max_size=8)):
        content[place] = value
    if data.draw(st.booleans()):
        place = data.draw(st.integers(0, end))
        number = data.draw(st.sampled_from([0, 1, 2**31, 2**32, 2**63, 2**64 - 1]))
        content[place : place + 8] = struct.pack("<Q", number)
    if data.draw(st.booleans()):
        del content[data.draw(st.integers(0, len(content))) :]
    path = tmp_path_factory.getbasetemp() / "changed.gguf"
    path.write_bytes(content)
    try:
        header = read_header(path)
    except ModelFileError as error:
        assert error.message.endswith(".")
    else:
        assert header.expected_size is None or header.expected_size <= len(content)
        assert cache_bytes(header, 100) >= 0


@settings(max_examples=200)
@given(st.binary(max_size=300))
def test_any_bytes_after_a_good_beginning_are_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.gguf"
    path.write_bytes(b"GGUF" + struct.pack("<I", 3) + data)
    with pytest.raises(ModelFileError):
        read_header(path)


@pytest.mark.parametrize(("name", "said"), [("none.gguf", "is missing"), ("", "is not a file")])
def test_a_missing_file_and_a_folder_are_told(tmp_path: Path, name: str, said: str) -> None:
    with pytest.raises(ModelFileError, match=said):
        read_header(tmp_path / name)


def test_a_vocabulary_of_a_quarter_of_a_million_words_is_passed_over_quickly(tmp_path: Path) -> None:
    words = b"".join(text(f"word{number}") for number in range(260_000))
    path = tmp_path / "large.gguf"
    path.write_bytes(
        head(
            ARCHITECTURE,
            ("tokenizer.ggml.tokens", ARRAY, array(STRING, 260_000, words)),
            ("tokenizer.ggml.merges", ARRAY, array(STRING, 520_000, words * 2)),
            ("tokenizer.ggml.scores", ARRAY, array(FLOAT, 260_000, bytes(4 * 260_000))),
        )
    )
    begun = time.monotonic()
    assert read_header(path).vocabulary_size == 260_000
    assert time.monotonic() - begun < 3


def test_reading_needs_neither_numpy_nor_gguf() -> None:
    program = "import sys, assistant.llm.files.gguf_header; print('numpy' in sys.modules, 'gguf' in sys.modules)"
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert shown.stdout == "False False\n"


QUERY, UP, WORDS, NORM = "blk.0.attn_q.weight", "blk.0.ffn_up.weight", "token_embd.weight", "blk.0.attn_norm.weight"
GOOD = {f"{QUERY}.lora_a": (4, 64), f"{QUERY}.lora_b": (64, 4)}
ADAPTERS: dict[str, tuple[dict[str, tuple[int, ...]], str | None]] = {
    "good": (GOOD, None),
    "rows": ({f"{UP}.lora_a": (4, 64), f"{UP}.lora_b": (128, 4)}, None),
    "words": ({f"{WORDS}.lora_a": (260, 4), f"{WORDS}.lora_b": (64, 4)}, None),
    "norm": (GOOD | {NORM: (64,)}, None),
    "other rank": (GOOD | {f"{QUERY}.lora_b": (64, 8)}, f"Its tensor '{QUERY}' has another shape than the model's."),
    "other rows": (GOOD | {f"{QUERY}.lora_b": (32, 4)}, f"Its tensor '{QUERY}' has another shape than the model's."),
    "other columns": (GOOD | {f"{QUERY}.lora_a": (4, 32)}, f"Its tensor '{QUERY}' has another shape than the model's."),
    "words as rows": (
        {f"{WORDS}.lora_a": (4, 64), f"{WORDS}.lora_b": (260, 4)},
        f"Its tensor '{WORDS}' has another shape than the model's.",
    ),
    "half": ({f"{QUERY}.lora_a": (4, 64)}, f"Its tensor '{QUERY}.lora_a' lacks the other half."),
    "no such tensor": (
        {"blk.9.attn_q.weight.lora_a": (4, 64), "blk.9.attn_q.weight.lora_b": (64, 4)},
        "It changes the tensor 'blk.9.attn_q.weight', which the model does not have.",
    ),
    "other tensor": (GOOD | {f"{QUERY}.scale": (4,)}, f"Its tensor '{QUERY}.scale' is no part of a LoRA."),
    "other architecture": (GOOD, "It was made for the architecture llama, and the model is qwen2."),
}


def write_adapter(path: Path, shapes: dict[str, tuple[int, ...]], architecture: str) -> None:
    """Writes an adapter of zeros; `shapes` are numpy's, rows first."""
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", 16.0)
    for name, shape in shapes.items():
        writer.add_tensor(name, np.zeros(shape, np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def test_an_adapter_fits_where_llama_cpp_takes_it(tiny: ModelFile, tmp_path: Path) -> None:
    base = read_header(tiny.path)
    paths = [tmp_path / f"{number}.gguf" for number in range(len(ADAPTERS))]
    for (name, (shapes, _)), path in zip(ADAPTERS.items(), paths, strict=True):
        write_adapter(path, shapes, "llama" if name == "other architecture" else "qwen2")
    ours = {name: adapter_fits(read_header(path), base) for name, path in zip(ADAPTERS, paths, strict=True)}
    assert ours == {name: said for name, (_, said) in ADAPTERS.items()}
    program = f"""
import llama_cpp
model = llama_cpp.llama_model_load_from_file({str(tiny.path)!r}.encode(), llama_cpp.llama_model_default_params())
for path in {[str(path) for path in paths]!r}:
    print("fits" if llama_cpp.llama_adapter_lora_init(model, path.encode()) else "does not")
"""
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    theirs = dict(zip(ADAPTERS, shown.stdout.split("\n")[:-1], strict=True))
    assert theirs == {name: "does not" if said else "fits" for name, said in ours.items()}


def test_only_an_adapter_fits_and_only_to_a_model(tiny: ModelFile, tmp_path: Path) -> None:
    base = read_header(tiny.path)
    write_adapter(tmp_path / "x.gguf", GOOD, "qwen2")
    adapter = read_header(tmp_path / "x.gguf")
    assert adapter_fits(base, base) == "It is a whole model, not an adapter."
    assert adapter_fits(adapter, adapter) == "What it should change is an adapter itself, not a model."
    assert adapter_fits(replace(adapter, tensors={NORM: Tensor((64,), 0, 0)}), base) == "It has no tensors."
