"""What to run, validated once: a study over rates, schedulers and seeds, and its single cells.

A field is written once, in the part it belongs to (``serving``, ``load``, ``targets``), with its
bounds and its option (``option``). Command line, Python interface, a cell's identity and pages are
made from it.
"""

from slaibench.spec.cell import CODE, CellSpec
from slaibench.spec.load import MAX_REQUESTS, MIN_DURATION_S, MIN_REQUESTS, LoadPart
from slaibench.spec.option import Option, flag, flags_of, options_of
from slaibench.spec.pace import PacePart
from slaibench.spec.serving import (
    DEFAULT_GPU,
    DEFAULT_MODEL,
    SERVING,
    BackendPart,
    Clock,
    DeploymentPart,
    Device,
    EndpointPart,
    EnginePart,
    MetricsPart,
    Part,
    SpeculationPart,
)
from slaibench.spec.study import PAPER_DURATION_S, SpecForm, StudySpec
from slaibench.spec.targets import DEFAULT_SLO, PAPER_SLO, Convention, TargetPart

__all__ = [
    "CODE",
    "DEFAULT_GPU",
    "DEFAULT_MODEL",
    "DEFAULT_SLO",
    "MAX_REQUESTS",
    "MIN_DURATION_S",
    "MIN_REQUESTS",
    "PAPER_DURATION_S",
    "PAPER_SLO",
    "SERVING",
    "BackendPart",
    "CellSpec",
    "Clock",
    "Convention",
    "DeploymentPart",
    "Device",
    "EndpointPart",
    "EnginePart",
    "LoadPart",
    "MetricsPart",
    "Option",
    "PacePart",
    "Part",
    "SpecForm",
    "SpeculationPart",
    "StudySpec",
    "TargetPart",
    "flag",
    "flags_of",
    "options_of",
]
