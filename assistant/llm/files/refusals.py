"""What a user is told when a server does not send the model that was asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from assistant.errors import EngineError, ModelFileError
from assistant.llm.files.gguf_header import MAGIC
from assistant.llm.files.partial import GOES_ON

if TYPE_CHECKING:
    import httpx2

TOKEN_VARIABLE = "HF_TOKEN"


def check_magic(first: bytes, host: str) -> None:
    """Raises ModelFileError for what does not begin as a GGUF file does."""
    if first.startswith(MAGIC):
        return
    what = "a web page" if first.lstrip()[:1] == b"<" else "something else"
    raise ModelFileError(f"{host} sent {what} in place of a GGUF file.", "Check the address of the model.")


def refusal(response: httpx2.Response, host: str) -> EngineError:
    """What to tell about a server that does not give the file."""
    status = response.status_code
    match status:
        case 401:
            what, hint = "asks who you are", f"Accept the model's licence there, then set {TOKEN_VARIABLE}."
        case 403:
            what, hint = "does not let you have this file", "Accept the model's licence there, or check your token."
        case 404:
            what, hint = "has no such file", "Check the address: the publisher may have moved it."
        case 429:
            what, hint = "has had too many requests", f"Try again later. {GOES_ON}"
        case _ if status >= 500:
            what, hint = "has a fault of its own", f"Try again later. {GOES_ON}"
        case _:
            what, hint = "gave an answer that makes no sense here", "Check the address of the model."
    return EngineError(f"{host} {what} (status {status}).", hint)


def other_file(host: str, found: str, expected: str) -> ModelFileError:
    """What to tell about a file with another SHA-256."""
    return ModelFileError(
        f"The file at {host} is not the one expected: its SHA-256 is {found[:12]}…, not {expected[:12]}….",
        "Try again. If it happens again, the publisher has replaced the file.",
    )


def other_size(host: str, found: int, expected: int) -> ModelFileError:
    """What to tell about a file of another size."""
    return ModelFileError(
        f"The file at {host} has {found} bytes, and {expected} were expected.",
        "Check the address: the publisher may have replaced the file.",
    )
