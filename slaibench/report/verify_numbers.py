"""Where do a page and what its recordings give differ? Numbers by path, text by line."""

from __future__ import annotations

import difflib
import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import TypeGuard, cast

from slaibench.report.recordings import Wrong
from slaibench.spec import CODE

TOLERANCE = 1e-9
"""Relative. Sums may be taken in another order on another machine; nothing else may differ."""
SHOWN_LINES = 20
ABSENT = "(absent)"
BY_CODE = frozenset({*CODE, "code", "commit", "folder", "recorded_by", "slaibench", "spec_hash"})
"""Names in a document under which code and places of recordings are."""


def wrong_lines(page: str, expected: str) -> Iterator[Wrong]:
    """Lines of a page that are not as they should be; the first 20 places.

    Args:
        expected: the page that its numbers render to.
    """
    before, after = page.split("\n"), expected.split("\n")
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    shown = 0
    for tag, i1, i2, j1, j2 in matcher.get_opcodes():
        if tag == "equal":
            continue
        shown += 1
        if shown > SHOWN_LINES:
            yield "page", "more lines that differ", "see those before"
            return
        text, right = _plain(before[i1:i2]), _plain(after[j1:j2])
        yield f"page, line {i1 + 1}", text, f"its numbers say {right}"


def _plain(lines: list[str]) -> str:
    """Lines of the page without their tags, cut to a readable length."""
    text = re.sub(r"<[^>]*>", " ", "\n".join(lines))
    text = re.sub(r"\s+", " ", text).strip() or "\n".join(lines).strip() or ABSENT
    return text if len(text) <= 300 else f"{text[:297]}..."


def wrong_numbers(
    doc: Mapping[str, object], again: Mapping[str, object]
) -> tuple[int, list[Wrong]]:
    """Values of a document that its recordings do not give.

    Args:
        again: the document as the recordings give it.

    Returns:
        How many numbers were compared, and what differs.
    """
    page, right = dict(_leaves(doc)), dict(_leaves(json.loads(json.dumps(again))))
    count = sum(_is_number(value) for value in right.values())
    wrong = [
        (path, _shown(page, path), f"its recordings say {_shown(right, path)}")
        for path in {**page, **right}
        if path not in page or path not in right or not _same(page[path], right[path])
    ]
    return count, wrong


def without_code(doc: Mapping[str, object]) -> Mapping[str, object]:
    """Parts of a document that do not tell which code made its recordings, nor where they lie."""

    def kept(value: object, inside: str) -> object:
        if isinstance(value, list):
            return [kept(part, inside) for part in value]
        if not isinstance(value, dict):
            return value
        dropped = BY_CODE | {"source"} if inside == "schedulers" else BY_CODE
        return {
            name: kept(part, inside if inside == "schedulers" else name)
            for name, part in value.items()
            if name not in dropped
        }

    return cast("Mapping[str, object]", kept(doc, ""))


def _leaves(doc: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    """(path, value) of everything in a document."""
    for key, value in doc.items():
        yield from _walk(value, key)


def _walk(value: object, path: str) -> Iterator[tuple[str, object]]:
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _walk(inner, f"{path}/{key}")
    elif isinstance(value, list) and value:
        for index, inner in enumerate(value):
            yield from _walk(inner, f"{path}[{index}]")
    else:
        yield path, value


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _same(a: object, b: object) -> bool:
    if _is_number(a) and _is_number(b):
        return math.isclose(a, b, rel_tol=TOLERANCE, abs_tol=1e-300)
    return type(a) is type(b) and a == b


def _shown(values: Mapping[str, object], path: str) -> str:
    return json.dumps(values[path]) if path in values else ABSENT
