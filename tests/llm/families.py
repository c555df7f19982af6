"""The families of chat models, small: each with a template in its form, its special tokens, a vocabulary that does what
llama.cpp does with plain text, and a tiny GGUF with random weights.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

import gguf
import numpy as np

from assistant.llm.files.manifest import ModelFile
from tests.tiny_model import add_shape, byte_alphabet, random_tensors


class Kind(StrEnum):
    """How text becomes tokens: bytes that merge, or characters that merge, with bytes for those that are unknown."""

    BYTES = "gpt2"
    SENTENCEPIECE = "llama"


@dataclass(frozen=True)
class Family:
    """A family's form. `words` are ordinary tokens of several characters, made by merging two shorter ones.

    `control` are control tokens, `defined` user-defined ones that are control all the same, and `ordinary` user-defined
    ones that are not. `plain_marks` mark turns, or thoughts, without being tokens.
    """

    name: str
    template: str
    bos: str
    eos: str
    control: tuple[str, ...]
    kind: Kind = Kind.BYTES
    defined: tuple[str, ...] = ()
    ordinary: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    plain_marks: tuple[str, ...] = ()
    space_in_front: bool = False
    swallowing: bool = False
    pre: str = "default"
    adds_bos: bool = False

    @property
    def marks(self) -> tuple[str, ...]:
        """Everything that no message may write."""
        return (*self.control, *self.defined, *self.plain_marks)


_TURNS = (
    "{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
_DEFAULT_SYSTEM = (
    "{% if messages[0].role != 'system' %}{{ '<|im_start|>system\nYou help.<|im_end|>\n' }}{% endif %}" + _TURNS
)
_QWEN3 = """{%- for m in messages %}
    {%- set content = m.content %}
    {%- if m.role == 'assistant' and '</think>' in content %}
        {%- set content = content.split('</think>')[-1].lstrip('\\n') %}
    {%- endif %}
    {{- '<|im_start|>' + m.role + '\\n' + content + '<|im_end|>\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
    {%- if enable_thinking is defined and enable_thinking is false %}
        {{- '<think>\\n\\n</think>\\n\\n' }}
    {%- endif %}
{%- endif %}
"""
_LLAMA3 = """{{- bos_token }}
{%- for m in messages %}
    {{- '<|start_header_id|>' + m['role'] + '<|end_header_id|>\\n\\n' + m['content'] | trim + '<|eot_id|>' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}
{%- endif %}
"""
_GEMMA_TURNS = (
    "{% for m in messages %}"
    "{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('Take turns, please.') }}{% endif %}"
    "{{ '<start_of_turn>' + ('model' if m.role == 'assistant' else m.role) + '\n' + m.content | trim }}"
    "{{ '<end_of_turn>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<start_of_turn>model\n' }}{% endif %}"
)
_GEMMA2 = (
    "{{ bos_token }}{% if messages[0].role == 'system' %}{{ raise_exception('No system, please.') }}{% endif %}"
    + _GEMMA_TURNS
)
_GEMMA3 = """{{ bos_token }}
{%- set first = '' %}
{%- if messages[0].role == 'system' %}
    {%- set first = messages[0].content if messages[0].content is string else messages[0].content[0].text %}
    {%- set first = first + '\\n\\n' %}
    {%- set messages = messages[1:] %}
{%- endif %}
{%- for m in messages %}
    {%- if (m.role == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('Take turns, please.') }}{% endif %}
    {{- '<start_of_turn>' + ('model' if m.role == 'assistant' else m.role) + '\\n' }}
    {{- (first if loop.first else '') + m.content | trim + '<end_of_turn>\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}{{ '<start_of_turn>model\\n' }}{% endif %}
"""
_GEMMA4 = """{{ bos_token }}
{%- if enable_thinking or messages[0].role == 'system' %}
    {{- '<|turn>system\\n' + ('<|think|>\\n' if enable_thinking else '') }}
    {%- if messages[0].role == 'system' %}
        {{- messages[0].content | trim }}
        {%- set messages = messages[1:] %}
    {%- endif %}
    {{- '<turn|>\\n' }}
{%- endif %}
{%- for m in messages %}
    {{- '<|turn>' + ('model' if m.role == 'assistant' else m.role) + '\\n' + m.content | trim + '<turn|>\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|turn>model\\n' }}
    {%- if not enable_thinking | default(false) %}{{ '<|channel>thought\\n<channel|>' }}{% endif %}
{%- endif %}
"""
_MISTRAL1 = (
    "{{ bos_token }}{% for m in messages %}"
    "{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('Take turns, please.') }}{% endif %}"
    "{{ '[INST] ' + m.content + ' [/INST]' if m.role == 'user' else ' ' + m.content + eos_token }}"
    "{% endfor %}"
)
_MISTRAL3 = """{{- bos_token }}
{%- if messages[0].role == 'system' %}
    {%- set system = messages[0].content %}
    {%- set messages = messages[1:] %}
{%- endif %}
{%- for m in messages %}
    {%- if (m.role == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('Take turns, please.') }}{% endif %}
    {%- if m.role == 'user' %}
        {{- '[INST]' + (system + '\\n\\n' if loop.last and system is defined else '') + m.content + '[/INST]' }}
    {%- else %}
        {{- m.content + eos_token }}
    {%- endif %}
{%- endfor %}
"""
_PHI3 = (
    "{% for m in messages %}{{ '<|' + m.role + '|>\n' + m.content + '<|end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>\n' }}{% else %}{{ eos_token }}{% endif %}"
)

_GEMMA_ORDINARY = ("\n\n", "\n\n\n", "  ", "    ", "<table>", "</table>", "<h1>", "<b>", "</b>")
_GEMMA = {"bos": "<bos>", "eos": "<eos>", "kind": Kind.SENTENCEPIECE, "adds_bos": True, "ordinary": _GEMMA_ORDINARY}
_LLAMA = {"bos": "<s>", "eos": "</s>", "kind": Kind.SENTENCEPIECE, "adds_bos": True, "space_in_front": True}
_SPELLED = ("</", "s>", "<s")

QWEN2 = Family(
    "qwen2",
    _DEFAULT_SYSTEM,
    bos="",
    eos="<|im_end|>",
    control=("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|object_ref_start|>", "<|fim_prefix|>"),
    defined=("<tool_call>", "</tool_call>"),
    words=(" t", "im"),
    pre="qwen2",
)
QWEN3 = Family(
    "qwen3",
    _QWEN3,
    bos="",
    eos="<|im_end|>",
    control=("<|endoftext|>", "<|im_start|>", "<|im_end|>"),
    defined=("<think>", "</think>", "<tool_call>", "</tool_call>", "<tool_response>"),
    words=(" t",),
    pre="qwen2",
)
LLAMA3 = Family(
    "llama3",
    _LLAMA3,
    bos="<|begin_of_text|>",
    eos="<|eot_id|>",
    control=("<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"),
    words=(" t", "id"),
    pre="llama-bpe",
    adds_bos=True,
)
GEMMA2 = Family(
    "gemma2", _GEMMA2, control=("<pad>", "<eos>", "<bos>", "<start_of_turn>", "<end_of_turn>", "<unused0>"), **_GEMMA
)
GEMMA3 = Family(
    "gemma3",
    _GEMMA3,
    control=("<pad>", "<eos>", "<bos>", "<start_of_turn>", "<end_of_turn>"),
    defined=("[multimodal]", "<unused99>", "<start_of_image>"),
    **_GEMMA,
)
GEMMA4 = Family(
    "gemma4",
    _GEMMA4,
    control=("<pad>", "<eos>", "<bos>", "<|turn>", "<turn|>", "<|think|>"),
    defined=("<|channel>", "<channel|>", "<|tool_call>", '<|"|>'),
    **_GEMMA,
)
MISTRAL1 = Family(
    "mistral1",
    _MISTRAL1,
    control=("<s>", "</s>"),
    words=(*_SPELLED, "IN", "ST", "INST"),
    plain_marks=("[INST]", "[/INST]"),
    **_LLAMA,
)
MISTRAL3 = Family(
    "mistral3",
    _MISTRAL3,
    control=("<s>", "</s>", "[INST]", "[/INST]", "[TOOL_CALLS]", "[AVAILABLE_TOOLS]", "[/AVAILABLE_TOOLS]"),
    words=(*_SPELLED, "IN", "ST", "INST"),
    **_LLAMA,
)
PHI3 = Family(
    "phi-3",
    _PHI3,
    control=("<s>", "</s>", "<|endoftext|>", "<|system|>", "<|user|>", "<|assistant|>", "<|end|>"),
    words=_SPELLED,
    swallowing=True,
    **_LLAMA,
)
SMOLLM = Family(
    "smollm",
    _DEFAULT_SYSTEM,
    bos="<|im_start|>",
    eos="<|im_end|>",
    control=("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<repo_name>", "<file_sep>", "<gh_stars>"),
    words=(" t",),
    pre="smollm",
)
FAMILIES = (QWEN2, QWEN3, LLAMA3, GEMMA2, GEMMA3, GEMMA4, MISTRAL1, MISTRAL3, PHI3, SMOLLM)


@dataclass(eq=False)
class FakeVocabulary:
    """A family's tokens: 256 bytes, its words, its special tokens. Reads text as llama.cpp does as plain text.

    So user-defined tokens are found in it, and a sentencepiece one puts a space in front of what follows a token, and
    merges characters even to a control token if the way there leads over words.
    """

    family: Family
    specials: Mapping[str, int] = field(init=False)
    controls: frozenset[int] = field(init=False)
    strips: frozenset[int] = field(init=False)
    calls: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        family = self.family
        self.words = {word: 256 + n for n, word in enumerate(family.words)}
        specials = [*family.control, *family.defined, *family.ordinary]
        self.specials = {text: 1000 + n for n, text in enumerate(specials)}
        self.controls = frozenset(self.specials[text] for text in family.control)
        self.strips = self.controls if family.swallowing else frozenset()
        self._forced = _any_of([*family.defined, *family.ordinary])
        spelled = [t for t in family.control if t in ("<s>", "</s>")] if family.kind is Kind.SENTENCEPIECE else []
        self._merged = _any_of([*family.words, *spelled])

    def tokenize(self, text: str) -> list[int]:
        self.calls.append(text)
        tokens: list[int] = []
        for n, piece in enumerate(self._forced.split(text)):
            if n % 2:
                tokens.append(self.specials[piece])
            elif piece:
                tokens += self._read(" " + piece if self.family.space_in_front else piece)
        return tokens

    def _read(self, text: str) -> list[int]:
        tokens: list[int] = []
        for n, piece in enumerate(self._merged.split(text)):
            if n % 2:
                tokens.append(self.words[piece] if piece in self.words else self.specials[piece])
            else:
                tokens += piece.encode("utf-8", "replace")
        return tokens

    def text(self, tokens: Iterable[int]) -> str:
        """What the tokens say, without the spaces put in front."""
        names = {token: text for text, token in {**self.words, **self.specials}.items()}
        said = b""
        after_special = self.family.space_in_front
        for token in tokens:
            piece = names[token].encode() if token in names else bytes([token])
            said += piece[1:] if after_special and piece[:1] == b" " else piece
            after_special = self.family.space_in_front and token >= 1000
        return said.decode("utf-8", "replace")

    def control(self, tokens: Iterable[int]) -> list[str]:
        """The control tokens among `tokens`, the user-defined ones that count as such included."""
        names = {self.specials[text]: text for text in (*self.family.control, *self.family.defined)}
        return [names[token] for token in tokens if token in names]


def tiny_family(path: Path, family: Family, *, context: int = 1024, seed: int = 0) -> ModelFile:
    """Writes a tiny model with the family's tokens and template to `path`."""
    tokens, types, scores = _sentencepiece(family) if family.kind is Kind.SENTENCEPIECE else _bytes(family)
    writer = gguf.GGUFWriter(path, "qwen2")
    # By this name llama.cpp knows whose tokens swallow white space.
    writer.add_name(f"tiny {family.name}")
    add_shape(writer, context, 64, 2)
    writer.add_tokenizer_model(family.kind.value)
    writer.add_tokenizer_pre(family.pre)
    writer.add_token_list(tokens)
    writer.add_token_types(types)
    if family.kind is Kind.SENTENCEPIECE:
        writer.add_token_scores(scores)
        writer.add_add_space_prefix(family.space_in_front)
        writer.add_unk_token_id(tokens.index("<unk>"))
    else:
        writer.add_token_merges([" ".join(_halves(_spelled(word))) for word in family.words])
    writer.add_bos_token_id(tokens.index(family.bos or "<|endoftext|>"))
    writer.add_eos_token_id(tokens.index(family.eos))
    writer.add_add_bos_token(family.adds_bos)
    writer.add_chat_template(family.template)
    for name, tensor in random_tensors(np.random.default_rng(seed), 64, 2, tokens, ends=True).items():
        writer.add_tensor(name, tensor)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return ModelFile(name=path.stem, path=path, size=path.stat().st_size, context=context)


def _bytes(family: Family) -> tuple[list[str], list[gguf.TokenType], list[float]]:
    words = [*byte_alphabet(), *map(_spelled, family.words)]
    tokens = [*words, *family.control, *family.defined, *family.ordinary]
    return tokens, [gguf.TokenType.NORMAL] * len(words) + _special_types(family), []


def _sentencepiece(family: Family) -> tuple[list[str], list[gguf.TokenType], list[float]]:
    first = ["<unk>", *family.control, *family.defined, *family.ordinary]
    of_bytes = [f"<0x{byte:02X}>" for byte in range(256)]
    letters = [chr(code).replace(" ", "▁") for code in range(32, 127)]
    words = ["▁t", "▁[", *family.words]
    types = [gguf.TokenType.UNKNOWN, *_special_types(family), *[gguf.TokenType.BYTE] * 256]
    types += [gguf.TokenType.NORMAL] * (len(letters) + len(words))
    # What has the highest score merges first.
    scores = [0.0] * (len(first) + 256) + [-1000.0] * len(letters) + [-1.0 - n for n in range(len(words))]
    return [*first, *of_bytes, *letters, *words], types, scores


def _special_types(family: Family) -> list[gguf.TokenType]:
    defined = [gguf.TokenType.USER_DEFINED] * (len(family.defined) + len(family.ordinary))
    return [gguf.TokenType.CONTROL] * len(family.control) + defined


def _spelled(word: str) -> str:
    alphabet = byte_alphabet()
    return "".join(alphabet[byte] for byte in word.encode())


def _halves(word: str) -> Sequence[str]:
    """The two tokens that `word` is merged from; words of a byte vocabulary here have two letters."""
    return word[0], word[1:]


def _any_of(texts: Iterable[str]) -> re.Pattern[str]:
    longest = sorted(texts, key=len, reverse=True)
    return re.compile(f"({'|'.join(map(re.escape, longest))})" if longest else "((?!))")
