"""The text form of workloads and arrival processes: ``name:path,key=value,...``."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from slaibench.workloads.errors import WorkloadError, unknown

LEAST_NUMBER, MOST_NUMBER = 1e-6, 1e6
"""Beyond these, sums and squares of what they scale leave the clock's range."""


@dataclass(frozen=True, slots=True)
class Options:
    """What follows the name: parts without ``=`` (paths), and named values.

    Args:
        owner: what the options belong to, for error messages.
        paths: the parts without ``=``.
        values: named values as written.
    """

    owner: str
    paths: tuple[str, ...]
    values: dict[str, str]

    @property
    def path(self) -> str | None:
        """The first path."""
        return next(iter(self.paths), None)

    def only(self, allowed: Iterable[str], *, paths: int | None = 0) -> None:
        """Refuse what is not listed.

        Args:
            paths: how many there may be; None: any number.

        Raises:
            WorkloadError: a name is not in ``allowed``, or a path is given where none belongs.
        """
        names = tuple(allowed)
        for key in self.values:
            if key not in names:
                if not names:
                    raise WorkloadError(f"{self.owner} takes no option {key!r}")
                raise unknown(f"option of {self.owner}", key, names)
        if paths and len(self.paths) > paths:
            first, second, *_ = self.paths
            raise WorkloadError(f"{self.owner}: two paths, {first!r} and {second!r}; give one")
        if self.paths and paths == 0:
            form = f"; options are written {names[0]}=VALUE" if names else ""
            raise WorkloadError(f"{self.owner} does not take {self.path!r}{form}")

    def text(self, key: str) -> str:
        """The value of an option that must be there."""
        try:
            return self.values[key]
        except KeyError:
            raise WorkloadError(
                f"{self.owner} needs {key}=VALUE, as in {self.owner}:{key}=..."
            ) from None

    def number(self, key: str, default: float | None = None) -> float | None:
        """A number above 0 in range, or ``default`` when the option is absent."""
        if key not in self.values:
            return default
        text = self.values[key]
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not (math.isfinite(value) and value > 0):
            raise WorkloadError(f"{self.owner}: {key} must be a number above 0, not {text!r}")
        if not LEAST_NUMBER <= value <= MOST_NUMBER:
            raise WorkloadError(
                f"{self.owner}: {key} must lie between {LEAST_NUMBER:g} and {MOST_NUMBER:g}, not "
                f"{text!r}"
            )
        return value

    def count(self, key: str, default: int) -> int:
        """A whole number of at least 1, or ``default`` when the option is absent."""
        if key not in self.values:
            return default
        return parse_count(f"{self.owner}: {key}", self.values[key])


def parse_count(what: str, text: str) -> int:
    """A whole number of at least 1.

    Raises:
        WorkloadError: it is not; the message begins with ``what``.
    """
    try:
        value = int(text)
    except ValueError:
        value = 0
    if value < 1:
        raise WorkloadError(f"{what} must be a whole number of at least 1, not {text!r}")
    return value


def parse_options(owner: str, text: str) -> Options:
    """Read ``path,key=value,...``; an empty text has neither.

    Raises:
        WorkloadError: an empty part, or a name given twice.
    """
    paths: list[str] = []
    values: dict[str, str] = {}
    for part in text.split(",") if text else ():
        key, equals, value = (piece.strip() for piece in part.partition("="))
        if equals:
            if not key or not value:
                raise WorkloadError(f"{owner}: an option is written name=value, not {part!r}")
            if key in values:
                raise WorkloadError(f"{owner}: {key} is given twice in {text!r}")
            values[key] = value
        elif not key:
            raise WorkloadError(f"{owner}: empty option in {text!r}")
        else:
            paths.append(key)
    return Options(owner, tuple(paths), values)
