"""The starter as a checkpoint says what its GGUF says in the app."""

from __future__ import annotations

import random
from pathlib import Path

import gguf
import numpy as np
import pytest
import torch
from transformers import PreTrainedTokenizerFast, Qwen2ForCausalLM

from assistant.agents.generation import Agent
from assistant.agents.prompts import answer_prompt, manager_prompt
from assistant.llm.engine import Engine
from assistant.llm.files.manifest import ModelFile, models_folder
from assistant.llm.llama import ChatModel
from tests.tiny_model import tiny_model
from tests.trainer.tiny_checkpoint import tiny_checkpoint
from trainer.errors import TrainingError
from trainer.export.qwen2 import About, convert
from trainer.importing import starter_checkpoint
from trainer.policy import Policy

SHIPPED = models_folder() / "recollect-starter.gguf"
ABOUT = About("starter", "Apache-2.0", "for a test", 1024)
MEMORIES = ["User lives in Oslo.", "User has a dog named Buddy.", "User is allergic to nuts."]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return starter_checkpoint(SHIPPED, tmp_path_factory.mktemp("starter") / "model")


def in_f32(checkpoint: Path, folder: Path) -> Path:
    convert(checkpoint, folder / "f32.gguf", ABOUT, gguf.GGMLQuantizationType.F32)
    return folder / "f32.gguf"


def test_logits_are_those_of_the_app_to_a_hundredth(checkpoint: Path, tmp_path: Path) -> None:
    policy = Policy.load(checkpoint)
    context = ChatModel(str(in_f32(checkpoint, tmp_path)), threads=1).new_context(1024)
    prompts = [manager_prompt("I moved to Lima.", MEMORIES), answer_prompt("Where do I live?", MEMORIES)]
    for prompt in prompts:
        tokens = policy.prompting.tokens(prompt)
        context.keep_prefix(())
        context.read(list(tokens), lambda: False)
        with torch.no_grad():
            wanted = policy.model(torch.tensor([tokens])).logits[0, -1].numpy()

        assert wanted.std() > 1
        assert np.abs(context.logits() - wanted).max() < 1e-2


def test_weights_are_those_of_the_file_to_the_last_bit(checkpoint: Path, tmp_path: Path) -> None:
    again = tmp_path / "again.gguf"
    convert(checkpoint, again, ABOUT, gguf.GGMLQuantizationType.Q8_0)
    shipped = {tensor.name: tensor.data for tensor in gguf.GGUFReader(SHIPPED).tensors}
    tensors = gguf.GGUFReader(again).tensors

    assert {tensor.name for tensor in tensors} == shipped.keys()
    assert all(np.array_equal(tensor.data, shipped[tensor.name]) for tensor in tensors)


def test_tokens_are_those_of_the_file(checkpoint: Path) -> None:
    tokenizer = PreTrainedTokenizerFast.from_pretrained(checkpoint)
    model = ChatModel(str(SHIPPED), threads=1)
    rng = random.Random(3)
    ranges = ((32, 126), (32, 126), (0x80, 0x2FFF), (0x3000, 0xD7FF), (0xE000, 0x1FFFF), (9, 13))
    texts = ["".join(chr(rng.randint(*rng.choice(ranges))) for _ in range(rng.randint(1, 40))) for _ in range(500)]

    assert len(tokenizer) == model.size == 8192
    for text in texts:
        tokens = tokenizer(text, add_special_tokens=False)["input_ids"]
        assert tokens == model.tokenize(text)
        assert tokenizer.decode(tokens) == text


def test_it_writes_what_the_app_gets_from_the_shipped_file(checkpoint: Path, tmp_path: Path) -> None:
    policy = Policy.load(checkpoint)
    asked = {
        Agent.MANAGER: [manager_prompt(said, MEMORIES) for said in ("I moved to Lima.", "I like tea.", "Thanks!")],
        Agent.ANSWER: [answer_prompt(said, MEMORIES) for said in ("Where do I live?", "What is my dog called?")],
    }
    with Engine(ModelFile("starter", SHIPPED, context=1024), embedder=None, log_file=tmp_path / "log") as engine:
        for agent, prompts in asked.items():
            written = [engine.generate(agent, prompt, max_tokens=60) for prompt in prompts]
            sampled = policy.sample(agent, prompts, max_tokens=60)
            assert [own[0].text for own in sampled] == [one.text for one in written]
            assert [len(policy.prompting.tokens(p)) for p in prompts] == [one.prompt_tokens for one in written]


def test_it_is_written_once(checkpoint: Path) -> None:
    written = {file: file.stat().st_mtime_ns for file in checkpoint.iterdir()}

    assert starter_checkpoint(SHIPPED, checkpoint) == checkpoint
    assert {file: file.stat().st_mtime_ns for file in checkpoint.iterdir()} == written


def test_a_failure_in_the_middle_leaves_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(PreTrainedTokenizerFast, "save_pretrained", full)

    with pytest.raises(OSError, match="No space left"):
        starter_checkpoint(SHIPPED, tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_an_untied_model_comes_back_as_it_was(tmp_path: Path) -> None:
    before = Qwen2ForCausalLM.from_pretrained(tiny_checkpoint(tmp_path / "before"))
    before.config.tie_word_embeddings = False
    before.lm_head.weight = torch.nn.Parameter(before.lm_head.weight.detach().clone() + 1)
    before.save_pretrained(tmp_path / "before")

    folder = starter_checkpoint(in_f32(tmp_path / "before", tmp_path), tmp_path / "after")

    after = Qwen2ForCausalLM.from_pretrained(folder).state_dict()
    assert after.keys() == before.state_dict().keys()
    assert all(torch.equal(weights, after[name]) for name, weights in before.state_dict().items())


def test_another_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.gguf").write_text("no model")
    with pytest.raises(TrainingError, match="cannot be read as GGUF"):
        starter_checkpoint(tmp_path / "text.gguf", tmp_path / "model")
    with pytest.raises(TrainingError, match="is not the starter"):
        starter_checkpoint(tiny_model(tmp_path / "tiny.gguf").path, tmp_path / "model")
    with pytest.raises(TrainingError, match="cannot be read as GGUF"):
        starter_checkpoint(tmp_path / "none.gguf", tmp_path / "model")
    assert not (tmp_path / "model").exists()
