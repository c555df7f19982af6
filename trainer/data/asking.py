"""Questions about a simulated life, with gold answers: from a fact that is known, or about one that is not."""

from __future__ import annotations

from trainer.data.facts import COUNTS, Fact, listing
from trainer.data.lives import ABSTAIN, USER, Question
from trainer.data.storyteller import MONTHS, Storyteller

SINGLE_RELATIONS = frozenset({"wife", "husband", "mother", "father", "partner"})
"""Relations that nobody asks the number of."""
QuestionForm = tuple[str, dict[str, str], str]
"""Pool without its person suffix, slots, answer."""


def forms(fact: Fact) -> list[QuestionForm]:
    """Every way in which `fact` can be asked for."""
    values = fact.values
    match fact.kind:
        case "pet" | "family":
            noun = {"species" if fact.kind == "pet" else "relation": fact.about[1]}
            count: QuestionForm = (f"{fact.kind}.ask_count", noun, COUNTS[len(values)])
            name: QuestionForm = (f"{fact.kind}.ask_name", noun, listing(values))
            return [name] if fact.about[1] in SINGLE_RELATIONS else [name, count]
        case "job":
            title, company = values
            asked: list[QuestionForm] = [("job.ask_title", {}, title), ("job.ask_company", {}, company)]
            return [form for form in asked if form[2]]
        case "liking":
            return [("liking.ask", {"x": values[1]}, "yes" if values[0] == "likes" else "no")]
        case "favourite":
            return [("favourite.ask", {"category": fact.about[1]}, values[0])]
        case "plan":
            place, month = values
            return [("plan.ask_when", {"place": place}, month), ("plan.ask_where", {"month": month}, place)]
        case "appointment":
            return [("appointment.ask", {"kind": values[0]}, values[1])]
        case "friend_home" | "friend_job":
            return [(f"{fact.kind}.ask", {"relation": fact.about[1], "name": fact.about[2]}, values[1])]
        case "friend_pet":
            slots = {"relation": fact.about[1], "name": fact.about[2], "species": fact.about[3]}
            return [("friend_pet.ask", slots, values[1])]
        case _:
            return [(f"{fact.kind}.ask", {}, listing(values))]


def _word(s: Storyteller, form: QuestionForm, subject: str, evidence: Fact | None) -> Question:
    pool, slots, answer = form
    if subject == USER:
        text = s.say(f"{pool}_me", **slots)
    else:
        text = s.say(f"{pool}_{'turned' if s.chance(s.shares.turned) else 'other'}", S=subject, **slots)
    return Question(pool, text, answer, evidence)


def ask_known(s: Storyteller, fact: Fact) -> Question:
    """A question that `fact` answers."""
    return _word(s, s.rng.choice(forms(fact)), fact.about[0], fact)


def _imagined(s: Storyteller, subject: str) -> tuple[tuple[str, ...], QuestionForm]:
    """A question about a fact made up on the spot, with the key under which that fact would be known."""
    relation, name = s.value("relations_friend"), s.value("first_names")
    friends = [f for f in s.known.values() if f.kind.startswith("friend") and f.about[0] == subject]
    if friends and s.chance(0.7):
        relation, name = s.rng.choice(friends).about[1:3]
    species, noun, place = s.value("species"), s.value("relations_many"), s.value("places")
    month, category = s.rng.choice(MONTHS), s.rng.choice(list(s.wordings.favourites))
    appointment, thing = s.value("appointments"), s.value("activities")
    person = {"relation": relation, "name": name}
    options: list[tuple[tuple[str, ...], QuestionForm]] = [
        (("pet", subject, species), (s.rng.choice(("pet.ask_name", "pet.ask_count")), {"species": species}, ABSTAIN)),
        (
            ("family", subject, noun),
            (s.rng.choice(("family.ask_name", "family.ask_count")), {"relation": noun}, ABSTAIN),
        ),
        (("job", subject), (s.rng.choice(("job.ask_title", "job.ask_company")), {}, ABSTAIN)),
        (("favourite", subject, category), ("favourite.ask", {"category": category}, ABSTAIN)),
        (("liking", subject, thing), ("liking.ask", {"x": thing}, ABSTAIN)),
        (("plan", subject, place), ("plan.ask_when", {"place": place}, ABSTAIN)),
        (("plan", subject, month), ("plan.ask_where", {"month": month}, ABSTAIN)),
        (("appointment", subject, appointment), ("appointment.ask", {"kind": appointment}, ABSTAIN)),
        (("friend_home", subject, relation, name), ("friend_home.ask", person, ABSTAIN)),
        (("friend_job", subject, relation, name), ("friend_job.ask", person, ABSTAIN)),
        (("friend_pet", subject, relation, name, species), ("friend_pet.ask", {**person, "species": species}, ABSTAIN)),
        *(
            ((kind, subject), (f"{kind}.ask", {}, ABSTAIN))
            for kind in ("name", "age", "home", "allergy", "condition", "instrument", "language", "birthday", "car")
            if kind != "name" or subject == USER
        ),
    ]
    return s.rng.choice(options)


def _is_known(s: Storyteller, key: tuple[str, ...]) -> bool:
    if key[0] == "plan":
        return any(f.kind == "plan" and f.about[0] == key[1] and key[2] in f.values for f in s.known.values())
    return key in s.known


def ask_unknown(s: Storyteller, subject: str) -> Question:
    """A question that nothing known answers, often close to something that is known."""
    while True:
        key, form = _imagined(s, subject)
        if form[0] in ("job.ask_title", "job.ask_company") and (job := s.get("job", subject)) is not None:
            if not job.values[form[0] == "job.ask_company"]:
                return _word(s, form, subject, None)
        elif not _is_known(s, key):
            return _word(s, form, subject, None)
