"""What has to be read in a long chat with many memories: our order of a prompt beside the usual one.

Ours is what the app sends. In the usual order the memories stand in the system message, in front of the history. Both
get the same messages, memories and replies, each in a process of its own, turn by turn one after the other. The replies
are forced, which costs nothing of what is measured here: the reading.

`python -m benchmarks.long_chat BODY SEED TURNS MEMORIES` prints it as JSON; `benchmarks.engine` runs it.
"""

from __future__ import annotations

import json
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from assistant.agents.answer import AnswerAgent
from assistant.agents.completions import format_answer
from assistant.agents.generation import Agent, ChatMessage, Completion, Form, ModelTraits, Role
from assistant.agents.prompts import offered
from assistant.conversation.chat import Chat, Event, MemoriesFound
from assistant.llm.engine import Engine
from assistant.memory.bank import MemoryBank
from benchmarks import making
from benchmarks.bodies import Body
from benchmarks.filling import fill
from benchmarks.sentences import facts
from benchmarks.stores import LookupEmbedder
from benchmarks.workload import Workload, content

Result = dict[str, Any]

RESTART_BEFORE = 21
"""The turn at which it is measured what a process would read that has just started."""


@dataclass(frozen=True, slots=True)
class Call:
    """What one answer took to begin; `dropped` messages of the history had no room."""

    prompt_tokens: int
    read_tokens: int
    first_s: float
    dropped: int


class Forced:
    """A `Generator` that has the model of `engine` write what it is told next, and notes what the beginning took."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.reply = ""
        self.prompt: Sequence[ChatMessage] = ()
        self.calls: list[Call] = []

    def generate(
        self,
        agent: Agent,
        prompt: Sequence[ChatMessage],
        *,
        form: Form | None = None,
        max_tokens: int = 256,
        temperature: float = 0.0,
        on_text: Callable[[str], None] | None = None,
        cancel: threading.Event | None = None,
        seed: int | None = None,
    ) -> Completion:
        """See `Generator`. Room is left for `max_tokens`, as in the app, whatever the reply takes."""
        begin = time.perf_counter()
        first: list[float] = []

        def receive(piece: str) -> None:
            if not first:
                first.append(time.perf_counter() - begin)
            if on_text is not None:
                on_text(piece)

        self.prompt = prompt
        done = self._engine.generate(
            agent, prompt, form=Form(literal(self.reply)), max_tokens=max_tokens, on_text=receive, cancel=cancel
        )
        self.calls.append(Call(done.prompt_tokens, done.read_tokens, first[0], done.dropped))
        return done


def literal(text: str) -> str:
    """The grammar of just that text."""
    quoted = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'root ::= "{quoted}"'


def usual_order(prompt: Sequence[ChatMessage], memories: Sequence[str], message: str) -> list[ChatMessage]:
    """What our `prompt` says, with the memories behind the instructions and the message alone at the end."""
    instructions, *history, _ = prompt
    told = ChatMessage(Role.SYSTEM, f"{instructions.text}\n\n{offered(memories)}")
    return [told, *history, ChatMessage(Role.USER, message)]


class LongChat:
    """A conversation in a bank of which each turn is read in both orders."""

    def __init__(self, bank: MemoryBank, traits: ModelTraits, seed: int) -> None:
        self._bank = bank
        self._traits = traits
        self._replies = facts(seed)
        self._conversation_id: int | None = None

    def turn(self, message: str, ours: Forced, usual: Forced) -> None:
        """Sends `message`, then asks the same in the usual order."""
        memories: list[str] = []

        def follow(event: Event) -> None:
            if isinstance(event, MemoriesFound):
                memories.extend(memory.text for memory in event.memories)

        said = " ".join(fact.text for fact in islice(self._replies, 2))
        ours.reply = usual.reply = format_answer(said, (), ())
        chat = Chat(self._bank, AnswerAgent(ours, self._traits))
        turn = chat.send(message, conversation_id=self._conversation_id, on_event=follow)
        assert turn.malformed is None, turn.malformed
        self._conversation_id = turn.message.conversation_id
        usual.generate(Agent.ANSWER, usual_order(ours.prompt, memories, message), max_tokens=self._traits.answer_tokens)


def measure(body: Body, seed: int, turns: int, memories: int) -> list[Result]:
    """A result for the whole chat, and one for a start within it if it is long enough."""
    traits = body.model().traits
    with tempfile.TemporaryDirectory(prefix="recollect-chat-") as folder:
        place = Path(folder)
        making.make(place, memories, turns, seed)
        queries = Workload.load(place).queries[:turns]
        embedder = LookupEmbedder({query.item.text: query.item.vector for query in queries})
        restart: Result = {}
        with MemoryBank.open(place / "recollect.db", embedder) as bank:
            fill(bank, embedder, content(place))
            chat = LongChat(bank, traits, seed + 1)
            with _engine(body, place, place / "states") as one, _engine(body, place) as other:
                ours, usual = Forced(one), Forced(other)
                one.ready()
                other.ready()
                for number, query in enumerate(queries, 1):
                    chat.turn(query.item.text, ours, usual)
                    if number == RESTART_BEFORE:
                        restart = _restarted(body, place, ours)
    told = {"model": body.label, "context": body.context, "trained": traits.trained, "memories": memories}
    calls = {name: [asdict(call) for call in each.calls] for name, each in (("ours", ours), ("usual", usual))}
    return [{"part": "chat", **told, **calls}, *([{"part": "restart", **told, **restart}] if restart else [])]


def _restarted(body: Body, folder: Path, ours: Forced) -> Result:
    """What two new processes read of the newest prompt: one with what was kept of the instructions, one without."""
    taken: Result = {"running": asdict(ours.calls[-1])}
    for name, states in (("kept", folder / "states"), ("anew", None)):
        with _engine(body, folder, states) as engine:
            engine.ready()
            forced = Forced(engine)
            forced.reply = ours.reply
            forced.generate(Agent.ANSWER, ours.prompt, max_tokens=body.model().traits.answer_tokens)
            taken[name] = asdict(forced.calls[0])
    return taken


def _engine(body: Body, folder: Path, states: Path | None = None) -> Engine:
    return Engine({Agent.ANSWER: body.model()}, embedder=None, log_file=folder / "engine.log", states=states)


if __name__ == "__main__":
    print(json.dumps(measure(Body(**json.loads(sys.argv[1])), *map(int, sys.argv[2:5]))))
