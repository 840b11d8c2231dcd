"""Options that a command takes together, made when they are declared."""

from __future__ import annotations

import inspect
from typing import Any, ClassVar


class OptionGroup:
    """A class of values by parameter; a command that has a parameter of it has its options
    (``expand.expanded``).

    Args:
        values: by parameter.
    """

    parameters: ClassVar[tuple[inspect.Parameter, ...]]

    def __init__(self, **values: Any) -> None:
        raise NotImplementedError
