from __future__ import annotations

import json
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from assistant.agents.answer import AnswerAgent
from assistant.agents.completions import Answer, Malformed, answer_grammar, manager_grammar
from assistant.agents.generation import Agent, ChatMessage, Completion, FinishReason, Form, Generator, Role
from assistant.agents.json_forms import answer_json, manager_json
from assistant.agents.manager import MemoryManager
from assistant.errors import EngineError
from assistant.llm.servers import connection
from assistant.llm.servers.generator import ServerAddress, ServerGenerator, Structure
from assistant.memory.operations import Action, MemoryOperation
from tests.llm.servers.fake_servers import DONE, MODEL, FakeServer, Profile, Raw, Reply, Says, Status, chunk, event

SYSTEM = ChatMessage(Role.SYSTEM, "Be kind")
PROMPT = [SYSTEM, ChatMessage(Role.USER, "Hello")]
OSLO = ["User lives in Oslo."]
MANAGER_FORM = Form(manager_grammar(OSLO), manager_json(OSLO))
ANSWER_FORM = Form(answer_grammar(OSLO), answer_json(OSLO))
KEY = "sk-very-secret"
DELETE = Says(lines=f"DELETE: {OSLO[0]} [1]", json='{"operations": [{"action": "DELETE", "memory": 1}]}')
IN_OSLO = Says(
    lines=f"Memories:\n{OSLO[0]} [1]\nAnswer: In Oslo.",
    json='{"memories": [1], "answer": "In Oslo."}',
    free="You live in Oslo.",
)


def at(server: FakeServer, **changes: Any) -> ServerGenerator:
    return ServerGenerator(replace(ServerAddress(server.url, MODEL), **changes))


def answer(generator: Generator, prompt: Sequence[ChatMessage] = PROMPT, **wanted: Any) -> Completion:
    return generator.generate(Agent.ANSWER, prompt, **wanted)


def error_of(*replies: Reply, **wanted: Any) -> EngineError:
    """What a server's reply ends in."""
    with FakeServer(*replies, **wanted) as server, pytest.raises(EngineError) as caught:
        answer(at(server, key_variable="TEST_KEY"))
    assert KEY not in str(caught.value)
    return caught.value


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_KEY", KEY)


# What is asked


def test_nothing_connects_before_something_is_generated() -> None:
    with FakeServer() as server:
        generator = at(server)
        time.sleep(0.1)
        assert server.requests == []
        answer(generator)
        assert [request.path for request in server.requests] == ["/v1/chat/completions"]


def test_importing_it_loads_no_http_client() -> None:
    script = "import sys, assistant.llm.servers.generator; print({'httpx2', 'ssl'} & set(sys.modules))"
    shown = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert shown.stdout == "set()\n"


def test_a_request_holds_the_prompt_and_how_to_sample_and_nothing_else() -> None:
    with FakeServer() as server:
        answer(at(server), max_tokens=7, temperature=0.5, seed=3)
        answer(at(server))
    assert server.completions[0].body == {
        "model": "tiny",
        "messages": [{"role": "system", "content": "Be kind"}, {"role": "user", "content": "Hello"}],
        "stream": True,
        "stream_options": {"include_usage": True},
        "temperature": 0.5,
        "max_tokens": 7,
        "seed": 3,
    }
    assert server.completions[1].body["temperature"] == 0.0
    assert "seed" not in server.completions[1].body


def test_the_headers_name_the_app_and_hold_the_key_where_one_is_named() -> None:
    with FakeServer() as server:
        answer(at(server))
        answer(at(server, key_variable="TEST_KEY"))
    without, with_key = (request.headers for request in server.completions)
    assert without["user-agent"] == "recollect/0.1.0"
    assert "authorization" not in without
    assert with_key["authorization"] == f"Bearer {KEY}"


def test_the_key_is_kept_nowhere() -> None:
    address = ServerAddress("http://localhost/v1", MODEL, key_variable="TEST_KEY")
    generator = ServerGenerator(address)
    assert KEY not in repr(address) + repr(vars(generator)) + repr(vars(vars(generator)["_connection"]))


@pytest.mark.parametrize("key", ["", "  ", "two words", "ke\ny", "schlüssel"])
def test_a_key_that_is_missing_or_none_is_an_error_that_names_its_variable_only(
    monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    monkeypatch.setenv("TEST_KEY", key)
    with FakeServer() as server, pytest.raises(EngineError) as caught:
        answer(at(server, key_variable="TEST_KEY"))
    assert server.requests == []
    assert str(caught.value) == (
        f"The variable TEST_KEY does not hold a key for {server.url}. Set TEST_KEY to the key."
    )


def test_cookies_are_not_kept() -> None:
    with FakeServer(Status(500, headers={"Set-Cookie": "who=user"}), Says()) as server:
        generator = at(server)
        with pytest.raises(EngineError):
            answer(generator)
        answer(generator)
    assert "cookie" not in server.completions[1].headers


def test_a_proxy_is_not_asked_for_what_is_on_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    with FakeServer() as proxy, FakeServer() as server:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        answer(at(server))
        assert proxy.requests == []
        assert len(server.completions) == 1


def test_halves_of_surrogate_pairs_do_not_stop_a_request() -> None:
    with FakeServer() as server:
        answer(at(server), [SYSTEM, ChatMessage(Role.USER, "a\ud83d")])
    assert server.completions[0].texts == ["Be kind", "a?"]


# Addresses


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost:11434/v1",
        "http://LOCALHOST/v1/",
        "http://model.localhost",
        "http://127.0.0.1:8000/v1",
        "http://127.8.9.10",
        "http://[::1]:8080/v1",
        "http://10.1.2.3/v1",
        "http://172.16.0.1",
        "http://172.31.255.255",
        "http://192.168.1.20:1234/v1",
        "http://[fd12::1]/v1",
        "http://studio.local:1234/v1",
        "https://api.example.com/v1",
        "https://8.8.8.8",
    ],
)
def test_plain_http_goes_to_this_machine_and_to_private_networks_and_https_anywhere(url: str) -> None:
    ServerGenerator(ServerAddress(url, MODEL))


@pytest.mark.parametrize(
    "url",
    [
        "http://api.example.com/v1",
        "http://gpu-box:8000",
        "http://8.8.8.8/v1",
        "http://172.32.0.1",
        "http://[2001:db8::1]/v1",
        "http://local",
        "http://notlocalhost",
        "http://localhost.example.com",
        "http://0x7f.1",
        "http://2130706433",
        "http://0.0.0.0:8000",
    ],
)
def test_plain_http_to_other_hosts_is_refused(url: str) -> None:
    with pytest.raises(EngineError, match="cross the network in the clear"):
        ServerGenerator(ServerAddress(url, MODEL))


@pytest.mark.parametrize(
    "url",
    [
        "",
        "localhost:11434/v1",
        "ftp://localhost",
        "file:///etc/passwd",
        "http://",
        "http://localhost:0/v1",
        "http://localhost:65536/v1",
        "http://localhost:port",
        "http://localhost\\.example.com",
        "http://localhost/v1?key=1",
        "http://localhost/v1#a",
        "http://localhost/ü",
        "https://a..b",
        "https://münchen.example",
        "https://exa mple.com",
        " https://example.com",
        "https://example.com\n",
    ],
)
def test_what_is_no_address_of_a_server_is_refused(url: str) -> None:
    with pytest.raises(EngineError, match="is no address of a server"):
        ServerGenerator(ServerAddress(url, MODEL))


def test_a_key_within_an_address_is_refused_and_not_repeated() -> None:
    with pytest.raises(EngineError) as caught:
        ServerGenerator(ServerAddress(f"https://user:{KEY}@example.com/v1", MODEL))
    assert str(caught.value) == (
        "A server's address holds no name and no key. Put the key into an environment variable, and name that."
    )


# Structure


def test_a_grammar_is_sent_in_the_ways_of_llama_server_and_of_vllm() -> None:
    with FakeServer() as server:
        answer(at(server, structure=Structure.GRAMMAR), form=Form("root ::= [a]"))
    body = server.completions[0].body
    assert body["grammar"] == body["guided_grammar"] == "root ::= [a]"
    assert body["chat_template_kwargs"] == {"enable_thinking": False}
    assert body["structured_outputs"] == {"grammar": "root ::= [a]"}
    assert "response_format" not in body
    assert server.completions[0].texts == ["Be kind", "Hello"]


def test_a_schema_is_sent_with_the_request_to_write_so() -> None:
    with FakeServer(IN_OSLO) as server:
        completion = answer(at(server, structure=Structure.SCHEMA), form=ANSWER_FORM)
    body = server.completions[0].body
    assert body["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "answer", "strict": True, "schema": answer_json(OSLO).schema},
    }
    assert list(body["response_format"]["json_schema"]["schema"]["properties"]) == ["memories", "answer"]
    assert not {"grammar", "guided_grammar", "structured_outputs"} & set(body)
    assert server.completions[0].texts == [f"Be kind\n\n{answer_json(OSLO).request}", "Hello"]
    assert completion.text == IN_OSLO.lines


def test_the_request_to_write_so_becomes_the_instructions_where_there_are_none() -> None:
    with FakeServer(IN_OSLO) as server:
        answer(at(server, structure=Structure.SCHEMA), PROMPT[1:], form=ANSWER_FORM)
    assert server.completions[0].texts == [answer_json(OSLO).request, "Hello"]


@pytest.mark.parametrize("structure", [Structure.NONE, Structure.SCHEMA])
def test_without_structure_or_a_form_for_it_none_is_sent(structure: Structure) -> None:
    with FakeServer() as server:
        form = MANAGER_FORM if structure is Structure.NONE else Form("root ::= [a]")
        completion = answer(at(server, structure=structure), form=form)
    assert set(server.completions[0].body) == {
        "model", "messages", "stream", "stream_options", "temperature", "max_tokens"
    }  # fmt: skip
    assert completion.text == "Nothing to remember."


@pytest.mark.parametrize(
    ("profile", "used"),
    [
        (Profile.LLAMA_SERVER, ["grammar"]),
        (Profile.VLLM, ["grammar"]),
        (Profile.OLLAMA, ["response_format"]),
        (Profile.LM_STUDIO, ["response_format"]),
        (Profile.OLD, ["response_format", ""]),
    ],
)
def test_auto_finds_out_once_what_a_server_offers(profile: Profile, used: list[str]) -> None:
    with FakeServer(IN_OSLO, profile=profile) as server:
        generator = at(server)
        for _ in range(3):
            answer(generator, form=ANSWER_FORM)
    asked = [next((k for k in ("grammar", "response_format") if k in r.body), "") for r in server.completions]
    assert asked == used + [used[-1]] * 2
    assert [r.path for r in server.requests].count("/v1/models") == 1


def test_without_a_form_nobody_asks_what_a_server_offers() -> None:
    with FakeServer() as server:
        answer(at(server))
        assert [request.path for request in server.requests] == ["/v1/chat/completions"]


def test_auto_believes_the_model_that_is_used_before_others() -> None:
    listed = {"data": [{"id": "other", "owned_by": "vllm"}, {"id": MODEL, "owned_by": "library"}]}
    with FakeServer(IN_OSLO, models=Status(200, json.dumps(listed).encode())) as server:
        answer(at(server), form=ANSWER_FORM)
    assert "response_format" in server.completions[0].body


@pytest.mark.parametrize(
    "models",
    [
        None,
        Status(500),
        Status(200, b"<html>", type="text/html"),
        Status(200, b'{"data": 1}'),
        Status(200, b'{"data": [{"owned_by": []}]}'),
        Status(200, b"[]"),
    ],
)
def test_a_server_that_names_no_models_is_asked_for_a_schema_first(models: Status | None) -> None:
    with FakeServer(IN_OSLO, models=models) as server:
        answer(at(server), form=ANSWER_FORM)
    assert "response_format" in server.completions[0].body


def test_llama_server_is_known_by_its_header_where_it_names_no_models() -> None:
    with FakeServer(IN_OSLO, profile=Profile.LLAMA_SERVER, models=None) as server:
        answer(at(server), form=ANSWER_FORM)
    assert "grammar" in server.completions[0].body


def test_a_refusal_of_what_was_not_sent_changes_nothing() -> None:
    no = Status(400, b'{"error": "no such template in the schema"}')
    with FakeServer(no, IN_OSLO) as server:
        generator = at(server)
        with pytest.raises(EngineError):
            answer(generator, form=Form("root ::= [a]"))
        answer(generator, form=ANSWER_FORM)
    assert ["response_format" in r.body for r in server.completions] == [False, True]


def test_a_grammar_that_is_refused_is_followed_by_a_schema_and_then_by_none() -> None:
    no = Status(400, b'{"error": {"message": "grammar is not supported"}}')
    neither = Status(422, b'{"detail": [{"loc": ["body", "response_format"], "msg": "extra fields"}]}')
    with FakeServer(no, neither, IN_OSLO, profile=Profile.LLAMA_SERVER) as server:
        assert answer(at(server), form=ANSWER_FORM).text == "You live in Oslo."
    assert ["grammar" in r.body for r in server.completions] == [True, False, False]
    assert ["response_format" in r.body for r in server.completions] == [False, True, False]


@pytest.mark.parametrize("status", [400, 422, 500, 501])
def test_servers_refuse_a_schema_with_one_status_or_another(status: int) -> None:
    no = Status(status, b'{"error": {"message": "1 validation error: body, response_format, type"}}')
    with FakeServer(no, IN_OSLO) as server:
        assert answer(at(server), form=ANSWER_FORM).text == "You live in Oslo."
    assert ["response_format" in r.body for r in server.completions] == [True, False]


def test_a_structure_that_the_user_chose_is_not_replaced() -> None:
    with FakeServer(IN_OSLO, profile=Profile.OLD) as server, pytest.raises(EngineError) as caught:
        answer(at(server, structure=Structure.SCHEMA), form=ANSWER_FORM)
    assert str(caught.value) == (
        f"{server.url} refused the request (400): response_format.type must be one of text, json_object"
        " Correct the model's settings."
    )
    assert len(server.completions) == 1


def test_an_answer_streams_out_of_json_as_it_grows() -> None:
    pieces: list[str] = []
    with FakeServer(IN_OSLO, piece=1) as server:
        completion = answer(at(server), form=ANSWER_FORM, on_text=pieces.append)
    assert pieces == [f"Memories:\n{OSLO[0]} [1]\nAnswer: I", *"n Oslo."]
    assert "".join(pieces) == completion.text


def test_json_that_ends_too_early_is_kept_as_it_is_for_review() -> None:
    cut = replace(DELETE, json='{"operations": [{"action": "DELETE"', finish="length")
    pieces: list[str] = []
    with FakeServer(cut) as server:
        completion = answer(at(server), form=MANAGER_FORM, on_text=pieces.append)
    assert completion.text == "".join(pieces) == cut.json
    assert completion.finish_reason is FinishReason.LENGTH


# The agents


class InJson:
    """Gives each form its JSON, as the agents do."""

    def __init__(self, generator: Generator, memories: Sequence[str]) -> None:
        self._generator = generator
        self._json = {Agent.MANAGER: manager_json(memories), Agent.ANSWER: answer_json(memories)}

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
        assert form is not None
        return self._generator.generate(
            agent,
            prompt,
            form=Form(form.grammar, self._json[agent]),
            max_tokens=max_tokens,
            temperature=temperature,
            on_text=on_text,
            cancel=cancel,
            seed=seed,
        )


STRUCTURED = [Profile.LLAMA_SERVER, Profile.VLLM, Profile.OLLAMA, Profile.LM_STUDIO]


@pytest.mark.parametrize("profile", STRUCTURED)
def test_the_manager_decides_on_every_server(profile: Profile) -> None:
    with FakeServer(replace(DELETE, thought="Not Oslo?"), profile=profile) as server:
        decision = MemoryManager(InJson(at(server), OSLO)).decide("I left Oslo.", OSLO)
    assert decision.operations == (MemoryOperation(Action.DELETE, 1),)
    assert decision.completion.model == f"tiny @ 127.0.0.1:{server.port}"


@pytest.mark.parametrize("profile", STRUCTURED)
def test_the_answer_agent_answers_and_streams_on_every_server(profile: Profile) -> None:
    pieces: list[str] = []
    with FakeServer(replace(IN_OSLO, thought="Where?"), profile=profile) as server:
        reply = AnswerAgent(InJson(at(server), OSLO)).reply("Where do I live?", OSLO, on_text=pieces.append)
    assert reply.answer == Answer("In Oslo.", (1,))
    assert reply.malformed is None
    assert "".join(pieces) == "In Oslo."
    assert len(pieces) > 1


def test_a_server_without_structure_is_read_by_the_same_parsers() -> None:
    with FakeServer(replace(DELETE, free=DELETE.lines), profile=Profile.OLD) as server:
        decision = MemoryManager(InJson(at(server), OSLO)).decide("I left Oslo.", OSLO)
    assert decision.operations == (MemoryOperation(Action.DELETE, 1),)


@pytest.mark.parametrize("profile", list(Profile))
def test_a_server_that_ignores_the_form_yields_a_malformed_completion(profile: Profile) -> None:
    free = Says("I would delete it.", "I would delete it.", "I would delete it.")
    with FakeServer(free, profile=profile) as server:
        decision = MemoryManager(InJson(at(server), OSLO)).decide("I left Oslo.", OSLO)
    assert decision.malformed == Malformed("I would delete it.", "not an operation: 'I would delete it.'")


# Completions


def test_a_completion_says_what_it_cost_and_where_it_comes_from() -> None:
    with FakeServer(Says(free="Hello.")) as server:
        completion = answer(at(server))
    assert replace(completion, seconds=0.0) == Completion(
        "Hello.",
        FinishReason.STOP,
        prompt_tokens=40,
        cached_tokens=30,
        completion_tokens=7,
        thinking_tokens=5,
        confidence=1.0,
        model=f"tiny @ 127.0.0.1:{server.port}",
    )
    assert 0.0 < completion.seconds < 5.0


def test_the_limit_of_tokens_is_told_from_the_models_own_end() -> None:
    with FakeServer(Says(finish="length")) as server:
        assert answer(at(server)).finish_reason is FinishReason.LENGTH


@pytest.mark.parametrize("profile", list(Profile))
def test_thoughts_are_hidden(profile: Profile) -> None:
    pieces: list[str] = []
    with FakeServer(Says(free="Hello.", thought="What <b>now</b>?"), profile=profile, piece=1) as server:
        assert answer(at(server), on_text=pieces.append).text == "Hello."
    assert "".join(pieces) == "Hello."


def test_a_thought_without_end_leaves_nothing() -> None:
    with FakeServer(Raw([chunk("<think>Hm"), chunk(finish="length"), DONE])) as server:
        assert answer(at(server)).text == ""


def test_what_looks_like_the_beginning_of_a_thought_at_the_end_is_text() -> None:
    with FakeServer(Raw([chunk("<thi"), chunk(finish="stop"), DONE])) as server:
        assert answer(at(server)).text == "<thi"


def test_ends_of_lines_within_a_text_end_no_event() -> None:
    text = "a\u2028b\u0085c\x0bd\re\x1cf"
    with FakeServer(Raw([chunk(text), chunk(finish="stop"), DONE])) as server:
        assert answer(at(server)).text == text


def test_events_may_come_in_any_pieces_with_comments_and_names_between() -> None:
    stream = (
        b": waiting\r\n\r\nevent: message\r\nid: 1\r\nretry: 5\r\n"
        + chunk("Grüße 😀")
        + b"data:"
        + chunk(finish="stop")[6:]
    )
    with FakeServer(Raw([bytes([byte]) for byte in stream])) as server:
        assert answer(at(server)).text == "Grüße 😀"


@pytest.mark.parametrize(
    "odd",
    [
        event({}),
        event({"choices": None}),
        event({"choices": [None]}),
        event({"choices": [{"delta": None}]}),
        event({"choices": [{"delta": {"content": None}}]}),
        event({"choices": [{"delta": {"content": 5}}], "usage": None}),
        event({"choices": [], "usage": {"prompt_tokens": None, "prompt_tokens_details": 3}}),
    ],
)
def test_events_that_say_nothing_are_passed_over(odd: bytes) -> None:
    with FakeServer(Raw([odd, chunk("a"), odd, chunk(finish="stop"), odd, DONE])) as server:
        assert answer(at(server)).text == "a"


def test_a_server_that_does_not_stream_is_understood() -> None:
    reply = {
        "choices": [{"message": {"role": "assistant", "content": "Hello."}, "finish_reason": "length"}],
        "usage": {"prompt_tokens": 3},
    }
    with FakeServer(Status(200, json.dumps(reply, indent=1).encode())) as server:
        completion = answer(at(server))
    assert (completion.text, completion.finish_reason, completion.prompt_tokens) == ("Hello.", FinishReason.LENGTH, 3)


def test_an_end_without_a_reason_is_the_models_own() -> None:
    with FakeServer(Raw([chunk("a"), DONE])) as server:
        assert answer(at(server)).finish_reason is FinishReason.STOP


def test_an_exception_in_on_text_closes_the_connection() -> None:
    def refuse(_: str) -> None:
        raise ZeroDivisionError

    with FakeServer(Raw([chunk("a"), 20.0, DONE])) as server:
        with pytest.raises(ZeroDivisionError):
            answer(at(server), on_text=refuse)
        assert server.closed.wait(5)


# Cancelling


def cancelled(server: FakeServer, when: Callable[[], object], **wanted: Any) -> tuple[Completion, float]:
    """The completion, and how long it took to come after `when` returned and it was cancelled."""
    cancel = threading.Event()
    times: list[float] = []

    def stop() -> None:
        when()
        times.append(time.monotonic())
        cancel.set()

    thread = threading.Thread(target=stop)
    thread.start()
    completion = answer(at(server), cancel=cancel, **wanted)
    ended = time.monotonic()
    thread.join()
    return completion, ended - times[0]


def test_a_silent_server_can_be_stopped_at_once_and_learns_of_it() -> None:
    with FakeServer(Raw([20.0])) as server:
        # Long enough for the reply to have begun, so that nothing comes any more.
        completion, seconds = cancelled(server, lambda: server.asked.wait(5) and time.sleep(0.2))
        assert completion.finish_reason is FinishReason.CANCELLED
        assert completion.text == ""
        assert seconds < 0.5
        assert server.closed.wait(5)


def test_a_server_that_does_not_even_begin_to_reply_can_be_stopped() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        accepted: list[socket.socket] = []
        cancel = threading.Event()

        def stop() -> None:
            accepted.append(listener.accept()[0])
            cancel.set()

        threading.Thread(target=stop).start()
        generator = ServerGenerator(ServerAddress(f"http://127.0.0.1:{listener.getsockname()[1]}/v1", MODEL))
        assert answer(generator, cancel=cancel).finish_reason is FinishReason.CANCELLED
        accepted[0].settimeout(5)
        while accepted[0].recv(4096):
            pass  # what had been sent, then the end that shows the connection closed
        accepted[0].close()


def test_what_was_written_before_it_was_stopped_stays() -> None:
    said = threading.Event()
    with FakeServer(Raw([chunk("Hel"), 20.0, chunk("lo"), DONE])) as server:
        completion, _ = cancelled(server, lambda: said.wait(5), on_text=lambda _: said.set())
        assert completion.text == "Hel"
        assert completion.finish_reason is FinishReason.CANCELLED
        assert completion.model == f"tiny @ 127.0.0.1:{server.port}"
        assert server.closed.wait(5)


def test_asking_what_a_server_offers_can_be_stopped() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        generator = ServerGenerator(ServerAddress(f"http://127.0.0.1:{listener.getsockname()[1]}/v1", MODEL))
        cancel = threading.Event()
        threading.Timer(0.1, cancel.set).start()
        assert answer(generator, form=ANSWER_FORM, cancel=cancel).finish_reason is FinishReason.CANCELLED


def test_what_was_cancelled_before_it_began_asks_nobody() -> None:
    cancel = threading.Event()
    cancel.set()
    with FakeServer(Raw([20.0])) as server:
        assert answer(at(server), cancel=cancel).finish_reason is FinishReason.CANCELLED


def test_no_thread_is_left_behind() -> None:
    with FakeServer(Raw([chunk("a"), 20.0])) as server:
        cancelled(server, lambda: server.asked.wait(5))
        deadline = time.monotonic() + 5
        while any(thread.name == "recollect-request" for thread in threading.enumerate()):
            assert time.monotonic() < deadline
            time.sleep(0.01)


# Errors


def test_a_server_that_is_not_there() -> None:
    with FakeServer() as server:
        url = server.url
    with pytest.raises(EngineError) as caught:
        answer(ServerGenerator(ServerAddress(url, MODEL)))
    assert str(caught.value) == f"Nothing answers at {url}. Start the server, or correct its address."


def test_a_host_that_is_not_there() -> None:
    with pytest.raises(EngineError) as caught:
        answer(ServerGenerator(ServerAddress("https://nowhere.invalid/v1", MODEL)))
    assert str(caught.value) == (
        "The host of https://nowhere.invalid/v1 cannot be found. Correct the address, or see to the network."
    )


def test_a_server_without_tls_where_the_address_says_so() -> None:
    with FakeServer() as server, pytest.raises(EngineError) as caught:
        answer(ServerGenerator(ServerAddress(server.url.replace("http:", "https:"), MODEL)))
    assert str(caught.value).startswith(f"No safe connection to https://127.0.0.1:{server.port}/v1 is possible (")
    assert caught.value.hint == "Correct the address, or the certificate."


@pytest.fixture
def self_signed(tmp_path: Path) -> ssl.SSLContext:
    """A server's TLS with a certificate for 127.0.0.1 that nobody vouches for."""
    if (openssl := shutil.which("openssl")) is None:
        pytest.skip("openssl makes the certificate, and is not there")
    key, certificate = str(tmp_path / "key.pem"), str(tmp_path / "certificate.pem")
    wanted = "-x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=localhost -days 1".split()
    named = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate]
    subprocess.run([openssl, "req", *wanted, *named], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


def test_a_certificate_that_nobody_vouches_for(self_signed: ssl.SSLContext) -> None:
    with FakeServer(tls=self_signed) as server, pytest.raises(EngineError) as caught:
        answer(at(server, key_variable="TEST_KEY"))
    assert caught.value.message.startswith(f"No safe connection to https://127.0.0.1:{server.port}/v1 is possible (")
    assert server.requests == []


def test_a_server_with_tls_can_be_stopped_as_well(
    self_signed: ssl.SSLContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "certificate.pem"))
    with FakeServer(Raw([chunk("Hel"), 20.0]), tls=self_signed) as server:
        said = threading.Event()
        completion, seconds = cancelled(server, lambda: said.wait(5), on_text=lambda _: said.set())
        assert (completion.text, completion.finish_reason) == ("Hel", FinishReason.CANCELLED)
        assert seconds < 0.5
        assert server.closed.wait(5)


def test_a_server_that_is_silent_for_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "FIRST_TOKEN_SECONDS", 0.1)
    with FakeServer(Raw([20.0])) as server:
        with pytest.raises(EngineError) as caught:
            answer(at(server))
        assert str(caught.value) == (
            f"{server.url} did not answer for 0.1 seconds. See whether it is at work, then ask again."
        )
        assert server.closed.wait(5)


@pytest.mark.parametrize("delta", [{"content": "a"}, {"reasoning": "a"}, {"reasoning_content": "a"}])
def test_after_its_first_word_a_server_has_less_time(monkeypatch: pytest.MonkeyPatch, delta: dict[str, str]) -> None:
    monkeypatch.setattr(connection, "NEXT_TOKEN_SECONDS", 0.1)
    with FakeServer(Raw([chunk(**delta), 20.0])) as server, pytest.raises(EngineError, match=r"for 0\.1 seconds"):
        answer(at(server))


def test_that_it_is_the_assistants_turn_is_no_word_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "NEXT_TOKEN_SECONDS", 0.1)
    with FakeServer(Raw([chunk("", role="assistant"), 0.4, chunk("a"), DONE])) as server:
        assert answer(at(server)).text == "a"


@pytest.mark.parametrize("status", [401, 403])
def test_a_key_that_is_not_accepted(status: int) -> None:
    error = error_of(Status(status, f'{{"error": {{"message": "Incorrect API key provided: {KEY}"}}}}'.encode()))
    assert error.message.endswith(f"/v1 does not accept the key ({status}).")


def test_a_key_that_is_not_accepted_is_found_before_the_model_is_asked() -> None:
    with FakeServer(models=Status(401)) as server, pytest.raises(EngineError, match="does not accept the key"):
        answer(at(server), form=ANSWER_FORM)
    assert server.completions == []


def test_an_unknown_model_comes_with_those_that_there_are() -> None:
    error = error_of(Status(404, b'{"error": {"message": "model not found"}}'), models=("qwen3:4b", "gemma3:1b"))
    assert error.message.endswith("/v1 has no model 'tiny'.")
    assert error.hint == "It has: qwen3:4b, gemma3:1b"


@pytest.mark.parametrize("models", [None, (MODEL,), Status(200, b"{}")])
def test_a_path_that_is_not_there(models: Sequence[str] | Status | None) -> None:
    error = error_of(Status(404, b"404 page not found", type="text/plain"), models=models)
    assert error.message.endswith("/v1 knows no model 'tiny', or the address is another.")
    assert error.hint == "Correct them; most addresses end in /v1."


@pytest.mark.parametrize(
    ("after", "hint"),
    [
        ("20", "Ask again in 20 seconds."),
        ("Fri, 07 Nov 2036 23:59:59 GMT", "Ask again after Fri, 07 Nov 2036 23:59:59 GMT."),
        ("", "Ask again in a while."),
    ],
)
def test_too_many_requests(after: str, hint: str) -> None:
    error = error_of(Status(429, headers={"Retry-After": after}))
    assert error.message.endswith("/v1 takes no more requests for now.")
    assert error.hint == hint


@pytest.mark.parametrize(
    "body",
    [
        b'{"error": {"message": "out of memory"}}',
        b'{"error": "out of memory"}',
        b'{"message": "out of memory"}',
        b'{"detail": "out of memory"}',
        b"out of\r\n\x1b memory",
    ],
)
def test_a_server_that_fails_is_quoted_in_one_line(body: bytes) -> None:
    error = error_of(Status(503, body))
    assert error.message.endswith("/v1 failed (503): out of memory")
    assert error.hint == "See the server's log, then ask again."


def test_a_servers_words_are_cut_and_never_repeat_the_key() -> None:
    error = error_of(Status(500, f"{KEY} {'x' * 1000}".encode()))
    assert error.message.endswith("failed (500): … " + "x" * 298 + "…")


def test_redirects_are_not_followed() -> None:
    with FakeServer() as other, FakeServer(Status(307, headers={"Location": other.url})) as server:
        with pytest.raises(EngineError) as caught:
            answer(at(server))
        assert caught.value.message == (f"{server.url} sends on to another address, where your words would go unasked.")
        assert other.requests == []


@pytest.mark.parametrize(
    "reply",
    [
        Raw([chunk("Hel")]),
        Raw([chunk("Hel")], ends=False),
        Raw([]),
        Raw([chunk("Hel"), b'data: {"choices": [{"del'], ends=False),
        Raw([chunk("Hel"), b'data: {"choices": [{"del']),
    ],
)
def test_a_stream_that_breaks_off(reply: Raw) -> None:
    error = error_of(reply)
    assert error.message.endswith("broke off before the model was done.")


def test_what_streamed_before_an_error_was_passed_on() -> None:
    pieces: list[str] = []
    with FakeServer(Raw([chunk("Hel"), chunk("lo")], ends=False)) as server, pytest.raises(EngineError):
        answer(at(server), on_text=pieces.append)
    assert "".join(pieces) == "Hello"


@pytest.mark.parametrize(
    "reply",
    [
        Status(200, b"<html>Welcome</html>", type="text/html"),
        Status(200, b"<html>", type="application/json"),
        Status(200, b"[]"),
        Raw([b"data: {broken\n\n"]),
        Raw([b"data: []\n\n"]),
        Raw([b"data: \xff\n\n"]),
        Raw([b"data: " + b"[" * 100_000 + b"\n\n"]),
        Raw([b"<html>\n"]),
    ],
)
def test_what_is_no_chat_completion(reply: Reply) -> None:
    error = error_of(reply)
    assert error.message.endswith("/v1 answered is not OpenAI's chat completions.")
    assert error.hint == "Correct the address; most end in /v1."


@pytest.mark.parametrize(
    "told",
    [
        event({"error": {"message": f"CUDA error {KEY}", "code": 500}}),
        b"event: error\n" + event({"error": f"CUDA error {KEY}"}),
        event({"object": "error", "message": f"CUDA error {KEY}"}),
    ],
)
def test_an_error_within_the_stream(told: bytes) -> None:
    for reply in (Raw([told]), Raw([chunk("Hel"), told])):
        assert error_of(reply).message.endswith("/v1 stopped with an error: CUDA error …")


def test_an_error_under_the_status_of_success() -> None:
    assert error_of(Status(200, b'{"error": "no model loaded"}')).message.endswith("with an error: no model loaded")


def test_a_content_filter() -> None:
    error = error_of(Says(finish="content_filter"))
    assert error.message.startswith("A content filter of http://127.0.0.1:")


# Prompts that are too long

TURNS = [ChatMessage(role, f"{role.value} {n}") for n in range(4) for role in (Role.USER, Role.ASSISTANT)]
LONG = [SYSTEM, *TURNS, ChatMessage(Role.USER, "last")]
TOO_LONG: dict[str, Reply] = {
    "llama-server": Status(
        400,
        b'{"error":{"code":400,"message":"request (9 tokens) exceeds the available context size (8 tokens)",'
        b'"type":"exceed_context_size_error"}}',
    ),
    "vllm": Status(400, b'{"error":{"message":"This model\'s maximum context length is 8 tokens."}}'),
    "lm studio": Raw(
        [b"event: error\n" + event({"error": "Trying to keep the first 9 tokens, but the context length is 8."})]
    ),
    "openai": Status(400, b'{"error":{"message":"Too many tokens.","code":"context_length_exceeded"}}'),
    "gateway": Status(413, b"<html>", type="text/html"),
}


@pytest.mark.parametrize("reply", TOO_LONG.values(), ids=TOO_LONG.keys())
def test_a_prompt_that_is_too_long_loses_the_older_half_of_its_history(reply: Reply) -> None:
    with FakeServer(reply, Says(free="Hello.")) as server:
        completion = answer(at(server), LONG)
    assert server.completions[1].texts == ["Be kind", "user 2", "assistant 2", "user 3", "assistant 3", "last"]
    assert (completion.text, completion.dropped) == ("Hello.", 4)


def test_a_context_that_is_full_after_the_first_words_is_an_error() -> None:
    full = Raw([chunk("Hel"), event({"error": "The context size was exceeded."})])
    with FakeServer(full) as server, pytest.raises(EngineError, match="stopped with an error: The context size"):
        answer(at(server), LONG)
    assert len(server.completions) == 1


def test_what_is_left_of_a_history_begins_with_what_somebody_asked() -> None:
    with FakeServer(TOO_LONG["vllm"], TOO_LONG["vllm"], TOO_LONG["vllm"], Says()) as server:
        completion = answer(at(server), LONG)
    assert [request.texts[1:-1] for request in server.completions[1:]] == [
        ["user 2", "assistant 2", "user 3", "assistant 3"],
        ["user 3", "assistant 3"],
        [],
    ]
    assert completion.dropped == 8


@pytest.mark.parametrize(("turns", "asked"), [(0, 1), (1, 2), (4, 4), (64, 5)])
def test_a_prompt_that_stays_too_long_is_an_error(turns: int, asked: int) -> None:
    prompt = [SYSTEM, *TURNS[:2] * turns, LONG[-1]]
    with FakeServer(TOO_LONG["vllm"]) as server, pytest.raises(EngineError) as caught:
        answer(at(server), prompt)
    assert caught.value.message == (
        f"The message is too long for the model at {server.url}, even without the conversation before it."
    )
    assert len(server.completions) == asked


def test_history_that_surely_does_not_fit_is_not_sent() -> None:
    history = [ChatMessage(role, "h" * 3000) for _ in range(8) for role in (Role.USER, Role.ASSISTANT)]
    with FakeServer(Says()) as server:
        completion = answer(at(server, context=8192), [SYSTEM, *history, LONG[-1]], max_tokens=1024)
        wider = answer(at(server, context=32768), [SYSTEM, *history, LONG[-1]], max_tokens=1024)
    # 7,168 tokens of 3 bytes hold 21,504 bytes: 4 messages of 16, as 8 make 24,000.
    assert (completion.dropped, wider.dropped) == (12, 0)


def test_a_message_that_does_not_fit_is_sent_all_the_same() -> None:
    with FakeServer(Says(free="Hello.")) as server:
        assert answer(at(server, context=10), [SYSTEM, ChatMessage(Role.USER, "m" * 100)]).text == "Hello."
        assert answer(at(server, context=10), [ChatMessage(Role.SYSTEM, "m" * 100)]).text == "Hello."
    assert [len(request.texts) for request in server.completions] == [2, 1]


def test_both_agents_can_ask_at_once() -> None:
    with FakeServer(Raw([chunk("a"), 0.3, DONE])) as server:
        generator = at(server)
        begun = time.monotonic()
        threads = [threading.Thread(target=answer, args=(generator,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert time.monotonic() - begun < 1.0
    assert len(server.completions) == 4
