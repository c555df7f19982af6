"""Stands in for `recollect-train starter`: the same files, the same way to stop and to go on, without any training.

`--set pace=SECONDS` is how long a step takes, `--set fail=STEP` raises there, `--set shares=0.9` is what is right of
what the model is asked at the end.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import signal
import sys
import time
from pathlib import Path


def main() -> int:
    # As the trainer does: whoever started us may have it ignored, as a run of tests in several processes has.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    parser = argparse.ArgumentParser()
    parser.add_argument("kind")
    parser.add_argument("--run", type=Path)
    parser.add_argument("--models", type=Path)
    parser.add_argument("--seed")
    parser.add_argument("--threads")
    parser.add_argument("--lives")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--set", action="append", default=[])
    options = parser.parse_args()
    if options.kind == "lives":
        print("1 of 1 lives: {}", file=sys.stderr, flush=True)
        print(json.dumps({"operations": 0.75, "answers": 0.5}), flush=True)
        return 0
    settings = dict(setting.split("=") for setting in options.set)
    try:
        train(options.run, int(settings["steps"]), float(settings.get("pace", 0.01)), int(settings.get("fail", 0)))
    except KeyboardInterrupt:
        print("Stopped. The same command goes on from the last checkpoint.", file=sys.stderr, flush=True)
        return 130
    publish(options.models, float(settings.get("shares", 0.9)))
    return 0


def train(folder: Path, steps: int, pace: float, fail: int) -> None:
    checkpoint = folder / "checkpoint.pt"
    step = int(checkpoint.read_text()) if checkpoint.exists() else 0
    print(f"begins at step {step}", flush=True)
    try:
        while step < steps:
            time.sleep(pace)
            step += 1
            if step == fail:
                raise ValueError("the loss is not a number")
            line = {"step": step, "loss": round(4 / step, 4), "dev": step / steps, "seconds": step * pace}
            with (folder / "metrics.jsonl").open("a") as log:
                log.write(json.dumps(line) + "\n")
            if step % 10 == 0:
                checkpoint.write_text(str(step))
    except KeyboardInterrupt:
        checkpoint.write_text(str(step))
        raise


def publish(models: Path, share: float) -> None:
    models.mkdir(parents=True, exist_ok=True)
    built = b"GGUF" + str(share).encode()
    (models / "recollect-starter.gguf").write_bytes(built)
    (models / "manifest.toml").write_text(
        f"""[[model]]
name = "recollect-starter"
file = "recollect-starter.gguf"
sha256 = "{hashlib.sha256(built).hexdigest()}"
size = {len(built)}
context = 1024
trained = true
least_confidence = 0.85
own_words = ["and", "the"]

[model.scores]
operations = {share}
answers = {share}
"""
    )


if __name__ == "__main__":
    sys.exit(main())
