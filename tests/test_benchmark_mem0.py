"""Beside mem0 is measured what a right model would write, and all of it is computed. mem0 itself is not here."""

from __future__ import annotations

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import llama_cpp
import pytest

from assistant.agents.generation import USUAL_TRAITS, ChatMessage, ModelTraits, Role
from assistant.agents.prompts import manager_prompt
from assistant.llm import llama
from benchmarks import mem0, mem0_adding, mem0_table, telling
from benchmarks.forced import Cost, ForcedModel
from benchmarks.openai_server import OpenAIServer
from benchmarks.random_body import Shape, write_body
from benchmarks.right import Call, manager_reply, mem0_reply
from tests.scripted import FakeEmbedder
from trainer.data.facts import Fact
from trainer.data.lives import Change, Life, Turn

LIMA = Fact("home", ("User", "home"), ("Lima",), "User lives in Lima.")
OSLO = Fact("home", ("User", "home"), ("Oslo",), "User lives in Oslo.")
CAR = Fact("car", ("User", "car"), ("Bentley",), "User drives a Bentley.")
DOG = Fact("pet", ("User", "dog"), ("Buddy",), "User has a dog named Buddy.")


def turn(*changes: Change, text: str = "So it is.", kind: str = "news", known: Sequence[Fact] = ()) -> Turn:
    return Turn("User", text, kind, tuple(known), changes, ())


MOVED = turn(Change(LIMA, OSLO), known=[LIMA])
SOLD_AND_ADOPTED = turn(Change(CAR, None), Change(None, DOG), known=[CAR])
AGAIN = turn(text="As you know, Buddy is my dog.", kind="known already", known=[LIMA, DOG])
NOTHING = turn(text="Nice weather.", kind="small talk: weather", known=[LIMA])


def facts_prompt(text: str) -> list[ChatMessage]:
    return [ChatMessage(Role.SYSTEM, "Find the facts."), ChatMessage(Role.USER, f"Input:\nuser: {text}\n")]


def update_prompt(*existing: str) -> list[ChatMessage]:
    """In the form of mem0 1's: what is there as Python writes it."""
    rows = [{"id": str(i), "text": text} for i, text in enumerate(existing)]
    there = f"Update it in the following format only:\n\n    ```\n    {rows}\n    ```\n" if rows else ""
    there = there or "Current memory is empty.\n"
    return [
        ChatMessage(Role.USER, f"Rules.\n\n    {there}\n    The new retrieved facts are:\n    ```\n    []\n    ```")
    ]


def extraction_prompt(*existing: str) -> list[ChatMessage]:
    """In the form of mem0 2's: what is there as JSON."""
    rows = json.dumps([{"id": str(i), "text": text} for i, text in enumerate(existing)])
    text = f"## Summary\n\n\n## Existing Memories\n{rows}\n\n## New Messages\nuser: hello\n"
    return [ChatMessage(Role.SYSTEM, "Extract."), ChatMessage(Role.USER, text)]


def read(reply: tuple[Call, str]) -> tuple[Call, Any]:
    return reply[0], json.loads(reply[1])


def test_mem0_is_told_each_fact_that_is_new_or_ended() -> None:
    assert read(mem0_reply(facts_prompt("..."), SOLD_AND_ADOPTED)) == (
        Call.FACTS,
        {"facts": ["No longer: User drives a Bentley.", "User has a dog named Buddy."]},
    )


def test_mem0_is_told_a_fact_again_that_is_said_again_because_it_asks_before_it_knows_what_is_there() -> None:
    assert read(mem0_reply(facts_prompt("..."), AGAIN)) == (Call.FACTS, {"facts": ["User has a dog named Buddy."]})
    assert read(mem0_reply(update_prompt(DOG.text), AGAIN)) == (
        Call.UPDATE,
        {"memory": [{"id": "0", "text": "User has a dog named Buddy.", "event": "NONE"}]},
    )


def test_mem0_is_told_no_fact_by_small_talk() -> None:
    assert read(mem0_reply(facts_prompt("Nice weather."), NOTHING)) == (Call.FACTS, {"facts": []})


def test_mem0_gets_back_every_memory_that_it_showed_and_what_is_new() -> None:
    assert read(mem0_reply(update_prompt(LIMA.text, CAR.text), SOLD_AND_ADOPTED)) == (
        Call.UPDATE,
        {
            "memory": [
                {"id": "0", "text": "User lives in Lima.", "event": "NONE"},
                {"id": "1", "text": "User drives a Bentley.", "event": "DELETE"},
                {"id": "2", "text": "User has a dog named Buddy.", "event": "ADD"},
            ]
        },
    )


def test_mem0_gets_the_old_text_beside_a_new_one() -> None:
    row = {"id": "0", "text": "User lives in Oslo.", "event": "UPDATE", "old_memory": "User lives in Lima."}
    assert read(mem0_reply(update_prompt(LIMA.text), MOVED)) == (Call.UPDATE, {"memory": [row]})


@pytest.mark.parametrize("existing", [(), (CAR.text,)])
def test_mem0_adds_what_it_should_change_but_did_not_show(existing: tuple[str, ...]) -> None:
    _, reply = read(mem0_reply(update_prompt(*existing), MOVED))
    assert reply["memory"][-1] == {"id": str(len(existing)), "text": "User lives in Oslo.", "event": "ADD"}


def test_mem0_2_adds_what_is_new_and_links_it_to_what_it_replaces() -> None:
    row = {"id": "0", "text": "User lives in Oslo.", "attributed_to": "user", "linked_memory_ids": ["1"]}
    assert read(mem0_reply(extraction_prompt(CAR.text, LIMA.text), MOVED)) == (Call.EXTRACTION, {"memory": [row]})


def test_mem0_2_adds_nothing_that_it_shows_already() -> None:
    assert read(mem0_reply(extraction_prompt(DOG.text), AGAIN)) == (Call.EXTRACTION, {"memory": []})


def test_a_prompt_that_is_none_of_mem0s_is_an_error() -> None:
    with pytest.raises(ValueError, match="no prompt of mem0's"):
        mem0_reply([ChatMessage(Role.USER, "Who are you?")], MOVED)


def ours(now: Turn, *offered: str) -> str:
    return manager_reply(manager_prompt(now.text, offered, earlier=["User: I meant that. [1]"]), now)


def test_ours_quotes_a_memory_on_offer_to_change_it() -> None:
    assert ours(MOVED, CAR.text, LIMA.text) == "UPDATE: User lives in Lima. [2]\nWITH: User lives in Oslo."


def test_ours_ends_and_adds_in_one_reply() -> None:
    assert ours(SOLD_AND_ADOPTED, CAR.text) == "DELETE: User drives a Bentley. [1]\nADD: User has a dog named Buddy."


def test_ours_adds_what_it_should_change_but_is_not_offered() -> None:
    assert ours(MOVED, CAR.text) == "ADD: User lives in Oslo."


@pytest.mark.parametrize(
    ("now", "offered"), [(turn(Change(CAR, None)), LIMA.text), (AGAIN, DOG.text), (NOTHING, LIMA.text)]
)
def test_ours_does_nothing_where_nothing_is_to_be_done(now: Turn, offered: str) -> None:
    assert ours(now, offered) == "NOOP"


@pytest.fixture
def served() -> Iterator[tuple[OpenAIServer, list[int]]]:
    """A server that answers with what it was asked last, and the turns that it was told of."""
    turns: list[int] = []

    def write(prompt: Sequence[ChatMessage]) -> tuple[str, Cost]:
        return f"{prompt[-1].role.value} said {prompt[-1].text}", Cost(
            prompt=30, read=10, written=4, seconds=0.2, processor=0.1
        )

    with OpenAIServer(write, lambda text: b"\0\0\x80\x3f" * len(text), turns.append) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server, turns
        server.shutdown()
        thread.join()


def post(server: OpenAIServer, path: str, body: dict[str, Any]) -> dict[str, Any]:
    with urllib.request.urlopen(urllib.request.Request(server.url + path, json.dumps(body).encode())) as answer:
        assert answer.headers["Content-Type"] == "application/json"
        read: dict[str, Any] = json.load(answer)
    return read


def test_the_server_completes_chats_as_openai_does(served: tuple[OpenAIServer, list[int]]) -> None:
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "hello"}]
    answer = post(served[0], "/v1/chat/completions", {"model": "any", "messages": messages, "temperature": 0.1})
    assert answer["object"] == "chat.completion"
    assert answer["model"] == "any"
    assert answer["choices"] == [
        {"index": 0, "message": {"role": "assistant", "content": "user said hello"}, "finish_reason": "stop"}
    ]
    assert answer["usage"] == {
        "prompt_tokens": 30,
        "completion_tokens": 4,
        "total_tokens": 34,
        "prompt_tokens_details": {"cached_tokens": 20},
    }


def test_the_server_embeds_one_text_or_many_as_openai_does(served: tuple[OpenAIServer, list[int]]) -> None:
    answer = post(served[0], "/v1/embeddings", {"model": "any", "input": ["a", "bb"], "encoding_format": "float"})
    assert answer["object"] == "list"
    assert answer["data"] == [
        {"object": "embedding", "index": 0, "embedding": [1.0]},
        {"object": "embedding", "index": 1, "embedding": [1.0, 1.0]},
    ]
    one = post(served[0], "/v1/embeddings", {"model": "any", "input": "ccc"})
    assert [row["embedding"] for row in one["data"]] == [[1.0, 1.0, 1.0]]


def test_the_server_knows_which_message_a_request_belongs_to(served: tuple[OpenAIServer, list[int]]) -> None:
    server, turns = served
    post(server, "/turn", {"number": 7})
    assert turns == [7]


@pytest.mark.parametrize(
    ("path", "body"), [("/v1/models", {}), ("/v1/embeddings", {"model": "any"}), ("/v1/chat/completions", {})]
)
def test_the_server_refuses_and_remembers_what_it_cannot_answer(
    served: tuple[OpenAIServer, list[int]], path: str, body: dict[str, Any]
) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        post(served[0], path, body)
    assert refused.value.code == 400
    assert [json.load(refused.value)["error"]["message"]] == served[0].failures


def test_mem0_may_connect_to_this_machine_alone() -> None:
    refused: list[str] = []
    mem0_adding._stay_here("socket.connect", (None, ("127.0.0.1", 80)), refused)
    mem0_adding._stay_here("socket.getaddrinfo", ("localhost", 80), refused)
    assert refused == []
    with pytest.raises(PermissionError, match="leads away"):
        mem0_adding._stay_here("socket.connect", (None, ("192.0.2.1", 443)), refused)
    with pytest.raises(PermissionError, match="leads away"):
        mem0_adding._stay_here("socket.getaddrinfo", ("example.org", 443), refused)
    assert len(refused) == 2


def test_mem0_runs_without_telemetry_and_knows_no_other_provider(tmp_path: Path) -> None:
    given = {"LANG": "C", "https_proxy": "http://192.0.2.1", "OPENROUTER_API_KEY": "k", "OPENAI_API_KEY": "k"}
    assert telling._environment(given, tmp_path, "packages") == {
        "LANG": "C",
        "PYTHONPATH": "packages",
        "MEM0_TELEMETRY": "False",
        "MEM0_DIR": str(tmp_path / "mem0"),
        "HOME": str(tmp_path),
    }


def test_a_memory_is_right_at_the_end_if_it_still_holds() -> None:
    told = Life(("User",), (NOTHING, turn(Change(LIMA, OSLO), Change(None, DOG), known=[LIMA, CAR])))
    result = telling._result(told, [], [LIMA.text, OSLO.text, CAR.text], {"manager": 2}, "")
    assert (result["memories"], result["right"], result["wanted"]) == (3, 2, 3)


Make = Callable[[int], ForcedModel]


@pytest.fixture(scope="module")
def make(tmp_path_factory: pytest.TempPathFactory) -> Make:
    """Makes models of a small body with so many slots, and a context of 2,048 tokens."""
    llama.prepare()
    path = tmp_path_factory.mktemp("body") / "small.gguf"
    shape = Shape(hidden=64, layers=2, feed_forward=64, heads=2, context=2048)
    write_body(path, mem0.STARTER, shape=shape)
    return lambda slots: ForcedModel(path, slots=slots, threads=1)


def said(*texts: str) -> list[ChatMessage]:
    return [ChatMessage(Role.SYSTEM if i == 0 else Role.USER, text) for i, text in enumerate(texts)]


@pytest.mark.slow
def test_a_forced_reply_is_counted_token_by_token(make: Make) -> None:
    model = make(1)
    cost = model.write(said("User lives in"), " Lima.")
    bare = model.write(said(""), "")
    assert bare.written == 0
    assert cost.prompt - bare.prompt == len(model._tokens("system\nUser lives in")) - len(model._tokens("system\n"))
    assert cost.written == len(model._tokens(" Lima.")) > 1
    assert cost.seconds > 0
    assert cost.processor > 0


@pytest.mark.slow
def test_a_control_token_that_somebody_writes_is_text(make: Make) -> None:
    model = make(1)
    assert model.write(said("<|im_end|>"), "").prompt > model.write(said(""), "").prompt + 1


@pytest.mark.slow
def test_what_was_read_before_is_not_read_again(make: Make) -> None:
    model = make(1)
    first = model.write(said("Keep it short. " * 20, "One."), "Yes.")
    assert first.read == first.prompt > 60
    again = model.write(said("Keep it short. " * 20, "Two."), "No.")
    assert again.prompt - again.read > 100
    assert again.read < 16


@pytest.mark.slow
def test_each_forced_token_is_computed(make: Make) -> None:
    model = make(1)
    cost = model.write(said("Which?"), "This one, and no other.")
    memory = llama_cpp.llama_get_memory(model._slots[0].context)
    assert llama_cpp.llama_memory_seq_pos_max(memory, 0) + 1 == cost.prompt + cost.written


@pytest.mark.slow
@pytest.mark.parametrize(("slots", "read_again"), [(1, True), (2, False)])
def test_prompts_that_take_turns_need_a_slot_each(make: Make, slots: int, read_again: bool) -> None:
    model = make(slots)
    one, other = said("First, the rules of this. " * 10, "a"), said("Whatever else there may be. " * 10, "b")
    for prompt in (one, other):
        model.write(prompt, "ok")
    costs = [model.write(prompt, "ok") for prompt in (one, other)]
    assert [cost.read > 20 for cost in costs] == [read_again, read_again]


@pytest.mark.slow
def test_a_prompt_that_does_not_fit_is_not_cut(make: Make) -> None:
    with pytest.raises(ValueError, match="do not fit into 2048"):
        make(1).write(said("word " * 2100), "ok")


@pytest.mark.slow
@pytest.mark.parametrize("traits", [USUAL_TRAITS, ModelTraits(trained=True)])
def test_ours_asks_once_for_each_message_and_remembers_what_is_right(
    make: Make, tmp_path: Path, traits: ModelTraits
) -> None:
    told = telling.life(15, 1)
    result = telling.tell_ours(told, make(1), FakeEmbedder(), tmp_path, traits)
    assert result["made"] == {"manager": 15}
    assert [len(message["costs"]) for message in result["messages"]] == [1] * 15
    assert result["memories"] == result["right"] == result["wanted"] > 4
    assert all(message["seconds"] > message["costs"][0]["seconds"] > 0 for message in result["messages"])


@pytest.mark.slow
def test_what_any_model_has_to_be_told_is_read_once(make: Make, tmp_path: Path) -> None:
    long, short = (
        telling.tell_ours(telling.life(4, 1), make(1), FakeEmbedder(), tmp_path / name, traits)["messages"]
        for name, traits in (("long", ModelTraits(trained=False)), ("short", ModelTraits(trained=True)))
    )
    more = [a["costs"][0]["prompt"] - b["costs"][0]["prompt"] for a, b in zip(long, short, strict=True)]
    assert more[0] > 200
    assert more == [more[0]] * 4
    read = [a["costs"][0]["read"] - b["costs"][0]["read"] for a, b in zip(long, short, strict=True)]
    assert read[0] > 200
    assert max(read[1:]) < 10


def message(changes: bool, *costs: tuple[int, int, int, float, float], seconds: float) -> dict[str, Any]:
    names = ("prompt", "read", "written", "seconds", "processor")
    return {"changes": changes, "seconds": seconds, "costs": [dict(zip(names, cost, strict=True)) for cost in costs]}


OURS = {
    "manager": "Recollect",
    "messages": [
        message(True, (100, 50, 10, 0.5, 0.25), seconds=0.6),
        message(False, (100, 30, 2, 0.1, 0.05), seconds=0.2),
    ],
    "made": {"manager": 2},
    "memories": 1,
    "right": 1,
    "wanted": 1,
}
THEIRS = {
    "manager": "mem0 1.0",
    "messages": [
        message(True, (500, 60, 20, 1.0, 0.5), (600, 100, 80, 4.0, 2.2), seconds=6.0),
        message(False, (500, 20, 4, 0.2, 0.0), seconds=0.4),
    ],
    "made": {"facts": 2, "update": 1},
    "memories": 3,
    "right": 1,
    "wanted": 2,
}
MACHINE = {
    "command": "python -m benchmarks.mem0",
    "commit": "0",
    "body": "a body",
    "tokenizer": "t",
    "cores": 2,
    "threads": 1,
    "processor": "P",
}


def cells(text: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if line.startswith("|")]


def test_the_table_tells_of_a_message_what_all_its_calls_took() -> None:
    report = {"machine": MACHINE, "notes": [], "ours": 1, "results": [OURS, THEIRS]}
    rows = {row[0]: row[1:] for row in cells(mem0_table.report_text(report))}
    assert rows["calls"] == ["1.0 (1 / 1)", "1.5 (1 / 2)"]
    assert rows["tokens of the prompts"] == ["100.0 (100 / 100)", "800.0 (500 / 1,100)"]
    assert rows["tokens written"] == ["6.0 (2 / 10)", "52.0 (4 / 100)"]
    assert rows["seconds in all"] == ["0.40 (0.20 / 0.60)", "3.20 (0.40 / 6.00)"]
    assert rows["requests in all"] == ["2 manager", "2 facts, 1 update"]
    assert rows["memories at the end"] == ["1, 1 of the 1 right ones", "3, 1 of the 2 right ones"]


def test_the_table_tells_how_many_times_as_much_mem0_takes() -> None:
    report = {"machine": MACHINE, "notes": [], "ours": 1, "results": [OURS, THEIRS]}
    rows = {row[1]: row[2:] for row in cells(mem0_table.report_text(report)) if row[0] == "mem0 1.0 : Recollect"}
    # Of tokens 1,704 to 212, 284 to 92 and 104 to 12; of seconds 2.7 to 0.3, 5.2 to 0.6 and 6.4 to 0.8.
    assert rows["2 all"] == ["8.0", "3.1", "8.7", "9.0", "8.7", "8.0"]
    assert rows["1 that change nothing"] == ["4.9", "0.8", "2.0", "0.0", "2.0", "2.0"]


def test_a_percentile_is_a_value_that_was_measured() -> None:
    values = [float(value) for value in range(1, 21)]
    assert [mem0_table._percentile(values, percent) for percent in (50, 95, 100)] == [10.0, 19.0, 20.0]


def test_without_mem0_ours_is_told_and_how_to_install_the_peer(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    asked: list[dict[str, Any]] = []

    def step(options: object, model: Path, who: dict[str, Any]) -> dict[str, Any]:
        asked.append(who)
        return OURS

    monkeypatch.setattr(mem0, "write_body", lambda *_, **__: None)
    monkeypatch.setattr(mem0, "_step", step)
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    sentences, file = tmp_path / "sentences.gguf", tmp_path / "report.json"
    sentences.touch()
    assert mem0.main(["--sentences", str(sentences), "--json", str(file)]) == 0
    assert [who["traits"] for who in asked] == [{"trained": False}, {"trained": True}]
    assert "pip install --target mem0-1 mem0ai==1.0.11" in capsys.readouterr().out
    assert [result["manager"] for result in json.loads(file.read_text())["results"]] == ["Recollect", "Recollect"]


def test_without_a_sentence_model_it_is_said_how_to_set_it_up(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"python -m assistant\.llm\.embedder"):
        mem0.main(["--sentences", str(tmp_path / "missing.gguf")])
