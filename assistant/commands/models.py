"""`recollect models`: what generates and what searches, and whether the files are whole."""

from __future__ import annotations

import argparse

from assistant.commands import output
from assistant.llm.manifest import shipped_model, verify
from assistant.paths import Paths


def run(args: argparse.Namespace) -> None:
    """Prints the models, the size of one that is not there as null. With --verify it reads all of the chat model.

    Raises ModelFileError if that is missing or not whole.
    """
    model = shipped_model()
    verify(model, checksum=args.verify)
    size = model.path.stat().st_size
    embedder = Paths.default().embedder
    embedder_size = embedder.stat().st_size if embedder.exists() else None
    if args.json:
        output.print_json(
            [
                {"name": model.name, "use": "chat", "path": str(model.path), "size": size},
                {"name": embedder.stem, "use": "search", "path": str(embedder), "size": embedder_size},
            ]
        )
        return
    output.print_data(f"chat    {model.name}  {size / 1e6:.1f} MB  {model.path}")
    if embedder_size is not None:
        output.print_data(f"search  {embedder.stem}  {embedder_size / 1e6:.1f} MB  {embedder}")
    else:
        output.print_data("search  by text alone (by meaning as well after `python -m assistant.llm.embedder`)")
