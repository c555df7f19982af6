"""One life told to one memory manager, ours or mem0: what each message cost, and which memories there are at the end.

`python -m benchmarks.telling JSON` is a step of `benchmarks.mem0`, in a process of its own. It computes for the manager
it measures: in this process for ours, as a server for mem0, which runs in another.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from assistant.agents.generation import ChatMessage, ModelTraits
from assistant.agents.manager import MemoryManager
from assistant.conversation.queue import ManagerQueue
from assistant.llm import llama
from assistant.memory.bank import Embedder, MemoryBank
from assistant.memory.operations import OperationStatus
from benchmarks.forced import Cost, ForcedGenerator, ForcedModel
from benchmarks.openai_server import OpenAIServer
from benchmarks.right import manager_reply, mem0_reply
from trainer.data.lives import Life, Turn
from trainer.data.simulate import simulate
from trainer.data.storyteller import USUAL
from trainer.data.wordings import Split, Wordings

ROOT = Path(__file__).resolve().parent.parent
SECONDS_A_MESSAGE = 300
"""Longest that mem0 may take, in the mean; the first message has a cold cache."""
_BEGIN = datetime(2026, 1, 1, 9, tzinfo=UTC)
_BETWEEN_TURNS = timedelta(hours=7)
OURS, PEER = "ours", "mem0"
EMBEDDINGS = "embedding"
Result = dict[str, Any]
Embed = Callable[[str], bytes]


@dataclass
class Spent:
    """What one message took: the calls of the language model, and all else as seconds."""

    changes: bool
    costs: list[Cost] = field(default_factory=list)
    seconds: float = 0.0


class Sentences:
    """A sentence model as the bank's embedder."""

    name = "all-MiniLM-L6-v2"
    dimensions = 384

    def __init__(self, embed: Embed) -> None:
        self._embed = embed

    def embed(self, texts: Sequence[str]) -> list[bytes]:
        return [self._embed(text) for text in texts]


def main() -> None:
    options: dict[str, Any] = json.loads(sys.argv[1])
    llama.prepare()
    threads = options["threads"]
    told = life(options["messages"], options["seed"])
    embed = llama.SentenceModel(options["sentences"], threads=threads).embed
    model = ForcedModel(Path(options["model"]), slots=options["slots"], threads=threads)
    with tempfile.TemporaryDirectory(prefix="recollect-mem0-") as folder:
        if options["who"] == OURS:
            result = tell_ours(told, model, Sentences(embed), Path(folder), ModelTraits(**options["traits"]))
        else:
            result = _tell_mem0(told, model, embed, Path(folder), options["peer"])
    print(json.dumps(result))


def life(messages: int, seed: int) -> Life:
    """The life that every manager is told: one user's, in the words that runs of the trainer are watched on."""
    shares = replace(USUAL, named=0.0)
    return simulate(f"benchmark {seed}", Wordings.load(Split.DEV), turns=messages, shares=shares)


def tell_ours(told: Life, model: ForcedModel, embedder: Embedder, folder: Path, traits: ModelTraits) -> Result:
    """The assistant's own bank and queue, which asks the manager once for each message."""
    at: list[Turn] = []
    generator = ForcedGenerator(model, lambda prompt: manager_reply(prompt, at[-1]))
    all_spent = []
    with MemoryBank.open(folder / "bank.db", embedder) as bank:
        queue = ManagerQueue(bank, MemoryManager(generator, traits))
        conversation = bank.new_conversation().id
        for number, turn in enumerate(told.turns, 1):
            at.append(turn)
            now = _BEGIN + number * _BETWEEN_TURNS
            bank.add_message(conversation, "user", turn.text, created_at=now, remember=True)
            begun, started = len(generator.costs), time.perf_counter()
            receipts = queue.run_pending()
            seconds = time.perf_counter() - started
            all_spent.append(Spent(bool(turn.changes), generator.costs[begun:], seconds))
            _check([o.reason for r in receipts for o in r.operations if o.status is not OperationStatus.APPLIED])
        memories = [memory.text for memory in bank.memories()]
    return _result(told, all_spent, memories, {"manager": len(generator.costs)}, version="")


def _tell_mem0(told: Life, model: ForcedModel, embed: Embed, folder: Path, packages: str) -> Result:
    all_spent = [Spent(bool(turn.changes)) for turn in told.turns]
    made: Counter[str] = Counter()
    at = [0]

    def write(prompt: Sequence[ChatMessage]) -> tuple[str, Cost]:
        call, reply = mem0_reply(prompt, told.turns[at[-1]])
        made[call] += 1
        cost = model.write(prompt, reply)
        all_spent[at[-1]].costs.append(cost)
        return reply, cost

    def embedded(text: str) -> bytes:
        made[EMBEDDINGS] += 1
        return embed(text)

    with OpenAIServer(write, embedded, at.append) as server:
        answered = _mem0(server, [turn.text for turn in told.turns], folder, packages)
        _check([*server.failures, *answered["errors"]])
    for spent, seconds in zip(all_spent, answered["seconds"], strict=True):
        spent.seconds = seconds
    return _result(told, all_spent, answered["memories"], made, answered["version"])


def _mem0(server: OpenAIServer, messages: Sequence[str], folder: Path, packages: str) -> Result:
    """What mem0, running by itself, says it took and holds; it is served until it ends."""
    options = json.dumps({"url": server.url, "folder": str(folder), "messages": messages})
    command = [sys.executable, "-m", "benchmarks.mem0_adding", options]
    environment = _environment(os.environ, folder, packages)
    server.timeout = 0.2
    deadline = time.monotonic() + SECONDS_A_MESSAGE * len(messages)
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as process:
        while process.poll() is None:
            server.handle_request()
            if time.monotonic() > deadline:
                process.kill()
        assert process.stdout is not None
        said = process.stdout.read()
    if process.returncode:
        sys.exit(f"mem0 ended with status {process.returncode}; {'; '.join(server.failures) or 'see above'}")
    answer: Result = json.loads(said.splitlines()[-1])
    return answer


def _environment(given: Mapping[str, str], folder: Path, packages: str) -> dict[str, str]:
    """mem0's: no telemetry, its own files in `folder`, no proxy and no other provider."""
    kept = {
        name: value
        for name, value in given.items()
        if not name.lower().endswith("_proxy") and not name.startswith(("OPENAI_", "OPENROUTER_", "MEM0_"))
    }
    path = {"PYTHONPATH": packages} if packages else {}
    return {**kept, **path, "MEM0_TELEMETRY": "False", "MEM0_DIR": str(folder / "mem0"), "HOME": str(folder)}


def _check(failures: Sequence[str]) -> None:
    """Ends the step: what is measured is not what was meant to be."""
    if failures:
        sys.exit(f"Not all went as it should: {'; '.join(failures)}")


def _result(
    told: Life, all_spent: Sequence[Spent], memories: Sequence[str], made: Mapping[str, int], version: str
) -> Result:
    last = told.turns[-1]
    gone = {change.before.text for change in last.changes if change.before}
    right = {fact.text for fact in last.known} - gone | {change.after.text for change in last.changes if change.after}
    return {
        "version": version,
        "messages": [asdict(spent) for spent in all_spent],
        "made": dict(made),
        "memories": len(memories),
        "right": len(right.intersection(memories)),
        "wanted": len(right),
    }


if __name__ == "__main__":
    main()
