"""The profile of a deployment: one that ships, one compiled from operators, or a roofline.

What is compiled is kept in the cache: the same deployment and library, the same file.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from slaibench.catalog.fields import CatalogError
from slaibench.catalog.gpu import get_gpu
from slaibench.catalog.host import HostTime, engine_release, host_time, with_host_times
from slaibench.catalog.model import Model, catalog_name, find_model, get_model
from slaibench.catalog.profile import Profile, Status, parse_profile
from slaibench.catalog.profiles import get_profile, list_profiles, load_profile
from slaibench.machine.atomic_write import write_whole
from slaibench.operators.aiconfigurator import SYSTEMS, check_installed, installed_version
from slaibench.operators.compile import compile_profile
from slaibench.operators.configs import config_folder
from slaibench.operators.deployment import Deployment, OperatorSource
from slaibench.operators.roofline import roofline_values
from slaibench.workloads.cache import cache_dir

FORMAT = 5
"""Of what is compiled; raised when the same operators give other tables."""


def profile_of(deployment: Deployment) -> Profile:
    """The profile of a deployment.

    The catalog's, where nothing is said but a model and a GPU that it has a profile of. Else
    compiled from measured operators. Where these are not there, since the library is not installed
    or knows no such GPU, and nobody asked for an engine's: a roofline.

    Raises:
        CatalogError: no such model or GPU, no operators for it, or it does not fit the GPUs.
    """
    if is_shipped(deployment):
        return get_profile(deployment.gpu, catalog_name(deployment.model))
    return parse_profile(profile_values(deployment), deployment.words)


def profile_file(deployment: Deployment) -> Path:
    """The same in a file, for another process, if it does not ship (``is_shipped``).

    Raises:
        CatalogError: as ``profile_of``.
    """
    text = json.dumps(profile_values(deployment))
    name = f"{deployment.gpu}-{hashlib.sha256(text.encode()).hexdigest()[:16]}.json"
    for folder in (cache_dir(), Path(tempfile.gettempdir()) / "slaibench"):
        file = folder / "profiles" / name
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            write_whole(file, text)
        except OSError:
            continue
        return file
    raise CatalogError(f"no folder can be written to for profiles: {cache_dir()}")


def is_shipped(deployment: Deployment) -> bool:
    """Whether the catalog has its profile."""
    pair = deployment.gpu, catalog_name(deployment.model)
    return deployment.is_plain and pair in list_profiles()


def profile_values(deployment: Deployment) -> dict[str, Any]:
    """The values of the file of a profile that does not ship: operators and host time. Errors as
    ``profile_of``."""
    values = operator_values(deployment)
    if values["status"] != Status.COMPILED.value:
        return values
    engine, release = engine_release(values["engine"])
    architecture = get_model(deployment.model).architecture
    ways = [
        host_time(engine, release, asynchronous=way, architecture=architecture)
        for way in (True, False)
    ]
    times = [time for time in ways if time is not None]
    notes = [*values["notes"], *map(_note, times)]
    return {**with_host_times(values, times), "notes": notes}


def _note(time: HostTime) -> str:
    loop = "asynchronous" if time.asynchronous else "synchronous"
    source = time.source or f"{time.rows} published runs (slaibench board)"
    return (
        f"Between steps {time.step_ms:g} ms, and {time.sequence_ms:g} ms a sequence: "
        f"{time.engine}, {loop}, fitted to {source}."
    )


def operator_values(deployment: Deployment) -> dict[str, Any]:
    """The same without an engine's time between steps. Errors as ``profile_of``."""
    gpu, model = get_gpu(deployment.gpu), _shape(deployment)
    measured = installed_version() is not None and gpu.name in SYSTEMS
    if deployment.engine is OperatorSource.ROOFLINE or not (measured or deployment.engine):
        return roofline_values(replace(deployment, model=model.name), model, gpu)
    check_installed()
    return compiled_values(deployment)


def _shape(deployment: Deployment) -> Model:
    """The model's. What cannot be had may have the layers of one that is here."""
    try:
        return get_model(deployment.model)
    except CatalogError as error:
        alike = find_model(deployment.model)
        if alike is None:
            raise
        raise CatalogError(
            f"{error}; or give --model {alike.name}, which has the same layers by its name"
        ) from error


def compiled_values(deployment: Deployment) -> dict[str, Any]:
    """The values of the file of a compiled profile, compiled on first use.

    Raises:
        CatalogError: the library is absent, has no such operators, or the model is not known.
    """
    check_installed()
    name = get_model(deployment.model).name
    config = config_folder(deployment.model)
    wanted = replace(deployment, model=name, engine=deployment.engine or OperatorSource.VLLM)
    file = _file(wanted, config)
    try:
        kept: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        load_profile(file)
    except (OSError, ValueError):  # none, of another version of ours, or damaged
        kept = compile_profile(wanted, config)
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            write_whole(file, json.dumps(kept))
        except OSError:
            pass  # a cache that cannot be written costs seconds, no more
    return kept


def _file(deployment: Deployment, config: Path) -> Path:
    identity = [FORMAT, installed_version(), config.name, asdict(deployment)]
    digest = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:16]
    return cache_dir() / "profiles" / f"compiled-{deployment.gpu}-{digest}.json"
