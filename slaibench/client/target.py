"""Which server is loaded, and how it is spoken to."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

from workloads.request import Request

_NOT_IN_A_HEADER = re.compile(r"[^\x20-\x7e\t]")
_HEADERS_OF_OURS = ("host", "content-length", "content-type", "transfer-encoding", "connection")


class Api(StrEnum):
    """Which of OpenAI's two text interfaces."""

    COMPLETIONS = "completions"
    CHAT = "chat"


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server listens.

    Args:
        host: name or IP address, without brackets.
        path: before ``/v1``, without a slash at its end; usually empty.
    """

    host: str
    port: int
    tls: bool
    path: str = ""

    @property
    def authority(self) -> str:
        """For the ``Host`` header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.tls else 80) else f"{host}:{self.port}"


def parse_url(url: str) -> Address:
    """The address in ``http://host:port``, with or without ``/v1`` at its end.

    Raises:
        ValueError: it is no such URL, or holds a password (which would get into records).
    """
    parts = urlsplit(url if "://" in url else f"http://{url}")
    try:
        port = parts.port
    except ValueError:
        port = -1
    if parts.scheme not in ("http", "https") or not parts.hostname or port == -1:
        raise ValueError(f"url {url!r} is not one like http://localhost:8000")
    if parts.username or parts.password:
        raise ValueError("a url must hold no user or password: give an API key or a header instead")
    if parts.query or parts.fragment:
        raise ValueError(f"url {url!r} must end with its path: nothing may follow a ? or #")
    tls = parts.scheme == "https"
    path = parts.path.rstrip("/").removesuffix("/v1").rstrip("/")
    return Address(parts.hostname, port or (443 if tls else 80), tls, path)


@dataclass(frozen=True, slots=True)
class Target:
    """A server, and what every request to it has in common.

    Args:
        url: ``http://host:port``; ``/v1`` at the end may be there or not.
        model: as the server calls it.
        api_key: sent as a bearer token. It and ``headers`` are in no record and no ``repr``.
        ignore_eos: tell the server to go on to the length asked for (vLLM, SGLang).
        exact_lengths: a request is finished only with exactly the tokens it asked for. False
            accepts whatever number came, for servers that cannot be told a length.
        continuous_usage: ask for the token count with every event (vLLM, SGLang); False for
            servers that refuse the option. Without it an event that carries text is one token.
        max_tokens_field: what the length limit is called; None: ``max_tokens``, as every server
            but OpenAI's newest chat models takes it (those want ``max_completion_tokens``).
        timeout_s: a request that is not done this long after it was due has timed out.
        read_timeout_s: so has one whose stream, once begun, is silent for this long; None: no limit
            of its own.
        request_id_prefix: begins ``X-Request-Id``; the request's own id follows.
        extra_body: fields for every body, over ours.
        extra_of: fields for one request's body; a function that pickles (of a module).

    Raises:
        ValueError: a value is out of range; the message names it.
    """

    url: str
    model: str
    api: Api = Api.COMPLETIONS
    api_key: str | None = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    ignore_eos: bool = True
    exact_lengths: bool = True
    continuous_usage: bool = True
    max_tokens_field: str | None = None
    timeout_s: float = 600.0
    read_timeout_s: float | None = None
    request_id_prefix: str = "slaibench-"
    extra_body: Mapping[str, Any] = field(default_factory=dict)
    extra_of: Callable[[Request], Mapping[str, Any]] | None = None

    def __post_init__(self) -> None:
        parse_url(self.url)
        for name in ("timeout_s", "read_timeout_s"):
            value = getattr(self, name)
            if value is not None and not 0 < value <= 1e6:
                raise ValueError(f"{name} must be between 0 and 1e6 seconds, not {value}")
        for name, value in self.all_headers().items():
            if _NOT_IN_A_HEADER.search(name + value) or not name or ":" in name:
                raise ValueError(
                    f"header {name!r} cannot be sent: it holds a character not allowed"
                )
            if name.lower() in _HEADERS_OF_OURS:
                raise ValueError(f"header {name!r} is set by the client; leave it out")

    @property
    def address(self) -> Address:
        return parse_url(self.url)

    def all_headers(self) -> dict[str, str]:
        """What a caller or the key adds to every request."""
        key = {"Authorization": f"Bearer {self.api_key}"} if self.api_key else {}
        return key | dict(self.headers)
