"""Short questions to a server before a run: plain, blocking, never timed."""

from __future__ import annotations

import http.client
import json
import ssl
from typing import Any

from slaibench.client.completion import excerpt
from slaibench.client.prompts import CountTokens
from slaibench.client.target import Api, Target, parse_url


class AskError(RuntimeError):
    """No usable answer.

    Args:
        status: HTTP status; None: nothing answered, or nothing that is HTTP.
    """

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


def ask(
    url: str,
    path: str,
    headers: dict[str, str],
    body: dict[str, Any] | None = None,
    timeout_s: float = 10.0,
) -> Any:
    """GET, or POST with a body, and the JSON that comes back.

    Raises:
        AskError: anything but status 200 with JSON.
    """
    address = parse_url(url)
    connection: http.client.HTTPConnection
    if address.tls:
        context = ssl.create_default_context()
        connection = http.client.HTTPSConnection(
            address.host, address.port, timeout=timeout_s, context=context
        )
    else:
        connection = http.client.HTTPConnection(address.host, address.port, timeout=timeout_s)
    try:
        data = None if body is None else json.dumps(body)
        kind = {} if data is None else {"Content-Type": "application/json"}
        method = "GET" if data is None else "POST"
        connection.request(method, address.path + path, data, headers | kind)
        answer = connection.getresponse()
        text = answer.read()
    except (OSError, http.client.HTTPException) as error:
        raise AskError(str(error) or type(error).__name__) from error
    finally:
        connection.close()
    if answer.status != 200:
        raise AskError(f"HTTP {answer.status}: {excerpt(text)}", answer.status)
    try:
        return json.loads(text)
    except ValueError as error:
        raise AskError(f"not JSON: {excerpt(text)}", answer.status) from error


def served_models(url: str, headers: dict[str, str]) -> list[str]:
    """Names of the models a server has (``/v1/models``).

    Raises:
        AskError: it does not say.
    """
    answer = ask(url, "/v1/models", headers)
    try:
        return [str(model["id"]) for model in answer["data"]]
    except (KeyError, TypeError) as error:
        raise AskError("/v1/models does not list models as OpenAI's interface does", 200) from error


def token_counter(target: Target) -> CountTokens:
    """Counts a prompt's tokens by the server's ``/tokenize``, as vLLM has it, with the chat
    template where that is what is asked. Calling it raises AskError where there is none."""

    def count(text: str) -> int:
        body: dict[str, Any] = {"model": target.model}
        if target.api is Api.CHAT:
            body["messages"] = [{"role": "user", "content": text}]
        else:
            body["prompt"] = text
        answer = ask(target.url, "/tokenize", target.all_headers(), body)
        try:
            return int(answer["count"])
        except (KeyError, TypeError, ValueError) as error:
            raise AskError("/tokenize gives no count", 200) from error

    return count
