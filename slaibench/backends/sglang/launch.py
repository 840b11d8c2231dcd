"""How an SGLang server of ours is started: its command, its environment, and whether it can be."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar

from slaibench.backends.base import Backend, BackendError
from slaibench.backends.engines import gate, hearing
from slaibench.backends.engines.base import (
    HOST,
    AsShipped,
    ImportTrial,
    MissingEngineError,
    StartLimits,
    check_machine,
)
from slaibench.backends.engines.extra_args import Replacement
from slaibench.backends.engines.model_folder import as_scheduled, folder_of
from slaibench.backends.engines.options import EngineOptions, kv_blocks_on_cpu
from slaibench.backends.engines.self_check import check_release
from slaibench.backends.engines.subprocess_backend import SubprocessBackend
from slaibench.backends.sglang.arguments import CPU, engine_args, flags, narrow
from slaibench.backends.sglang.emulated import in_this_process
from slaibench.backends.sglang.plugins import Plugins, ProcessPerPlugins, with_facts
from slaibench.backends.sglang.stock import as_shipped_words, limits_on
from slaibench.catalog.gpu import Gpu
from slaibench.catalog.model import Model
from slaibench.catalog.profile import Profile
from slaibench.machine import hardware
from slaibench.machine.interpreters import (
    InterpreterError,
    import_path,
    interpreter,
    run_python,
    variable,
)
from slaibench.schedulers.engine_default import EngineDefault
from slaibench.schedulers.engines.sglang_plugins import ALLOWED, OURS
from slaibench.schedulers.engines.sglang_support import OVERLAP_SINCE, RELEASES, VARIABLE
from slaibench.spec import Device

PROGRAM = "slaibench.backends.sglang.start"
PROBE = "slaibench.backends.sglang.probe"
PLUGIN_PROBE = "slaibench.backends.sglang.plugin_probe"
FOLDER_PROGRAM = "slaibench.backends.engines.model_folder"
TRIED = "import slaibench.backends.sglang.start, sglang.srt.managers.scheduler"
"""With the stand-ins that a server has as well."""
LIMIT_S = 120.0
"""Of a program that only looks: from a cold disk, the first import of NumPy takes seconds."""
INSTALL = "docs/sglang.md says how to make its environment; then set " + variable("sglang")
FLOAT32_BYTES = 4
SIDE_DOORS = ("SGLANG_GRPC_PORT", "SGLANG_RUST_SERVER")
"""Environment variables that open a port beside HTTP's, which no key of ours guards."""


@dataclass(frozen=True, slots=True)
class SglangEngine:
    """``slaibench.backends.engines.base.Engine``: SGLang in this interpreter or another."""

    name: ClassVar[str] = "SGLang"
    key: ClassVar[str] = "sglang"
    flags: ClassVar[Mapping[str, Replacement]] = MappingProxyType(
        {
            "model-path": Replacement.MODEL,
            "load-format": Replacement.WEIGHTS,
            "context-length": Replacement.CONTEXT,
            "chunked-prefill-size": Replacement.BUDGET,
            "max-running-requests": Replacement.ACTIVE,
            "max-total-tokens": Replacement.BLOCKS,
            "page-size": Replacement.NOTHING,
            "disable-radix-cache": Replacement.CACHING,
            "disable-overlap-schedule": Replacement.NOTHING,
            "enable-mixed-chunk": Replacement.NOTHING,
            "random-seed": Replacement.NOTHING,
            "served-model-name": Replacement.MODEL,
            "host": Replacement.NOTHING,
            "port": Replacement.NOTHING,
            "skip-server-warmup": Replacement.NOTHING,
            "log-level-http": Replacement.NOTHING,
            # What stands in a file is seen by nobody, and other ports have doors of their own.
            "config": Replacement.NOTHING,
            "api-key": Replacement.NOTHING,
            "grpc-port": Replacement.NOTHING,
            "grpc-mode": Replacement.NOTHING,
            "smg-grpc-mode": Replacement.NOTHING,
        }
    )

    def check(self, device: Device, options: EngineOptions | None = None) -> str:
        check_machine(self.name, device)
        where = python()
        has = probe(where)
        if has["sglang"] is None:
            raise MissingEngineError(f"SGLang is not installed for {where}", INSTALL)
        installed = check_release(RELEASES, has["sglang"], emulated_sglang)
        if device is Device.CUDA and not has["kernels"]:
            raise MissingEngineError(
                f"the SGLang of {where} has no CUDA kernels (sglang-kernel)", INSTALL
            )
        if not has["plugins"]:
            raise MissingEngineError(
                f"SGLang does not find our plug-in in the environment of {where}: slaibench must "
                "be installed there as well",
                f"{where} -m pip install --no-deps slaibench (of a source tree: -e .)",
            )
        return installed

    def decides_ahead(self, version: str) -> bool:
        return not RELEASES.is_before(OVERLAP_SINCE, version)

    def stock_limits(self, gpu: Gpu, kv_tokens: int, max_context_tokens: int) -> StartLimits | None:
        return limits_on(gpu, kv_tokens, max_context_tokens)

    def as_shipped(self, scheduler: EngineDefault, options: EngineOptions) -> AsShipped | None:
        if not scheduler.plugins:
            return None
        own = {"plugins": list(scheduler.plugins)}
        return AsShipped(options, as_shipped_words(scheduler, options), own)

    def block_size(self, device: Device) -> int:
        return 16

    def cpu_weight_bytes(self, model: Model) -> int:
        return _as_float32(model.weight_bytes, model)

    def trial(self) -> ImportTrial:
        where = python()
        env = {"SGLANG_USE_CPU_ENGINE": "1"} if not hardware.gpus() else {}
        own = {"HF_HUB_OFFLINE": "1", "PYTHONPATH": import_path(where)}
        return ImportTrial(where, TRIED, {**env, **os.environ, **own})

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
        where, model = python(), options.model
        if device is Device.EMULATED:
            model = narrow(as_scheduled(model))
        args = {
            **engine_args(options, options.checkpoint or _folder(model, where)),
            "host": host,
            "port": port,
            "served_model_name": model.name,
            "skip_server_warmup": True,
            "log_level_http": "warning",
        }
        if device is not Device.CUDA:
            args |= CPU
        if device is Device.CPU:
            token = _as_float32(model.kv_bytes_per_token, model)
            args["max_total_tokens"] = kv_blocks_on_cpu(options, token) * options.block_size
        # -P: a file of the working directory must not stand in for one of SGLang's modules.
        return [where, "-P", "-W", "ignore", "-m", PROGRAM, *flags(args), *options.more]

    def environment(
        self,
        options: EngineOptions,
        device: Device,
        own: Mapping[str, Any],
        key: str | None = None,
        *,
        hears: bool = False,
    ) -> dict[str, str]:
        needed = {
            # Else each look whether it answers is a request, and in the step log.
            "SGLANG_ENABLE_HEALTH_ENDPOINT_GENERATION": "false",
            # What is to spare (``arguments.SPARE_CONTEXT_TOKENS``) may lie beyond the model's own.
            "SGLANG_ALLOW_OVERWRITE_LONGER_CONTEXT_LEN": "1",
            "DO_NOT_TRACK": "1",
            "NO_COLOR": "1",
        }
        if options.is_local:
            needed["HF_HUB_OFFLINE"] = "1"
        if device is not Device.CUDA:
            needed["SGLANG_USE_CPU_ENGINE"] = "1"
        if device is Device.EMULATED:
            needed["OMP_NUM_THREADS"] = "1"  # nothing is computed
        ours = {VARIABLE: json.dumps(dict(own)), "PYTHONPATH": import_path(python())}
        ours[ALLOWED] = ",".join(OURS)  # which load those that ``own`` names
        closed = () if key is None else SIDE_DOORS
        inherited = {name: text for name, text in os.environ.items() if name not in closed}
        return needed | inherited | ours | gate.environment(key) | hearing.environment(hears=hears)

    def body_fields(self, said: Mapping[str, Any], request_id: str | None = None) -> dict[str, Any]:
        named = {} if request_id is None else {"rid": request_id}
        return {"custom_params": dict(said), **named}

    def versions(self) -> dict[str, str]:
        versions: dict[str, str] = probe(python())["versions"]
        return versions


def emulated_sglang(options: EngineOptions, profile: Profile, logs: Path) -> Backend:
    """SGLang as a backend that needs no GPU and no weights, in the Python that has it.

    Always in a process of its own, since a process can have one SGLang only, and one set of
    plug-ins. Its release is not checked (``SglangEngine.check``).

    Args:
        logs: folder for what it prints.

    Raises:
        BackendError: no Python here has it.
    """
    where = python()

    def make(plugins: Plugins) -> Backend:
        given = (options, profile, plugins)
        return SubprocessBackend(SglangEngine.name, where, in_this_process, given, logs)

    return ProcessPerPlugins(make)


def with_plugins(scheduler: EngineDefault, text: str) -> EngineDefault:
    """SGLang's own scheduler, and what its plug-ins are, if it has any.

    Args:
        text: it, as its user wrote it.

    Raises:
        ValueError: one of them is not there, with the nearest name.
        BackendError: no Python here has SGLang.
    """
    if not scheduler.plugins:
        return scheduler
    where = python()
    said = json.loads(_said_by(where, [PLUGIN_PROBE, *scheduler.plugins]))
    return with_facts(scheduler, text, where, said)


def _as_float32(size_bytes: int, model: Model) -> int:
    """What a part of a model takes on a CPU, where SGLang computes in float32 here."""
    return size_bytes * FLOAT32_BYTES // model.bytes_per_value


def python() -> str:
    """The interpreter that has SGLang, or is said to have it.

    Raises:
        MissingEngineError: there is none.
        BackendError: what the environment names cannot be run.
    """
    try:
        path = interpreter("sglang")
    except InterpreterError as error:
        raise BackendError(str(error)) from error
    if path is None:
        raise MissingEngineError("SGLang is not installed here", INSTALL)
    return path


def probe(where: str) -> dict[str, Any]:
    """What an interpreter has of SGLang (``slaibench.backends.sglang.probe``).

    Raises:
        BackendError: it cannot be asked.
    """
    facts: dict[str, Any] = json.loads(_said_by(where, [PROBE]))
    return facts


def _folder(model: Model, where: str) -> Path:
    """A folder that SGLang takes for a checkpoint's, made where the tokenizers library is."""
    folder = folder_of(model)
    if not folder.is_dir():
        _said_by(where, [FOLDER_PROGRAM, json.dumps(asdict(model))])
    return folder


def _said_by(where: str, arguments: Sequence[str]) -> str:
    """What a program of ours prints in an interpreter.

    Raises:
        BackendError: it fails; with its last line.
    """
    try:
        done = run_python(where, "-W", "ignore", "-m", *arguments, limit_s=LIMIT_S)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BackendError(f"{where} cannot be asked what it has of SGLang: {error}") from error
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or [f"status {done.returncode}"])[-1]
        raise BackendError(
            f"{where} cannot say what it has of SGLang ({last}): slaibench must be installed there "
            "as well (pip install slaibench; of a source tree: -e .)"
        )
    return done.stdout
