"""Right completions in simulated lives, for the very prompts that an agent gets rewards for.

What to imitate, where others learn from rewards. Knows nothing of tokens and models.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from assistant.agents.completions import format_answer, format_operations
from assistant.agents.generation import Agent
from trainer.data.lives import Life
from trainer.environments import AnswerEnvironment, ManagerEnvironment
from trainer.episodes import AnswerEpisode, ManagerEpisode
from trainer.examples import Example, gold_operations


def of_manager(
    life: Life, episodes: Sequence[ManagerEpisode], environment: ManagerEnvironment
) -> Iterator[tuple[ManagerEpisode, Example]]:
    """The `episodes` of a `life` (`episodes.of_life`), each with the operations that are right.

    Without those of which search does not offer a memory that is to be changed: nothing right can be said there.
    """
    for turn, episode in zip([turn for turn in life.turns if turn.questions], episodes, strict=True):
        offered = list(environment.offered(episode))
        if all(change.before is None or change.before.text in offered for change in turn.changes):
            right = format_operations(gold_operations(turn.changes, offered), offered)
            yield episode, Example(Agent.MANAGER, list(environment.prompt(episode)), right)


def of_answers(
    life: Life, episodes: Sequence[AnswerEpisode], environment: AnswerEnvironment
) -> Iterator[tuple[AnswerEpisode, Example]]:
    """The `episodes` of a `life` (`episodes.answers_of_life`), each with the answer that is right, likewise."""
    questions = [question for turn in life.turns for question in turn.questions]
    for question, episode in zip(questions, episodes, strict=True):
        offered, evidence = episode.offered, question.evidence
        if evidence is None or evidence.text in offered:
            used = [offered.index(evidence.text) + 1] if evidence is not None else []
            right = format_answer(question.answer, used, offered)
            yield episode, Example(Agent.ANSWER, list(environment.prompt(episode)), right)
