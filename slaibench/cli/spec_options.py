"""Options that are fields of a specification: made from it, and brought back into it."""

from __future__ import annotations

import inspect
from collections.abc import Collection, Mapping
from typing import Annotated, Any, ClassVar

import typer
from annotated_types import Ge
from pydantic.fields import FieldInfo

from slaibench.cli.option_group import OptionGroup
from slaibench.spec import Option, Part, StudySpec, flag, options_of
from slaibench.workloads.joined import JOIN


class SpecOptions(OptionGroup):
    """Some fields of a specification, as a command is given them.

    A subclass names a part of the specification (``class LoadOptions(SpecOptions, part=LoadPart,
    panel="Load")``). Each of its fields with an ``Option`` is an option of every command that has a
    parameter of that class (``expand.expanded``).

    Args:
        values: by field.
    """

    _fields: ClassVar[Mapping[str, str]]
    """By parameter: its field."""

    def __init_subclass__(
        cls,
        part: type[Part],
        panel: str,
        others: Mapping[str, Option] | None = None,
        without: Collection[str] = (),
    ) -> None:
        """Make the options.

        Args:
            panel: under which they stand in a command's help.
            others: fields of other parts that belong here as well, with their meaning here.
            without: fields of the part that do not.
        """
        chosen = {
            **{name: option for name, option in options_of(part) if name not in without},
            **(others or {}),
        }
        chosen = {name: option for name, option in chosen.items() if not option.own}
        cls._fields = {_parameter_name(name, option): name for name, option in chosen.items()}
        cls.parameters = tuple(_parameter(name, option, panel) for name, option in chosen.items())

    def __init__(self, **values: Any) -> None:
        self.values = {self._fields[name]: _joined(value) for name, value in values.items()}

    def given(self) -> dict[str, Any]:
        """The fields whose value is not the default."""
        defaults = StudySpec.model_fields
        return {
            name: value
            for name, value in self.values.items()
            if value is not None and value != defaults[name].default
        }


def parameter_type(name: str, panel: str) -> Any:
    """A field as an option that a command declares by itself: what ``Annotated`` takes.

    Args:
        name: of a field of ``StudySpec``.
    """
    option = dict(options_of(StudySpec))[name]
    return _typer_option(StudySpec.model_fields[name], option, panel, name)


def _parameter(name: str, option: Option, panel: str) -> inspect.Parameter:
    field = StudySpec.model_fields[name]
    kind: Any = list[str] | None if option.several else field.annotation
    default = None if option.open else field.default
    if default is None and type(None) not in getattr(kind, "__args__", ()):
        kind = kind | None
    return inspect.Parameter(
        _parameter_name(name, option),
        inspect.Parameter.KEYWORD_ONLY,
        default=default,
        annotation=Annotated[kind, _typer_option(field, option, panel, name)],
    )


def _typer_option(field: FieldInfo, option: Option, panel: str, name: str) -> Any:
    least: Any = next((mark.ge for mark in field.metadata if isinstance(mark, Ge)), None)
    # Typer would add a --no- option to a switch whose name is left to it.
    switch = (f"--{flag(name, option)}",) if field.annotation is bool else ()
    return typer.Option(*switch, help=option.help, rich_help_panel=panel, min=least)


def _parameter_name(name: str, option: Option) -> str:
    return flag(name, option).replace("-", "_")


def _joined(value: Any) -> Any:
    """Of an option that may be given several times, one text."""
    return JOIN.join(value) if isinstance(value, list) else value
