"""Whether a LoRA adapter belongs to a model, by what both files say of themselves."""

from __future__ import annotations

from assistant.llm.files.gguf_header import Header, Kind, shown


def adapter_fits(adapter: Header, base: Header) -> str | None:
    """Why the LoRA `adapter` does not belong to the model `base`, as a sentence; None if it does.

    The shapes are those that llama.cpp checks: A (row length of the base, rank) and B (rank, rows of the base); for
    token embeddings, whose rows are looked up, the two change places.
    """
    if adapter.kind is not Kind.ADAPTER:
        return "It is a whole model, not an adapter."
    if base.kind is not Kind.MODEL:
        return "What it should change is an adapter itself, not a model."
    if adapter.architecture != base.architecture:
        return f"It was made for the architecture {adapter.architecture}, and the model is {base.architecture}."
    names = [name for name in adapter.tensors if not name.endswith("_norm.weight")]
    if not names:
        return "It has no tensors."
    return next((reason for name in names if (reason := _misfit(name, adapter, base))), None)


def _misfit(name: str, adapter: Header, base: Header) -> str | None:
    target, _, part = name.rpartition(".")
    if part not in ("lora_a", "lora_b"):
        return f"Its tensor {shown(name)} is no part of a LoRA."
    a, b = (adapter.tensors.get(f"{target}.{each}") for each in ("lora_a", "lora_b"))
    if a is None or b is None:
        return f"Its tensor {shown(name)} lacks the other half."
    if target not in base.tensors:
        return f"It changes the tensor {shown(target)}, which the model does not have."
    (columns, rows), (a_row, a_rank), (b_rank, b_rows) = (
        (*tensor.shape, 1, 1)[:2] for tensor in (base.tensors[target], a, b)
    )
    if target.endswith("token_embd.weight"):
        fits = (columns, rows) == (b_rows, a_rank)
    else:
        fits = (columns, rows, a_rank) == (a_row, b_rows, b_rank)
    return None if fits else f"Its tensor {shown(target)} has another shape than the model's."
