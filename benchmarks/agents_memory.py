"""What a second agent on the same weights takes of memory, as it is or with each an adapter of its own.

`python -m benchmarks.agents_memory BODY SEED SHAPE` prints as JSON what the model's process has in memory;
`benchmarks.engine` runs it. SHAPE, that of a body, says what adapters have to fit; null: none are made.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from assistant.agents.generation import Agent, ChatMessage, Role
from assistant.llm.engine import MANAGER_CONTEXT, Engine
from assistant.llm.files.gguf_header import cache_bytes, read_header
from assistant.llm.files.manifest import Adapter, ModelFile
from benchmarks.bodies import Body, write_adapter
from benchmarks.processes import memory_of
from benchmarks.random_body import Shape
from benchmarks.sentences import facts

Result = dict[str, Any]
SENTENCES = 25
"""Of a prompt that is longer than what is read at once, so that all buffers are in use."""


def measure(body: Body, seed: int, shape: Shape | None) -> list[Result]:
    """A result for the Answer Agent alone, for both, and for both with adapters where the `shape` is known."""
    results: list[Result] = []
    with tempfile.TemporaryDirectory(prefix="recollect-memory-") as folder:
        place = Path(folder)
        results.append(_measured("answer alone", body, {Agent.ANSWER: body.model()}, seed, place))
        results.append(_measured("both", body, dict.fromkeys(Agent, body.model()), seed, place))
        if shape is not None:
            adapters = {agent: Adapter(place / f"{agent}.gguf") for agent in Agent}
            for number, adapter in enumerate(adapters.values()):
                write_adapter(adapter.path, shape, seed=seed + number)
            both = dict.fromkeys(Agent, body.model(adapters))
            results.append(_measured("both, an adapter each", body, both, seed, place))
    return results


def _measured(label: str, body: Body, models: dict[Agent, ModelFile], seed: int, folder: Path) -> Result:
    contexts = {Agent.ANSWER: body.context, Agent.MANAGER: min(body.context, MANAGER_CONTEXT)}
    with Engine(models, embedder=None, log_file=folder / "log") as engine:
        engine.ready()
        _use(engine, list(models), seed)
        pid = engine.pid
        assert pid is not None
        memory = memory_of(pid)
    header = read_header(Path(body.path))
    adapters = sum(adapter.path.stat().st_size for adapter in models[Agent.ANSWER].adapters.values())
    return {
        "part": "memory",
        "model": body.label,
        "agents": label,
        "contexts": {agent.value: contexts[agent] for agent in models},
        "caches_mb": sum(cache_bytes(header, contexts[agent]) for agent in models) / 1e6,
        "file_mb": Path(body.path).stat().st_size / 1e6,
        "adapter_mb": adapters / max(1, len(models)) / 1e6,
        **memory.as_dict(),
    }


def _use(engine: Engine, agents: Sequence[Agent], seed: int) -> None:
    text = " ".join(fact.text for fact in islice(facts(seed), SENTENCES))
    for agent in agents:
        engine.generate(agent, [ChatMessage(Role.USER, text)], max_tokens=3)


if __name__ == "__main__":
    body, seed, shape = map(json.loads, sys.argv[1:4])
    print(json.dumps(measure(Body(**body), seed, Shape(**shape) if shape is not None else None)))
