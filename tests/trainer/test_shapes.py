"""The shape of a model from its config.json: against figures worked out by hand, and against transformers and peft."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from trainer.errors import TrainingError
from trainer.recipe import EVERY_MATRIX
from trainer.shapes import Shape

QWEN_7B = {
    "model_type": "qwen2",
    "hidden_size": 3584,
    "intermediate_size": 18944,
    "num_hidden_layers": 28,
    "num_attention_heads": 28,
    "num_key_value_heads": 4,
    "vocab_size": 152064,
    "max_position_embeddings": 32768,
    "tie_word_embeddings": False,
}
STARTER = {
    "model_type": "qwen2",
    "hidden_size": 384,
    "intermediate_size": 1024,
    "num_hidden_layers": 4,
    "num_attention_heads": 6,
    "num_key_value_heads": 6,
    "vocab_size": 8192,
    "max_position_embeddings": 2048,
    "tie_word_embeddings": True,
}
LLAMA = {
    "model_type": "llama",
    "hidden_size": 4096,
    "intermediate_size": 14336,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "vocab_size": 128256,
    "max_position_embeddings": 131072,
}


def _shape(folder: Path, config: dict[str, Any]) -> Shape:
    (folder / "config.json").write_text(json.dumps(config))
    return Shape.read(folder)


SMALL: dict[str, Any] = {
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": 100,
}


@pytest.mark.parametrize(
    ("config", "parameters"),
    [
        # A layer: 2 x 3584^2 + 2 x 3584 x 512 + 3 x 3584 x 18944, biases 3584 + 2 x 512, norms 2 x 3584.
        (QWEN_7B, 28 * 233_057_792 + 2 * 544_997_376 + 3584),
        # A layer: 4 x 384^2 + 3 x 384 x 1024, biases 3 x 384, norms 2 x 384.
        (STARTER, 4 * 1_771_392 + 8192 * 384 + 384),
        (LLAMA, 8_030_261_248),
    ],
)
def test_parameters_are_those_of_the_published_models(config: dict[str, Any], parameters: int, tmp_path: Path) -> None:
    assert _shape(tmp_path, config).parameters == parameters
    assert parameters in (7_615_616_512, 10_231_680, 8_030_261_248)


def test_an_adapter_of_the_starter_has_two_thin_matrices_for_each_of_its_own(tmp_path: Path) -> None:
    shape = _shape(tmp_path, STARTER)

    # Attention 4 x (384 + 384), feed-forward 3 x (384 + 1024), rank 8, four layers.
    assert shape.adapter(8, EVERY_MATRIX) == 8 * (3072 + 4224) * 4 == 233_472
    assert shape.adapter(8, ("q_proj", "v_proj")) == 8 * 2 * 768 * 4
    assert shape.adapter(8, ("all-linear",)) == 233_472
    with pytest.raises(TrainingError, match=r"adapter\.targets has qproj, which is no matrix of this model"):
        shape.adapter(8, ("qproj",))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "cannot be read"),
        ("[]", "of a model of the type None, which cannot be counted here"),
        ('{"model_type": "gemma3"}', "of the type gemma3, which cannot be counted here. Those that can are llama, mis"),
        ('{"model_type": "llama"}', "does not tell 'num_attention_heads'"),
        (json.dumps(LLAMA | {"hidden_size": None}), "does not tell"),
    ],
)
def test_a_config_that_cannot_be_counted_is_refused(text: str, told: str, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(text)

    with pytest.raises(TrainingError, match=told):
        Shape.read(tmp_path / "config.json")


def test_a_folder_without_a_config_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"Name a folder with a config\.json"):
        Shape.read(tmp_path)


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize(
    ("kind", "more"),
    [
        ("qwen2", {}),
        ("qwen3", {"head_dim": 24}),
        ("qwen3", {"head_dim": 24, "attention_bias": True}),
        ("llama", {}),
        ("llama", {"attention_bias": True, "mlp_bias": True}),
        ("mistral", {"head_dim": 24}),
    ],
)
def test_a_model_has_as_many_parameters_as_transformers_and_peft_say(
    kind: str, more: dict[str, Any], tied: bool, tmp_path: Path
) -> None:
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoConfig, AutoModelForCausalLM

    config = AutoConfig.for_model(kind, **SMALL, **more, tie_word_embeddings=tied)
    config.save_pretrained(tmp_path)
    shape = Shape.read(tmp_path)
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)
        count = model.num_parameters()
        adapted = get_peft_model(model, LoraConfig(r=4, target_modules=list(EVERY_MATRIX)))

    assert shape.parameters == count
    assert shape.adapter(4, EVERY_MATRIX) == adapted.get_nb_trainable_parameters()[0]
