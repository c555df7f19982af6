"""Plain data with dotted keys into frozen dataclasses: every wrong key or value is named by its path.

Knows nothing of training. What a key may hold is what the field of the dataclass is annotated with.
"""

from __future__ import annotations

import re
import types
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from difflib import get_close_matches
from enum import StrEnum
from functools import cache
from math import inf
from pathlib import Path
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import yaml  # type: ignore[import-untyped]

from trainer.errors import TrainingError

SET = "--set"
"""Where a value comes from that was given on the command line."""


SENSIBLE = 1e15
"""No number in a recipe is as large."""


@dataclass(frozen=True, slots=True)
class Within:
    """The bounds of a number; `least` itself is not among them if it must be `above`, nor `most` if `below`."""

    least: float = -inf
    most: float = inf
    above: bool = False
    below: bool = False

    def holds(self, value: float) -> bool:
        return (self.least < value if self.above else self.least <= value) and (
            value < self.most if self.below else value <= self.most
        )

    def __str__(self) -> str:
        least, most = _figure(self.least), _figure(self.most)
        if -inf < self.least and self.most < inf and not self.above and not self.below:
            return f"from {least} to {most}"
        parts = [f"above {least}" if self.above else f"of at least {least}"] if self.least > -inf else []
        parts += [f"below {most}" if self.below else f"of at most {most}"] if self.most < inf else []
        return " and ".join(parts)


@dataclass(frozen=True, slots=True)
class Given:
    """A value as it was written, and where: the name of a file, or `SET`."""

    value: Any
    where: str


Leaves = Mapping[str, Given]
"""All that was written, each value by its dotted key."""


def read_yaml(file: Path) -> dict[str, Any]:
    """What a file of YAML holds, which must be keys with values. Raises TrainingError."""
    try:
        data = parse_yaml(file.read_text("utf-8"))
    except OSError as error:
        raise TrainingError(f"{file} cannot be read: {error.strerror or error}.", "Name another file.") from None
    except UnicodeDecodeError:
        raise TrainingError(f"{file} is not text in UTF-8.", "Name another file.") from None
    except (yaml.YAMLError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        place = f"line {mark.line + 1}" if mark else "somewhere"
        problem = getattr(error, "problem", None) or "it is not YAML"
        raise TrainingError(f"{file} cannot be read as YAML: {place}, {problem}.", "Correct it there.") from None
    if not isinstance(data, dict):
        raise TrainingError(f"{file} holds no keys.", "A line of it reads `key: value`.")
    return data


def parse_yaml(text: str) -> Any:
    """The data in `text`. Raises yaml.YAMLError."""
    return yaml.load(text, _Loader)


def leaves(data: Mapping[Any, Any], kind: type[Any], where: str, prefix: str = "") -> dict[str, Given]:
    """Each value in `data` by its dotted key. Raises TrainingError for a key that `kind` has no place for."""
    found: dict[str, Given] = {}
    places = schema(kind)
    for key, value in data.items():
        path = f"{prefix}{key}"
        if "." in str(key):
            raise TrainingError(f"{path} ({where}) is written with a dot.", "Write a section, and its keys below it.")
        if path in places:
            found[path] = Given(value, where)
        elif not any(place.startswith(f"{path}.") for place in places):
            raise _unknown(path, places, where)
        elif isinstance(value, Mapping):
            found |= leaves(value, kind, where, f"{path}.")
        elif value is None:
            found[path] = Given(None, where)
        else:
            inner = _listed([place.removeprefix(f"{path}.") for place in places if place.startswith(f"{path}.")])
            raise TrainingError(f"{path} ({where}) cannot be {_shown(value)}.", f"It holds {inner}.")
    return found


def change(setting: str, kind: type[Any]) -> dict[str, Given]:
    """The values of one `key.path=value`. Raises TrainingError."""
    path, equals, text = setting.partition("=")
    if not equals:
        raise TrainingError(f"{SET} {setting} says no value.", f"Write it as {SET} key.path=value.")
    literally = _bare(schema(kind).get(path, int)) is str and text != "null"
    try:
        value = text if literally else parse_yaml(text)
    except (yaml.YAMLError, ValueError):
        value = text
    nested: Any = value
    for key in reversed(path.split(".")):
        nested = {key: nested}
    return leaves(nested, kind, SET)


def merged(earlier: Leaves, later: Leaves) -> dict[str, Given]:
    """Both, the later ones before the earlier ones; a null takes away what stood there, or a whole section."""
    kept = dict(earlier)
    for path, given in later.items():
        for gone in [other for other in kept if other == path or other.startswith(f"{path}.")]:
            del kept[gone]
        if given.value is not None:
            kept[path] = given
    return kept


def built(given: Leaves, kind: type[Any]) -> Any:
    """`kind` made of what was `given`, the rest by default. Raises TrainingError."""
    places = schema(kind)
    values = {path: _value(path, each, places[path]) for path, each in given.items()}
    return _assembled(kind, values, "")


def schema(kind: Any) -> Mapping[str, Any]:
    """What each dotted key of `kind`, a dataclass, is annotated with."""
    return _schema(kind)


@cache
def _schema(kind: Any) -> Mapping[str, Any]:
    return dict(_places(kind, ""))


def plain(value: Any) -> Any:
    """`value` as it may be written to YAML."""
    if is_dataclass(value):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, StrEnum):
        return value.value
    return list(value) if isinstance(value, tuple) else value


def yaml_text(data: Mapping[str, Any]) -> str:
    """`data` as YAML that `read_yaml` reads, in its own order."""
    text: str = yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)
    return text


class _Dumper(yaml.SafeDumper):  # type: ignore[misc]
    """Puts in quotes what `_Loader` would not read as the text that it is."""


class _Loader(yaml.SafeLoader):  # type: ignore[misc]
    """YAML as it is meant: 1e-6 is a number, `no` and `off` are words, 010 is no 8, and no key stands twice."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 (PyYAML's own, emptied)

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key in [key for key, _ in node.value if isinstance(key, yaml.ScalarNode)]:
            if key.value in seen:
                raise yaml.constructor.ConstructorError(None, None, f"{key.value} stands twice", key.start_mark)
            seen.add(key.value)
        mapping: dict[Any, Any] = super().construct_mapping(node, deep)
        return mapping


for _tag, _pattern, _first in (
    ("null", r"~|null|", ["~", "n", ""]),
    ("bool", r"true|false", ["t", "f"]),
    ("int", r"[-+]?(0|[1-9][0-9]*)", [*"-+0123456789"]),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+\.[0-9]*|[0-9]+(?=[eE]))([eE][-+]?[0-9]+)?", [*"-+.0123456789"]),
):
    for _kind in (_Loader, _Dumper):
        _kind.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"^({_pattern})$"), _first)


def _places(kind: Any, prefix: str) -> Iterator[tuple[str, Any]]:
    for name, annotation in get_type_hints(kind, include_extras=True).items():
        if isinstance(annotation, type) and is_dataclass(annotation):
            yield from _places(annotation, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", annotation


def _assembled(kind: type[Any], values: Mapping[str, Any], prefix: str) -> Any:
    hints = get_type_hints(kind)
    arguments = {}
    for field in fields(kind):
        path, inner = f"{prefix}{field.name}", hints[field.name]
        if isinstance(inner, type) and is_dataclass(inner):
            arguments[field.name] = _assembled(inner, values, f"{path}.")
        elif path in values:
            arguments[field.name] = values[path]
        elif field.default is MISSING:
            raise TrainingError(f"{path} is missing.", f"It is {_allowed(schema(kind)[field.name])}.")
    return kind(**arguments)


def _value(path: str, given: Given, annotation: Any) -> Any:
    found = _taken(given.value, annotation)
    if found is not None:
        return found
    hint = f"It is {_allowed(annotation)}."
    inner = _bare(annotation)
    if isinstance(inner, type) and issubclass(inner, StrEnum):
        close = get_close_matches(str(given.value), [choice.value for choice in inner], 1)
        hint += f" Did you mean {close[0]}?" if close else ""
    raise TrainingError(f"{path} ({given.where}) cannot be {_shown(given.value)}.", hint)


def _taken(value: Any, annotation: Any) -> Any:
    """`value` as `annotation` has it, or None if it may not be."""
    inner, bounds = _bare(annotation), _bounds(annotation)
    if inner is bool:
        return value if isinstance(value, bool) else None
    if inner in (int, float):
        fitting = isinstance(value, inner) or (inner is float and isinstance(value, int))
        if isinstance(value, bool) or not fitting or not -SENSIBLE < value < SENSIBLE:
            return None
        return inner(value) if bounds.holds(value) else None
    if inner is str:
        return value if isinstance(value, str) and value.strip() else None
    if issubclass(inner, StrEnum):
        return inner(value) if isinstance(value, str) and value in list(inner) else None
    words = [value] if isinstance(value, str) else value
    whole = isinstance(words, list) and words and all(isinstance(word, str) and word for word in words)
    return tuple(words) if whole else None


def _bare(annotation: Any) -> Any:
    """The type itself, without bounds and without "or None"; tuple for one of words."""
    if get_origin(annotation) is Annotated:
        return _bare(get_args(annotation)[0])
    if get_origin(annotation) in (types.UnionType, Union):
        return _bare(next(part for part in get_args(annotation) if part is not type(None)))
    return get_origin(annotation) or annotation


def _bounds(annotation: Any) -> Within:
    if get_origin(annotation) is Annotated:
        return next(extra for extra in annotation.__metadata__ if isinstance(extra, Within))
    if get_origin(annotation) in (types.UnionType, Union):
        return _bounds(next(part for part in get_args(annotation) if part is not type(None)))
    return Within()


def _allowed(annotation: Any) -> str:
    """What may stand there, in words."""
    inner = _bare(annotation)
    if inner is bool:
        return "true or false"
    if inner in (int, float):
        return f"{'a whole number' if inner is int else 'a number'} {_bounds(annotation)}".strip()
    if inner is str:
        return "a text"
    return _listed([choice.value for choice in inner], "or") if issubclass(inner, StrEnum) else "a list of names"


def _unknown(path: str, places: Mapping[str, Any], where: str) -> TrainingError:
    section, _, last = path.rpartition(".")
    before = f"{section}." if section else ""
    beside = list(dict.fromkeys(p.removeprefix(before).split(".")[0] for p in places if p.startswith(before)))
    named_so = {place.rpartition(".")[2]: place for place in places}
    meant = [before + name for name in get_close_matches(last, beside, 1, 0.6)]
    meant += get_close_matches(path, [place for place in places if place.endswith(f".{last}")], 1, 0.0)
    meant += [named_so[name] for name in get_close_matches(last, named_so, 1, 0.75)]
    hint = f"Did you mean {meant[0]}?" if meant else f"Known there: {_listed(beside)}."
    return TrainingError(f"There is no key {path} ({where}).", hint)


def _listed(words: list[str], last: str = "and") -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} {last} {words[-1]}"


def _figure(number: float) -> str:
    return f"{int(number)}" if abs(number) < SENSIBLE and number == int(number) else f"{number:g}"


def _shown(value: Any) -> str:
    text = str(value).lower() if isinstance(value, bool) else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
