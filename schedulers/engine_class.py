"""Anybody's scheduler class of vLLM's, as it is: what stands for it where no vLLM runs."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from importlib.machinery import PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

from slaibench.schedulers.code_files import files_of
from slaibench.schedulers.contained import OURS, in_package
from slaibench.schedulers.engine_default import EngineDefault

VLLM = "vllm"
SCHEDULER = (f"{VLLM}.v1.core.sched.scheduler", "Scheduler")
ASYNC_SCHEDULER = (f"{VLLM}.v1.core.sched.async_scheduler", "AsyncScheduler")
"""Module and name of the two classes that vLLM schedules with, one for each of its modes."""


@dataclass(frozen=True, slots=True)
class ClassFacts:
    """What a study knows of such a class, without importing it.

    Args:
        reference: where it is: ``module:Class`` or ``path/to/file.py:Class``.
        asynchronous: whether it extends vLLM's ``AsyncScheduler``.
        files: of its code: its own, its bases' and what these import of their own packages; vLLM's
            are not among them.
    """

    reference: str
    asynchronous: bool
    files: tuple[str, ...]

    @property
    def name(self) -> str:
        """The class's own."""
        return self.reference.rpartition(":")[2]

    @property
    def words(self) -> str:
        """It, for a reader: its name, and its module or the name of its file."""
        return f"{self.name} of {self.reference.rpartition(':')[0].rpartition('/')[2]}"


class EngineClass(EngineDefault):
    """Stands for a class of somebody's that vLLM runs instead of its own.

    Its limits are the engine's, unless given. Make a class of it with ``standing_for``.

    Attributes:
        facts: of the class.
        loaded: the class itself; None where it was only looked at in another process.
    """

    facts: ClassVar[ClassFacts]
    loaded: ClassVar[type | None]

    @property
    def foreign_files(self) -> tuple[str, ...]:
        return self.facts.files


def extends(cls: type, base: tuple[str, str]) -> bool:
    """Whether a class extends one of vLLM's, which need not be imported here."""
    return any((kind.__module__, kind.__qualname__) == base for kind in cls.__mro__)


def is_engine_class(value: object) -> bool:
    """Whether it is a scheduler class of vLLM's, or of somebody who extends that."""
    return isinstance(value, type) and extends(value, SCHEDULER)


def facts_of(cls: type, reference: str) -> ClassFacts:
    """Of a class that is imported.

    Raises:
        ValueError: it is one of ours, which steer vLLM for another scheduler.
    """
    if in_package(cls.__module__, OURS):
        raise ValueError(
            f"{reference} has vLLM follow another scheduler: name that one instead, sarathi say"
        )
    modules = (sys.modules.get(kind.__module__) for kind in cls.__mro__)
    theirs = (module for module in modules if module is not None and not _is_shipped(module))
    files = {file for module in theirs for file in files_of(module)}
    path = reference.rpartition(":")[0]
    if path.endswith(".py"):
        files.add(Path(path))  # another file may bear its module's name
    whole = sorted({str(file.resolve()) for file in files})
    return ClassFacts(reference, extends(cls, ASYNC_SCHEDULER), tuple(whole))


def _is_shipped(module: ModuleType) -> bool:
    """Whether a module is vLLM's or Python's, whose versions a recording has."""
    top = module.__name__.partition(".")[0]
    return top == VLLM or top in sys.stdlib_module_names


def standing_for(facts: ClassFacts, loaded: type | None = None) -> type[EngineClass]:
    """A class whose objects stand for somebody's in a study."""
    own: dict[str, Any] = {
        "name": facts.name,
        "description": f"{facts.reference}, as it is",
        "facts": facts,
        "loaded": loaded,
        "__module__": __name__,
        "__doc__": EngineClass.__doc__,
    }
    return type(facts.name, (EngineClass,), own)


def located(reference: str) -> Path | None:
    """The file of ``module:Class`` or ``path/to/file.py:Class``, without importing anything; None:
    there is none."""
    name = reference.partition(":")[0]
    if name.endswith(".py"):
        return Path(name)
    folders, parts = None, name.split(".")
    for count in range(1, len(parts) + 1):
        spec = PathFinder.find_spec(".".join(parts[:count]), folders)
        if spec is None:
            return None
        folders, origin = spec.submodule_search_locations, spec.origin
    return Path(origin) if origin else None
