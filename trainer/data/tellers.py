"""What people tell of, one teller for each kind of fact: how it is said, and what becomes of what is known."""

from __future__ import annotations

from collections.abc import Callable

from trainer.data import facts
from trainer.data.facts import MOST, Fact
from trainer.data.lives import USER, Change
from trainer.data.storyteller import MONTHS, Storyteller

PAIR_SHARE = 0.2
"""Of pets and relatives that are new: how often two of them are told of at once."""
YOUNGEST, OLDEST = 12, 99

Event = tuple[str, str, Change]
"""Kind, wording, change."""
Teller = Callable[[Storyteller, str], Event | None]


def _counted(kind: str, make: Callable[..., Fact], pool: str, relation_pools: tuple[str, ...]) -> Teller:
    """Tells of pets or relatives: several names under one kind of thing, told one by one."""
    slot = "species" if kind == "pet" else "relation"

    def tell(s: Storyteller, subject: str) -> Event | None:
        mine = s.of_kind(kind, subject)
        old = s.rng.choice(mine) if mine and s.chance(0.6) else None
        if old and kind == "pet" and s.chance(0.45):
            name = s.rng.choice(old.values)
            rest = tuple(v for v in old.values if v != name)
            text = s.tell("pet.gone", species=old.about[1], name=name)
            return "pet.gone", text, Change(old, make(subject, old.about[1], rest) if rest else None)
        noun = old.about[1] if old else s.value(s.rng.choice(relation_pools))
        old = s.get(kind, subject, noun)
        if old and (len(old.values) >= MOST or noun in s.wordings.values["relations_one"]):
            return None
        name = s.value(pool, *(old.values if old else ()))
        if not old and noun not in s.wordings.values["relations_one"] and s.chance(PAIR_SHARE):
            names = (name, s.value(pool, name))
            text = s.tell(f"{kind}.pair", **{slot: noun}, name=names[0], other=names[1])
            return f"{kind}.pair", text, Change(None, make(subject, noun, names))
        further = s.chance(0.85) if old else (kind == "pet" and s.chance(0.04))
        said = "another" if further else "first" if kind == "pet" else "has"
        third = said == "another" and old is not None and len(old.values) >= 2
        text = s.tell(f"{kind}.{said}", beyond_two=third, **{slot: noun, "name": name})
        return f"{kind}.{said}", text, Change(old, make(subject, noun, (*(old.values if old else ()), name)))

    return tell


def _listed(kind: str, make: Callable[..., Fact], pool: str, first: str, more: str | None, less: str | None) -> Teller:
    """Tells of facts that come in pieces under one memory: allergies, languages, instruments."""

    def tell(s: Storyteller, subject: str) -> Event | None:
        old = s.get(kind, subject)
        values = old.values if old else ()
        if old and less and s.chance(0.45):
            value = s.rng.choice(values)
            rest = tuple(v for v in values if v != value)
            return (
                f"{kind}.{less}",
                s.tell(f"{kind}.{less}", x=value),
                Change(old, make(subject, rest) if rest else None),
            )
        if len(values) >= MOST:
            return None
        value = s.value(pool, *values)
        said = more if old and more and s.chance(0.8) else first
        text = s.tell(f"{kind}.{said}", beyond_two=said == more and len(values) >= 2, x=value)
        return f"{kind}.{said}", text, Change(old, make(subject, (*values, value)))

    return tell


def _name(s: Storyteller, subject: str) -> Event | None:
    old = s.get("name", subject)
    if old or subject != USER:
        return None
    name = s.value("first_names")
    return "name.set", s.tell("name.set", name=name), Change(None, facts.name(subject, name))


def _age(s: Storyteller, subject: str) -> Event:
    old = s.get("age", subject)
    years = s.number(YOUNGEST, OLDEST)
    said = "turn" if s.chance(0.85 if old else 0.2) else "set"
    return f"age.{said}", s.tell(f"age.{said}", age=years), Change(old, facts.age(subject, years))


def _home(s: Storyteller, subject: str) -> Event:
    old = s.get("home", subject)
    place = s.value("places", *(old.values if old else ()))
    said = "move" if s.chance(0.85 if old else 0.3) else "live"
    return f"home.{said}", s.tell(f"home.{said}", place=place), Change(old, facts.home(subject, place))


def _job(s: Storyteller, subject: str) -> Event:
    old = s.get("job", subject)
    title, company = old.values if old else ("", "")
    if old and s.chance(0.35):
        return "job.quit", s.tell("job.quit"), Change(old, None)
    if not old:
        said = s.rng.choice(("title", "company", "both"))
    else:
        said = s.rng.choice(("new_title" if title else "title", "new_company" if company else "company"))
    new_title = s.value("jobs", title) if said != "company" and said != "new_company" else title
    new_company = s.value("companies", company) if said in ("company", "both", "new_company") else company
    text = s.tell(f"job.{said}", job=new_title, company=new_company)
    return f"job.{said}", text, Change(old, facts.job(subject, new_title, new_company))


def _favourite(s: Storyteller, subject: str) -> Event:
    mine = s.of_kind("favourite", subject)
    known = s.rng.choice(mine) if mine and s.chance(0.5) else None
    category = known.about[1] if known else s.rng.choice(list(s.wordings.favourites))
    old = s.get("favourite", subject, category)
    options = [v for v in s.wordings.favourites[category] if not old or v != old.values[0]]
    value = s.rng.choice(options) if options and not s.chance(s.shares.invented) else s.invent("favourites")
    said = "change" if s.chance(0.85 if old else 0.1) else "set"
    text = s.tell(f"favourite.{said}", category=category, value=value)
    return f"favourite.{said}", text, Change(old, facts.favourite(subject, category, value))


def _liking(s: Storyteller, subject: str) -> Event:
    mine = s.of_kind("liking", subject)
    old = s.rng.choice(mine) if mine and s.chance(0.45) else None
    if old:
        likes = old.values[0] == "dislikes"
        thing = old.about[1]
        said = "now_like" if likes else "now_dislike"
    else:
        likes = s.chance(0.5)
        thing = s.value("activities")
        old = s.get("liking", subject, thing)
        said = "like" if likes else "dislike"
    return f"liking.{said}", s.tell(f"liking.{said}", x=thing), Change(old, facts.liking(subject, thing, likes))


def _plan(s: Storyteller, subject: str) -> Event | None:
    mine = s.of_kind("plan", subject)
    if mine and s.chance(0.55):
        old = s.rng.choice(mine)
        place, month = old.values
        if s.chance(0.5):
            return "plan.cancel", s.tell("plan.cancel", place=place), Change(old, None)
        month = s.rng.choice([m for m in MONTHS if m != month])
        return (
            "plan.shift",
            s.tell("plan.shift", place=place, month=month),
            Change(old, facts.plan(subject, place, month)),
        )
    place, month = s.value("places"), s.rng.choice(MONTHS)
    if s.get("plan", subject, place) or any(f.values[1] == month for f in mine):
        return None
    return "plan.make", s.tell("plan.make", place=place, month=month), Change(None, facts.plan(subject, place, month))


def _birthday(s: Storyteller, subject: str) -> Event | None:
    if s.get("birthday", subject):
        return None
    date = s.date()
    return "birthday.set", s.tell("birthday.set", date=date), Change(None, facts.birthday(subject, date))


def _appointment(s: Storyteller, subject: str) -> Event | None:
    mine = s.of_kind("appointment", subject)
    if mine and s.chance(0.6):
        old = s.rng.choice(mine)
        kind = old.about[1]
        if s.chance(0.5):
            return "appointment.cancel", s.tell("appointment.cancel", kind=kind), Change(old, None)
        date = s.date()
        text = s.tell("appointment.shift", kind=kind, date=date)
        return "appointment.shift", text, Change(old, facts.appointment(subject, kind, date))
    kind, date = s.value("appointments"), s.date()
    if s.get("appointment", subject, kind):
        return None
    text = s.tell("appointment.make", kind=kind, date=date)
    return "appointment.make", text, Change(None, facts.appointment(subject, kind, date))


def _car(s: Storyteller, subject: str) -> Event:
    old = s.get("car", subject)
    if old and s.chance(0.4):
        return "car.sold", s.tell("car.sold"), Change(old, None)
    model = s.value("cars", *(old.values if old else ()))
    said = "change" if old else "has"
    return f"car.{said}", s.tell(f"car.{said}", x=model), Change(old, facts.car(subject, model))


def _friend(s: Storyteller, subject: str) -> tuple[str, str]:
    """A friend who was spoken of before, or a new one: relation and name."""
    friends = sorted({f.about[1:3] for f in s.known.values() if f.kind.startswith("friend") and f.about[0] == subject})
    if friends and s.chance(0.6):
        relation, name = s.rng.choice(friends)
        return relation, name
    return s.value("relations_friend"), s.value("first_names", *s.people)


def _friend_home(s: Storyteller, subject: str) -> Event:
    relation, name = _friend(s, subject)
    old = s.get("friend_home", subject, relation, name)
    place = s.value("places", *(old.values if old else ()))
    said = "move" if s.chance(0.9 if old else 0.4) else "live"
    text = s.tell(f"friend_home.{said}", relation=relation, name=name, place=place)
    return f"friend_home.{said}", text, Change(old, facts.friend_home(subject, relation, name, place))


def _friend_job(s: Storyteller, subject: str) -> Event:
    relation, name = _friend(s, subject)
    old = s.get("friend_job", subject, relation, name)
    title = s.value("jobs", relation, *(old.values if old else ()))
    said = "change" if s.chance(0.9 if old else 0.2) else "has"
    text = s.tell(f"friend_job.{said}", relation=relation, name=name, job=title)
    return f"friend_job.{said}", text, Change(old, facts.friend_job(subject, relation, name, title))


def _friend_pet(s: Storyteller, subject: str) -> Event | None:
    relation, name = _friend(s, subject)
    species, called = s.value("species"), s.value("pet_names", name)
    if s.get("friend_pet", subject, relation, name, species):
        return None
    text = s.tell("friend_pet.has", relation=relation, name=name, species=species, pet=called)
    return "friend_pet.has", text, Change(None, facts.friend_pet(subject, relation, name, species, called))


TELLERS: dict[str, tuple[float, Teller]] = {
    "pet": (2.0, _counted("pet", facts.pet, "pet_names", ("species",))),
    "name": (0.8, _name),
    "age": (0.6, _age),
    "home": (1.0, _home),
    "job": (1.4, _job),
    "family": (
        1.4,
        _counted("family", facts.family, "first_names", ("relations_many", "relations_many", "relations_one")),
    ),
    "allergy": (1.6, _listed("allergy", facts.allergy, "allergens", "first", "more", "over")),
    "condition": (1.0, _listed("condition", facts.condition, "conditions", "has", None, "over")),
    "instrument": (1.0, _listed("instrument", facts.instrument, "instruments", "plays", "also", "stop")),
    "language": (0.7, _listed("language", facts.language, "languages", "speaks", "also", None)),
    "favourite": (1.2, _favourite),
    "liking": (1.3, _liking),
    "plan": (1.5, _plan),
    "birthday": (0.5, _birthday),
    "appointment": (1.3, _appointment),
    "car": (0.8, _car),
    "friend_home": (0.9, _friend_home),
    "friend_job": (0.8, _friend_job),
    "friend_pet": (0.5, _friend_pet),
}
"""Each kind of fact with how often it is told of."""
