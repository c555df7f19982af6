"""A small recorded conversation, in the form of a LoCoMo file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def turn(speaker: str, dia_id: str, text: str, **more: Any) -> dict[str, Any]:
    return {"speaker": speaker, "dia_id": dia_id, "text": text, **more}


def sample(name: str = "conv-1") -> dict[str, Any]:
    """Five turns in two sessions; a third has a date and no turns, as happens in the real file."""
    return {
        "sample_id": name,
        "conversation": {
            "speaker_a": "Ann",
            "speaker_b": "Bob",
            "session_10_date_time": "12:05 am on 1 January, 2024",
            "session_10": [turn("Bob", "D10:1", "I sold my car.")],
            "session_2_date_time": "1:56 pm on 8 May, 2023",
            "session_2": [
                turn("Ann", "D2:1", "I moved to Oslo."),
                turn("Bob", "D2:2", "I have a car."),
                turn("Ann", "D2:3", "Look!", img_url=["http://example.org/a.jpg"], blip_caption="a photo of a fjord"),
                turn("Ann", "D2:4", "I love it here."),
            ],
            "session_11_date_time": "9:00 am on 2 January, 2024",
        },
        "qa": [],
    }


def write(folder: Path, *samples: dict[str, Any]) -> Path:
    path = folder / "locomo.json"
    path.write_text(json.dumps(samples or [sample()]), encoding="utf-8")
    return path
