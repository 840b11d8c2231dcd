"""Plug-ins of SGLang's in the Python that has it: what they are, and a process for each set."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from slaibench.backends.base import Backend, RunOutput, RunSettings
from slaibench.machine.suggestion import did_you_mean
from slaibench.schedulers.base import Scheduler
from slaibench.schedulers.engine_default import EngineDefault
from slaibench.schedulers.engine_plugins import EngineWithPlugins, PluginFacts
from slaibench.workloads.request import Request

Plugins = tuple[str, ...]
"""As their user wrote them, in the order in which they are loaded."""


class ProcessPerPlugins:
    """Runs SGLang in a process for each set of plug-ins (``slaibench.backends.base.Backend``).

    A plug-in holds for a whole process, so schedulers with different ones share none.

    Args:
        make: a backend of a process of its own, with these plug-ins and no others.
    """

    def __init__(self, make: Callable[[Plugins], Backend]) -> None:
        self._make = make
        self._backends: dict[Plugins, Backend] = {}

    def run(
        self, requests: Sequence[Request], scheduler: Scheduler, settings: RunSettings
    ) -> RunOutput:
        plugins = scheduler.plugins if isinstance(scheduler, EngineDefault) else ()
        if plugins not in self._backends:
            self._backends[plugins] = self._make(plugins)
        return self._backends[plugins].run(requests, scheduler, settings)

    def close(self) -> None:
        """End all of the processes."""
        backends, self._backends = self._backends, {}
        for backend in backends.values():
            backend.close()


def with_facts(
    scheduler: EngineDefault, text: str, python: str, said: Mapping[str, Any]
) -> EngineWithPlugins:
    """SGLang's own scheduler with the plug-ins that it names, each looked at.

    Args:
        text: it, as its user wrote it.
        python: the interpreter that has SGLang, and them.
        said: there by ``slaibench.backends.sglang.plugin_probe``, asked for these.

    Raises:
        ValueError: one of them is not there, with the nearest name.
    """
    if "error" in said:
        raise ValueError(f"scheduler {text!r}: {said['error']}")
    facts = [PluginFacts(**{**one, "files": tuple(one["files"])}) for one in said["plugins"]]
    names, have = {one.name for one in facts}, said["installed"]
    for name in scheduler.plugins:
        if name not in names:
            raise ValueError(
                f"scheduler {text!r}: unknown plug-in {name!r}: {did_you_mean(name, have)}"
                f"Installed for {python}: {', '.join(have) or 'none'}; your own: "
                "plugin=path/to/file.py:function"
            )
    return EngineWithPlugins(facts, **scheduler.limits)
