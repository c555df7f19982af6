"""How fast agents are trained: a step of ours beside one of plain TRL, which samples by transformers' generate.

Both train the same model, of the starter's shape with random weights, on the same prompts of simulated lives, in turns.
Prints a table with what has to be kept to, and writes the JSON.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from benchmarks.bank import machine_of
from benchmarks.table import Grid, aligned

Result = dict[str, Any]

ROUNDS, STEPS, GROUP, BATCH, COMPLETION, THREADS = 3, 4, 8, 64, 25, 2
PROMPT = (200, 300)
"""How many tokens prompts have: the starter's have about so many in use."""
EPISODES = 64
FLOOR = 1.5
HEADING = ["", "ours", "plain TRL", "ours ÷ plain, median", "least to most", "floor", ""]


@dataclass(frozen=True, slots=True)
class Work:
    """What both sides train on: a saved model with its tokenizer, and prompts as messages."""

    folder: Path
    prompts: tuple[Any, ...]
    group: int
    batch: int
    completion: int
    steps: int
    seed: int


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures, prints a table and writes the JSON. Returns the exit status."""
    options = _parser().parse_args(arguments)
    machine = _machine(options)
    import torch  # Slow to import, and not needed to say what there is to choose.

    torch.set_num_threads(options.threads)
    with tempfile.TemporaryDirectory(prefix="recollect-training-") as folder:
        work = made(Path(folder), options)
        results = [measured(work, options.rounds)]
    report = {"machine": machine | {"torch": torch.__version__}, "results": results}
    print(report_text(report))
    if options.json is not None:
        options.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    return 0


def report_text(report: dict[str, Any]) -> str:
    """For a terminal."""
    machine = report["machine"]
    source = (
        f"`{machine['command']}`, commit {machine['commit']}; {machine['cores']} cores ({machine['processor']},"
        f" {machine['system']}), Python {machine['python']}, torch {machine['torch']}, load {machine['load']:.1f}"
    )
    return "\n".join([source, "", *aligned(grid(report["results"]))])


def grid(results: Sequence[Result]) -> Grid:
    """A row for each algorithm, below a row of headings."""
    return [HEADING, *(_row(result) for result in results)]


def measured(work: Work, rounds: int) -> Result:
    """Seconds of each step of GRPO but the first, in each of the `rounds`, ours and plain in turns."""
    found: list[dict[str, list[float]]] = []
    for number in range(rounds):
        print(f"round {number + 1} of {rounds}", file=sys.stderr, flush=True)
        # Whoever is first in one round is last in the next: a machine gets busier or calmer in between.
        sides: list[tuple[str, Callable[[Work], list[float]]]] = [("ours", ours), ("plain", plain)]
        found.append({name: side(work) for name, side in (sides if number % 2 == 0 else sides[::-1])})
    return {
        "algorithm": "grpo",
        "group": work.group,
        "batch": work.batch,
        "completion": work.completion,
        "rounds": found,
    }


def ours(work: Work) -> list[float]:
    """Seconds of steps of ours."""
    from assistant.agents.generation import Agent
    from trainer.grpo import GRPO, configuration, prompted
    from trainer.policy import Policy

    policy = Policy.load(work.folder)
    clock = _clock()
    args = configuration(work.folder / "ours", **_settings(work))
    asked = prompted(work.prompts, policy.prompting.tokens, policy.context)

    def score(episodes: list[int], sampled: list[Any]) -> list[_Reward]:
        return [_Reward(float(sum(each.tokens) % 2)) for each in sampled]

    trainer = GRPO(
        policy.model, args, policy.tokenizer, asked, score, agent=Agent.ANSWER, sampler=policy, callbacks=[clock]
    )
    with redirect_stdout(sys.stderr):
        trainer.train()
    return list(clock.seconds[1:])


def plain(work: Work) -> list[float]:
    """Seconds of steps of TRL's own trainer."""
    from datasets import Dataset  # type: ignore[import-untyped]
    from transformers import AutoTokenizer, Qwen2ForCausalLM
    from trl.trainer.grpo_trainer import GRPOTrainer

    from trainer.grpo import configuration

    def reward(completion_ids: list[list[int]], **_: Any) -> list[float | None]:
        return [float(sum(tokens) % 2) for tokens in completion_ids]

    clock = _clock()
    rows = [[{"role": m.role.value, "content": m.text} for m in prompt] for prompt in work.prompts]
    trainer = GRPOTrainer(
        model=Qwen2ForCausalLM.from_pretrained(work.folder),
        reward_funcs=reward,
        args=configuration(work.folder / "plain", **_settings(work)),
        train_dataset=Dataset.from_dict({"prompt": rows}),
        processing_class=AutoTokenizer.from_pretrained(work.folder, padding_side="left"),
        callbacks=[clock],
    )
    with redirect_stdout(sys.stderr):
        trainer.train()
    return list(clock.seconds[1:])


def made(folder: Path, options: argparse.Namespace) -> Work:
    """Writes the model into `folder`, and looks for prompts of the right length."""
    from trainer.data.simulate import simulate
    from trainer.data.wordings import Split, Wordings
    from trainer.examples import examples
    from trainer.policy import Policy
    from trainer.pretrain import new_model, starter_config
    from trainer.tokenizer import train_tokenizer

    wordings, rng = Wordings.load(Split.TRAIN), Random(f"training {options.seed}")
    lives = [examples(simulate(rng.getrandbits(48), wordings), wordings, rng) for _ in range(options.lives)]
    found = [tuple(example.prompt) for life in lives for example in life]
    tokenizer = train_tokenizer((m.text for prompt in found for m in prompt), options.vocabulary, 200)
    end, pad = tokenizer.eos_token_id, tokenizer.pad_token_id
    new_model(starter_config(options.vocabulary, end, pad), options.seed).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    tokens = Policy.load(folder).prompting.tokens
    fitting = [prompt for prompt in found if PROMPT[0] <= len(tokens(prompt)) <= PROMPT[1]]
    prompts = tuple(rng.sample(fitting, min(EPISODES, len(fitting))))
    steps = options.steps + 1  # The first is not counted.
    return Work(folder, prompts, options.group, options.batch, options.completion, steps, options.seed)


@dataclass(frozen=True, slots=True)
class _Reward:
    total: float

    @property
    def parts(self) -> dict[str, float]:
        return {}


def _settings(work: Work) -> dict[str, Any]:
    return {
        "steps": work.steps,
        "per_device_train_batch_size": work.batch,
        "num_generations": work.group,
        "max_completion_length": work.completion,
        "learning_rate": 1e-6,
        "save_strategy": "no",
        "use_cpu": True,
        "seed": work.seed,
    }


def _clock() -> Any:
    from transformers import TrainerCallback

    class Clock(TrainerCallback):
        """How many seconds each step took, sampling and rewards among them."""

        def __init__(self) -> None:
            self.seconds: list[float] = []
            self._begun = 0.0

        def on_step_begin(self, *_: Any, **__: Any) -> None:
            self._begun = time.perf_counter()

        def on_step_end(self, *_: Any, **__: Any) -> None:
            self.seconds.append(time.perf_counter() - self._begun)

    return Clock()


def _row(result: Result) -> list[str]:
    rates = {
        who: [result["batch"] / statistics.median(each[who]) for each in result["rounds"]] for who in ("ours", "plain")
    }
    ratios = [one / other for one, other in zip(rates["ours"], rates["plain"], strict=True)]
    middle = statistics.median(ratios)
    name = f"{result['algorithm'].upper()}, {result['batch']} completions a step, {result['group']} a prompt"
    return [
        f"{name}, {result['completion']} tokens each: samples a second",
        *(f"{statistics.median(each):.1f}" for each in rates.values()),
        f"{middle:.2f}",
        f"{min(ratios):.2f} to {max(ratios):.2f}",
        f"≥ {FLOOR}",
        "missed" if middle < FLOOR else "",
    ]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.training", description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="runs of each side")
    parser.add_argument("--steps", type=int, default=STEPS, help="steps of a run that are timed, after a first one")
    parser.add_argument("--group", type=int, default=GROUP, help="completions of a prompt")
    parser.add_argument("--batch", type=int, default=BATCH, help="completions of a step")
    parser.add_argument("--completion", type=int, default=COMPLETION, help="most tokens of a completion")
    parser.add_argument("--threads", type=int, default=THREADS, help="threads that torch computes with")
    parser.add_argument("--vocabulary", type=int, default=8192, help="tokens of the model")
    parser.add_argument("--lives", type=int, default=200, help="simulated lives from which prompts are taken")
    parser.add_argument("--seed", type=int, default=1, help="decides weights, lives and order")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all numbers there")
    return parser


def _machine(options: argparse.Namespace) -> dict[str, Any]:
    """What the numbers depend on. The command has no folders in it: they are this machine's affair."""
    usual = _parser().parse_args([])
    chosen = {name: value for name, value in vars(options).items() if name != "json" and value != getattr(usual, name)}
    command = ["python", "-m", "benchmarks.training"]
    for name, value in chosen.items():
        command += [f"--{name}", str(value)]
    return machine_of(command)


if __name__ == "__main__":
    sys.exit(main())
