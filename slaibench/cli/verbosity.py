"""How much a command says besides its answer: ``-q`` and ``-v`` of commands that run something."""

from __future__ import annotations

import functools
import inspect
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from enum import IntEnum
from typing import Annotated, Any

import typer

ENGINE_LOG = "VLLM_LOGGING_LEVEL"
"""Set to DEBUG under ``-vv``, where the environment does not say otherwise."""


class Verbosity(IntEnum):
    """From nothing but the answer to what an engine logs for its developers."""

    QUIET = -1
    NORMAL = 0
    VERBOSE = 1
    DEBUG = 2


_level = ContextVar("verbosity", default=Verbosity.NORMAL)

Quiet = Annotated[
    bool, typer.Option("--quiet", "-q", help="Only the answer, and errors: no progress, no hints.")
]
Verbose = Annotated[
    int,
    typer.Option(
        "--verbose",
        "-v",
        count=True,
        show_default=False,
        help="Say which cells run, where they are kept, how long they take. -vv: vLLM's servers "
        "log at DEBUG as well.",
    ),
]


def is_quiet() -> bool:
    """Whether the command that runs is to say nothing but its answer."""
    return _level.get() is Verbosity.QUIET


def is_verbose() -> bool:
    """Whether it is to say what it does."""
    return _level.get() >= Verbosity.VERBOSE


def with_verbosity(command: Callable[..., None]) -> Callable[..., None]:
    """A command for Typer with ``-q`` and ``-v`` besides its own options."""
    keyword = inspect.Parameter.KEYWORD_ONLY
    parameters = [
        *(
            parameter.replace(kind=keyword)
            for parameter in inspect.signature(command, eval_str=True).parameters.values()
        ),
        inspect.Parameter("quiet", keyword, default=False, annotation=Quiet),
        inspect.Parameter("verbose", keyword, default=0, annotation=Verbose),
    ]

    @functools.wraps(command)
    def wrapper(*, quiet: bool, verbose: int, **values: Any) -> None:
        if quiet and verbose:
            raise typer.BadParameter("--quiet and --verbose exclude each other: give one")
        with speaking(Verbosity.QUIET if quiet else Verbosity(min(verbose, Verbosity.DEBUG))):
            command(**values)

    wrapper.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    wrapper.__annotations__ = {part.name: part.annotation for part in parameters}
    del wrapper.__wrapped__
    return wrapper


@contextmanager
def speaking(level: Verbosity) -> Iterator[None]:
    """Say so much inside the block."""
    token = _level.set(level)
    debugs = level is Verbosity.DEBUG and ENGINE_LOG not in os.environ
    if debugs:
        os.environ[ENGINE_LOG] = "DEBUG"
    try:
        yield
    finally:
        _level.reset(token)
        if debugs:
            os.environ.pop(ENGINE_LOG, None)
