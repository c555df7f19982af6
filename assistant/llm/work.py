"""What the model's process does for a request, as steps, and what it answers.

Promises that each request gets exactly one last reply (Done, Vectors or Failed), whatever becomes of it.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

from assistant.agents.generation import Agent, ChatMessage, FinishReason, Role
from assistant.llm.chatml import PromptTooLong, render
from assistant.llm.llama import (
    CHUNK,
    ChatContext,
    ChatModel,
    ComputeError,
    Grammar,
    GrammarError,
    LoadError,
    SentenceModel,
)
from assistant.llm.protocol import (
    ChildOptions,
    Done,
    Embed,
    Failed,
    FailureKind,
    Generate,
    Piece,
    Ready,
    Reply,
    Vectors,
)
from assistant.llm.sampling import Sampler, Text
from assistant.llm.scheduler import Job

_PRIORITIES = {Agent.ANSWER: 0, Agent.MANAGER: 2}
_EMBED_PRIORITY = 1
"""Between the two: a search comes before an answer, but new vectors may wait for one."""


class Workshop:
    """The loaded models, and the jobs that use them. Raises LoadError if the chat model cannot be loaded."""

    def __init__(self, options: ChildOptions, send: Callable[[Reply], None]) -> None:
        self._options = options
        self._send = send
        self._model = ChatModel(options.model, context=options.context, threads=options.threads)
        self._contexts = {agent: self._model.new_context() for agent in Agent}
        self._sentences: SentenceModel | None = None
        send(Ready(self._model.context))

    def job(self, request: Generate | Embed) -> Job:
        """`request` as a job, not begun."""
        if isinstance(request, Embed):
            return Job(request.id, _EMBED_PRIORITY, self._embed(request))
        # The steps must see whether their own job was cancelled.
        job = Job(request.id, _PRIORITIES[Agent(request.agent)], iter(()))
        job.steps = self._generate(request, lambda: job.cancelled)
        return job

    def _generate(self, request: Generate, cancelled: Callable[[], bool]) -> Iterator[None]:
        grammar = None
        try:
            grammar = self._model.grammar(request.grammar) if request.grammar is not None else None
            context = self._contexts[Agent(request.agent)]
            yield from _Completion(self._model, context, grammar, request, self._send).steps(cancelled)
        except GrammarError as error:
            self._send(Failed(request.id, FailureKind.GRAMMAR, str(error)))
        except PromptTooLong:
            self._send(Failed(request.id, FailureKind.PROMPT, "the instructions alone fill the model's context"))
        except ComputeError as error:
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


class _Completion:
    """One completion being written."""

    def __init__(
        self,
        model: ChatModel,
        context: ChatContext,
        grammar: Grammar | None,
        request: Generate,
        send: Callable[[Reply], None],
    ) -> None:
        self._model = model
        self._context = context
        self._request = request
        self._send = send
        self._text = Text(model.piece)
        self._sampler = Sampler(
            self._text,
            ends=model.ends,
            constraint=grammar,
            temperature=request.temperature,
            seed=request.seed,
        )
        self._prompt_tokens = 0
        self._cached_tokens = 0
        self._tokens = 0

    def steps(self, cancelled: Callable[[], bool]) -> Iterator[None]:
        """Reads the prompt, writes, and says how it ended."""
        reason = FinishReason.CANCELLED
        if not cancelled():
            reason = yield from self._write(cancelled)
        self._send(
            Done(
                self._request.id,
                str(self._text),
                reason.value,
                self._prompt_tokens,
                self._cached_tokens,
                self._tokens,
                self._sampler.confidence,
            )
        )

    def _write(self, cancelled: Callable[[], bool]) -> Generator[None, None, FinishReason]:
        prompt = self._prompt()
        self._prompt_tokens = len(prompt)
        position = self._cached_tokens = self._context.keep_prefix(prompt)
        while position < len(prompt):
            if cancelled() or not self._context.read(prompt[position : position + CHUNK], cancelled):
                return FinishReason.CANCELLED
            position += CHUNK
            yield
        room = min(self._request.max_tokens, self._context.size - len(prompt))
        while self._tokens < room:
            token = self._sampler.next(self._context.logits())
            if token is None:
                raise ComputeError("the model has no token that the grammar allows next")
            if token in self._model.ends:
                return FinishReason.STOP
            self._add(token)
            if cancelled() or (self._tokens < room and not self._context.read([token], cancelled)):
                return FinishReason.CANCELLED
            yield
        return FinishReason.LENGTH

    def _add(self, token: int) -> None:
        self._tokens += 1
        piece = self._text.add(token)
        if piece and self._request.stream:
            self._send(Piece(self._request.id, piece))

    def _prompt(self) -> list[int]:
        messages = [ChatMessage(Role(role), text) for role, text in self._request.messages]
        # A reply may take half of the context at most: a long one must not push out what it is about.
        budget = self._context.size - min(self._request.max_tokens, self._context.size // 2)
        return render(messages, self._model.tokenize, self._model.control, budget)
