"""A checkpoint as GGUF is the same model: the same tokens in, the same logits out, or no file at all."""

from __future__ import annotations

import json
import random
from pathlib import Path

import gguf
import numpy as np
import pytest
import torch
from llama_cpp import Llama
from transformers import PreTrainedTokenizerFast, Qwen2ForCausalLM

from assistant.llm.files.manifest import models_folder
from trainer.data.wordings import Split, Wordings
from trainer.export.qwen2 import About, ExportError, convert, gguf_name
from trainer.pretrain import starter_config
from trainer.tokenizer import assembled, train_tokenizer

ABOUT = About("tiny", "Apache-2.0", "for a test", 512)
NASTY = [
    "",
    " ",
    "\n \n\n \t\t  x\t\n",
    "a\r\nb\r\r\n\n c \r",
    "I've we'LL they'RE 'S don\u2019t DON'T",
    "3 33 333 3,333.33 \u00bd \u00b2 \u2167 \u0663 \u4e00\u4e8c\u4e09",
    "<|im_start|>user<|im_end|> <|im_start |> <|endoftext|",
    "e\u0301 caf\u00e9 cafe\u0301 \u212b \ufb01 \uff46\uff55\uff4c\uff4c",
    "\u0000\u0001\u001f\u007f\ufeff\u200b\u2028\u2029\u00a0\u3000x",
    "\u0441\u044a\u0435\u0448\u044c \u05e9\u05dc\u05d5\u05dd \u202eabc\u202c",
    "\u0928\u092e\u0938\u094d\u0924\u0947 \u0e44\u0e17\u0e22",
    "\u65e5\u672c\u8a9e\u30c6\u30b9\u30c8\ud55c\uad6d\uc5b4\u6211\u60f3\u5de5\u4f5c",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467 \U0001f1e9\U0001f1ea \U0001f999\U0001f999",
    "_-__--==>>>!!!\n\n???  ...  ",
    "\U000e0041\U0010ffff\ue000",
]


def nasty_strings(count: int) -> list[str]:
    """`NASTY`, then strings of characters from all planes."""
    rng = random.Random(1)
    ranges = ((32, 126), (0x80, 0x2FFF), (0x3000, 0xD7FF), (0xE000, 0x1FFFF), (9, 13))
    strings = list(NASTY)
    while len(strings) < count:
        strings.append("".join(chr(rng.randint(*rng.choice(ranges))) for _ in range(rng.randint(1, 40))))
    return strings


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("checkpoint")
    words = Wordings.load(Split.TRAIN)
    tokenizer = train_tokenizer((line for pool in words.say.values() for line in pool), 2048, 200)
    config = starter_config(2048, tokenizer.eos_token_id, tokenizer.pad_token_id)
    torch.manual_seed(5)
    model = Qwen2ForCausalLM(config)
    with torch.no_grad():  # Biases and norms that are not all zero or one, so that losing one shows.
        for weights in model.parameters():
            weights.add_(torch.randn_like(weights) * 0.05)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def shipped_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model that ships, as the checkpoint that it would be made from."""
    folder = tmp_path_factory.mktemp("shipped")
    shipped = models_folder() / "recollect-starter.gguf"
    fields = gguf.GGUFReader(shipped).fields
    merges = [(left, right) for left, right in map(str.split, fields["tokenizer.ggml.merges"].contents())]
    tokenizer = assembled(fields["tokenizer.ggml.tokens"].contents(), merges)
    read = Qwen2ForCausalLM.from_pretrained(shipped.parent, gguf_file=shipped.name, dtype=torch.float32)
    width = read.config.hidden_size
    model = Qwen2ForCausalLM(starter_config(len(tokenizer), tokenizer.eos_token_id, tokenizer.pad_token_id, width))
    model.load_state_dict(read.state_dict())
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def in_f32(checkpoint: Path, folder: Path) -> Path:
    convert(checkpoint, folder / "f32.gguf", ABOUT, gguf.GGMLQuantizationType.F32)
    return folder / "f32.gguf"


@pytest.fixture(scope="module")
def exported(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return in_f32(checkpoint, tmp_path_factory.mktemp("gguf"))


@pytest.fixture(scope="module", params=["checkpoint", "shipped_checkpoint"])
def both(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A checkpoint and its export, once with random weights and once with those that ship."""
    checkpoint: Path = request.getfixturevalue(request.param)
    return checkpoint, in_f32(checkpoint, tmp_path_factory.mktemp("gguf"))


def test_logits_in_f32_agree_to_a_thousandth_on_fifty_prompts(both: tuple[Path, Path]) -> None:
    checkpoint, exported = both
    model = Qwen2ForCausalLM.from_pretrained(checkpoint, dtype=torch.float32).eval()
    rng = random.Random(2)
    llama = Llama(str(exported), n_ctx=256, logits_all=True, verbose=False, n_threads=1, type_k=0, type_v=0)
    worst = 0.0
    for _ in range(50):
        tokens = [rng.randrange(model.config.vocab_size) for _ in range(rng.randint(2, 120))]
        llama.reset()
        llama.eval(tokens)
        with torch.no_grad():
            wanted = model(torch.tensor([tokens])).logits[0].numpy()
        assert wanted.std() > 0.1
        worst = max(worst, float(np.abs(llama.scores[: len(tokens)] - wanted).max()))
    llama.close()

    assert worst < 1e-3


def test_a_thousand_nasty_strings_become_the_same_tokens(both: tuple[Path, Path]) -> None:
    checkpoint, exported = both
    tokenizer = PreTrainedTokenizerFast.from_pretrained(checkpoint)
    llama = Llama(str(exported), vocab_only=True, verbose=False)
    strings = nasty_strings(1000)
    differing = [
        text
        for text in strings
        if tokenizer(text, add_special_tokens=False)["input_ids"]
        != llama.tokenize(text.encode(), add_bos=False, special=True)
    ]
    llama.close()

    assert len(strings) == 1000
    assert differing == []


def test_q8_is_smaller_and_says_nearly_the_same(checkpoint: Path, exported: Path, tmp_path: Path) -> None:
    small = tmp_path / "tiny-q8.gguf"
    convert(checkpoint, small, ABOUT, gguf.GGMLQuantizationType.Q8_0)
    tokens = list(range(5, 105))
    logits = []
    for path in (exported, small):
        llama = Llama(str(path), n_ctx=128, logits_all=True, verbose=False, n_threads=1)
        llama.eval(tokens)
        logits.append(llama.scores[:100].copy())
        llama.close()

    assert small.stat().st_size < exported.stat().st_size / 3
    assert np.corrcoef(logits[0].ravel(), logits[1].ravel())[0, 1] > 0.998


def test_the_file_says_what_it_is(exported: Path) -> None:
    fields = gguf.GGUFReader(exported).fields

    assert fields["general.license"].contents() == "Apache-2.0"
    assert fields["qwen2.context_length"].contents() == 512
    assert "<|im_start|>" in fields["tokenizer.chat_template"].contents()
    assert fields["tokenizer.ggml.eos_token_id"].contents() == 2


def test_another_architecture_is_refused_and_leaves_no_file(checkpoint: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    config = json.loads((checkpoint / "config.json").read_text())
    (other / "config.json").write_text(json.dumps({**config, "architectures": ["MambaForCausalLM"]}))

    with pytest.raises(ExportError, match="only Qwen2ForCausalLM is known"):
        convert(other, tmp_path / "x.gguf", ABOUT, gguf.GGMLQuantizationType.F32)
    assert not list(tmp_path.glob("x.gguf*"))


def test_a_failure_in_the_middle_leaves_no_half_file(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: gguf.GGUFWriter) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(gguf.GGUFWriter, "write_tensors_to_file", full)

    with pytest.raises(OSError, match="No space left"):
        convert(checkpoint, tmp_path / "x.gguf", ABOUT, gguf.GGMLQuantizationType.F32)
    assert list(tmp_path.iterdir()) == []


def test_a_tensor_without_a_place_is_refused() -> None:
    assert gguf_name("model.layers.3.self_attn.q_proj.bias") == "blk.3.attn_q.bias"
    with pytest.raises(ExportError, match="rotary"):
        gguf_name("model.layers.0.self_attn.rotary_emb.inv_freq")


def test_a_model_saved_in_parts_becomes_the_same_file(checkpoint: Path, exported: Path, tmp_path: Path) -> None:
    parts = tmp_path / "parts"
    Qwen2ForCausalLM.from_pretrained(checkpoint).save_pretrained(parts, max_shard_size="4MB")
    PreTrainedTokenizerFast.from_pretrained(checkpoint).save_pretrained(parts)
    assert len(list(parts.glob("*.safetensors"))) > 2

    whole, again = gguf.GGUFReader(exported), gguf.GGUFReader(in_f32(parts, tmp_path))

    tensors = {tensor.name: tensor.data for tensor in whole.tensors}
    assert {tensor.name for tensor in again.tensors} == tensors.keys()
    assert all(np.array_equal(tensor.data, tensors[tensor.name]) for tensor in again.tensors)
