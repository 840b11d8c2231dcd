"""``slaibench serve``: an engine's server with one of our schedulers, in the foreground."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from slaibench.backends.base import BackendError
from slaibench.backends.engines.base import HOST, Engine
from slaibench.backends.engines.server import EngineServer
from slaibench.backends.table import ENGINES
from slaibench.catalog import hub
from slaibench.catalog.mismatch import model_mismatch
from slaibench.catalog.model import get_model
from slaibench.catalog.profile import Profile
from slaibench.cli.server_start import checked, options_of, started
from slaibench.cli.shell import EXIT_NO, err, fail, out, print_line, usage
from slaibench.schedulers.service_class import ServiceClass
from slaibench.spec import Device, StudySpec
from slaibench.studies import scheduler_info
from slaibench.studies.systems.profiled import profile_file_of, profile_of
from slaibench.studies.systems.table import find
from slaibench.workloads.cache import cache_dir

DEFAULT_MODELS = {Device.CPU: "tiny-mistral"}
DEFAULT_MODEL = "mistral-7b"
ECHO_EVERY_S = 0.2
API_KEY = "SLAIBENCH_API_KEY"


def serve(
    scheduler: Annotated[
        str, typer.Option("--scheduler", "-s", help="Name and options (slaibench schedulers).")
    ] = "slai",
    backend: Annotated[str, typer.Option(help=f"The engine: {' or '.join(ENGINES)}.")] = "vllm",
    device: Annotated[Device, typer.Option(help="What computes.")] = Device.EMULATED,
    model: Annotated[
        str | None,
        typer.Option(
            help="Of the catalog, a Hugging Face id, or a folder with a config.json. Default: "
            "mistral-7b, on a CPU tiny-mistral."
        ),
    ] = None,
    weights: Annotated[
        str | None,
        typer.Option(
            help="Checkpoint: a folder, or a Hugging Face id, also id@revision. Default: random "
            "weights."
        ),
    ] = None,
    gpu: Annotated[str, typer.Option(help="GPU to emulate (slaibench gpus).")] = "h100",
    profile_file: Annotated[
        Path | None,
        typer.Option("--profile", help="File of the profile to emulate, instead of --gpu's."),
    ] = None,
    tp: Annotated[
        int, typer.Option(help="GPUs that share each layer: real ones, or of the profile.", min=1)
    ] = 1,
    kv_blocks: Annotated[
        int | None, typer.Option(help="KV blocks. Default: the profile's, or what fits.", min=1)
    ] = None,
    max_context_tokens: Annotated[
        int | None, typer.Option(help="Longest prompt + output. Default: the model's.", min=2)
    ] = None,
    prefix_caching: Annotated[
        bool, typer.Option("--prefix-caching", help="Keep prompts' common beginnings.")
    ] = False,
    async_scheduling: Annotated[
        bool | None,
        typer.Option(
            help="Decide a batch while the one before runs. Default: on a GPU, or as the profile's "
            "engine does."
        ),
    ] = None,
    port: Annotated[int, typer.Option(help="Where it listens.", min=1, max=65535)] = 8000,
    host: Annotated[str, typer.Option(help="Where it listens; 0.0.0.0: everywhere.")] = HOST,
    api_key: Annotated[
        str | None,
        typer.Option(
            envvar=API_KEY,
            show_default=False,
            help="What every request but GET /health must bring as its bearer token. Better in "
            "this variable: other users can read a command line. Default: everyone who reaches "
            "the port is served.",
        ),
    ] = None,
    step_log: Annotated[
        Path | None, typer.Option(help="Write what the engine does to this file, a line a step.")
    ] = None,
    log: Annotated[
        Path | None, typer.Option(help="Keep the log here. Default: in the cache folder.")
    ] = None,
    extra: Annotated[
        list[str] | None, typer.Argument(help="After --: more arguments for the engine, unchanged.")
    ] = None,
) -> None:
    """Serve a model over HTTP with one of our schedulers, until Ctrl-C."""
    with usage():
        if backend not in ENGINES:
            raise ValueError(f"--backend {backend}: only {' or '.join(ENGINES)} can be served")
        engine = ENGINES[backend]
        built = find(backend).build(scheduler)
        if api_key is not None and not (api_key.isascii() and api_key.isprintable() and api_key):
            raise ValueError("--api-key must be of plain ASCII characters, and not empty")
        shape = get_model(model or weights or DEFAULT_MODELS.get(device, DEFAULT_MODEL))
        if weights is not None and device is not Device.EMULATED:
            weights = hub.checkpoint(weights)
        profile = None
        if device is Device.EMULATED:
            served = model or weights or shape.name
            profile, profile_file = emulated_profile(served, gpu, tp, profile_file)
        elif tp > 1:
            extra = [f"--tensor-parallel-size={tp}", *(extra or ())]
        other = profile and model_mismatch(shape.name, shape, profile, "the served model")
        if other and other.certain:
            raise ValueError(f"{other.words}: give --model of the catalog (slaibench models)")
        file = (
            log
            or cache_dir() / "logs" / f"serve-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.log"
        )
        make_folder(file)
    own: dict[str, Any] = {"scheduler": scheduler}
    if step_log is not None:
        own["step_log"] = str(step_log.resolve())
    echo = _echo(file)
    try:
        options = options_of(
            engine,
            shape,
            weights,
            device,
            profile,
            kv_blocks=kv_blocks,
            max_context_tokens=max_context_tokens,
            info=scheduler_info.of(scheduler, built),
            prefix_caching=prefix_caching,
            async_scheduling=async_scheduling,
        )
        options = checked(engine, device, options, async_scheduling)
        options, more, what = started(engine, device, built, options, profile, profile_file)
        own |= more
        server = EngineServer(
            engine.name,
            lambda port: engine.command(
                replace(options, more=tuple(extra or ())),
                device,
                port,
                own=own,
                host=host,
                locked=api_key is not None,
                hears=True,
            ),
            log=file,
            env=engine.environment(options, device, own, api_key, hears=True),
            port=port,
            host=host,
            key=api_key,
            on_look=echo,
        )
        if warning := open_to(host, api_key):
            print_line(warning, err)
        print_line(f"starting {what}; its log: {file}", err)
        with server:
            request = example(engine, server.url, shape.name, locked=api_key is not None)
            print_line(request, err)
            out.print(server.url, highlight=False)
            while server.is_running:
                echo()
                time.sleep(ECHO_EVERY_S)
            echo()
            raise BackendError(f"{engine.name} ended: {server.failure()}")
    except BackendError as error:
        raise fail(str(error), EXIT_NO) from error
    except KeyboardInterrupt:
        err.print("stopped", highlight=False)


def make_folder(file: Path) -> None:
    """Make the folder that a file is to be in.

    Raises:
        ValueError: it cannot be made.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(
            f"folder {str(file.parent)!r} cannot be made ({error.strerror})"
        ) from error


def emulated_profile(
    model: str, gpu: str, tp: int, file: Path | None
) -> tuple[Profile, Path | None]:
    """What an emulated device takes its times from, and where the engine's process reads it; None:
    in the catalog.

    Raises:
        ValueError: there is none.
    """
    own = None if file is None else str(file)
    spec = StudySpec(profile=own) if own else StudySpec(model=model, gpu=gpu, tp=tp)
    return profile_of(spec), profile_file_of(spec)


def _echo(file: Path) -> Callable[[], None]:
    """Shows on stderr what was added to a log since the last call."""
    shown = file.stat().st_size if file.exists() else 0

    def echo() -> None:
        nonlocal shown
        if not file.exists():
            return
        with file.open("rb") as log:
            log.seek(shown)
            new = log.read()
        shown += len(new)
        sys.stderr.write(new.decode("utf-8", errors="replace"))
        sys.stderr.flush()

    return echo


def open_to(host: str, api_key: str | None) -> str | None:
    """Who else can use the server, if that is more than this machine's users."""
    if api_key is not None or host in (HOST, "localhost", "::1"):
        return None
    return (
        f"everyone who reaches {host} can use this server: give --api-key, or leave --host out to "
        "serve this machine only"
    )


def example(engine: Engine, url: str, model: str, *, locked: bool) -> str:
    """A request of the paying tier, as a shell command."""
    body = {
        "model": model,
        "prompt": "Once upon a time",
        "max_tokens": 16,
        **engine.body_fields(ServiceClass("paying", 0.1).said()),
    }
    key = f'-H "Authorization: Bearer ${API_KEY}" ' if locked else ""
    said = json.dumps(body)
    return f"curl {url}/v1/completions {key}-H 'Content-Type: application/json' -d '{said}'"
