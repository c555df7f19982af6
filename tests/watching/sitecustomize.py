"""Loaded by every Python that starts with this folder on its path: writes down each try to reach the network."""

from __future__ import annotations

import os
import sys

_REACHING = {"socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto", "socket.bind"}


def _watch(event: str, arguments: tuple[object, ...]) -> None:
    if event in _REACHING:
        with open(os.environ["REACHED"], "a", encoding="utf-8") as file:
            file.write(f"{event} {arguments[1:]}\n")


if "REACHED" in os.environ:
    sys.addaudithook(_watch)
