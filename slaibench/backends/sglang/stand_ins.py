"""Stand-ins for packages that SGLang imports everywhere and a machine without a GPU has not got.

SGLang imports its CUDA kernels (``sgl_kernel``), ``triton`` and the media packages of PyTorch when
its modules are loaded, also on CPUs, where it reaches none of them for text. ``install`` makes
these imports succeed, for SGLang alone: what it gets can be decorated with, annotated with and
inherited from, as modules do while they are loaded, and fails with a sentence as soon as it is to
compute. A package that is there and works is left alone. Everybody else's imports, and questions
whether a package is there, are answered truthfully: a broken ``torchvision`` still breaks what
else imports it (transformers).
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import sys
from collections.abc import Sequence
from types import FrameType, ModuleType
from typing import Any

NAMES = ("sgl_kernel", "triton", "torchvision", "torchaudio")
FOR = ("sglang", "slaibench_stand_in")
"""Whose imports are answered: top-level packages."""
TRITON_VERSION = "3.0.0"
"""SGLang compares it with versions of before this one."""
DRIVER = "triton.runtime.driver.active"

_TRANSFORMERS = "transformers.utils.import_utils"
ASKED_BY_OTHERS: dict[str, tuple[tuple[str, tuple[str, ...]], ...]] = {
    "triton": (
        ("torch.utils._triton", ("has_triton_package", "has_triton")),
        ("torch._inductor.runtime.triton_compat", ()),
        ("torch._inductor.runtime.hints", ()),
    ),
    "torchvision": ((_TRANSFORMERS, ("is_torchvision_available",)),),
    "torchaudio": ((_TRANSFORMERS, ("is_torchaudio_available",)),),
}
"""By package: modules, and functions of theirs, that find out once whether it is there."""


class MissingPackageError(NotImplementedError):
    """SGLang wants to compute by a package that is not there."""


class StandIn:
    """Anything that a module may take from a package while it is loaded.

    Args:
        path: dotted name, for messages.
        decorates: whether calling it is something that modules do while they are loaded
            (``triton.jit``, ``triton.Config``); otherwise a call is an error.
    """

    def __init__(self, path: str, decorates: bool) -> None:
        self._path, self._decorates = path, decorates

    def __getattr__(self, name: str) -> StandIn:
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(name)
        path = f"{self._path}.{name}"
        if path == DRIVER:
            raise missing(path)  # as triton does where there is no GPU; SGLang expects that
        return StandIn(path, self._decorates)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if not self._decorates:
            raise missing(self._path)
        # As a decorator it gives back what it decorates; as anything else, another stand-in.
        return args[0] if len(args) == 1 and callable(args[0]) and not kwargs else self

    def __getitem__(self, key: object) -> Any:
        raise missing(self._path)

    def __or__(self, other: object) -> StandIn:
        return self  # in an annotation

    __ror__ = __or__

    def __mro_entries__(self, bases: tuple[object, ...]) -> tuple[type, ...]:
        return ()

    def __instancecheck__(self, instance: object) -> bool:
        return False

    def __repr__(self) -> str:
        return f"<stand-in for {self._path}>"


class StandInModule(ModuleType):
    """A package that is not there."""

    __path__: list[str]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(name)
        module = sys.modules.get(f"{self.__name__}.{name}")
        if module is not None:
            return module
        top = self.__name__.partition(".")[0]
        return StandIn(f"{self.__name__}.{name}", decorates=top == "triton")


class StandInFinder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Answers SGLang's imports of what is not there.

    Args:
        names: top-level packages.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)

    def find_spec(
        self, fullname: str, path: object = None, target: object = None
    ) -> importlib.machinery.ModuleSpec | None:
        top = fullname.partition(".")[0]
        if top not in self.names or not _imported_by_sglang(sys._getframe(1)):
            return None
        _let_others_see_it_is_not_there(fullname)
        return importlib.machinery.ModuleSpec(fullname, self, is_package=True)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        module = StandInModule(spec.name)
        if spec.name == "triton":
            module.__dict__.update(
                __version__=TRITON_VERSION,
                cdiv=lambda whole, part: -(whole // -part),
                next_power_of_2=lambda number: 1 << max(number - 1, 0).bit_length(),
            )
        return module

    def exec_module(self, module: ModuleType) -> None:
        """There is nothing to run."""


def install() -> tuple[str, ...]:
    """Let SGLang be imported without those of ``NAMES`` that are missing or do not work here.

    To be called before SGLang is imported; once is enough.

    Returns:
        those that are stood in for.
    """
    for finder in sys.meta_path:
        if isinstance(finder, StandInFinder):
            return finder.names
    names = tuple(name for name in NAMES if not _works(name))
    if names:
        # First: one that is there and does not work would be found before.
        sys.meta_path.insert(0, StandInFinder(names))
    return names


def missing(path: str) -> MissingPackageError:
    package = path.partition(".")[0]
    return MissingPackageError(
        f"SGLang calls {path}, and {package} is not installed here, or not for this machine: "
        "leave out the option that needs it, or install it"
    )


def _works(name: str) -> bool:
    """Whether a package can be imported; what is left of one that cannot is taken away."""
    if name in sys.modules:
        return True
    if importlib.util.find_spec(name) is None:
        return False
    try:
        importlib.import_module(name)
    except Exception:
        # Builds for GPUs fail in many ways: libraries, operators or drivers that are not there.
        for module in [module for module in sys.modules if module.partition(".")[0] == name]:
            del sys.modules[module]
        return False
    return True


def _imported_by_sglang(frame: FrameType | None) -> bool:
    """Whether it is SGLang that imports, and not somebody who asks what is there."""
    while frame is not None:
        name = frame.f_globals.get("__name__", "")
        if name == "importlib.util":
            return False  # find_spec: a question
        if name != "importlib" and not name.startswith(("importlib.", "_frozen_importlib")):
            return name.partition(".")[0] in FOR
        frame = frame.f_back
    return False


def _let_others_see_it_is_not_there(package: str) -> None:
    """PyTorch and transformers look for it when they need it, and remember; then it is stood in."""
    for name, questions in ASKED_BY_OTHERS.get(package, ()):
        module = importlib.import_module(name)
        for question in questions:
            getattr(module, question)()
    if package == "torchvision":
        # SGLang registers at a class that transformers 5.12 takes for one of torchvision's.
        name = "AutoImageProcessor"
        registry = importlib.import_module("transformers.models.auto.image_processing_auto")
        setattr(importlib.import_module("transformers"), name, getattr(registry, name))
