"""Has a JSON value the form that its type says? Keys made at run time are hidden from mypy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints, is_typeddict

OTHERS = {"SpecForm", "CommonCell", "AuditRow", "ProfileEntry", "ProfileNotes", "ValidationEntry"}
"""Forms of what others write: they name what is read, and there is more."""
WITH_METRICS = {"MeasuredForm", "PointForm", "ClosedPointForm", "PagePoint", "PageTier"}
"""Forms beside whose fields the metrics of the catalogue stand (``ByMetric``)."""


def problems(value: Any, form: Any, path: str = "") -> Iterator[str]:
    """What in a value is not as a form says, by path."""
    origin, arguments = get_origin(form), get_args(form)
    if is_typeddict(form):
        yield from _fields(value, form, path)
    elif origin in (Union, UnionType):
        branches = [list(problems(value, branch, path)) for branch in arguments]
        if all(branches):
            yield min(branches, key=len)[0]
    elif origin is not None:
        wanted = Mapping if issubclass(origin, Mapping) else list
        if not isinstance(value, wanted):
            yield f"{path} is {value!r}, no {wanted.__name__}"
            return
        items = value.items() if wanted is Mapping else enumerate(value)
        for key, part in items:
            yield from problems(part, arguments[-1], f"{path}/{key}")
    elif form is not object and not _is(value, form):
        yield f"{path} is {value!r}, no {form.__name__}"


def _fields(value: Any, form: Any, path: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{path} is {value!r}, no {form.__name__}"
        return
    hints = get_type_hints(form)
    yield from (f"{path} lacks {name}" for name in sorted(form.__required_keys__ - value.keys()))
    if form.__name__ not in OTHERS | WITH_METRICS:
        yield from (f"{path} has {name}" for name in sorted(value.keys() - hints.keys()))
    for name in hints.keys() & value.keys():
        yield from problems(value[name], hints[name], f"{path}/{name}")


def _is(value: Any, form: Any) -> bool:
    if form is NoneType:
        return value is None
    if form is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    return isinstance(value, form) and not (form is int and isinstance(value, bool))
