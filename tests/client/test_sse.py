"""Framing of server-sent events, whatever the network does to them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slaibench.client import sse
from slaibench.client.sse import NamedEvent, SseError, SseFramer


def whole(data: bytes) -> list[bytes | NamedEvent]:
    return SseFramer().feed(data)


@pytest.mark.parametrize(
    ("stream", "events"),
    [
        (b"data: x\n\n", [b"x"]),
        (b"data:x\n\ndata:  y\n\n", [b"x", b" y"]),
        (b"data: a\r\n\r\ndata: b\r\rdata: c\n\n", [b"a", b"b", b"c"]),
        (b"data: a\ndata: b\n\n", [b"a\nb"]),
        (b": a comment\ndata: x\nevent: message\nid: 1\nretry: 5\n\n", [b"x"]),
        (b"data\n\n", [b""]),
        (b"data:\n\n", [b""]),
        (b"event: ping\n\n", []),
        (b"event: ping\ndata: x\n\ndata: y\n\n", [NamedEvent(b"ping", b"x"), b"y"]),
        (b"event: ping\n\ndata: y\n\n", [b"y"]),
        (b"event: message\ndata: x\n\n", [b"x"]),
        (b"database: x\n\n", []),
        (b"\n\n\ndata: x\n\n", [b"x"]),
        (b"data: not ended\n", []),
        (b"\xef\xbb\xbfdata: x\n\n", [b"x"]),
        (b"data: \xef\xbb\xbf\n\n", [b"\xef\xbb\xbf"]),
        (b'data: {"a": "\xe2\x82\xac"}\n\n', ['{"a": "€"}'.encode()]),
    ],
)
def test_events_of_a_stream(stream: bytes, events: list[bytes]) -> None:
    assert whole(stream) == events


LINES = st.sampled_from(
    [b"", b"data: x", b"data:y", b"data: {}", b": note", b"event: e", b"data", b"other"]
)
ENDS = st.sampled_from([b"\n", b"\r\n", b"\r"])


@st.composite
def streams(draw: st.DrawFn) -> tuple[bytes, list[bytes]]:
    lines = draw(st.lists(st.tuples(LINES, ENDS), max_size=30))
    data = draw(st.sampled_from([b"", b"\xef\xbb\xbf"])) + b"".join(a + b for a, b in lines)
    cuts = sorted(draw(st.lists(st.integers(0, len(data)), max_size=20)))
    return data, [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]


@given(streams())
def test_any_cut_of_the_bytes_gives_the_same_events(stream: tuple[bytes, list[bytes]]) -> None:
    data, chunks = stream
    framer = SseFramer()
    events = [event for chunk in chunks for event in framer.feed(chunk)]
    assert events == whole(data)


@given(st.binary(max_size=60), st.lists(st.integers(0, 60), max_size=8))
def test_any_cut_of_any_bytes_gives_the_same_events(data: bytes, at: list[int]) -> None:
    cuts = sorted(min(place, len(data)) for place in at)
    framer = SseFramer()
    chunks = [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]
    assert [event for chunk in chunks for event in framer.feed(chunk)] == whole(data)


def test_data_lines_split_as_the_standard_says() -> None:
    """The example of the standard (WHATWG HTML, 9.2.6): two lines, then an empty event."""
    assert whole(b"data: YHOO\ndata: +2\ndata: 10\n\n") == [b"YHOO\n+2\n10"]


def test_a_line_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "MAX_EVENT_BYTES", 100)
    framer = SseFramer()
    assert framer.feed(b"data: " + b"x" * 90) == []
    with pytest.raises(SseError, match="a line of more than 100 bytes"):
        framer.feed(b"x" * 90)


@pytest.mark.parametrize("line", [b"data: " + b"x" * 90 + b"\n", b"data:\n", b"data\n"])
def test_data_without_a_blank_line_is_refused(monkeypatch: pytest.MonkeyPatch, line: bytes) -> None:
    monkeypatch.setattr(sse, "MAX_EVENT_BYTES", 1000)
    framer = SseFramer()
    with pytest.raises(SseError, match="no blank line ends it"):
        framer.feed(line * 100)


def test_what_the_streams_end_leaves_is_handed_out_on_request() -> None:
    framer = SseFramer()
    assert framer.feed(b"data: x\n\ndata: y") == [b"x"]
    assert framer.flush() == [b"y"]
    assert framer.flush() == []
