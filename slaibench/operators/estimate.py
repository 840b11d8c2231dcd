"""The library's own estimate of a closed loop, to be compared with: no simulation, means alone."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from slaibench.operators.aiconfigurator import SYSTEMS, Operators, refused
from slaibench.operators.deployment import Deployment
from slaibench.operators.formats import options_of


@dataclass(frozen=True)
class LibraryEstimate:
    """aiconfigurator's estimate of aggregated serving (its ``run_agg``), as it ships.

    Steps with a prompt and steps without are put together by how many of each a request takes;
    factors of its authors', fitted to these same published runs, stand for what waits.

    Args:
        config: folder of the model's ``config.json``.
    """

    deployment: Deployment
    config: Path

    @cached_property
    def _parts(self) -> tuple[Any, Any, Any]:
        operators = Operators(self.deployment, self.config)
        with refused(self.deployment):
            from aiconfigurator_core.sdk.backends.factory import get_backend  # noqa: PLC0415
            from aiconfigurator_core.sdk.config_builders import build_model_config  # noqa: PLC0415
            from aiconfigurator_core.sdk.models import get_model  # noqa: PLC0415
            from aiconfigurator_core.sdk.perf_database import get_database_view  # noqa: PLC0415

            engine, system = str(self.deployment.engine), SYSTEMS[self.deployment.gpu]
            options = {"pp_size": 1, "attention_dp_size": 1, **options_of(self.deployment)}
            return (
                get_backend(engine),
                get_model(str(self.config), build_model_config(**options), engine),
                get_database_view(system, engine, operators.version),
            )

    def means_ms(
        self, *, prompt_tokens: int, output_tokens: int, concurrency: int, token_budget: int
    ) -> tuple[float, float]:
        """Mean TTFT and TPOT, milliseconds.

        Each step with prompts is taken to hold one prompt, or as much of it as the budget takes: of
        this and the whole budget, the one whose TTFT came nearer on the fitted half.

        Raises:
            CatalogError: it has no estimate of this.
        """
        backend, model, database = self._parts
        with refused(self.deployment):
            from aiconfigurator_core.sdk.config import RuntimeConfig  # noqa: PLC0415

            summary = backend.run_agg(
                model,
                database,
                RuntimeConfig(batch_size=concurrency, isl=prompt_tokens, osl=output_tokens),
                ctx_tokens=min(prompt_tokens, token_budget),
            )
            values = summary.get_result_dict()
            return float(values["ttft"]), float(values["tpot"])
