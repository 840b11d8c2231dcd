"""Servers on this machine: a short look at the ports where they usually listen."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http import HTTPStatus

from slaibench.client.fetch import FetchError, fetch
from slaibench.client.target import Target

PORTS = (8000, 8001, 8080, 30000, 11434, 1234, 5000, 23333, 3000, 4000)
"""As the engines' own documents have them: vLLM 8000; llama.cpp, TGI and LocalAI 8080; SGLang
30000; Ollama 11434; LM Studio 1234; text-generation-webui 5000; LMDeploy 23333; LiteLLM 4000."""
LOOK_S = 1.0
MOST_NAMED = 3


@dataclass(frozen=True, slots=True)
class LocalServer:
    """A server that answers ``/v1/models``.

    Args:
        models: as it calls them.
        wants_key: whether it tells nobody without one.
    """

    url: str
    models: tuple[str, ...]
    wants_key: bool = False

    @property
    def models_words(self) -> str:
        """Its models, a few of them by name."""
        more = len(self.models) - MOST_NAMED
        named = ", ".join(self.models[:MOST_NAMED]) or "no model"
        return f"{named} and {more} more" if more > 0 else named


def local_servers(ports: Sequence[int] = PORTS) -> tuple[LocalServer, ...]:
    """Those that list models, in the order of the ports; each is sent one GET without a key."""
    with ThreadPoolExecutor(len(ports)) as threads:
        looks = threads.map(_look, ports)
        return tuple(server for server in looks if server is not None)


def _look(port: int) -> LocalServer | None:
    target = Target(url=f"http://localhost:{port}", model="")
    try:
        answer = fetch(target, target.address.at("/models"), timeout_s=LOOK_S)
        return LocalServer(target.url, tuple(str(model["id"]) for model in answer["data"]))
    except FetchError as error:
        closed = error.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
        return LocalServer(target.url, (), wants_key=True) if closed else None
    except (KeyError, TypeError):
        return None
