"""Plug-ins of somebody else's in a process of SGLang's: those that were asked for, and no others.

SGLang loads whatever is installed, logs what fails, and goes on without it. Here a plug-in is
loaded because a study names it, before ours, and what fails ends the process. Its hooks are put on
SGLang's own functions and classes; our scheduler is derived from what comes of that.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import os
import pkgutil
import sys
import threading
import traceback
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, ClassVar

from slaibench.schedulers import registry
from slaibench.schedulers.base import Scheduler
from slaibench.schedulers.contained import failure, foreign_code, is_interrupt
from slaibench.schedulers.engine_default import EngineDefault
from slaibench.schedulers.engines.support import UnsupportedEngineError

GROUP = "sglang.srt.plugins"
"""Entry points that SGLang loads plug-ins by."""
ALLOWED = "SGLANG_PLUGINS"
"""Environment variable: names of those that SGLang loads by itself, joined by commas."""
OURS = ("slaibench", "slaibench-device")
LIMIT_S = 60.0
"""To import a plug-in and have it register its hooks; PyTorch from a cold disk takes 20 s."""
SCHEDULER = ("sglang.srt.managers.scheduler", "Scheduler")


class PluginError(RuntimeError):
    """A plug-in cannot be had, or not beside our adapter; the message names it."""


@dataclass(slots=True)
class Hook:
    """A function that a plug-in put around, before, after or in the place of one of SGLang's.

    Args:
        plugin: whose it is, as its user wrote it.
        target: of SGLang's, as the plug-in names it.
        kind: ``around``, ``before``, ``after`` or ``replace``.
        calls: how often it was called; None: nobody counts them, since it is a class.
    """

    plugin: str
    target: str
    kind: str
    calls: int | None = 0


def installed() -> dict[str, EntryPoint]:
    """Plug-ins of other people that this Python has, by name."""
    points = entry_points(group=GROUP)
    return {point.name: point for point in points if point.name not in OURS}


def in_file(plugin: str) -> tuple[Path, str] | None:
    """The file and the function of ``path/to/file.py:function``; None: it is a name."""
    path, _, function = plugin.rpartition(":")
    return (Path(path), function) if path.endswith(".py") else None


def load(plugins: Sequence[str], limit_s: float = LIMIT_S) -> list[Hook]:
    """Load plug-ins, in this order, and put their hooks in place.

    To be called once a process, before our scheduler's class is imported.

    Args:
        limit_s: for each; the process ends where one takes longer.

    Raises:
        PluginError: there is no such plug-in, it fails, a hook of it has no place in this SGLang,
            or it replaces SGLang's scheduler by something that ours cannot be derived from.
    """
    from sglang.srt.plugins.hook_registry import HookRegistry  # noqa: PLC0415

    module = importlib.import_module(SCHEDULER[0])
    own = getattr(module, SCHEDULER[1])

    class Theirs(HookRegistry):
        """Apart from SGLang's registry, in which ours are put in place later."""

        _hooks: ClassVar[dict[str, list[Any]]] = defaultdict(list)
        _patched: ClassVar[set[str]] = set()

    hooks: list[Hook] = []
    for plugin in plugins:
        with _noting(HookRegistry, Theirs, plugin, hooks):
            _execute(plugin, limit_s)
    Theirs.apply_hooks()
    for hook in hooks:
        if hook.target not in Theirs._patched:
            raise PluginError(f"plug-in {hook.plugin!r} hooks {hook.target}: {_misfit(hook)}")
    kind = getattr(module, SCHEDULER[1])
    if not (isinstance(kind, type) and issubclass(kind, own)):
        target = ".".join(SCHEDULER)
        names = ", ".join(dict.fromkeys(hook.plugin for hook in hooks if hook.target == target))
        raise PluginError(
            f"plug-in {names} replaces SGLang's Scheduler by {getattr(kind, '__name__', kind)!r}, "
            "which does not extend it, so that nothing could be noted: derive its class from "
            f"{target}"
        )
    return hooks


def never_called(plugins: Sequence[str], hooks: Sequence[Hook]) -> Iterator[str]:
    """A sentence for each plug-in without a hook, or with hooks that were not called.

    Args:
        hooks: all of theirs.
    """
    for plugin in plugins:
        own = [hook for hook in hooks if hook.plugin == plugin]
        idle = [f"{hook.kind} {hook.target}" for hook in own if hook.calls == 0]
        if not own:
            yield f"plug-in {plugin} registers no hook: what else it changes is not seen"
        elif len(idle) == len(own):
            yield f"plug-in {plugin}: no hook of it was called ({', '.join(idle)})"
        elif idle:
            yield f"plug-in {plugin}: of its hooks, these were not called: {', '.join(idle)}"


def versions_of(plugins: Sequence[str]) -> dict[str, str]:
    """Of the distributions that bring those which are installed."""
    points = installed()
    brought = (points[plugin].dist for plugin in plugins if plugin in points)
    return {dist.name: dist.version for dist in brought if dist is not None}


def built(text: str, loaded: Sequence[str]) -> Scheduler:
    """A scheduler for this process.

    Args:
        loaded: plug-ins that are loaded in it.

    Raises:
        ValueError: as ``registry.build``.
        UnsupportedEngineError: it is to run with other plug-ins than these.
    """
    scheduler = registry.build(text)
    wanted = scheduler.plugins if isinstance(scheduler, EngineDefault) else ()
    if wanted != tuple(loaded):
        raise UnsupportedEngineError(
            f"scheduler {text} runs with {_named(wanted)}, and this SGLang was started with "
            f"{_named(loaded)}: start another one for it"
        )
    return scheduler


def _named(plugins: Sequence[str]) -> str:
    return f"plug-in {'+'.join(plugins)}" if plugins else "no plug-in"


@contextmanager
def _noting(registry_class: Any, theirs: Any, plugin: str, hooks: list[Hook]) -> Iterator[None]:
    """While the block runs, what is registered with SGLang is noted, and goes to ``theirs``."""
    real = vars(registry_class)["register"]
    after = importlib.import_module(registry_class.__module__).HookType.AFTER

    def register(target: str, hook: Any, hook_type: Any = after, *, source: Any = None) -> None:
        noted = Hook(plugin, target, hook_type.value)
        if isinstance(hook, type):
            noted.calls = None
        else:
            hook = _counted(hook, noted)
        real.__func__(theirs, target, hook, hook_type, **({"source": source} if source else {}))
        hooks.append(noted)

    registry_class.register = staticmethod(register)
    try:
        yield
    finally:
        registry_class.register = real


def _counted(function: Callable[..., Any], hook: Hook) -> Callable[..., Any]:
    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        hook.calls = (hook.calls or 0) + 1
        return function(*args, **kwargs)

    return call


def _execute(plugin: str, limit_s: float) -> None:
    """Import a plug-in and call its function; the process ends where that takes longer.

    Raises:
        PluginError: there is none, or it fails in any way of its own.
    """
    alarm = threading.Timer(limit_s, _end, (plugin, threading.get_ident(), limit_s))
    alarm.daemon = True
    alarm.start()
    try:
        with foreign_code():
            _function(plugin)()
    except PluginError:
        raise
    except BaseException as error:
        # Somebody else's code may fail in any way at all; what it said is all that helps.
        if is_interrupt(error):
            raise
        raise PluginError(f"plug-in {plugin!r} fails to load: {failure(error)}") from error
    finally:
        alarm.cancel()


def _end(plugin: str, thread: int, limit_s: float) -> None:
    """Leave this process, whose log then says which plug-in hangs, and where."""
    at = traceback.extract_stack(sys._current_frames()[thread])[-1]
    print(
        f"PluginError: plug-in {plugin!r} is not loaded after {limit_s:g} s: it hangs in "
        f"{Path(at.filename).name}, line {at.lineno}",
        file=sys.stderr,
        flush=True,
    )
    os._exit(1)


def _function(plugin: str) -> Callable[[], Any]:
    own = in_file(plugin)
    if own is None:
        points = installed()
        if plugin not in points:
            raise PluginError(
                f"no plug-in {plugin!r} is installed for {sys.executable}; installed: "
                f"{', '.join(points) or 'none'}"
            )
        function = points[plugin].load()
    else:
        path, name = own
        spec = importlib.util.spec_from_file_location(f"slaibench_plugin_{path.stem}", path)
        if spec is None or spec.loader is None:
            raise PluginError(f"{str(path)!r} cannot be imported as Python")
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module
        spec.loader.exec_module(module)
        function = getattr(module, name, None)
    if not callable(function):
        raise PluginError(f"plug-in {plugin!r} is no function that registers hooks")
    return function  # type: ignore[no-any-return]


def _misfit(hook: Hook) -> str:
    """Why a hook could not be put in place."""
    try:
        pkgutil.resolve_name(hook.target)
    except (ImportError, AttributeError, ValueError):
        return "this SGLang has no such function"
    return f"SGLang takes no hook {hook.kind} there (a class can only be replaced)"
