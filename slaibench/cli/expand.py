"""Groups of options as parameters of a command: each field becomes an option of its own."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from dataclasses import MISSING, fields, is_dataclass
from typing import Any, get_type_hints

from slaibench.cli.option_group import OptionGroup


def expanded(command: Callable[..., None]) -> Callable[..., None]:
    """A command for Typer that takes the options of its groups (dataclasses, or of
    ``OptionGroup``) instead of them.

    Every field needs a default. Options appear in the order of the command's parameters, and of
    the fields within each.

    Raises:
        TypeError: two parameters bring an option of the same name, or a field has no default.
    """
    groups: dict[str, type] = {}
    parameters: list[inspect.Parameter] = []
    for parameter in inspect.signature(command, eval_str=True).parameters.values():
        group = parameter.annotation
        if not (is_dataclass(group) or _is_made(group)):
            parameters.append(parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY))
            continue
        assert isinstance(group, type)
        groups[parameter.name] = group
        parameters += _options(group)
    names = [parameter.name for parameter in parameters]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise TypeError(f"{command.__name__} has two options called {twice!r}")

    @functools.wraps(command)
    def wrapper(**values: Any) -> None:
        for name, cls in groups.items():
            own = {option.name: values.pop(option.name) for option in _options(cls)}
            values[name] = cls(**own)
        command(**values)

    wrapper.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    wrapper.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    del wrapper.__wrapped__
    return wrapper


def _is_made(group: Any) -> bool:
    return isinstance(group, type) and issubclass(group, OptionGroup)


def _options(cls: type) -> Sequence[inspect.Parameter]:
    if issubclass(cls, OptionGroup):
        return cls.parameters
    assert is_dataclass(cls)
    hints = get_type_hints(cls, include_extras=True)
    options = []
    for field in fields(cls):
        if field.default is MISSING:
            raise TypeError(f"{cls.__name__}.{field.name} needs a default")
        options.append(
            inspect.Parameter(
                field.name,
                inspect.Parameter.KEYWORD_ONLY,
                default=field.default,
                annotation=hints[field.name],
            )
        )
    return options
