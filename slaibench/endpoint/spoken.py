"""How a field of a dialect is an option: its name, its words, and how it is read and written."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel


def _as_given(value: Any) -> Any:
    return value


def _as_text(value: Any) -> Sequence[str]:
    return (str(value),)


@dataclass(frozen=True, slots=True)
class Spoken:
    """A field's option: ``Annotated[bool, Spoken("Take any certificate.")]``.

    Its default is the field's. An option of a truth value is a switch away from its default.

    Args:
        help: what it decides.
        flag: its name; None: the field's, with dashes.
        several: whether it may be given several times.
        read: from what is given on a command line (a text, a list of them) to the field's value;
            raises ValueError with the option's name.
        texts: back, for a command line that says the value: one for each time it is given.
    """

    help: str
    flag: str | None = None
    several: bool = False
    read: Callable[[Any], Any] = _as_given
    texts: Callable[[Any], Sequence[str]] = _as_text


@dataclass(frozen=True, slots=True)
class SpokenField:
    """A field with its option.

    Args:
        name: of the field.
        parameter: of the commands that have the option.
        default: of the field; the option is given where the value is another.
    """

    name: str
    option: Spoken
    default: Any

    @property
    def flag(self) -> str:
        """As it is typed."""
        return f"--{self.option.flag or self.name.replace('_', '-')}"

    @property
    def parameter(self) -> str:
        """Of a command's function."""
        return self.flag[2:].replace("-", "_")

    @property
    def is_switch(self) -> bool:
        return isinstance(self.default, bool)

    def value(self, given: Any) -> Any:
        """The field's value, from what its option was given.

        Raises:
            ValueError: it does not parse.
        """
        if not given:
            return self.default
        return not self.default if self.is_switch else self.option.read(given)

    def words(self, value: Any) -> list[str]:
        """The option as words of a command line that says this value; none for the default."""
        if self.is_switch:
            return [self.flag] if value not in (None, self.default) else []
        return [word for text in self.texts(value) for word in (self.flag, text)]

    def texts(self, value: Any) -> Sequence[str]:
        """The texts that the option is given, one each time, to say this value."""
        return [] if value is None or value == self.default else self.option.texts(value)


def spoken_fields(model: type[BaseModel]) -> Iterator[SpokenField]:
    """The fields that are options, in order."""
    for name, field in model.model_fields.items():
        for mark in field.metadata:
            if isinstance(mark, Spoken):
                yield SpokenField(name, mark, field.default)
