"""What went wrong with a server, in sentences for its user.

Promises that no sentence holds the key. Knows nothing of how a server is asked.
"""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Mapping, Sequence
from contextlib import suppress

from assistant.errors import EngineError

_SHOWN = 300
"""Longest part of a server's own words that is shown, in characters."""

_MODELS_SHOWN = 10
_SEE_LOG = "See the server's log, then ask again."


def connection_error(server: str, error: Exception) -> EngineError:
    """For a request that did not come through, or whose reply broke off."""
    import ssl

    import httpx2

    causes = _causes(error)
    if any(isinstance(cause, ConnectionRefusedError) for cause in causes):
        return EngineError(f"Nothing answers at {server}.", "Start the server, or correct its address.")
    if any(isinstance(cause, socket.gaierror) for cause in causes):
        return EngineError(f"The host of {server} cannot be found.", "Correct the address, or see to the network.")
    for cause in causes:
        if isinstance(cause, ssl.SSLError):
            reason = getattr(cause, "verify_message", "") or (cause.reason or "no TLS").replace("_", " ").lower()
            return EngineError(
                f"No safe connection to {server} is possible ({reason}).", "Correct the address, or the certificate."
            )
    if isinstance(error, httpx2.TimeoutException):
        return late_error(server)
    if isinstance(error, httpx2.ProxyError):
        return EngineError(f"The proxy does not let through to {server}.", "See the HTTPS_PROXY variable.")
    return broken_error(server)


def late_error(server: str, seconds: float | None = None) -> EngineError:
    """For a server that said nothing for too long."""
    waited = f" for {seconds:g} seconds" if seconds is not None else ""
    return EngineError(f"{server} did not answer{waited}.", "See whether it is at work, then ask again.")


def broken_error(server: str) -> EngineError:
    """For a reply that ended before the model did."""
    return EngineError(f"The connection to {server} broke off before the model was done.", _SEE_LOG)


def alien_error(server: str) -> EngineError:
    """For a reply that is not what OpenAI's interface says."""
    return EngineError(
        f"What {server} answered is not OpenAI's chat completions.", "Correct the address; most end in /v1."
    )


def filtered_error(server: str) -> EngineError:
    """For an answer that the server's own rules forbid."""
    return EngineError(f"A content filter of {server} stopped the answer.", "Ask in other words, or ask another model.")


def too_long_error(server: str) -> EngineError:
    """For a prompt that does not fit with hardly any history."""
    return EngineError(
        f"The message is too long for the model at {server}, even without the conversation before it.",
        "Write a shorter one, or start the server with a larger context.",
    )


def stream_error(server: str, said: str) -> EngineError:
    """For an error that the server tells within its reply."""
    return EngineError(f"The model at {server} stopped with an error: {_sentence(said)}", _SEE_LOG)


def status_error(
    server: str, model: str, status: int, said: str, headers: Mapping[str, str], models: Sequence[str] = ()
) -> EngineError:
    """For a status other than 200. `models` are those that a server has which does not know `model`."""
    if 300 <= status < 400:
        return EngineError(
            f"{server} sends on to another address, where your words would go unasked.",
            "Use that address itself, if you trust it.",
        )
    if status in (401, 403):
        return EngineError(f"{server} does not accept the key ({status}).", "Correct it, or who may use the model.")
    if status == 404:
        if models:
            more = ", …" if len(models) > _MODELS_SHOWN else ""
            hint = f"It has: {', '.join(_sentence(name) for name in models[:_MODELS_SHOWN])}{more}"
            return EngineError(f"{server} has no model {model!r}.", hint)
        return EngineError(
            f"{server} knows no model {model!r}, or the address is another.", "Correct them; most addresses end in /v1."
        )
    if status == 429:
        return EngineError(f"{server} takes no more requests for now.", _when(headers.get("retry-after", "")))
    if status >= 500:
        return EngineError(f"{server} failed ({status}): {_sentence(said)}", _SEE_LOG)
    return EngineError(f"{server} refused the request ({status}): {_sentence(said)}", "Correct the model's settings.")


def said_in(body: bytes | object, key: str = "") -> str:
    """The server's own words in an error's body or in its JSON, without `key`, which some repeat."""
    found: object = body
    if isinstance(body, bytes):
        found = body.decode("utf-8", "replace")
        with suppress(ValueError, RecursionError):
            found = json.loads(body)
    while isinstance(found, dict):
        found = next((found[name] for name in ("error", "message", "detail") if found.get(name)), "")
    text = found if isinstance(found, str) else json.dumps(found, ensure_ascii=False, default=str)
    return text.replace(key, "…") if key else text


def _sentence(text: str) -> str:
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= _SHOWN else f"{line[:_SHOWN]}…"


def _when(retry_after: str) -> str:
    if re.fullmatch(r"[0-9]{1,6}", retry_after):
        return f"Ask again in {int(retry_after)} seconds."
    return f"Ask again after {_sentence(retry_after)}." if retry_after else "Ask again in a while."


def _causes(error: BaseException) -> list[BaseException]:
    """The error and what led to it, the last first."""
    causes: list[BaseException] = []
    following: BaseException | None = error
    while following is not None and following not in causes:
        causes.append(following)
        following = following.__cause__ or following.__context__
    return causes
