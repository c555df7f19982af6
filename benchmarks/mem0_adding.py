"""mem0 itself, told a list of messages: `python -m benchmarks.mem0_adding JSON`, with mem0 on its path.

Promises that mem0 is as it was installed, and that nothing it does reaches further than this machine. Its language
model and its embedder are those of the server that it is pointed to; its memories are in a folder (qdrant). Knows
nothing of this project.
"""

from __future__ import annotations

import importlib.metadata
import json
import logging
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

USER = "user"
MANY = 10_000
LOOPBACK = ("127.0.0.1", "::1", "localhost", None)


class Complaints(logging.Handler):
    """Keeps what is logged as an error: mem0 goes on without the memory when something fails."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(record.getMessage())


def main() -> None:
    """Adds each message, and prints what came of it as JSON."""
    options: dict[str, Any] = json.loads(sys.argv[1])
    complaints = Complaints()
    sys.addaudithook(lambda event, arguments: _stay_here(event, arguments, complaints.texts))
    logging.getLogger().addHandler(complaints)
    from mem0 import Memory

    memory = Memory.from_config(_settings(options["url"], Path(options["folder"])))
    seconds = []
    for number, text in enumerate(options["messages"]):
        _post(f"{options['url']}/turn", {"number": number})
        started = time.perf_counter()
        memory.add(text, user_id=USER)
        seconds.append(time.perf_counter() - started)
    version = importlib.metadata.version("mem0ai")
    if version.startswith("1."):
        held = memory.get_all(user_id=USER, limit=MANY)
    else:
        held = memory.get_all(filters={"user_id": USER}, top_k=MANY)
    texts = [row["memory"] for row in held["results"]]
    print(json.dumps({"version": version, "seconds": seconds, "memories": texts, "errors": complaints.texts}))


def _stay_here(event: str, arguments: tuple[Any, ...], refused: list[str]) -> None:
    """Refuses connections and look-ups of names that lead away from this machine, and tells of them in `refused`."""
    if event == "socket.connect":
        address = arguments[1]
        away = isinstance(address, tuple) and address[0] not in LOOPBACK
    elif event == "socket.getaddrinfo":
        away = arguments[0] not in LOOPBACK
    else:
        return
    if away:
        refused.append(f"{event} {arguments} leads away from this machine")
        raise PermissionError(refused[-1])


def _settings(url: str, folder: Path) -> dict[str, Any]:
    server = {"model": "local", "api_key": "local", "openai_base_url": f"{url}/v1"}
    dimensions = 384
    return {
        "llm": {"provider": "openai", "config": server},
        "embedder": {"provider": "openai", "config": server | {"embedding_dims": dimensions}},
        "vector_store": {
            "provider": "qdrant",
            "config": {
                "collection_name": "memories",
                "path": str(folder / "qdrant"),
                "on_disk": True,
                "embedding_model_dims": dimensions,
            },
        },
        "history_db_path": str(folder / "history.db"),
    }


def _post(url: str, body: dict[str, Any]) -> None:
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    urllib.request.urlopen(request).close()


if __name__ == "__main__":
    main()
