"""What the model's process does for a request, as steps, and what it answers.

Promises that each request gets exactly one last reply (Done, Vectors or Failed), whatever becomes of it.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from pathlib import Path

from assistant.agents.generation import Agent
from assistant.llm.llama import ChatModel, ComputeError, GrammarError, LoadError, SentenceModel
from assistant.llm.prefixes import SavedPrefix
from assistant.llm.prompting import PromptTooLong
from assistant.llm.protocol import (
    ChildOptions,
    Embed,
    Failed,
    FailureKind,
    Generate,
    Ready,
    Reply,
    Vectors,
)
from assistant.llm.scheduler import Job
from assistant.llm.templates import TemplateError
from assistant.llm.writing import Desk, Writing

_PRIORITIES = {Agent.ANSWER: 0, Agent.MANAGER: 2}
_EMBED_PRIORITY = 1
"""Between the two: a search comes before an answer, but new vectors may wait for one."""


class Workshop:
    """The loaded models, and the jobs that use them. Raises LoadError if a chat model cannot be loaded."""

    def __init__(self, options: ChildOptions, send: Callable[[Reply], None]) -> None:
        self._options = options
        self._send = send
        paths = dict.fromkeys(agent.model for agent in options.agents.values())
        models = {path: ChatModel(path, threads=options.threads) for path in paths}
        self._desks: dict[str, Desk] = {}
        for agent, wanted in options.agents.items():
            model = models[wanted.model]
            context = model.new_context(model.context_size(wanted.context), wanted.adapter)
            prefix = SavedPrefix(Path(options.states), agent, wanted) if options.states is not None else None
            self._desks[agent] = Desk(model, context, wanted.thinking, prefix, wanted.weighs)
        self._sentences: SentenceModel | None = None
        send(Ready({agent: desk.context.size for agent, desk in self._desks.items()}))

    def job(self, request: Generate | Embed) -> Job:
        """`request` as a job, not begun."""
        if isinstance(request, Embed):
            return Job(request.id, _EMBED_PRIORITY, self._embed(request))
        # The steps must see whether their own job was cancelled.
        job = Job(request.id, _PRIORITIES[Agent(request.agent)], iter(()))
        job.steps = self._generate(request, lambda: job.cancelled)
        return job

    def _generate(self, request: Generate, cancelled: Callable[[], bool]) -> Iterator[None]:
        desk = self._desks[request.agent]
        grammar = None
        try:
            grammar = desk.model.grammar(request.grammar) if request.grammar is not None else None
            yield from Writing(desk, grammar, request, self._send).steps(cancelled)
        except GrammarError as error:
            self._send(Failed(request.id, FailureKind.GRAMMAR, str(error)))
        except PromptTooLong:
            self._send(Failed(request.id, FailureKind.PROMPT, "the instructions alone fill the model's context"))
        except (ComputeError, TemplateError) as error:
            self._send(Failed(request.id, FailureKind.COMPUTE, str(error)))
        finally:
            if grammar is not None:
                grammar.close()

    def _embed(self, request: Embed) -> Iterator[None]:
        vectors = []
        try:
            for text in request.texts:
                vectors.append(base64.b64encode(self._sentence_model().embed(text)).decode())
                yield
        except LoadError as error:
            self._send(Failed(request.id, FailureKind.EMBEDDER, str(error)))
        except ComputeError as error:
            self._send(Failed(request.id, FailureKind.COMPUTE, str(error)))
        else:
            self._send(Vectors(request.id, vectors))

    def _sentence_model(self) -> SentenceModel:
        """Loaded when first needed: it may come to its place while we run."""
        if self._sentences is None:
            path = self._options.embedder
            if path is None or not Path(path).is_file():
                raise LoadError("the sentence model is not there")
            self._sentences = SentenceModel(path, threads=self._options.threads)
        return self._sentences
