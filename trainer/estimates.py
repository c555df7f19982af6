"""What a run would take, told before it begins: parameters, memory of each GPU by part, tokens, and time.

Promises arithmetic alone, from a recipe and the shape of a model: nothing is loaded, and no device is asked. What is
counted and how far it may be off is said in `LEFT_OUT`.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from trainer.choices import Algorithm, Critic, Trained
from trainer.errors import TrainingError
from trainer.footprint import Memory, Part, Strategy, When
from trainer.recipe import Recipe
from trainer.shapes import Shape

GIB = 1024**3
AGENTS = {Trained.MANAGER: "Memory Manager", Trained.ANSWER: "Answer Agent"}
FORWARD = 3
"""How much faster tokens are read than learned from: without the way back, which computes twice as much."""

LEFT_OUT = """\
Not counted: what CUDA and the libraries take (1 to 2 GiB of each GPU), gaps between what is kept (5 to 20 %), buffers
of the network, what vLLM takes beyond its weights and keys (by itself 30 % of the GPU), evaluation, checkpoints, search
in banks, the judge, and the time of the frozen Answer Agent. Activations are those of attention that keeps no scores
(sdpa, flash), and within 5 % of what PyTorch was seen to keep; logits may take half of what is told. Prompts and
completions count as the longest that are allowed unless usual lengths were given: tokens and time may then be several
times less. A reference and an Answer Agent of their own are taken to be as large as the model.
"""


@dataclass(frozen=True, slots=True)
class Tokens:
    """Of one step, over all GPUs: `read` of prompts to sample from, `written`, `scored` forwards, and `learned` from.

    What is learned from several times counts as often.
    """

    read: int
    written: int
    scored: int
    learned: int


@dataclass(frozen=True, slots=True)
class Rates:
    """Tokens a second of one GPU, as measured or as told: `written` in sampling, and `learned` from."""

    written: float
    learned: float

    def __post_init__(self) -> None:
        if not (self.written > 0 and self.learned > 0):
            raise TrainingError("Tokens a second are above 0.", "Give what was measured, or leave them out.")


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a run would take. `seconds` are those of one step, None where no rates are known."""

    title: str
    parameters: int
    trained: int
    gpus: int
    parts: tuple[Part, ...]
    tokens: Tokens
    steps: int
    seconds: float | None

    def bytes(self, when: When) -> int:
        """All that each GPU holds at such a time."""
        return sum(part.bytes for part in self.parts if part.when in (When.ALWAYS, when))

    @property
    def peak(self) -> int:
        """The most that each GPU holds at once."""
        return max(self.bytes(When.SAMPLING), self.bytes(When.LEARNING))

    def table(self) -> str:
        """All of it, as a person reads it."""
        rows = [("Parameters", ""), ("  of the model", f"{self.parameters:,}"), ("  trained", f"{self.trained:,}")]
        rows += [("Memory of each GPU" if self.gpus > 1 else "Memory", "GiB")]
        for when in When:
            parts = [part for part in self.parts if part.when is when and part.bytes]
            rows += [(f"  {when}", "")] if parts else []
            rows += [(f"    {part.name}", f"{part.bytes / GIB:,.2f}") for part in parts]
        rows += [("  at most", f"{self.peak / GIB:,.2f}"), ("Tokens of a step", "at most")]
        tokens = self.tokens
        named = (("read", tokens.read), ("written", tokens.written), ("scored", tokens.scored))
        rows += [(f"  {name}", f"{count:,}") for name, count in (*named, ("learned from", tokens.learned)) if count]
        rows += [("Steps", f"{self.steps:,}")]
        rows += [(f"  tokens {name} in all", f"{count * self.steps:,}") for name, count in named[1:2] if count]
        rows += [("  tokens learned from in all", f"{tokens.learned * self.steps:,}")]
        rows += [("Time", "not told: give tokens a second" if self.seconds is None else "")]
        if self.seconds is not None:
            rows += [("  of a step", _spoken(self.seconds)), ("  in all", _spoken(self.seconds * self.steps))]
        width = max(len(name) for name, _ in rows) + 2
        lines = [f"{name:{width}}{value:>18}".rstrip() for name, value in rows]
        return "\n".join([self.title, "", *lines, "", LEFT_OUT])


def estimate(
    recipe: Recipe,
    shape: Shape,
    *,
    gpus: int = 1,
    strategy: Strategy = Strategy.DDP,
    rates: Rates | None = None,
    prompt: int | None = None,
    completion: int | None = None,
    answerer: bool = True,
) -> Estimate:
    """What `recipe` takes with a model of that `shape` on so many GPUs; the CPU counts as one.

    `prompt` and `completion` are usual lengths in tokens, for tokens and time; the longest allowed unless given.
    `answerer`: the frozen Answer Agent that a manager is trained with stands on the same GPUs.
    Raises TrainingError if the recipe cannot be run so.
    """
    if gpus < 1:
        raise TrainingError(f"A run cannot have {gpus} GPUs.", "Give 1 or more; the CPU counts as one.")
    recipe.accumulation(gpus)
    longest = recipe.rollout.max_prompt + recipe.rollout.max_completion
    if longest > shape.context:
        raise TrainingError(
            f"rollout.max_prompt and rollout.max_completion are {longest:,} tokens together, and the model reads"
            f" {shape.context:,}.",
            "Lower one of the two.",
        )
    memory = Memory(recipe, shape, gpus, strategy, answerer)
    tokens = _tokens(recipe, prompt or recipe.rollout.max_prompt, completion or recipe.rollout.max_completion)
    where = "1 device" if gpus == 1 else f"{gpus} GPUs, {strategy}"
    return Estimate(
        title=f"{recipe.algorithm.upper()} of the {AGENTS[recipe.agent]}, {recipe.model}, {where}",
        parameters=shape.parameters,
        trained=memory.trained,
        gpus=gpus,
        parts=memory.parts(),
        tokens=tokens,
        steps=_steps(recipe),
        seconds=None if rates is None else _seconds(tokens, rates, gpus),
    )


def _tokens(recipe: Recipe, prompt: int, completion: int) -> Tokens:
    batch, algorithm = recipe.optimisation.batch, recipe.algorithm
    together = batch * (prompt + completion)
    if algorithm is Algorithm.SFT:
        return Tokens(0, 0, 0, together)
    if algorithm is Algorithm.GRPO:
        scored = (recipe.grpo.beta > 0) + (recipe.grpo.num_iterations > 1)
        passes = recipe.grpo.num_iterations
    else:
        scored = 1 + (recipe.ppo.kl_coefficient > 0) + (recipe.ppo.critic is Critic.SEPARATE)
        passes = recipe.ppo.epochs
    critics = 2 if algorithm is Algorithm.PPO and recipe.ppo.critic is Critic.SEPARATE else 1
    return Tokens(
        read=batch // recipe.rollout.group * prompt,
        written=batch * completion,
        scored=scored * together,
        learned=passes * critics * together,
    )


def _steps(recipe: Recipe) -> int:
    """All steps; an epoch has an episode for each question."""
    optimisation = recipe.optimisation
    if optimisation.steps is not None:
        return optimisation.steps
    return ceil((optimisation.epochs or 0) * recipe.data.questions * recipe.rollout.group / optimisation.batch)


def _seconds(tokens: Tokens, rates: Rates, gpus: int) -> float:
    learned = tokens.learned + (tokens.read + tokens.scored) / FORWARD
    return (tokens.written / rates.written + learned / rates.learned) / gpus


def _spoken(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.1f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02} min"
