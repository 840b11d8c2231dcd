"""Server-sent events: bytes in, event data out (WHATWG HTML, section 9.2)."""

from __future__ import annotations

MAX_LINE_BYTES = 4 << 20
"""A line this long is no event of a language model; without a bound it would fill the memory."""
_BOM = b"\xef\xbb\xbf"


class SseError(ValueError):
    """The bytes are no stream of events."""


class SseFramer:
    """Cuts one stream into its events' data, however the network cut the stream.

    Lines end in LF, CR or CRLF. Several data lines of an event are joined by LF. Comments, event
    names, ids and retry times are dropped, and so is an event without data.
    """

    __slots__ = ("_after_cr", "_begun", "_data", "_rest")

    def __init__(self) -> None:
        self._rest = b""
        self._data: list[bytes] = []
        self._after_cr = False
        self._begun = False

    def feed(self, chunk: bytes) -> list[bytes]:
        """The data of every event that ends in this chunk.

        Raises:
            SseError: a line exceeds ``MAX_LINE_BYTES``.
        """
        if not self._begun or self._after_cr or b"\r" in chunk:
            chunk = self._normalise(chunk)
        lines = (self._rest + chunk).split(b"\n") if self._rest else chunk.split(b"\n")
        self._rest = lines.pop()
        if len(self._rest) > MAX_LINE_BYTES:
            raise SseError(f"a line of more than {MAX_LINE_BYTES} bytes")
        data = self._data
        events = []
        for line in lines:
            if not line:
                if data:
                    events.append(data[0] if len(data) == 1 else b"\n".join(data))
                    data.clear()
            elif line.startswith(b"data:"):
                data.append(line[6:] if line[5:6] == b" " else line[5:])
            elif line == b"data":
                data.append(b"")
        return events

    @property
    def pending(self) -> bool:
        """Whether an event has begun and not ended."""
        return bool(self._rest or self._data)

    def _normalise(self, chunk: bytes) -> bytes:
        """LF at every line's end; no byte order mark at the stream's beginning."""
        if not self._begun:
            chunk, self._rest = self._rest + chunk, b""
            if len(chunk) < len(_BOM) and _BOM.startswith(chunk):
                self._rest = chunk  # The mark may be cut in two.
                return b""
            self._begun = True
            chunk = chunk.removeprefix(_BOM)
        if self._after_cr and chunk:
            chunk = chunk.removeprefix(b"\n")
            self._after_cr = False
        if chunk.endswith(b"\r"):
            self._after_cr = True
        return chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
