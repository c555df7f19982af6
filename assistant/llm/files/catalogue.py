"""Which models can be downloaded: models/catalogue.toml, read and checked, and how much memory a model takes.

Knows nothing of which of them are here already, and asks no server.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from assistant.errors import ModelFileError
from assistant.llm.files.gguf_header import Header, cache_bytes
from assistant.llm.protocol import USUAL_CONTEXT

CATALOGUE = "catalogue.toml"
_BESIDE_BYTES = 300_000_000
"""What the process needs beside weights and caches: buffers for computing, the sentence model, Python."""

_FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\.gguf")
_URL = re.compile(r"https://[a-z0-9.-]+/[A-Za-z0-9/._-]+")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_REINSTALL = "Fetch Recollect again, or add a model by its address."


@dataclass(frozen=True, slots=True)
class Offer:
    """A model that can be downloaded.

    `parameters` is rounded as the publisher does. `size` is in bytes; with `about` it is rounded, good for the check
    of disk and memory alone. `sha256` is None where only the server states it. `context` is in tokens, as the model was
    trained. `cache_per_token` is what a token takes in an f16 cache, in bytes: layers * KV heads * head size * 4.
    `thinking` says whether the model may think before it answers.
    """

    name: str
    family: str
    parameters: int
    file: str
    url: str
    size: int
    licence: str
    context: int
    cache_per_token: int
    thinking: bool = False
    about: bool = False
    sha256: str | None = None

    @property
    def exact_size(self) -> int | None:
        """The size that a download has to have, if it is known."""
        return None if self.about else self.size


def read_catalogue(path: Path) -> tuple[Offer, ...]:
    """The offers in the file at `path`, in its order. Raises ModelFileError."""
    try:
        offers = tuple(_offer(entry) for entry in tomllib.loads(path.read_text(encoding="utf-8")).get("model", []))
    except FileNotFoundError as error:
        raise ModelFileError(f"There is no catalogue of models at {path}.", _REINSTALL) from error
    except (OSError, ValueError, TypeError) as error:
        raise ModelFileError(f"The catalogue of models at {path} cannot be read ({error}).", _REINSTALL) from error
    for key in ("name", "file"):
        values = [getattr(offer, key) for offer in offers]
        if twice := next((value for value in values if values.count(value) > 1), None):
            raise ModelFileError(f"The catalogue of models at {path} has two entries for {twice!r}.", _REINSTALL)
    return offers


def memory_needed(model: Offer | Header, contexts: int = 2) -> int:
    """Bytes of memory that a model takes in use, roughly and rather too many.

    The weights, which llama.cpp maps whole; the f16 cache of `contexts` contexts of USUAL_CONTEXT tokens, or of as many
    as the model has (each agent has a context of its own); and 300 MB for the rest.
    """
    if isinstance(model, Offer):
        context, per_token = model.context, model.cache_per_token
    else:
        context, per_token = model.context_length or USUAL_CONTEXT, cache_bytes(model, 1)
    return model.size + contexts * min(context, USUAL_CONTEXT) * per_token + _BESIDE_BYTES


def _offer(entry: Any) -> Offer:
    if not isinstance(entry, dict):
        raise ValueError("a model is not a table")
    offer = Offer(**entry)
    for field in fields(Offer):
        value: Any = getattr(offer, field.name)
        expected: type = {"int": int, "bool": bool}.get(str(field.type), str)
        if type(value) is not expected and not (field.name == "sha256" and value is None):
            raise ValueError(f"{field.name} of {offer.name} is not of the type {expected.__name__}")
        if isinstance(value, int) and expected is int and value <= 0:
            raise ValueError(f"{field.name} of {offer.name} is not above 0")
    for what, form in (("file", _FILE), ("url", _URL), ("sha256", _SHA256)):
        if (value := getattr(offer, what)) is not None and not form.fullmatch(value):
            raise ValueError(f"{what} of {offer.name} cannot be used: {value!r}")
    return offer
