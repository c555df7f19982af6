"""Reads what stands at the head of a GGUF file: what it is, how large, and for which prompts.

Promises that a file which is cut off, damaged or made to harm ends in a ModelFileError, soon and in little memory; long
lists are passed over, never built. Needs the standard library alone. Knows nothing of what llama.cpp makes of the file.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import BinaryIO

from assistant.errors import ModelFileError

MAGIC = b"GGUF"
MAX_HEAD = 256 << 20
"""Bytes. The largest vocabularies in use (a quarter of a million words, half a million merges) take 15 MB."""

MAX_TEXT = 1 << 20
"""Bytes of a chat template or a name. The longest templates in use have 20 kB."""

MAX_ENTRIES = 1 << 16
"""Metadata keys, and tensors: real files have some dozens and some thousands."""

MAX_ITEMS = 1 << 21
"""Strings in all lists together, because each of them must be looked at to find the next one."""

MAX_LAYERS = 4096
_MAX_NAME = (1 << 16) - 1
_MAX_SHORT_LIST = MAX_LAYERS
_MAX_DIMENSIONS = 4
_VERSIONS = (2, 3)
_WINDOW = 1 << 20

_STRING, _ARRAY = 8, 9
_LENGTH = struct.Struct("<Q")
_SCALARS = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"}

_BLOCK_BYTES = {
    1: {0: 4, 1: 2, 24: 1, 25: 2, 26: 4, 27: 8, 28: 8, 30: 2},
    32: {2: 18, 3: 20, 6: 22, 7: 24, 8: 34, 9: 40, 20: 18, 39: 17},
    64: {40: 36},
    128: {41: 18},
    256: {10: 84, 11: 110, 12: 144, 13: 176, 14: 210, 15: 292, 16: 66, 17: 74, 18: 98, 19: 50, 21: 110, 22: 82}
    | {23: 136, 29: 56, 34: 54, 35: 66},
}
BLOCKS: Mapping[int, tuple[int, int]] = MappingProxyType(
    {kind: (numbers, size) for numbers, sizes in _BLOCK_BYTES.items() for kind, size in sizes.items()}
)
"""How each tensor type is stored, by its number in the GGUF specification: numbers in a block, bytes of a block."""

_FETCH_AGAIN = "Download it again."
_OTHER_FILE = "Name a GGUF file, as llama.cpp reads it."

_Value = str | int | float | tuple[int | float, ...]


class Kind(StrEnum):
    """What a GGUF file holds: a whole model, or a LoRA adapter that changes one."""

    MODEL = "model"
    ADAPTER = "adapter"


@dataclass(frozen=True, slots=True)
class Tensor:
    """`shape` begins with the length of a row; `type` is a key of BLOCKS, or unknown; `offset` counts from the data."""

    shape: tuple[int, ...]
    type: int
    offset: int


@dataclass(frozen=True, slots=True)
class Header:
    """What a GGUF file says of itself. Numbers that it does not state are 0, texts "".

    `heads` and `kv_heads` have a number a layer. `size` is the file's, in bytes; `expected_size` is where its last
    tensor ends, None if a tensor has a type that is not in BLOCKS. `lora_alpha` and `base_names` are an adapter's.
    """

    architecture: str
    name: str
    kind: Kind
    licence: str
    chat_template: str | None
    file_type: int | None
    parameters: int
    context_length: int
    vocabulary_size: int
    block_count: int
    embedding_length: int
    heads: tuple[int, ...]
    kv_heads: tuple[int, ...]
    key_length: int
    value_length: int
    lora_alpha: float | None
    base_names: tuple[str, ...]
    tensors: Mapping[str, Tensor]
    data_start: int
    size: int
    expected_size: int | None


def read_header(path: Path) -> Header:
    """The header of the GGUF file at `path`, all of whose tensors are there. Raises ModelFileError."""
    try:
        if not path.is_file():
            what = "is not a file" if path.exists() else "is missing"
            raise ModelFileError(f"The model file {path} {what}.", _OTHER_FILE)
        with path.open("rb") as file:
            header = _header(path, _Head(path, file, path.stat().st_size))
    except (OSError, ValueError) as error:
        # A ValueError: a path with a null character in it.
        reason = getattr(error, "strerror", None) or error
        raise ModelFileError(f"The model file {path} cannot be read ({reason}).", _OTHER_FILE) from error
    if header.expected_size is not None and header.size < header.expected_size:
        raise ModelFileError(
            f"The model file {path} is cut off: it has {header.size} of {header.expected_size} bytes.", _FETCH_AGAIN
        )
    return header


def cache_bytes(header: Header, context: int) -> int:
    """Bytes of the KV cache of one context of `context` tokens, in f16, as if every layer kept all of them."""
    return 2 * context * sum(header.kv_heads) * (header.key_length + header.value_length)


def adapter_fits(adapter: Header, base: Header) -> str | None:
    """Why the LoRA `adapter` does not belong to the model `base`, as a sentence; None if it does.

    The shapes are those that llama.cpp checks: A (row length of the base, rank) and B (rank, rows of the base); for
    token embeddings, whose rows are looked up, the two change places.
    """
    if adapter.kind is not Kind.ADAPTER:
        return "It is a whole model, not an adapter."
    if base.kind is not Kind.MODEL:
        return "What it should change is an adapter itself, not a model."
    if adapter.architecture != base.architecture:
        return f"It was made for the architecture {adapter.architecture}, and the model is {base.architecture}."
    names = [name for name in adapter.tensors if not name.endswith("_norm.weight")]
    if not names:
        return "It has no tensors."
    return next((reason for name in names if (reason := _misfit(name, adapter, base))), None)


def _misfit(name: str, adapter: Header, base: Header) -> str | None:
    target, _, part = name.rpartition(".")
    if part not in ("lora_a", "lora_b"):
        return f"Its tensor {_shown(name)} is no part of a LoRA."
    a, b = (adapter.tensors.get(f"{target}.{each}") for each in ("lora_a", "lora_b"))
    if a is None or b is None:
        return f"Its tensor {_shown(name)} lacks the other half."
    if target not in base.tensors:
        return f"It changes the tensor {_shown(target)}, which the model does not have."
    (columns, rows), (a_row, a_rank), (b_rank, b_rows) = (
        (*tensor.shape, 1, 1)[:2] for tensor in (base.tensors[target], a, b)
    )
    if target.endswith("token_embd.weight"):
        fits = (columns, rows) == (b_rows, a_rank)
    else:
        fits = (columns, rows, a_rank) == (a_row, b_rows, b_rank)
    return None if fits else f"Its tensor {_shown(target)} has another shape than the model's."


class _Head:
    """The head of a file, read from front to back through a window."""

    def __init__(self, path: Path, file: BinaryIO, size: int) -> None:
        self.path = path
        self.size = size
        self._file = file
        self._window = b""
        self._start = 0
        self.position = 0
        self._items = 0

    def damaged(self, what: str) -> ModelFileError:
        return ModelFileError(f"The model file {self.path} is damaged: {what}.", _FETCH_AGAIN)

    def take(self, count: int) -> bytes:
        """The next `count` bytes."""
        begin = self.position - self._start
        if not 0 <= begin <= begin + count <= len(self._window):
            self._move(count)
            begin = 0
        self.position += count
        return self._window[begin : begin + count]

    def skip(self, count: int) -> None:
        self._check(count)
        self.position += count

    def number(self, form: str) -> int | float:
        value: int | float = struct.unpack(form, self.take(struct.calcsize(form)))[0]
        return value

    def integer(self, form: str) -> int:
        return int(self.number(form))

    def text(self, limit: int, what: str) -> str:
        """A string of at most `limit` bytes. Bytes that are no UTF-8 do not matter: such a name matches nothing."""
        length = self.integer("<Q")
        if length > limit:
            raise self.damaged(f"{what} has {length} bytes, more than {limit}")
        return self.take(length).decode(errors="replace")

    def skip_text(self) -> None:
        self.skip(self.integer("<Q"))

    def skip_texts(self, count: int) -> None:
        """Passes over `count` strings, in one plain loop: a vocabulary has hundreds of thousands."""
        self._items += count
        if self._items > MAX_ITEMS:
            raise self.damaged(f"its lists have more than {MAX_ITEMS} words")
        while count:
            self._move(8)
            window, place = self._window, 0
            last = len(window) - 8
            while count and place <= last:
                place += 8 + _LENGTH.unpack_from(window, place)[0]
                count -= 1
            self.skip(place)

    def _check(self, count: int) -> None:
        end = self.position + count
        if end > self.size:
            raise ModelFileError(f"The model file {self.path} is cut off: it ends within its head.", _FETCH_AGAIN)
        if end > MAX_HEAD:
            raise self.damaged(f"its head has more than {MAX_HEAD} bytes")

    def _move(self, count: int) -> None:
        """Moves the window to the position, with at least `count` bytes."""
        self._check(count)
        self._file.seek(self.position)
        self._start, self._window = self.position, self._file.read(max(count, _WINDOW))
        if len(self._window) < count:
            raise ModelFileError(f"The model file {self.path} became shorter while it was read.", _FETCH_AGAIN)


def _header(path: Path, head: _Head) -> Header:
    tensor_count, entry_count = _opening(path, head)
    values, lengths = _metadata(head, entry_count)
    tensors = _tensor_table(head, tensor_count)
    said = _Statements(head, values)
    alignment = said.integer("general.alignment", 32)
    if not 0 < alignment <= _WINDOW or alignment & (alignment - 1):
        raise head.damaged(f"its alignment is {alignment}")
    data_start = -(-head.position // alignment) * alignment
    architecture = said.line("general.architecture")
    if not architecture:
        raise head.damaged("it names no architecture")
    layers = said.integer(f"{architecture}.block_count")
    if layers > MAX_LAYERS:
        raise head.damaged(f"it has {layers} layers, more than {MAX_LAYERS}")
    heads = said.per_layer(f"{architecture}.attention.head_count", layers, (0,) * layers)
    embedding_length = said.integer(f"{architecture}.embedding_length")
    head_length = embedding_length // max(heads, default=0) if any(heads) else 0
    alpha = values.get("adapter.lora.alpha")
    template = values.get("tokenizer.chat_template")
    return Header(
        architecture=architecture,
        name=said.line("general.name"),
        kind=said.kind(),
        licence=said.line("general.license"),
        chat_template=template if isinstance(template, str) else None,
        file_type=said.integer("general.file_type") if "general.file_type" in values else None,
        parameters=sum(math.prod(tensor.shape) for tensor in tensors.values()),
        context_length=said.integer(f"{architecture}.context_length"),
        vocabulary_size=lengths.get("tokenizer.ggml.tokens") or said.integer(f"{architecture}.vocab_size"),
        block_count=layers,
        embedding_length=embedding_length,
        heads=heads,
        kv_heads=said.per_layer(f"{architecture}.attention.head_count_kv", layers, heads),
        key_length=said.integer(f"{architecture}.attention.key_length", head_length),
        value_length=said.integer(f"{architecture}.attention.value_length", head_length),
        lora_alpha=float(alpha) if isinstance(alpha, int | float) and math.isfinite(alpha) else None,
        base_names=said.base_names(),
        tensors=MappingProxyType(tensors),
        data_start=data_start,
        size=head.size,
        expected_size=_end(head, data_start, tensors),
    )


def _opening(path: Path, head: _Head) -> tuple[int, int]:
    """Checks what the file begins with; gives how many tensors and metadata entries follow."""
    if head.size < len(MAGIC) or head.take(4) != MAGIC:
        raise ModelFileError(f"{path} is not a GGUF file.", _OTHER_FILE)
    version = head.integer("<I")
    if version not in _VERSIONS:
        if int.from_bytes(version.to_bytes(4, "little"), "big") in _VERSIONS:
            raise ModelFileError(f"The GGUF file {path} is big-endian.", "Name one for little-endian machines.")
        raise ModelFileError(
            f"The GGUF file {path} has version {version}, and versions 2 and 3 can be read.",
            "Convert the model again with a current llama.cpp.",
        )
    tensors, entries = head.integer("<Q"), head.integer("<Q")
    for count, what in ((tensors, "tensors"), (entries, "entries of metadata")):
        if count > MAX_ENTRIES:
            raise head.damaged(f"it claims {count} {what}, more than {MAX_ENTRIES}")
    return tensors, entries


def _metadata(head: _Head, count: int) -> tuple[dict[str, _Value], dict[str, int]]:
    """The values that are short enough to keep, and the length of every list."""
    values: dict[str, _Value] = {}
    lengths: dict[str, int] = {}
    for _ in range(count):
        key = head.text(_MAX_NAME, "a key")
        if key in values or key in lengths:
            raise head.damaged(f"the key {_shown(key)} is there twice")
        kind = head.integer("<I")
        if kind == _ARRAY:
            lengths[key], items = _list(head)
            if items is not None:
                values[key] = items
        elif kind != _STRING:
            values[key] = _scalar(head, kind)
        elif key.startswith(("general.", "adapter.")) or key == "tokenizer.chat_template":
            values[key] = head.text(MAX_TEXT, f"the text {_shown(key)}")
        else:
            head.skip_text()
            values[key] = ""
    return values, lengths


def _scalar(head: _Head, kind: int) -> int | float:
    if kind not in _SCALARS:
        raise head.damaged(f"a value has the unknown type {kind}")
    return head.number(_SCALARS[kind])


def _list(head: _Head) -> tuple[int, tuple[int | float, ...] | None]:
    """The length of a list, and its items if they are a few numbers."""
    kind, count = head.integer("<I"), head.integer("<Q")
    if kind == _STRING:
        head.skip_texts(count)
        return count, None
    if kind == _ARRAY:
        raise head.damaged("it has lists within lists")
    if kind not in _SCALARS:
        raise head.damaged(f"a list has the unknown type {kind}")
    if count <= _MAX_SHORT_LIST:
        return count, tuple(head.number(_SCALARS[kind]) for _ in range(count))
    head.skip(count * struct.calcsize(_SCALARS[kind]))
    return count, None


def _tensor_table(head: _Head, count: int) -> dict[str, Tensor]:
    tensors: dict[str, Tensor] = {}
    for _ in range(count):
        name = head.text(_MAX_NAME, "a tensor's name")
        if name in tensors:
            raise head.damaged(f"the tensor {_shown(name)} is there twice")
        dimensions = head.integer("<I")
        if dimensions > _MAX_DIMENSIONS:
            raise head.damaged(f"the tensor {_shown(name)} has {dimensions} dimensions, more than {_MAX_DIMENSIONS}")
        shape = tuple(head.integer("<Q") for _ in range(dimensions))
        tensors[name] = Tensor(shape, head.integer("<I"), head.integer("<Q"))
    return tensors


def _end(head: _Head, data_start: int, tensors: Mapping[str, Tensor]) -> int | None:
    """Where the last tensor ends; None if a type is not known."""
    end = data_start if tensors else head.position
    for name, tensor in tensors.items():
        if tensor.type not in BLOCKS:
            return None
        numbers, size = BLOCKS[tensor.type]
        row = tensor.shape[0] if tensor.shape else 1
        if row % numbers:
            raise head.damaged(f"the tensor {_shown(name)} has rows of {row} in blocks of {numbers}")
        end = max(end, data_start + tensor.offset + math.prod(tensor.shape) // numbers * size)
    return end


class _Statements:
    """What the metadata state, checked for being of the kind that it should be."""

    def __init__(self, head: _Head, values: Mapping[str, _Value]) -> None:
        self._head = head
        self._values = values

    def line(self, key: str) -> str:
        """A text on one line: what a file says is shown in a terminal, which it must not command."""
        value = self._values.get(key, "")
        if not isinstance(value, str):
            raise self._head.damaged(f"{_shown(key)} is not a text")
        return "".join(character for character in value[:200] if character.isprintable())

    def integer(self, key: str, otherwise: int = 0) -> int:
        value = self._values.get(key, otherwise)
        if not isinstance(value, int) or not 0 <= value < 1 << 32:
            raise self._head.damaged(f"{_shown(key)} is not a whole number below 2**32")
        return value

    def per_layer(self, key: str, layers: int, otherwise: tuple[int, ...]) -> tuple[int, ...]:
        """A number for each layer, which may be stated once for all."""
        value = self._values.get(key)
        if value is None:
            return otherwise
        if not isinstance(value, tuple):
            return (self.integer(key),) * layers
        numbers = tuple(number for number in value if isinstance(number, int) and 0 <= number < 1 << 32)
        if len(numbers) != layers or len(value) != layers:
            raise self._head.damaged(f"{_shown(key)} is not a number for each of {layers} layers")
        return numbers

    def kind(self) -> Kind:
        said = self.line("general.type") or (Kind.ADAPTER if "adapter.type" in self._values else Kind.MODEL)
        adapter = self.line("adapter.type")
        if said not in tuple(Kind) or adapter not in ("", "lora"):
            what = adapter if said == Kind.ADAPTER else said
            raise ModelFileError(
                f"The GGUF file {self._head.path} is neither a model nor a LoRA adapter but {_shown(what)}.",
                _OTHER_FILE,
            )
        return Kind(said)

    def base_names(self) -> tuple[str, ...]:
        """The names of the models that this one was made from."""
        count = min(self.integer("general.base_model.count"), 16)
        names = (self.line(f"general.base_model.{number}.name") for number in range(count))
        return tuple(name for name in names if name)


def _shown(text: str) -> str:
    """`text` as it may stand in a sentence: in quotes, without control characters, not too long."""
    return repr(text if len(text) <= 80 else f"{text[:80]}…")
