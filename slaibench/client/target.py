"""Which server is loaded, and how it is spoken to."""

from __future__ import annotations

import re
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from slaibench.client.quoted import Quoter
from slaibench.endpoint import extra_body
from slaibench.endpoint.target_headers import TargetHeaders
from slaibench.endpoint.url import Address, Api, closed_values, parse_url, public_url
from slaibench.workloads.request import Request

_NOT_IN_A_HEADER = re.compile(r"[^\x20-\x7e\t]")
_HEADERS_OF_OURS = ("host", "content-length", "content-type", "transfer-encoding", "connection")


@dataclass(frozen=True, slots=True)
class Target:
    """A server, and what every request to it has in common.

    Args:
        url: ``http://host:port``; see ``parse_url``.
        model: as the server calls it.
        api_key: sent as a bearer token. It and ``headers`` are in no record, and in no ``repr``, as
            little as ``url`` and ``extra_body``, which may hold a secret.
        ignore_eos: tell the server to go on to the length asked for (vLLM, SGLang).
        exact_lengths: a request is finished only with exactly the tokens it asked for. False
            accepts whatever number came, for servers that take no length.
        continuous_usage: ask for the token count with every event (vLLM, SGLang); False for
            servers that refuse the option. Without it an event that carries text is one token.
        max_tokens_field: what the length limit is called; None: ``max_tokens``, as every server
            but OpenAI's newest chat models takes it (those want ``max_completion_tokens``).
        timeout_s: a request that is not done this long after it was due has timed out.
        read_timeout_s: so has one whose stream, once begun, is silent for this long; None: no limit
            of its own.
        request_id_prefix: begins ``X-Request-Id``; the request's own id follows.
        extra_body: fields for every body, over ours; None leaves one of ours out.
        extra_of: fields for one request's body; a function that pickles (of a module).
        insecure: take any certificate of a server with TLS.
        new_connections: open a connection for each request, when it is due.
        target_headers: say a request's own targets and tenant in headers of these names.

    Raises:
        ValueError: a value is out of range; the message names it.
    """

    url: str = field(repr=False)
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
    extra_body: Mapping[str, Any] = field(default_factory=dict, repr=False)
    extra_of: Callable[[Request], Mapping[str, Any]] | None = None
    insecure: bool = False
    new_connections: bool = False
    target_headers: TargetHeaders | None = None

    def __post_init__(self) -> None:
        named = parse_url(self.url).api
        if named is not None and named is not self.api:
            raise ValueError(
                f"url {public_url(self.url)!r} is not that of the {self.api} interface"
            )
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
        """Where it listens."""
        return parse_url(self.url)

    def tls_context(self) -> ssl.SSLContext | None:
        """For its connections; None: they are without TLS."""
        if not self.address.tls:
            return None
        context = ssl.create_default_context()
        if self.insecure:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context

    def all_headers(self) -> dict[str, str]:
        """What a caller or the key adds to every request."""
        key = {"Authorization": f"Bearer {self.api_key}"} if self.api_key else {}
        return key | dict(self.headers)

    def quoter(self) -> Quoter:
        """For the server's words: it may echo what it was sent."""
        return Quoter(
            [
                *([self.api_key] if self.api_key else []),
                *self.headers.values(),
                *closed_values(self.address.query),
                *extra_body.secrets(dict(self.extra_body)),
            ]
        )
