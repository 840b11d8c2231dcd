"""Compiled profiles, kept in the cache: the same deployment and library, the same file."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from slaibench.catalog.fields import CatalogError
from slaibench.catalog.profile import Profile, parse_profile
from slaibench.machine.atomic_write import write_whole
from slaibench.operators.compile import compile_profile
from slaibench.operators.configs import config_folder
from slaibench.operators.deployment import Deployment
from slaibench.operators.library import check_installed, installed_version
from slaibench.workloads.cache import cache_dir

FORMAT = 2
"""Of what is compiled; raised when the same operators give other tables."""


def compiled_profile(deployment: Deployment) -> Profile:
    """The profile of a deployment, compiled on first use.

    Raises:
        CatalogError: the library is absent, has no such operators, or the model is not known.
    """
    return parse_profile(compiled_values(deployment), deployment.words)


def compiled_values(deployment: Deployment) -> dict[str, Any]:
    """The same as the values of a profile's file. Errors as ``compiled_profile``."""
    check_installed()
    config = config_folder(deployment.model)
    file = _file(deployment, config)
    try:
        kept: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        values = compile_profile(deployment, config)
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            write_whole(file, json.dumps(values))
        except OSError:
            return values  # a cache that cannot be written costs seconds, no more
        return values
    try:
        parse_profile(kept, str(file))
    except CatalogError:  # of another version of ours, or damaged
        file.unlink(missing_ok=True)
        return compiled_values(deployment)
    return kept


def _file(deployment: Deployment, config: Path) -> Path:
    identity = [FORMAT, installed_version(), config.name, asdict(deployment)]
    digest = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:16]
    return cache_dir() / "profiles" / f"{deployment.gpu}-{digest}.json"
