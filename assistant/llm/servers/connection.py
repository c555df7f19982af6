"""What is sent to a server that speaks OpenAI's interface, and what comes back.

Promises that each request ends: with a reply, with Cancelled, or with an EngineError that says what to do. Sends to no
other host than the one named, keeps no cookies and no key. Knows nothing of prompts and of completions.
"""

from __future__ import annotations

import json
import os
import re
import threading
from collections.abc import Generator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

import assistant
from assistant.errors import EngineError
from assistant.llm.servers import errors
from assistant.llm.servers.address import ServerAddress
from assistant.llm.servers.exchange import Ended, Exchange, Head, TooLate

if TYPE_CHECKING:
    import httpx2

CONNECT_SECONDS = 5.0
FIRST_TOKEN_SECONDS = 600.0
"""How long a server may load its model and read the prompt, which takes minutes without a graphics card."""

NEXT_TOKEN_SECONDS = 60.0
MODELS_SECONDS = 10.0
"""How long a server may take to name its models."""

_LONGEST_BODY = 1 << 22
_SPOKEN = ("content", "reasoning", "reasoning_content")
_TOO_LONG = re.compile(r"context.?(length|size|window)|n_ctx|too many tokens|prompt is too long", re.IGNORECASE)
_OF_STRUCTURE = re.compile(r"response_format|schema|grammar|structured|guided", re.IGNORECASE)


class Refused(Exception):
    """The server said no before the model said anything."""

    def __init__(self, status: int, said: str, headers: Mapping[str, str]) -> None:
        super().__init__(status)
        self.status = status
        self.said = said
        self.headers = headers

    @property
    def too_long(self) -> bool:
        """Whether the prompt does not fit the model's context."""
        return self.status == 413 or (self.status in (200, 400, 422, 500) and bool(_TOO_LONG.search(self.said)))

    @property
    def of_structure(self) -> bool:
        """Whether it does not hold models to a form in the way asked for."""
        # 500 is what the server of llama-cpp-python says.
        return self.status in (400, 422, 500, 501) and bool(_OF_STRUCTURE.search(self.said))


class ServerConnection:
    """Asks one server. Raises EngineError for an address that is not safe."""

    def __init__(self, address: ServerAddress) -> None:
        self._in_own_network = address.check()
        self._address = address
        self._url = address.url

    def events(self, body: Mapping[str, Any], cancel: threading.Event) -> Generator[Mapping[str, Any], None, None]:
        """What is said in reply to a request for a completion, piece by piece; an error in it is Refused.

        Ends without a `finish_reason` only if the server broke off.
        """
        with self._exchange("POST", "/chat/completions", body) as exchange:
            head = self._head(exchange, cancel, FIRST_TOKEN_SECONDS)
            if head.status != 200:
                said = errors.said_in(self._rest(exchange, cancel, NEXT_TOKEN_SECONDS), self._key())
                raise Refused(head.status, said, head.headers)
            if "json" in head.headers.get("content-type", ""):
                # A server that does not stream, or an error under the status of success.
                yield self._event(self._rest(exchange, cancel, FIRST_TOKEN_SECONDS))
                return
            seconds, rest, ended = FIRST_TOKEN_SECONDS, b"", False
            while not ended:
                data = self._next(exchange, cancel, seconds)
                ended = data is None
                # Bytes, because a text has more ends of lines than HTTP has, and a model may write them.
                *lines, rest = (rest + (data or b"\n")).split(b"\n")
                for line in lines:
                    name, _, value = line.strip().partition(b":")
                    if name == b"data" and value.strip() == b"[DONE]":
                        yield {"choices": [{"finish_reason": "stop"}]}
                        return
                    if name == b"data" and not ended:
                        event = self._event(value)
                        seconds = NEXT_TOKEN_SECONDS if any(map(delta_of(event).get, _SPOKEN)) else seconds
                        yield event
                    elif name not in (b"", b"data", b"event", b"id", b"retry"):
                        raise errors.alien_error(self._url)

    def models(self, cancel: threading.Event) -> tuple[Mapping[str, str], list[Mapping[str, Any]]]:
        """The headers of the reply, and the models that the server names, if it does.

        Raises EngineError if it cannot be reached, or not with this key.
        """
        with self._exchange("GET", "/models", None) as exchange:
            head = self._head(exchange, cancel, MODELS_SECONDS)
            body = self._rest(exchange, cancel, MODELS_SECONDS)
        if head.status in (401, 403):
            raise errors.status_error(self._url, self._address.model, head.status, "", head.headers)
        try:
            listed = mapping(json.loads(body)).get("data") if head.status == 200 else None
        except (ValueError, RecursionError):
            listed = None
        return head.headers, [m for m in listed if isinstance(m, dict)] if isinstance(listed, list) else []

    def error(self, refused: Refused, cancel: threading.Event) -> EngineError:
        """What to tell the user about a refusal."""
        if refused.status == 200:
            return errors.stream_error(self._url, refused.said)
        names: list[str] = []
        if refused.status == 404:
            names = [m["id"] for m in self.models(cancel)[1] if isinstance(m.get("id"), str)]
        if self._address.model in names:
            names = []
        return errors.status_error(self._url, self._address.model, refused.status, refused.said, refused.headers, names)

    def _event(self, data: bytes) -> Mapping[str, Any]:
        try:
            event = json.loads(data)
        except (ValueError, RecursionError):
            event = None
        if not isinstance(event, dict):
            raise errors.alien_error(self._url)
        if event.get("error") or event.get("object") == "error":
            raise Refused(200, errors.said_in(event, self._key()), {})
        return event

    def _exchange(self, method: str, path: str, body: Mapping[str, Any] | None) -> Exchange:
        headers = {"Authorization": f"Bearer {key}"} if (key := self._key()) else {}
        return Exchange(self._client, method, self._url + path, headers, body)

    def _head(self, exchange: Exchange, cancel: threading.Event, seconds: float) -> Head:
        head = self._message(exchange, cancel, seconds)
        if not isinstance(head, Head):
            raise errors.broken_error(self._url)
        return head

    def _next(self, exchange: Exchange, cancel: threading.Event, seconds: float) -> bytes | None:
        """The next bytes of a body; None at its end."""
        data = self._message(exchange, cancel, seconds)
        return data if isinstance(data, bytes) else None

    def _rest(self, exchange: Exchange, cancel: threading.Event, seconds: float) -> bytes:
        body = b""
        while len(body) < _LONGEST_BODY and (data := self._next(exchange, cancel, seconds)) is not None:
            body += data
        return body

    def _message(self, exchange: Exchange, cancel: threading.Event, seconds: float) -> Head | bytes | Ended:
        try:
            message = exchange.next(cancel, seconds)
        except TooLate:
            raise errors.late_error(self._url, seconds) from None
        if isinstance(message, Ended) and message.error is not None:
            raise errors.connection_error(self._url, message.error) from message.error
        return message

    def _key(self) -> str:
        name = self._address.key_variable
        if not name:
            return ""
        key = os.environ.get(name, "").strip()
        if not re.fullmatch(r"[!-~]+", key):
            raise EngineError(f"The variable {name} does not hold a key for {self._url}.", f"Set {name} to the key.")
        return key

    @cached_property
    def _client(self) -> httpx2.Client:
        import ssl
        from http.cookiejar import DefaultCookiePolicy

        import httpx2

        # To load what the system trusts takes a tenth of a second. Plain http needs none of it: this trusts nobody.
        plain = self._url.startswith("http:")
        trusted = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if plain else httpx2.create_ssl_context()

        client = httpx2.Client(
            headers={"User-Agent": f"recollect/{assistant.__version__}", "Accept-Encoding": "identity"},
            timeout=httpx2.Timeout(CONNECT_SECONDS, read=None, write=NEXT_TOKEN_SECONDS, pool=None),
            # A new connection each time: the server may have given up one that was kept, and cancelling closes it.
            limits=httpx2.Limits(max_connections=None, max_keepalive_connections=0),
            verify=trusted,
            follow_redirects=False,
            # No proxy of the environment for the own network, which is not to be left.
            trust_env=not self._in_own_network,
        )
        client.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        return client


def choice_of(event: Mapping[str, Any]) -> Mapping[str, Any]:
    """The first of the completions that an event is about, which is the only one asked for."""
    choices = event.get("choices")
    return mapping(choices[0]) if isinstance(choices, list) and choices else {}


def delta_of(event: Mapping[str, Any]) -> Mapping[str, Any]:
    """What an event adds to it, or all of it from a server that does not stream."""
    choice = choice_of(event)
    return mapping(choice.get("delta") or choice.get("message"))


def mapping(value: object) -> Mapping[str, Any]:
    """`value` if it is an object of JSON, else an empty one."""
    return value if isinstance(value, dict) else {}
