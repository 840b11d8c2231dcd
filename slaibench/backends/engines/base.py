"""The contract of a serving engine: whether it can run here, how it is started and spoken to."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from slaibench.backends.base import BackendError
from slaibench.backends.engines.extra_args import Replacement
from slaibench.backends.engines.options import EngineOptions
from slaibench.catalog.gpu import Gpu
from slaibench.catalog.model import Model
from slaibench.machine import hardware
from slaibench.schedulers.engine_default import EngineDefault
from slaibench.schedulers.service_class import ServiceClass
from slaibench.spec import Device
from slaibench.workloads.request import Request

HOST = "127.0.0.1"
"""Where a server of ours listens, and nobody else's machine reaches it."""


class MissingEngineError(BackendError):
    """An engine is not installed, or not the build that a device needs.

    Attributes:
        install: what to do about it: a command, or several.
    """

    def __init__(self, reason: str, install: str) -> None:
        self.install = install
        super().__init__(f"{reason}: {install}")


def check_machine(name: str, device: Device) -> None:
    """Whether an engine's server could be started here at all.

    Raises:
        BackendError: not on Linux, or no GPU for a device that is one.
    """
    if sys.platform != "linux":
        raise BackendError(f"{name} servers are started on Linux only, not on {sys.platform}")
    if device is Device.CUDA and not hardware.gpus():
        raise BackendError(hardware.NO_GPU)


@dataclass(frozen=True, slots=True)
class ImportTrial:
    """A short program, the Python that is to run it, and its environment."""

    python: str
    code: str
    env: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class StartLimits:
    """Limits that an engine is started with: tokens of a batch, and requests that are active."""

    token_budget: int
    max_active: int


@dataclass(frozen=True, slots=True)
class AsShipped:
    """A server of its own for the engine's scheduler, or for what stands in its place or beside it.

    Args:
        options: what it is started with.
        words: with which limits, and what else is not as the engine is shipped.
        own: what of our configuration says so (``Engine.command``).
    """

    options: EngineOptions
    words: str
    own: Mapping[str, Any]


class Engine(Protocol):
    """A kind of engine. A value; it can be sent to other processes."""

    name: ClassVar[str]
    """As its makers write it: ``vLLM``."""
    key: ClassVar[str]
    """As the command line has it: ``vllm``."""
    flags: ClassVar[Mapping[str, Replacement]]
    """Flags of its server that we set on any device, and the way out for who wants to set one."""

    def check(self, device: Device, options: EngineOptions | None = None) -> str:
        """The version that is installed, which can compute on this device.

        Raises:
            MissingEngineError: it is not installed, or another build is.
            BackendError: it is of another version, cannot have these options there, or there is no
                such device.
        """

    def decides_ahead(self, version: str) -> bool:
        """Whether a release runs our schedulers asynchronously."""

    def stock_limits(self, gpu: Gpu, kv_tokens: int, max_context_tokens: int) -> StartLimits | None:
        """What must be said at its start for its own scheduler to have the limits that it would
        take on a GPU, if that is emulated; None: nothing, ``as_shipped`` says them."""

    def as_shipped(self, scheduler: EngineDefault, options: EngineOptions) -> AsShipped | None:
        """How a server is started in which the engine's own scheduler decides, or a class in its
        place, and nothing of ours, or plug-ins beside it; None: the engine's own decides in a
        server of any scheduler.

        Raises:
            BackendError: limits must be given.
        """

    def block_size(self, device: Device) -> int:
        """Tokens in a KV block on a device, where no profile says it."""

    def cpu_weight_bytes(self, model: Model) -> int:
        """Memory that a model's weights take on a CPU."""

    def trial(self) -> ImportTrial:
        """What must succeed where the engine can be imported."""

    def command(
        self,
        options: EngineOptions,
        device: Device,
        port: int,
        *,
        own: Mapping[str, Any],
        host: str = HOST,
        locked: bool = False,
        hears: bool = False,
    ) -> list[str]:
        """The command of an OpenAI-compatible server with one of our schedulers.

        Args:
            own: our configuration: any of ``scheduler``, ``step_log``, ``switchable``,
                ``as_shipped`` (whether nothing of ours but the log is to be in it), ``plugins``
                (of somebody's, to be loaded) and ``device``
                (``slaibench.backends.engines.device``).
            locked: whether its environment holds a key that requests are asked for.
            hears: whether headers may say a request's own targets
                (``slaibench.backends.engines.hearing``), as its environment says as well.

        Raises:
            BackendError: it cannot be made.
        """

    def environment(
        self,
        options: EngineOptions,
        device: Device,
        own: Mapping[str, Any],
        key: str | None = None,
        *,
        hears: bool = False,
    ) -> dict[str, str]:
        """What such a server needs in its environment; what the user has set stands.

        Nothing is downloaded and nothing is reported, unless the weights are a name on the hub.

        Args:
            key: what every request must bring (``slaibench.backends.engines.gate``); None: none.
        """

    def body_fields(self, said: Mapping[str, Any], request_id: str | None = None) -> dict[str, Any]:
        """Fields of a request's body.

        Args:
            said: what our schedulers must know of it.
            request_id: by which the engine's step log calls it, or calls it in part; None: the
                engine makes one up.
        """

    def versions(self) -> dict[str, str]:
        """Of what decides times besides the engine: Python, PyTorch, and its CUDA if it has one."""


@dataclass(frozen=True, slots=True)
class BodyFields:
    """What a request's body says besides the request itself; a function that can be sent around.

    Args:
        prefix: begins the ids of a load's requests.
    """

    engine: Engine
    prefix: str

    def __call__(self, request: Request) -> Mapping[str, Any]:
        said = ServiceClass.of(request).said()
        return self.engine.body_fields(said, f"{self.prefix}{request.request_id}")
