"""Where a server is that generates text, and whether it is safe to talk to.

Promises that nothing private crosses a foreign network in the clear. Connects to nothing.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from enum import StrEnum

from assistant.errors import EngineError
from assistant.llm.protocol import USUAL_CONTEXT

_LABEL = "[A-Za-z0-9_][A-Za-z0-9_-]{0,62}"
_ADDRESS = re.compile(
    rf"(https?)://(\[[0-9A-Fa-f:.]+\]|{_LABEL}(?:\.{_LABEL})*)(?::([0-9]{{1,5}}))?(?:/[\w.~/-]*)?", re.ASCII
)
_OWN_NETWORKS = tuple(
    map(ipaddress.ip_network, ("127.0.0.0/8", "::1/128", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"))
)


class Structure(StrEnum):
    """How a server is asked to hold a model to a form. AUTO: the strictest of the others that it offers."""

    AUTO = "auto"
    GRAMMAR = "grammar"
    SCHEMA = "schema"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """Where a model is, such as http://localhost:11434/v1, and what it is called there.

    `key_variable` names the environment variable that holds the key, "" where none is needed: the key itself is read
    for each request and kept nowhere. `context` is how many tokens the server gives the model; what certainly does not
    fit is not sent, because some servers cut it without a word.
    """

    base_url: str
    model: str
    key_variable: str = ""
    structure: Structure = Structure.AUTO
    context: int = USUAL_CONTEXT

    @property
    def url(self) -> str:
        """The address without a slash at its end."""
        return self.base_url.rstrip("/")

    @property
    def host(self) -> str:
        """The host and its port, if the address has one."""
        return self.base_url.partition("://")[2].partition("/")[0]

    def check(self) -> bool:
        """Whether it is in the user's own network. Raises EngineError for an address that is none, or not safe.

        Memories are what people tell nobody else, and whoever carries plain http can read it. So it is for this machine
        and for private networks alone, where no certificate can be had and nobody else is on the way.
        """
        if "@" in self.base_url:
            raise EngineError(
                "A server's address holds no name and no key.",
                "Put the key into an environment variable, and name that.",
            )
        found = _ADDRESS.fullmatch(self.base_url)
        if found is None or int(found[3] or 1) not in range(1, 65536) or len(found[2]) > 253:
            raise EngineError(
                f"{self.base_url!r} is no address of a server.", "Write it like http://localhost:11434/v1."
            )
        own = _is_own(found[2].strip("[]").lower())
        if found[1] == "http" and not own:
            raise EngineError(
                f"What you say would cross the network in the clear on its way to {self.base_url}.",
                "Use https, or a machine in your own network: a private address, or a name that ends in .local.",
            )
        return own


def _is_own(host: str) -> bool:
    try:
        ip = ipaddress.ip_address(host)
    except ValueError:
        return host == "localhost" or host.endswith((".localhost", ".local"))
    return any(ip in network for network in _OWN_NETWORKS)
