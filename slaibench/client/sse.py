"""Server-sent events: bytes in, event data out (WHATWG HTML, section 9.2)."""

from __future__ import annotations

from typing import NamedTuple

MAX_EVENT_BYTES = 4 << 20
"""A line or an event this long is none of a language model; without a bound it would fill the
memory."""
_LINE_BYTES = 64
"""What a line takes besides its own bytes, so that many empty ones do not pass for nothing."""
_BOM = b"\xef\xbb\xbf"
_PLAIN = b"message"
"""The name that an event without a name has."""


class SseError(ValueError):
    """The bytes are no stream of events."""


class NamedEvent(NamedTuple):
    """An event that its sender gave a name other than ``message``."""

    name: bytes
    data: bytes


class SseFramer:
    """Cuts one stream into its events' data, however the network cut the stream.

    Lines end in LF, CR or CRLF. Several data lines of an event are joined by LF. Comments, ids and
    retry times are dropped, and so is an event without data.
    """

    __slots__ = ("_after_cr", "_begun", "_data", "_data_bytes", "_name", "_rest")

    def __init__(self) -> None:
        self._rest = bytearray()
        self._data: list[bytes] = []
        self._data_bytes = 0
        self._name = b""
        self._after_cr = False
        self._begun = False

    def feed(self, chunk: bytes) -> list[bytes | NamedEvent]:
        """The data of every event that ends in this chunk; with its name, if it has one.

        Raises:
            SseError: a line or an event exceeds ``MAX_EVENT_BYTES``.
        """
        if not self._begun or self._after_cr or b"\r" in chunk:
            chunk = self._normalise(chunk)
        if self._rest:
            if b"\n" not in chunk:  # Joined only once the line ends: it may come byte by byte.
                self._keep(chunk)
                return []
            chunk = bytes(self._rest) + chunk
            self._rest.clear()
        lines = chunk.split(b"\n")
        if lines[-1]:
            self._keep(lines[-1])
        del lines[-1]
        data = self._data
        events: list[bytes | NamedEvent] = []
        for line in lines:
            if not line:
                if data:
                    events.append(self._event())
                elif self._name:
                    self._name = b""
            elif line.startswith(b"data:") or line == b"data":
                if data:
                    self._grow(line)
                data.append(line[6:] if line[5:6] == b" " else line[5:])
            elif line.startswith(b"event:"):
                self._name = line[6:].strip()
        return events

    def flush(self) -> list[bytes | NamedEvent]:
        """The stream has ended: what was left without its blank line, which the standard drops."""
        return self.feed(b"\n\n") if self.pending else []

    @property
    def pending(self) -> bool:
        """Whether an event has begun and not ended."""
        return bool(self._rest or self._data)

    def _event(self) -> bytes | NamedEvent:
        data, name = self._data, self._name
        whole = data[0] if len(data) == 1 else b"\n".join(data)
        data.clear()
        self._data_bytes = 0
        if not name:
            return whole
        self._name = b""
        return whole if name == _PLAIN else NamedEvent(name, whole)

    def _keep(self, rest: bytes) -> None:
        self._rest += rest
        if len(self._rest) > MAX_EVENT_BYTES:
            raise SseError(f"a line of more than {MAX_EVENT_BYTES} bytes")

    def _grow(self, line: bytes) -> None:
        self._data_bytes += len(line) + _LINE_BYTES
        if self._data_bytes > MAX_EVENT_BYTES:
            raise SseError(f"an event of more than {MAX_EVENT_BYTES} bytes: no blank line ends it")

    def _normalise(self, chunk: bytes) -> bytes:
        """LF at every line's end; no byte order mark at the stream's beginning."""
        if not self._begun:
            chunk = bytes(self._rest) + chunk
            self._rest.clear()
            if len(chunk) < len(_BOM) and _BOM.startswith(chunk):
                self._rest += chunk  # The mark may be cut in two.
                return b""
            self._begun = True
            chunk = chunk.removeprefix(_BOM)
        if self._after_cr and chunk:
            chunk = chunk.removeprefix(b"\n")
            self._after_cr = False
        if chunk.endswith(b"\r"):
            self._after_cr = True
        return chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
