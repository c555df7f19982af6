"""The facts a simulated person can have, and the one sentence under which each is remembered.

Knows nothing of wordings or chance: values in, text out. A `key` names what a fact is about, so that "the same fact,
changed" is a comparison of keys.
"""

from __future__ import annotations

from dataclasses import dataclass

from trainer.data.wordings import fill

COUNTS = {1: "one", 2: "two", 3: "three"}
MOST = max(COUNTS)
"""The most names or pieces that one memory holds."""


@dataclass(frozen=True, slots=True)
class Fact:
    """One memory: `kind` and `about` name it, `values` are what must come out right, `text` is what is stored."""

    kind: str
    about: tuple[str, ...]
    values: tuple[str, ...]
    text: str

    @property
    def key(self) -> tuple[str, ...]:
        return (self.kind, *self.about)


def listing(values: tuple[str, ...]) -> str:
    """ "a", "a and b", "a, b and c"."""
    return " and ".join([", ".join(values[:-1]), values[-1]]) if len(values) > 1 else values[0]


def _counted(subject: str, noun: str, names: tuple[str, ...]) -> str:
    if len(names) == 1:
        return fill("{s} has a {noun} named {name}.", s=subject, noun=noun, name=names[0])
    return f"{subject} has {COUNTS[len(names)]} {noun}s named {listing(names)}."


def pet(subject: str, species: str, names: tuple[str, ...]) -> Fact:
    return Fact("pet", (subject, species), names, _counted(subject, species, names))


def family(subject: str, relation: str, names: tuple[str, ...]) -> Fact:
    return Fact("family", (subject, relation), names, _counted(subject, relation, names))


def name(subject: str, value: str) -> Fact:
    return Fact("name", (subject,), (value,), f"{subject}'s name is {value}.")


def age(subject: str, years: str) -> Fact:
    return Fact("age", (subject,), (years,), f"{subject}'s age is {years}.")


def home(subject: str, place: str) -> Fact:
    return Fact("home", (subject,), (place,), f"{subject} lives in {place}.")


def job(subject: str, title: str, company: str) -> Fact:
    """Either of `title` and `company` may be "" while it is not known; both are kept in `values`."""
    text = fill("{s} works as a {job}", s=subject, job=title) if title else f"{subject} works"
    return Fact("job", (subject,), (title, company), text + (f" at {company}." if company else "."))


def allergy(subject: str, values: tuple[str, ...]) -> Fact:
    return Fact("allergy", (subject,), values, f"{subject} is allergic to {listing(values)}.")


def condition(subject: str, values: tuple[str, ...]) -> Fact:
    return Fact("condition", (subject,), values, f"{subject} suffers from {listing(values)}.")


def instrument(subject: str, values: tuple[str, ...]) -> Fact:
    return Fact("instrument", (subject,), values, f"{subject} plays the {listing(values)}.")


def language(subject: str, values: tuple[str, ...]) -> Fact:
    return Fact("language", (subject,), values, f"{subject} speaks {listing(values)}.")


def favourite(subject: str, category: str, value: str) -> Fact:
    return Fact("favourite", (subject, category), (value,), f"{subject}'s favourite {category} is {value}.")


def liking(subject: str, thing: str, likes: bool) -> Fact:
    verb = "likes" if likes else "dislikes"
    return Fact("liking", (subject, thing), (verb, thing), f"{subject} {verb} {thing}.")


def plan(subject: str, place: str, month: str) -> Fact:
    return Fact("plan", (subject, place), (place, month), f"{subject} plans to visit {place} in {month}.")


def birthday(subject: str, date: str) -> Fact:
    return Fact("birthday", (subject,), (date,), f"{subject}'s birthday is on {date}.")


def appointment(subject: str, kind: str, date: str) -> Fact:
    text = fill("{s} has a {kind} appointment on {date}.", s=subject, kind=kind, date=date)
    return Fact("appointment", (subject, kind), (kind, date), text)


def car(subject: str, model: str) -> Fact:
    return Fact("car", (subject,), (model,), fill("{s} drives a {x}.", s=subject, x=model))


def friend_home(subject: str, relation: str, name: str, place: str) -> Fact:
    return Fact(
        "friend_home", (subject, relation, name), (name, place), f"{subject}'s {relation} {name} lives in {place}."
    )


def friend_job(subject: str, relation: str, name: str, title: str) -> Fact:
    text = fill("{s}'s {relation} {name} works as a {job}.", s=subject, relation=relation, name=name, job=title)
    return Fact("friend_job", (subject, relation, name), (name, title), text)


def friend_pet(subject: str, relation: str, name: str, species: str, called: str) -> Fact:
    text = fill(
        "{s}'s {relation} {name} has a {species} named {called}.",
        s=subject, relation=relation, name=name, species=species, called=called,
    )  # fmt: skip
    return Fact("friend_pet", (subject, relation, name, species), (name, called), text)
