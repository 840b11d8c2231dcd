"""Short requests to a server before a run: plain, blocking, never timed."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from typing import Any

from slaibench.client.prompts import CountTokens
from slaibench.client.quoted import Quoter
from slaibench.client.refusals import compressed, connection_error, redirected
from slaibench.client.target import Target
from slaibench.endpoint.url import Api

ANSWER_S = 10.0
"""For a whole answer; a server that says a little now and then has no more time than that."""
MAX_ANSWER_BYTES = 16 << 20
"""Of a list of models, or of metrics; one that never ends would fill the memory without a bound."""


class FetchError(RuntimeError):
    """No usable answer.

    Args:
        status: HTTP status; None: nothing that is HTTP.
        reached: whether anything listens there.
    """

    def __init__(self, message: str, status: int | None = None, *, reached: bool = True) -> None:
        super().__init__(message)
        self.status = status
        self.reached = reached


def fetch(
    target: Target, url: str, body: dict[str, Any] | None = None, timeout_s: float = ANSWER_S
) -> Any:
    """GET, or POST with a body, and the JSON that comes back.

    Args:
        target: which server; its headers go along.
        url: path and query there.
        timeout_s: for the connection, and again for the whole answer.

    Raises:
        FetchError: anything but status 200 with JSON.
    """
    text = fetch_bytes(target, url, body, timeout_s)
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise FetchError(f"not JSON: {target.quoter()(text)}", 200) from error


def fetch_bytes(
    target: Target,
    url: str,
    body: dict[str, Any] | None = None,
    timeout_s: float = ANSWER_S,
    accept: str | None = None,
) -> bytes:
    """As ``fetch``, whatever it is that comes back.

    Args:
        accept: the media type that is wanted; None: any.

    Raises:
        FetchError: anything but status 200 with a whole answer.
    """
    address, quote = target.address, target.quoter()
    connection: http.client.HTTPConnection
    context = target.tls_context()
    if context is not None:
        connection = http.client.HTTPSConnection(
            address.host, address.port, timeout=timeout_s, context=context
        )
    else:
        connection = http.client.HTTPConnection(address.host, address.port, timeout=timeout_s)
    try:
        connection.connect()
    except (OSError, UnicodeError) as error:
        raise FetchError(_words(error, quote), reached=False) from error
    # Each read has its own time limit; only a clock beside them ends an answer that trickles.
    deadline = _Deadline(connection.sock, timeout_s)
    answer = None
    try:
        data = None if body is None else json.dumps(body)
        kind = {} if data is None else {"Content-Type": "application/json"}
        kind |= {} if accept is None else {"Accept": accept}
        method = "GET" if data is None else "POST"
        connection.request(method, url, data, target.all_headers() | kind)
        answer = connection.getresponse()
        text = answer.read(MAX_ANSWER_BYTES + 1)
        if answer.length and len(text) <= MAX_ANSWER_BYTES:  # read(n) takes less for all there is
            raise http.client.IncompleteRead(text, answer.length)
    except (OSError, http.client.HTTPException, ValueError) as error:
        late = f"no whole answer within {timeout_s:g} s"
        status = answer.status if answer is not None else None
        raise FetchError(late if deadline.is_over else _words(error, quote), status) from error
    finally:
        deadline.cancel()
        if answer is not None:
            answer.close()
        connection.close()
    if deadline.is_over:
        raise FetchError(f"no whole answer within {timeout_s:g} s", answer.status)
    coding, location = answer.getheader("Content-Encoding"), answer.getheader("Location")
    if coding and coding.strip().lower() != "identity":
        said = compressed(coding, quote)
        raise FetchError(f"HTTP {answer.status}: {said}", answer.status)
    if location is not None and 300 <= answer.status < 400:
        said = redirected(location, quote)
        raise FetchError(f"HTTP {answer.status}: {said}", answer.status)
    if answer.status != 200:
        raise FetchError(f"HTTP {answer.status}: {quote(text)}", answer.status)
    if len(text) > MAX_ANSWER_BYTES:
        raise FetchError(f"an answer of more than {MAX_ANSWER_BYTES} bytes", answer.status)
    return text


class _Deadline:
    """Cuts a socket off after a time, whatever is read from it."""

    def __init__(self, sock: socket.socket, limit_s: float) -> None:
        self.is_over = False
        self._sock = sock
        self._timer = threading.Timer(limit_s, self._cut)
        self._timer.daemon = True
        self._timer.start()

    def cancel(self) -> None:
        self._timer.cancel()
        self._timer.join()

    def _cut(self) -> None:
        self.is_over = True
        try:
            self._sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            return  # It is closed already.


def _words(error: Exception, quote: Quoter) -> str:
    if isinstance(error, OSError):
        return quote(connection_error(error))
    return quote(str(error)) or type(error).__name__


def served_models(target: Target) -> list[str]:
    """Names of the models a server has (``/v1/models``).

    Raises:
        FetchError: it does not say.
    """
    answer = fetch(target, target.address.at("/models"))
    try:
        # A name goes into requests and files, which take no half of a character.
        return [str(m["id"]).encode(errors="replace").decode() for m in answer["data"]]
    except (KeyError, TypeError) as error:
        raise FetchError(
            "/v1/models does not list models as OpenAI's interface does", 200
        ) from error


def token_counter(target: Target) -> CountTokens:
    """Counts a prompt's tokens by the server's ``/tokenize``, as vLLM has it, with the chat
    template where requests are chats. Calling it raises FetchError where there is none."""

    def count(text: str) -> int:
        body: dict[str, Any] = {"model": target.model}
        if target.api is Api.CHAT:
            body["messages"] = [{"role": "user", "content": text}]
        else:
            body["prompt"] = text
        answer = fetch(target, target.address.root + "/tokenize", body)
        try:
            return int(answer["count"])
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise FetchError("/tokenize gives no count", 200) from error

    return count
