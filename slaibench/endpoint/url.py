"""An endpoint's URL: the address in it, and what of it may be shown."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit

_IN_A_URL = re.compile(r"[\x21-\x7e]*")
_OPEN_IN_A_QUERY = ("api-version", "version")
_CLOSED = "..."


class Api(StrEnum):
    """Which of OpenAI's two text interfaces."""

    COMPLETIONS = "completions"
    CHAT = "chat"


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server listens.

    Args:
        host: name or IP address, without brackets.
        root: path before ``/v1``, without a slash at its end; usually empty.
        base: path before ``/completions`` and ``/models``; usually ``/v1``.
        query: what goes with every request, without the ``?``; usually empty.
        api: the interface that the URL itself names; None: it names none.
    """

    host: str
    port: int
    tls: bool
    root: str = ""
    base: str = "/v1"
    query: str = ""
    api: Api | None = None

    @property
    def authority(self) -> str:
        """For the ``Host`` header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.tls else 80) else f"{host}:{self.port}"

    def at(self, route: str) -> str:
        """Path and query of a request for a route (``/models``)."""
        return f"{self.base}{route}" + (f"?{self.query}" if self.query else "")


ROUTES = {Api.COMPLETIONS: "/completions", Api.CHAT: "/chat/completions"}


def parse_url(url: str) -> Address:
    """The address in ``http://host:port``, with or without ``/v1`` at its end, or a whole route
    (``.../v1/chat/completions``), which names its interface; with or without a query.

    Raises:
        ValueError: it is no such URL, or holds a password (which would get into records).
    """
    shown = public_url(url)
    if not _IN_A_URL.fullmatch(url):
        raise ValueError(
            f"url {shown!r} holds a character that no URL has: write it with %XX, or a host's name "
            "in its xn-- form"
        )
    try:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), -1
    host = parts.hostname
    # A bare number is a port whose host was forgotten; as a host it would be another machine.
    if parts.scheme not in ("http", "https") or not host or host.isdigit() or port == -1:
        raise ValueError(f"url {shown!r} is not one like http://localhost:8000")
    if parts.username or parts.password:
        raise ValueError("a url must hold no user or password: give an API key or a header instead")
    if parts.fragment:
        raise ValueError(f"url {shown!r} must end with its path or query: nothing may follow a #")
    tls = parts.scheme == "https"
    path, api = parts.path.rstrip("/"), None
    for api_of_route in (Api.CHAT, Api.COMPLETIONS):  # The longer route first.
        if path.endswith(ROUTES[api_of_route]):
            path, api = path.removesuffix(ROUTES[api_of_route]), api_of_route
            break
    root = path.removesuffix("/v1").rstrip("/")
    base = path if api is not None else f"{root}/v1"
    port = port or (443 if tls else 80)
    return Address(host, port, tls, root, base, parts.query, api)


def public_url(url: str) -> str:
    """The URL as records and messages have it: no user, no password; of a query, which may hold a
    key, the names, and the values of those that are none."""
    before, mark, query = re.sub(r"//[^/?#]*@", "//...@", url).partition("?")
    if not mark:
        return before
    fields = (field.partition("=") for field in query.split("&"))
    shown = (f"{n}={v if n in _OPEN_IN_A_QUERY else _CLOSED}" if eq else n for n, eq, v in fields)
    return f"{before}?{'&'.join(shown)}"


def closed_values(query: str) -> list[str]:
    """Values of a query that no message shows."""
    fields = (field.partition("=") for field in query.split("&"))
    return [value for name, _, value in fields if name not in _OPEN_IN_A_QUERY]


def is_public(url: str) -> bool:
    """Whether a URL is one of ``public_url`` that has lost something."""
    return f"={_CLOSED}" in url.partition("?")[2]
