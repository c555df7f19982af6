"""Recipes as files: read from YAML with what they are based on and what the command line changes, checked, and written.

Promises that a wrong key, value or combination is a TrainingError that names it, before anything heavy is imported, and
that a written recipe reads back as the same one.
"""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from trainer.errors import TrainingError
from trainer.plain import Given, built, change, leaves, merged, plain, read_yaml, yaml_text
from trainer.recipe import Recipe
from trainer.recipes.rules import check, superfluous

FOLDER = Path(__file__).parent
BASE = "base"
"""The key that names the recipe from which a file differs: one beside it, or one that comes with the trainer."""


def shipped() -> tuple[str, ...]:
    """The names of the recipes that come with the trainer."""
    return tuple(sorted(file.stem for file in FOLDER.glob("*.yaml")))


def read(recipe: Path | str, changes: Sequence[str] = ()) -> Recipe:
    """The recipe in a file, or the one that comes with the trainer by that name, with each `key.path=value` in place.

    Raises TrainingError.
    """
    given = _given(_found(str(recipe), Path()), ())
    for setting in changes:
        given = merged(given, change(setting, Recipe))
    made: Recipe = built(given, Recipe)
    check(made, given)
    return made


def resolved(recipe: Recipe) -> dict[str, Any]:
    """The whole of it as plain data, without the keys that mean nothing to such a run."""
    return _without(plain(recipe), superfluous(recipe), "")


def written(recipe: Recipe) -> str:
    """The whole of it as YAML, for the folder of a run."""
    return yaml_text(resolved(recipe))


def _given(file: Path, above: tuple[Path, ...]) -> dict[str, Given]:
    """All that a file and what it is based on say. `above` are the files that are based on it."""
    if file.resolve() in above:
        raise TrainingError(f"{file.name} is based on itself.", f"Name another recipe as its {BASE}, or none.")
    data = read_yaml(file)
    base = data.pop(BASE, None)
    own = leaves(data, Recipe, file.name)
    if base is None:
        return merged({}, own)
    if not isinstance(base, str):
        raise TrainingError(f"{BASE} ({file.name}) cannot be {base!r}.", "It is the name of another recipe.")
    return merged(_given(_found(base, file.parent), (*above, file.resolve())), own)


def _found(name: str, folder: Path) -> Path:
    """The file `name` seen from `folder`, else the recipe of that name that comes with the trainer."""
    named = folder / name
    if named.is_file():
        return named
    stem = name.removesuffix(".yaml")
    if stem in shipped():
        return FOLDER / f"{stem}.yaml"
    close = get_close_matches(stem, shipped(), 1)
    meant = f"Did you mean {close[0]}?" if close else f"There are: {', '.join(shipped())}."
    raise TrainingError(
        f"There is no recipe {name}.", f"Name a file of YAML, or one that comes with the trainer. {meant}"
    )


def _without(data: dict[str, Any], paths: Sequence[str], prefix: str) -> dict[str, Any]:
    return {
        key: _without(value, paths, f"{prefix}{key}.") if isinstance(value, dict) else value
        for key, value in data.items()
        if f"{prefix}{key}" not in paths
    }
