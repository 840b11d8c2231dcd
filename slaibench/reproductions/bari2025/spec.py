"""What of the paper is to be redone, validated once, and the studies that this takes."""

from __future__ import annotations

import math
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from slaibench.reproductions.bari2025.figures import FIGURES, Mix, select
from slaibench.spec import (
    DEFAULT_MODEL,
    PAPER_DURATION_S,
    PAPER_SLO,
    Clock,
    Convention,
    Device,
    StudySpec,
)
from slaibench.studies.systems.table import find

GPU = "rtx6000-ada"
MODEL = DEFAULT_MODEL
RATES = (0.2, 0.4, 0.6, 0.8, 1.0, 1.2, 1.4, 1.6)
"""Requests a second of the paper's load figures."""
TBT_SLO_S = {"paying": 0.1, "free": 0.5}


class PaperSpec(BaseModel):
    """A part of the paper, and how much of it.

    Args:
        figures: names as ``FIGURES`` has them, or a number for all its parts; none: all.
        backend, device, clock: the system under test, as in a study.
        workload: request lengths; None: the default workload, which the page then says.
        rates: of the load figures; kept ascending and without repeats.
        duration_s: length of a run, under either convention.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    figures: tuple[str, ...] = ()
    backend: str = "sim"
    device: Device | None = None
    clock: Clock | None = None
    workload: str | None = None
    rates: tuple[float, ...] = RATES
    num_seeds: int = Field(default=3, ge=1, le=1000)
    first_seed: int = Field(default=0, ge=0)
    duration_s: float = Field(default=PAPER_DURATION_S, gt=0, le=1e7, allow_inf_nan=False)

    @field_validator("figures")
    @classmethod
    def _selected(cls, figures: tuple[str, ...]) -> tuple[str, ...]:
        return select(figures)

    @field_validator("rates")
    @classmethod
    def _positive(cls, rates: tuple[float, ...]) -> tuple[float, ...]:
        for rate in rates:
            if not (math.isfinite(rate) and rate > 0):
                raise ValueError(f"a rate must be a positive number, not {rate}")
        return tuple(sorted(set(rates)))

    @field_validator("backend")
    @classmethod
    def _takes_schedulers(cls, backend: str) -> str:
        if "url" in find(backend).TAKES:
            raise ValueError("a server has a scheduler of its own, and the figures compare ours")
        return backend

    @field_validator("device")
    @classmethod
    def _of_the_papers_gpu(cls, device: Device | None) -> Device | None:
        if device not in (None, Device.EMULATED):
            raise ValueError(
                f"the paper's figures are of one GPU ({GPU}), and --device {device} would be this "
                "machine's own: leave it out; slaibench compare measures what is here"
            )
        return device

    @model_validator(mode="after")
    def _all_figures(self) -> Self:
        if not self.figures:
            object.__setattr__(self, "figures", tuple(FIGURES))
        return self

    def batch_study(self, **fields: object) -> StudySpec:
        """A study of single batches: no load, so no convention matters and one seed is enough."""
        return StudySpec.model_validate(
            {
                **self._system(),
                "rates": (1.0,),
                "num_seeds": 1,
                "early_stop": False,
                **fields,
            }
        )

    def load_study(
        self,
        mix: Mix,
        convention: Convention,
        schedulers: tuple[str, ...],
        more_rates: tuple[float, ...] = (),
    ) -> StudySpec:
        """A study of one mix of tiers under load.

        Runs are equally long under both conventions, and none is ended early: a rate
        beyond capacity gives what it does in so many minutes.

        Args:
            more_rates: beside the study's own, since a figure is of them.
        """
        return StudySpec.model_validate(
            {
                **self._system(),
                "schedulers": schedulers,
                "workload": self.workload,
                "tiers": mix.tiers(TBT_SLO_S),
                "rates": (*self.rates, *more_rates),
                "num_seeds": self.num_seeds,
                "first_seed": self.first_seed,
                "duration_s": self.duration_s,
                "early_stop": False,
                "convention": convention,
                "slo": PAPER_SLO,
            }
        )

    def _system(self) -> dict[str, object]:
        return {
            "backend": self.backend,
            "device": self.device,
            "clock": self.clock,
            "model": MODEL,
            "gpu": GPU,
        }
