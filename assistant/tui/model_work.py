"""The slow half of a session, in a thread of its own: the model answers, reads for facts, and gives vectors.

Promises that an answer goes before all else: what the manager has begun goes back into its queue when somebody waits
for longer than a moment. Knows nothing of widgets.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from assistant.agents.generation import Agent, FinishReason, Generator, ModelTraits
from assistant.errors import EngineError, RecollectError
from assistant.memory.records import Message
from assistant.tui import events
from assistant.tui.at_hand import AtHand
from assistant.tui.lane import Lane

if TYPE_CHECKING:  # What imports the bank's driver is imported in the thread, after the first paint.
    from assistant.agents.speed import Speed
    from assistant.conversation.chat import Event as ChatEvent
    from assistant.conversation.chat import Turn
    from assistant.conversation.context import Scale
    from assistant.conversation.queue import Receipt
    from assistant.memory.bank import MemoryBank

GRACE_SECONDS = 2.0
"""How long an answer waits for the manager, so that it knows what was just said, before it goes first."""
INDEXED_AT_ONCE = 8
"""Messages that are given vectors before it is looked whether somebody waits: a tenth of a second."""


class ModelWork:
    """What is asked of the model, one thing after another. Methods do not wait, but for `join`."""

    def __init__(self, at_hand: AtHand) -> None:
        self._at_hand = at_hand
        self._pieces: deque[str] = deque()
        self._unanswered: deque[int] = deque()
        self._wanted: deque[str] = deque()
        self._measuring: deque[Agent] = deque()
        self._make_way = threading.Event()
        self._scale: Scale | None = None
        self._lane = Lane("model", at_hand.post_bug)

    def load(self) -> None:
        """Waits for the model to be loaded, reads what waits to be read, and makes the day's backup."""
        self._lane.put(self._load)

    def back_up(self) -> None:
        """Makes the day's backup."""
        self._lane.put(self._back_up)

    def answer(self, bank: MemoryBank, message: Message, stop: threading.Event, *, anew: bool = False) -> None:
        """Answers a message that is saved in `bank`, `anew` if it has an answer; `stop` ends it."""
        self._unanswered.append(message.id)
        self._lane.put(partial(self._answer, bank, message, stop, anew))
        grace = threading.Timer(GRACE_SECONDS, self._make_way.set)
        grace.daemon = True
        grace.start()

    def change_models(self, names: str) -> None:
        """Closes the models and loads those that are chosen now, called `names`, once the answer at hand has ended."""
        loading = self._at_hand.loading  # Looked at first: what is begun after the next line is what is wanted.
        self._wanted.append(names)
        self._make_way.set()
        if loading is not None:
            threading.Thread(target=loading.close, name="recollect-give-up-loading", daemon=True).start()
        self._lane.put(self._change)

    def measure(self, agent: Agent, cancel: threading.Event) -> Future[Speed | None]:
        """How fast the model of `agent` reads and writes; None if `cancel` ended it. It may raise EngineError."""
        self._measuring.append(agent)
        self._make_way.set()
        return self._lane.ask(partial(self._measure, agent, cancel))

    def index(self) -> None:
        """Lets what was brought back or carried out be found by its meaning."""
        self._lane.put(self._index)

    @property
    def scale(self) -> Scale:
        """How long a token is, as far as answers have told. Call it away from the UI loop."""
        from assistant.conversation.context import Scale

        return self._scale or Scale()

    def take_text(self) -> str:
        """What the answer has grown by since this was last asked."""
        return "".join(self._pieces.popleft() for _ in range(len(self._pieces)))

    def close(self) -> None:
        """Takes no more work and ends what is at hand soon."""
        self._make_way.set()
        self._lane.close(drop=True)

    def join(self, timeout: float) -> None:
        """Waits for the work at hand, for at most `timeout` seconds."""
        self._lane.join(timeout)

    # In the thread

    def _load(self) -> None:
        try:
            self._at_hand.ready_engine()
        except EngineError as error:
            if not self._wanted:  # Else it was given up for another one.
                self._at_hand.post(events.EngineFailed(error))
        else:
            self._remember()
        self._lane.put(self._back_up)

    def _change(self) -> None:
        names = None
        while self._wanted:
            names = self._wanted.popleft()
        if names is not None:
            self._at_hand.change_engine()
            self._at_hand.post(events.EngineLoading(names))
            self._load()

    def _measure(self, agent: Agent, cancel: threading.Event) -> Speed | None:
        from assistant.agents.speed import measure

        try:
            return measure(self._at_hand.ready_engine(), agent, cancel)
        finally:
            self._measuring.popleft()
            self._lane.put(self._remember)  # What was put back for this.

    def _generator(self) -> tuple[Generator, Mapping[Agent, ModelTraits]]:
        """The models, used as their traits want it, and these. Raises EngineError."""
        from assistant.agents.reconsidering import Reconsidering

        engine = self._at_hand.ready_engine()
        return Reconsidering(engine, engine.traits), engine.traits

    def _answer(self, bank: MemoryBank, message: Message, stop: threading.Event, anew: bool) -> None:
        from assistant.agents.answer import AnswerAgent
        from assistant.conversation.chat import Chat

        self._change()
        self._unanswered.popleft()
        self._pieces.clear()
        try:
            generator, traits = self._generator()
            chat = Chat(bank, AnswerAgent(generator, traits[Agent.ANSWER]))
            turn = chat.reply(message, on_event=self._follow, cancel=stop, anew=anew)
            place = bank.sibling_places([turn.reply.id]).get(turn.reply.id)
            answer = self._at_hand.entry(bank, turn.reply, place)
        except RecollectError as error:
            self._at_hand.post(events.AnswerFailed(message, error))
            return
        self._scale = self.scale.after(turn)
        cost = turn.completion
        self._at_hand.post(
            events.Answered(answer, _note(turn), cost.prompt_tokens, cost.read_tokens, seen_from=turn.seen_from)
        )
        self._remember()

    def _follow(self, event: ChatEvent) -> None:
        from assistant.conversation.chat import AnswerText

        if isinstance(event, AnswerText):
            self._pieces.append(event.text)

    def _remember(self) -> None:
        from assistant.agents.manager import MemoryManager
        from assistant.conversation.queue import ManagerQueue

        # First the event, then the look: a message that comes in between finds the one or is found by the other.
        self._make_way = threading.Event()
        if self._somebody_waits or self._at_hand.closing:
            return
        try:
            self._at_hand.post_standing()
            generator, traits = self._generator()
            manager = MemoryManager(generator, traits[Agent.MANAGER])
            ManagerQueue(self._at_hand.bank, manager).run_pending(self._tell_receipt, self._make_way)
            self._at_hand.post_standing()
            self._index_in_idle_time()
        except RecollectError as error:
            self._at_hand.post(events.Failed(error))

    @property
    def _somebody_waits(self) -> bool:
        return bool(self._unanswered or self._wanted or self._measuring)

    def _tell_receipt(self, receipt: Receipt) -> None:
        self._at_hand.post(events.Remembered(receipt.message_id, receipt.operations))
        self._at_hand.post_standing()

    def _back_up(self) -> None:
        try:
            self._at_hand.bank.back_up_if_due()
        except RecollectError as error:
            self._at_hand.post(events.Failed(error))

    def _index(self) -> None:
        with suppress(RecollectError):  # Without an embedder it can wait.
            self._at_hand.bank.index_all(kinds=("memory",))

    def _index_in_idle_time(self) -> None:
        """Lets the rest be found by its meaning, which may be ten thousand messages, while nobody waits."""
        with suppress(EngineError):
            while not (self._somebody_waits or self._make_way.is_set()) and self._at_hand.bank.index_pending(
                INDEXED_AT_ONCE
            ):
                pass


def _note(turn: Turn) -> str:
    """What there is to say about an answer that is not as it should be."""
    if turn.malformed is not None:
        return f"not in the form asked for ({turn.malformed.reason}), so it is kept for review"
    if turn.completion.finish_reason is FinishReason.LENGTH:
        return "cut off where it became too long"
    return ""
