"""The specification of a study of capacity bounds: a study, and the runs that bounds add."""

from __future__ import annotations

import math
from dataclasses import dataclass

from slaibench.spec import Device, StudySpec
from slaibench.studies.bound.forms import BoundSpecForm

SCHEDULERS = ("sarathi", "orca", "slai", "prefill-first", "rad", "rad-batch-prefill")
"""Of those that come with slaibench, all but decode-first, which takes ten times as long to run a
backlog off as the others."""
BACKLOG_REQUESTS = 2000
"""Enough for the engine to be full most of the time, with some 100 to 300 requests active."""
RAD_REQUESTS = 4000
"""Two cycles of the longest finite one."""
EPS = 0.05
MAP_LOADS = (0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1)
MAP_OUTPUTS = (50, 150, 400, 1000)
BUDGETS = (496, 504, 512, 520, 528)


@dataclass(frozen=True)
class BoundSpec:
    """Whose bounds, and which runs to compare with them.

    Args:
        study: model, GPU, backend, workload, schedulers and seeds; its rates do not count, and its
            arrivals are those of the stability maps.
        outputs: mean output lengths of the stability maps; empty: no maps.
        loads: rates of the maps, as shares of the bound at each length.
        budgets: token budgets with which Sarathi-Serve runs a backlog off; empty: none.
        cycles, tiles: of RAD under the paper's batch-time model; empty: not run.
        step_costs_s: cost of a batch that is added to that model.
        rad_requests: requests of each of RAD's runs.
        eps: share of Theorem 1's bound that Theorem 2 may give up for a finite cycle.
    """

    study: StudySpec
    outputs: tuple[int, ...] = MAP_OUTPUTS
    loads: tuple[float, ...] = MAP_LOADS
    budgets: tuple[int, ...] = BUDGETS
    cycles: tuple[float, ...] = (32, 128, 500, 2000, math.inf)
    tiles: tuple[int, ...] = (64, 128, 256)
    step_costs_s: tuple[float, ...] = (0.0, 0.001)
    rad_requests: int = RAD_REQUESTS
    eps: float = EPS

    def __post_init__(self) -> None:
        for name in ("outputs", "loads", "budgets", "cycles", "tiles"):
            values = getattr(self, name)
            for value in values:
                if not value > 0:
                    raise ValueError(f"{name}: {value} is not a positive number")
            if list(values) != sorted(set(values)):
                raise ValueError(f"{name} must increase: {', '.join(map(str, values))}")
        if not 0 < self.eps < 1:
            raise ValueError(f"eps must lie between 0 and 1, not be {self.eps:g}")
        spec = self.study
        if spec.prefix_caching:
            raise ValueError(
                "a bound counts every prompt token once: leave --prefix-caching out, which may "
                "spare some"
            )
        if spec.device not in (None, Device.EMULATED) or spec.backend == "endpoint":
            raise ValueError(
                f"the bound follows from a profile's batch times, and --device "
                f"{spec.device.value if spec.device else spec.backend} has its own: use --backend "
                "sim, or an engine on --device emulated"
            )

    @property
    def backlog(self) -> StudySpec:
        """The study of saturated runs: all requests due at once, run to their end."""
        budgets = map(sarathi, self.budgets)
        return self.study.model_copy(
            update={
                "schedulers": tuple(dict.fromkeys((*self.study.schedulers, *budgets))),
                "arrivals": "burst",
                "rates": (1.0,),
                "num_requests": self.study.num_requests or BACKLOG_REQUESTS,
                "early_stop": False,
            }
        )

    @property
    def map(self) -> StudySpec:
        """The study of the stability maps: one seed, ended early where the verdict is certain."""
        update = {"rates": (), "num_seeds": 1, "num_requests": None, "early_stop": True}
        return self.study.model_copy(update=update)

    def to_json(self) -> BoundSpecForm:
        """Plain JSON values; ``from_json`` reads them."""
        return {
            "study": self.study.to_json(),
            "outputs": list(self.outputs),
            "loads": list(self.loads),
            "budgets": list(self.budgets),
            "cycles": [str(cycle) for cycle in self.cycles],
            "tiles": list(self.tiles),
            "step_costs_s": list(self.step_costs_s),
            "rad_requests": self.rad_requests,
            "eps": self.eps,
        }

    @classmethod
    def from_json(cls, values: BoundSpecForm) -> BoundSpec:
        """Raises ValueError, KeyError or TypeError where the values are not of this form."""
        return cls(
            study=StudySpec.model_validate(values["study"]),
            outputs=tuple(values["outputs"]),
            loads=tuple(values["loads"]),
            budgets=tuple(values["budgets"]),
            cycles=tuple(map(float, values["cycles"])),
            tiles=tuple(values["tiles"]),
            step_costs_s=tuple(values["step_costs_s"]),
            rad_requests=values["rad_requests"],
            eps=values["eps"],
        )


def sarathi(token_budget: int) -> str:
    """Sarathi-Serve with a token budget, as the command line names it."""
    return f"sarathi:token_budget={token_budget}"


def rad(tile: int, cycle: float) -> str:
    """RAD of a tile and a cycle, with chunks of one tile column of the paper's model."""
    return f"rad:tile={tile},chunk=128,cycle={cycle:g}"
