"""What an agent learns from 152 questions: SFT, GRPO and PPO from one supervised checkpoint, on lives of other people.

Every run is a `recollect-train run` of a recipe that comes with the trainer, in a process and a folder of its own; what
is there already is not run again. Measured are likeliest completions, before and after, on the same episodes of the
test split; an interval is the 95 % bootstrap interval of the mean difference on the same episode.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from benchmarks.bank import commit_of_checkout, processor

AGENTS, ALGORITHMS = ("answer", "manager"), ("sft", "grpo", "ppo")
SCORED = "test.json"
QUESTIONS = 152
"""As many as the paper trains on."""
MAX_TOKENS = 96


@dataclass(frozen=True, slots=True)
class One:
    """One run: which agent, how, with which seed."""

    agent: str
    algorithm: str
    seed: int

    @property
    def name(self) -> str:
        return f"{self.agent}-{self.algorithm}-{self.seed}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Trains what is not trained yet, measures, prints a table and writes the JSON. Returns the exit status."""
    options = _parser().parse_args(arguments)
    ones = [One(a, m, s) for a in options.agents for m in options.algorithms for s in options.seeds]
    start, runs = options.start, options.runs
    before = {agent: _scored(options, agent, start, runs / f"start-{agent}") for agent in options.agents}
    after = {}
    for one in ones:
        _train(options, one)
        folder = runs / one.name
        after[one] = _scored(options, one.agent, folder / "model", folder)
    rows = list(_rows(options, before, after))
    print(f"`{_command(options)}`, commit {commit_of_checkout()}; {processor()}\n")
    print(table(rows))
    if options.json is not None:
        options.json.write_text(json.dumps(rows, indent=2) + "\n", "utf-8")
    return 0


def table(rows: Sequence[dict[str, Any]]) -> str:
    """The rows as Markdown: exact match before and after, and what was gained, seeds together."""
    head = "| agent | by | exact match before | after | gained | 95 % interval |"
    lines = [head, "| --- | --- | ---: | ---: | ---: | --- |"]
    for row in rows:
        low, high = row["interval"]
        lines.append(
            f"| {row['agent']} | {row['algorithm']} | {row['before']:.3f} | {row['after']:.3f} |"
            f" {row['gained']:+.3f} | {low:+.3f} to {high:+.3f} |"
        )
    return "\n".join(lines)


def _rows(
    options: argparse.Namespace, before: dict[str, list[float]], after: dict[One, list[float]]
) -> Iterator[dict[str, Any]]:
    from trainer.evaluating import gain

    for agent in options.agents:
        for algorithm in options.algorithms:
            by_seed = [after[One(agent, algorithm, seed)] for seed in options.seeds]
            together = [fmean(each) for each in zip(*by_seed, strict=True)]
            gained, low, high = gain(before[agent], together)
            yield {
                "agent": agent,
                "algorithm": algorithm,
                "before": fmean(before[agent]),
                "after": fmean(together),
                "by_seed": [fmean(each) for each in by_seed],
                "gained": gained,
                "interval": (low, high),
                "episodes": len(together),
            }


def _train(options: argparse.Namespace, one: One) -> None:
    folder = options.runs / one.name
    if (folder / "model").is_dir():
        return
    settings = [f"model={options.start}", f"seed={one.seed}", f"data.questions={QUESTIONS}", *options.set]
    command = [sys.executable, "-m", "trainer.cli", "run", f"starter-{one.agent}-{one.algorithm}", "--run", str(folder)]
    print(f"training {one.name}", file=sys.stderr, flush=True)
    subprocess.run([*command, *(part for each in settings for part in ("--set", each))], check=True)


def _scored(options: argparse.Namespace, agent: str, model: Path, folder: Path) -> list[float]:
    """The exact match of each episode of the test split, which is measured once."""
    file = folder / SCORED
    wanted = {"lives": options.lives, "agent": agent}
    if file.exists() and (told := json.loads(file.read_text("utf-8")))["of"] == wanted:
        return [float(each) for each in told["exact_match"]]
    print(f"measuring {folder.name}", file=sys.stderr, flush=True)
    found = _measured(agent, model, options.start, options.lives)
    folder.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({"of": wanted, "exact_match": found}) + "\n", "utf-8")
    return found


def _measured(agent: str, model: Path, start: Path, count: int) -> list[float]:
    from trainer.data.dialogues.lives import lives
    from trainer.data.wordings import Split, Wordings
    from trainer.environments import AnswerEnvironment, ManagerEnvironment
    from trainer.episodes import answers_of_life, of_life
    from trainer.evaluating import score
    from trainer.materials import answerer, traits_of
    from trainer.policy import Policy
    from trainer.rewards import Weights
    from trainer.tasks import AnswerTask, ManagerTask, Task

    traits, policy = traits_of(start), Policy.load(model)
    told = lives(Wordings.load(Split.TEST), count, seed=0)
    task: Task
    if agent == "manager":
        environment = ManagerEnvironment(answerer(Policy.load(start), MAX_TOKENS), traits=traits)
        task = ManagerTask([each for name, life in told for each in of_life(life, name)], environment, Weights())
    else:
        episodes = [each for name, life in told for each in answers_of_life(life, name, traits.memories_offered)]
        task = AnswerTask(episodes, AnswerEnvironment(traits), Weights())
    return list(score(task, policy, MAX_TOKENS).rewards)


def _command(options: argparse.Namespace) -> str:
    words = [f"--lives {options.lives}", f"--seeds {','.join(map(str, options.seeds))}"]
    return " ".join(["python -m benchmarks.learning --start START", *words, *(f"--set {each}" for each in options.set)])


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split(","))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.learning", description=__doc__)
    parser.add_argument("--start", type=Path, required=True, help="folder of the checkpoint that all begin with")
    parser.add_argument("--runs", type=Path, default=Path("runs/learning"), help="folder of the runs")
    parser.add_argument("--agents", type=_words, default=AGENTS)
    parser.add_argument("--algorithms", type=_words, default=ALGORITHMS)
    parser.add_argument("--seeds", type=lambda text: tuple(map(int, text.split(","))), default=(0, 1, 2))
    parser.add_argument("--lives", type=int, default=40, help="of the test split that is measured on")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="change a value of all recipes")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all numbers there")
    return parser


if __name__ == "__main__":
    sys.exit(main())
