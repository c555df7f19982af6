"""From a finished starter run to the files that ship: GGUF, scores through llama.cpp, manifest."""

from __future__ import annotations

import hashlib
import shutil
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path

import gguf

from assistant.agents.generation import ModelTraits
from assistant.llm.engine import Engine
from assistant.llm.files.manifest import MANIFEST, ModelFile
from assistant.paths import Paths
from trainer.data.simulate import simulate
from trainer.data.storyteller import IN_TRAINING
from trainer.data.wordings import Split, Wordings
from trainer.examples import MAX_OFFERED, own_words
from trainer.export.qwen2 import About, convert
from trainer.lives_evaluation import Scores, evaluate
from trainer.provenance import Provenance

NAME = "recollect-starter"
LICENCE = "Apache-2.0"
CONTEXT = 1024
HISTORY_TURNS = 2
"""As many turns as it sees before a message in training; more would only be noise to it."""
MOST_BYTES = 25_000_000
TEST_LIVES = 40
MEASURED = ModelTraits(
    memories_offered=MAX_OFFERED,
    least_confidence=0.85,
    reconsider_below=0.97,
    trained=True,
    history_turns=HISTORY_TURNS,
    answer_tokens=384,
)
"""Below that confidence more proposals are wrong than right: 3 and none of 290 on 12 lives of dev."""
LIVES_WITH_ALL_OWN_WORDS = 60
"""More lives add no word to those of the templates."""


@cache
def traits() -> ModelTraits:
    """How a model trained on simulated lives is to be used."""
    wordings = Wordings.load(Split.TRAIN)
    numbers = range(LIVES_WITH_ALL_OWN_WORDS)
    lives = (simulate(f"own words {number}", wordings, shares=IN_TRAINING) for number in numbers)
    return replace(MEASURED, own_words=own_words(lives, wordings))


def export(model: Path, target: Path) -> None:
    """Writes the model of a finished run as Q8_0 to `target`."""
    about = About(NAME, LICENCE, "Memory Manager and Answer Agent, trained from scratch on simulated lives", CONTEXT)
    convert(model, target, about, gguf.GGMLQuantizationType.Q8_0)
    if target.stat().st_size > MOST_BYTES:
        raise SystemExit(f"{target} has {target.stat().st_size} bytes, more than the {MOST_BYTES} that may ship.")


def unpublished(built: Path) -> ModelFile:
    """A GGUF file of ours that no manifest describes."""
    return ModelFile(built.stem, built, context=CONTEXT, traits=traits())


def score(
    model: ModelFile, wordings: Wordings, lives: int, say: Callable[[str], None], *, threads: int | None = None
) -> Scores:
    """The scores of a model on `lives` lives in `wordings`, through the app's own code.

    Search is by meaning too if the embedder is set up, as in the app.
    """
    embedder = Paths.default().embedder
    log_file = model.path.with_suffix(".log")
    with Engine(model, embedder=embedder if embedder.exists() else None, log_file=log_file, threads=threads) as engine:
        engine.ready(timeout=60)
        found_by = engine if embedder.exists() else None
        scores = evaluate(engine, found_by, wordings, lives, traits=model.traits, say=say)
    log_file.unlink(missing_ok=True)
    return scores


def publish(built: Path, models: Path, provenance: Provenance, scores: Mapping[str, float]) -> None:
    """Puts a GGUF file into the folder `models` and describes it in the manifest there."""
    models.mkdir(parents=True, exist_ok=True)
    shipped = models / f"{NAME}.gguf"
    used = traits()
    partial = shipped.with_name(shipped.name + ".partial")
    shutil.copyfile(built, partial)
    partial.replace(shipped)
    digest = hashlib.sha256(shipped.read_bytes()).hexdigest()
    lines = [
        "# Written by `recollect-train starter`. The first model is the one the assistant uses.",
        "[[model]]",
        f'name = "{NAME}"',
        f'file = "{shipped.name}"',
        f'sha256 = "{digest}"',
        f"size = {shipped.stat().st_size}",
        "parents = []",
        f'command = "{provenance.command}"',
        f"seed = {provenance.seed}",
        f'commit = "{provenance.commit}"',
        f'licence = "{LICENCE}"',
        f"context = {CONTEXT}",
        "trained = true",
        f"memories_offered = {used.memories_offered}",
        f"history_turns = {used.history_turns}",
        f"answer_tokens = {used.answer_tokens}",
        f"least_confidence = {used.least_confidence}",
        f"reconsider_below = {used.reconsider_below}",
        "own_words = [",
        *textwrap.wrap(", ".join(f'"{word}"' for word in sorted(used.own_words)), 120),
        "]",
        "",
        "[model.scores]",
        *(f"{name} = {share:.4f}" for name, share in scores.items()),
    ]
    manifest = models / f"{MANIFEST}.partial"
    manifest.write_text("\n".join(lines) + "\n", "utf-8")
    manifest.replace(models / MANIFEST)
