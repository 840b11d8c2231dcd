"""Options for a server that speaks OpenAI's interface in a way of its own."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, get_args, get_origin

import typer

from slaibench.cli.option_group import OptionGroup
from slaibench.endpoint.dialect import SPOKEN, Dialect
from slaibench.endpoint.spoken import SpokenField

PANEL = "How it is spoken to"


def _parameter(field: SpokenField) -> inspect.Parameter:
    """Its option; a switch is False where it is left out, any other None."""
    kind: Any = bool if field.is_switch else list[str] | None
    if not field.is_switch and not field.option.several:
        kind = _of_text(Dialect.model_fields[field.name].annotation)
    # Typer would add a --no- option to a switch whose name is left to it.
    switch = (field.flag,) if field.is_switch else ()
    return inspect.Parameter(
        field.parameter,
        inspect.Parameter.KEYWORD_ONLY,
        default=False if field.is_switch else None,
        annotation=Annotated[
            kind, typer.Option(*switch, help=field.option.help, rich_help_panel=PANEL)
        ],
    )


def _of_text(kind: Any) -> Any:
    """What a command line has of a value: a choice as it is, anything else a text."""
    return kind if get_origin(kind) is not dict and type(None) in get_args(kind) else str | None


class DialectOptions(OptionGroup):
    """How an endpoint is spoken to: an option for each field of ``Dialect``.

    Args:
        values: by parameter; None, False or empty where it is left out.
    """

    parameters: ClassVar[tuple[inspect.Parameter, ...]] = tuple(map(_parameter, SPOKEN))
    fields: ClassVar[Mapping[str, SpokenField]] = {field.parameter: field for field in SPOKEN}
    """By parameter."""

    def __init__(self, **values: Any) -> None:
        self._values = values

    def parsed(self) -> Dialect | None:
        """The dialect; None: the plain one.

        Raises:
            ValueError: an option does not parse; the message names it.
        """
        given = {
            self.fields[name].name: self.fields[name].value(value)
            for name, value in self._values.items()
        }
        dialect = Dialect(**given)
        return None if dialect == Dialect() else dialect
