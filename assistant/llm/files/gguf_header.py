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

from assistant.errors import ModelFileError
from assistant.llm.files.gguf_reading import FETCH_AGAIN, WINDOW, GgufReader

MAGIC = b"GGUF"
MAX_TEXT = 1 << 20
"""Bytes of a chat template or a name. The longest templates in use have 20 kB."""

MAX_ENTRIES = 1 << 16
"""Metadata keys, and tensors: real files have some dozens and some thousands."""

MAX_LAYERS = 4096
_MAX_NAME = (1 << 16) - 1
_MAX_SHORT_LIST = MAX_LAYERS
_MAX_DIMENSIONS = 4
_VERSIONS = (2, 3)

_STRING, _ARRAY = 8, 9
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
            header = _header(path, GgufReader(path, file, path.stat().st_size))
    except (OSError, ValueError) as error:
        # A ValueError: a path with a null character in it.
        reason = getattr(error, "strerror", None) or error
        raise ModelFileError(f"The model file {path} cannot be read ({reason}).", _OTHER_FILE) from error
    if header.expected_size is not None and header.size < header.expected_size:
        raise ModelFileError(
            f"The model file {path} is cut off: it has {header.size} of {header.expected_size} bytes.", FETCH_AGAIN
        )
    return header


def cache_bytes(header: Header, context: int) -> int:
    """Bytes of the KV cache of one context of `context` tokens, in f16, as if every layer kept all of them."""
    return 2 * context * sum(header.kv_heads) * (header.key_length + header.value_length)


def _header(path: Path, head: GgufReader) -> Header:
    tensor_count, entry_count = _opening(path, head)
    values, lengths = _metadata(head, entry_count)
    tensors = _tensor_table(head, tensor_count)
    said = _Statements(head, values)
    alignment = said.integer("general.alignment", 32)
    if not 0 < alignment <= WINDOW or alignment & (alignment - 1):
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


def _opening(path: Path, head: GgufReader) -> tuple[int, int]:
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


def _metadata(head: GgufReader, count: int) -> tuple[dict[str, _Value], dict[str, int]]:
    """The values that are short enough to keep, and the length of every list."""
    values: dict[str, _Value] = {}
    lengths: dict[str, int] = {}
    for _ in range(count):
        key = head.text(_MAX_NAME, "a key")
        if key in values or key in lengths:
            raise head.damaged(f"the key {shown(key)} is there twice")
        kind = head.integer("<I")
        if kind == _ARRAY:
            lengths[key], items = _list(head)
            if items is not None:
                values[key] = items
        elif kind != _STRING:
            values[key] = _scalar(head, kind)
        elif key.startswith(("general.", "adapter.")) or key == "tokenizer.chat_template":
            values[key] = head.text(MAX_TEXT, f"the text {shown(key)}")
        else:
            head.skip_text()
            values[key] = ""
    return values, lengths


def _scalar(head: GgufReader, kind: int) -> int | float:
    if kind not in _SCALARS:
        raise head.damaged(f"a value has the unknown type {kind}")
    return head.number(_SCALARS[kind])


def _list(head: GgufReader) -> tuple[int, tuple[int | float, ...] | None]:
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


def _tensor_table(head: GgufReader, count: int) -> dict[str, Tensor]:
    tensors: dict[str, Tensor] = {}
    for _ in range(count):
        name = head.text(_MAX_NAME, "a tensor's name")
        if name in tensors:
            raise head.damaged(f"the tensor {shown(name)} is there twice")
        dimensions = head.integer("<I")
        if dimensions > _MAX_DIMENSIONS:
            raise head.damaged(f"the tensor {shown(name)} has {dimensions} dimensions, more than {_MAX_DIMENSIONS}")
        shape = tuple(head.integer("<Q") for _ in range(dimensions))
        tensors[name] = Tensor(shape, head.integer("<I"), head.integer("<Q"))
    return tensors


def _end(head: GgufReader, data_start: int, tensors: Mapping[str, Tensor]) -> int | None:
    """Where the last tensor ends; None if a type is not known."""
    end = data_start if tensors else head.position
    for name, tensor in tensors.items():
        if tensor.type not in BLOCKS:
            return None
        numbers, size = BLOCKS[tensor.type]
        row = tensor.shape[0] if tensor.shape else 1
        if row % numbers:
            raise head.damaged(f"the tensor {shown(name)} has rows of {row} in blocks of {numbers}")
        end = max(end, data_start + tensor.offset + math.prod(tensor.shape) // numbers * size)
    return end


class _Statements:
    """What the metadata state, checked for being of the kind that it should be."""

    def __init__(self, head: GgufReader, values: Mapping[str, _Value]) -> None:
        self._head = head
        self._values = values

    def line(self, key: str) -> str:
        """A text on one line: what a file says is shown in a terminal, which it must not command."""
        value = self._values.get(key, "")
        if not isinstance(value, str):
            raise self._head.damaged(f"{shown(key)} is not a text")
        return "".join(character for character in value[:200] if character.isprintable())

    def integer(self, key: str, otherwise: int = 0) -> int:
        value = self._values.get(key, otherwise)
        if not isinstance(value, int) or not 0 <= value < 1 << 32:
            raise self._head.damaged(f"{shown(key)} is not a whole number below 2**32")
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
            raise self._head.damaged(f"{shown(key)} is not a number for each of {layers} layers")
        return numbers

    def kind(self) -> Kind:
        said = self.line("general.type") or (Kind.ADAPTER if "adapter.type" in self._values else Kind.MODEL)
        adapter = self.line("adapter.type")
        if said not in tuple(Kind) or adapter not in ("", "lora"):
            what = adapter if said == Kind.ADAPTER else said
            raise ModelFileError(
                f"The GGUF file {self._head.path} is neither a model nor a LoRA adapter but {shown(what)}.",
                _OTHER_FILE,
            )
        return Kind(said)

    def base_names(self) -> tuple[str, ...]:
        """The names of the models that this one was made from."""
        count = min(self.integer("general.base_model.count"), 16)
        names = (self.line(f"general.base_model.{number}.name") for number in range(count))
        return tuple(name for name in names if name)


def shown(text: str) -> str:
    """`text` as it may stand in a sentence: in quotes, without control characters, not too long."""
    return repr(text if len(text) <= 80 else f"{text[:80]}…")
