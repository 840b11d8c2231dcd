"""Shapes of published models, as their ``config.json`` on Hugging Face has them (the keys that a
shape is of), and a profile for any of them."""

from __future__ import annotations

import json
from pathlib import Path

from slaibench.catalog.gpu import get_gpu
from slaibench.catalog.model import Model, model_from_config
from slaibench.catalog.profile import Profile, parse_profile
from slaibench.operators.deployment import Deployment, Precision
from slaibench.operators.roofline import roofline_values

CONFIGS = json.loads(Path(__file__).with_name("configs.json").read_text(encoding="utf-8"))


def config_of(name: str, parent: Path) -> Path:
    """The folder with a model's ``config.json``.

    Args:
        name: its Hugging Face id.
        parent: where the folder is to be.
    """
    folder = parent / name.partition("/")[2]
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps(CONFIGS[name]), encoding="utf-8")
    return folder


def roofline(model: Model, gpu: str, tp: int = 1) -> Profile:
    """Times by the datasheet: nothing has to be installed, and no two batches take the same."""
    deployment = Deployment(model.name, gpu, tp=tp, precision=Precision.FP8)
    return parse_profile(roofline_values(deployment, model, get_gpu(gpu)), deployment.words)


def shape_of(name: str, parent: Path) -> Model:
    """A model, read from its ``config.json``."""
    return model_from_config(config_of(name, parent))
