"""What a recipe trains on, made ready: models from folders, episodes from a source, a task for one agent.

Promises that what is held out of training is of other lives than what is trained on. Knows nothing of algorithms.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from itertools import islice
from pathlib import Path
from typing import Any

import torch

from assistant.agents.generation import USUAL_TRAITS, Agent, ChatMessage, Completion, FinishReason, ModelTraits
from assistant.agents.manager import MemoryManager
from assistant.conversation.queue import ManagerQueue
from assistant.errors import InputError
from assistant.llm.files.installed import InstalledModels
from assistant.llm.files.manifest import ModelFile
from assistant.memory.bank import MemoryBank
from assistant.paths import Paths
from trainer.choices import Adaptation, Part, Source, Trained
from trainer.data.dialogues import history, locomo, longmemeval, msc
from trainer.data.dialogues.lives import lives
from trainer.data.lives import Life
from trainer.data.wordings import Split, Wordings
from trainer.demonstrations import of_answers, of_manager
from trainer.dialogues import Dialogue
from trainer.environments import AnswerEnvironment, ManagerEnvironment, Prompt
from trainer.episodes import AnswerEpisode, ManagerEpisode, answers_from, answers_of_life, of_life, replayed
from trainer.errors import TrainingError
from trainer.examples import Example
from trainer.importing import starter_checkpoint
from trainer.policy import Lora, Policy
from trainer.recipe import Data, Recipe, Rewards
from trainer.rewards import Weights
from trainer.sampling import Sampled
from trainer.tasks import AnswerTask, ManagerTask, Task

TRAITS = "recollect.json"
"""The file beside the weights of a model that says what is known of it."""
TURNS = 30
"""Of a simulated life."""
LIVES_AT_ONCE = 4
HELD_OUT = 1 << 20
"""Added to the seed of lives that a run is watched on."""


@dataclass(frozen=True, slots=True)
class Materials:
    """`task` is what is trained on, `held_out` what a run is watched on; `examples` are right completions of `task`'s
    prompts, where anybody knows them."""

    policy: Policy
    task: Task
    held_out: Task
    examples: tuple[Example, ...]


def materials(recipe: Recipe, folder: Path) -> Materials:
    """All that `recipe` needs; what has to be made first lies in `folder`. Raises TrainingError."""
    torch.manual_seed(recipe.seed)
    dtype = torch.float32  # Trained weights; in bfloat16, computing alone is.
    adapter = recipe.adapter
    lora = Lora(adapter.r, adapter.alpha, adapter.dropout, adapter.targets) if adapter.kind is Adaptation.LORA else None
    start = model_folder(recipe.model, folder)
    policy = Policy.load(start, dtype=dtype, device=device(), lora=lora)
    maker = _Maker(recipe, folder, traits_of(start))
    task, examples = maker.made(recipe.data)
    held_out = replace(recipe.data, seed=recipe.data.seed + HELD_OUT, questions=recipe.evaluation.questions)
    watched, _ = maker.made(held_out if recipe.data.source is Source.LIVES else replace(held_out, split=Part.DEV))
    return Materials(policy, task, watched, examples)


def device() -> torch.device:
    """A GPU, if there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def model_folder(name: str, folder: Path) -> Path | str:
    """Where transformers finds the model `name`: its folder, the starter made into one in `folder`, or its id."""
    if (Path(name) / "config.json").is_file():
        return Path(name)
    try:
        model = InstalledModels.read(Paths.default()).named(name)
    except InputError:
        return name
    if not isinstance(model, ModelFile):
        raise TrainingError(f"{name} runs on a server.", "Name a model whose weights are here.")
    made = starter_checkpoint(model.path, folder / "models" / name)
    note_traits(made, model.traits)
    return made


def traits_of(folder: Path | str) -> ModelTraits:
    """What is known of the model in `folder`: what is noted beside its weights, else what is usual of any model.

    What makes the app doubt a completion is left out: in training, what is sampled counts.
    """
    note = Path(folder) / TRAITS
    told = json.loads(note.read_text("utf-8")) if note.is_file() else {}
    return replace(USUAL_TRAITS, **told)


def note_traits(folder: Path, traits: ModelTraits) -> None:
    """Notes beside the weights in `folder` what `traits_of` tells of them."""
    told = {"memories_offered": traits.memories_offered, "trained": traits.trained}
    (folder / TRAITS).write_text(json.dumps(told) + "\n", "utf-8")


class Greedy:
    """A policy as whatever the assistant asks: its likeliest completion, without a grammar."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy

    def generate(self, agent: Agent, prompt: Sequence[ChatMessage], *, max_tokens: int = 256, **_: Any) -> Completion:
        [[sampled]] = self._policy.sample(agent, [prompt], max_tokens=max_tokens)
        return Completion(sampled.text, FinishReason.STOP if sampled.ended else FinishReason.LENGTH)


def answerer(policy: Policy, longest: int) -> Callable[[Sequence[Prompt]], list[Sampled]]:
    """The likeliest completions of `policy`, frozen, as the Manager's environment asks for them."""

    def answers(prompts: Sequence[Prompt]) -> list[Sampled]:
        return [sampled for [sampled] in policy.sample(Agent.ANSWER, prompts, max_tokens=longest)]

    return answers


class _Maker:
    """Makes tasks for one recipe; models that only help are loaded once."""

    def __init__(self, recipe: Recipe, folder: Path, traits: ModelTraits) -> None:
        self._recipe, self._folder = recipe, folder
        memories = recipe.data.memories or traits.memories_offered
        self._traits = replace(traits, memories_offered=memories)
        self._weights = weights(recipe.rewards)
        self._answers = AnswerEnvironment(self._traits)

    def made(self, data: Data) -> tuple[Task, tuple[Example, ...]]:
        """The task on `data`, with right completions where anybody knows them."""
        if self._recipe.agent is Trained.MANAGER:
            environment = ManagerEnvironment(
                answerer(self._helper(self._recipe.answerer), self._recipe.rollout.max_completion), traits=self._traits
            )
            episodes, examples = self._manager_episodes(data, environment)
            return ManagerTask(episodes, environment, self._weights), examples
        asked, right = self._answer_episodes(data)
        return AnswerTask(asked, self._answers, self._weights), right

    def _manager_episodes(
        self, data: Data, environment: ManagerEnvironment
    ) -> tuple[list[ManagerEpisode], tuple[Example, ...]]:
        if data.source is not Source.LIVES:
            return list(cut(self._replayed(data)[0], data.questions)), ()
        found: list[ManagerEpisode] = []
        examples: list[Example] = []
        for name, life in told_lives(data):
            right = dict(of_manager(life, of_life(life, name), environment))
            room = data.questions - sum(len(episode.questions) for episode in found)
            for episode in cut(right, room):
                found.append(episode)
                examples += [example for each, example in right.items() if each.id == episode.id]
            if room <= 0:
                break
        return found, tuple(examples)

    def _answer_episodes(self, data: Data) -> tuple[list[AnswerEpisode], tuple[Example, ...]]:
        if data.source is not Source.LIVES:
            return self._replayed(data)[1][: data.questions], ()
        offer = self._traits.memories_offered
        told = (
            pair
            for name, life in told_lives(data)
            for pair in of_answers(life, answers_of_life(life, name, offer), self._answers)
        )
        pairs = list(islice(told, data.questions))
        return [episode for episode, _ in pairs], tuple(example for _, example in pairs)

    def _replayed(self, data: Data) -> tuple[list[ManagerEpisode], list[AnswerEpisode]]:
        """Every dialogue of the source, remembered by the manager that the recipe names."""
        manager = MemoryManager(Greedy(self._helper(self._recipe.manager)), self._traits)
        told: list[ManagerEpisode] = []
        asked: list[AnswerEpisode] = []
        for dialogue in dialogues(data):
            with MemoryBank.temporary() as bank:
                told += replayed(
                    dialogue, bank, lambda bank: ManagerQueue(bank, manager).run_pending(), window=data.window
                )
                asked += answers_from(bank, dialogue.questions, self._traits.memories_offered, dialogue.id)
        return told, asked

    def _helper(self, name: str | None) -> Policy:
        return Policy.load(model_folder(name or self._recipe.model, self._folder), device=device())


def weights(rewards: Rewards) -> Weights:
    """How much each part of a reward weighs, as a recipe says."""
    return Weights(**{each.name: getattr(rewards, each.name) for each in fields(rewards)})


def told_lives(data: Data) -> Iterator[tuple[str, Life]]:
    """Simulated lives with names of their own, in plenty for the questions that are wanted."""
    wordings = Wordings.load(Split(data.split))
    count = max(LIVES_AT_ONCE, data.questions // 10)
    yield from lives(wordings, count, seed=data.seed, turns=TURNS)


def cut(episodes: Iterable[ManagerEpisode], questions: int) -> Iterator[ManagerEpisode]:
    """As many of `episodes` as ask so many questions, the last one with as many as there is room for."""
    room = questions
    for episode in episodes:
        if room <= 0:
            return
        yield replace(episode, questions=episode.questions[:room])
        room -= len(episode.questions)


def dialogues(data: Data) -> tuple[Dialogue, ...]:
    """The dialogues of a source that is not made up. Raises TrainingError."""
    match data.source:
        case Source.LOCOMO:
            return locomo.read(Path(data.folder or ""), Split(data.split))
        case Source.MSC:
            return msc.read(Path(data.folder or ""), Split(data.split))
        case Source.LONGMEMEVAL:
            return longmemeval.read(Path(data.folder or ""))
        case Source.HISTORY:
            with MemoryBank.open(Path(data.folder) if data.folder else Paths.default()) as bank:
                return (history.read(bank, held_out=data.split is Part.DEV),)
        case Source.LIVES:
            raise ValueError("lives are told, not read")
