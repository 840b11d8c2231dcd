"""Cost of asking for a batch time: ``python -m benchmarks.profiles.speed``."""

from __future__ import annotations

import timeit
from functools import partial

from benchmarks.profiles.figures import BATCHES
from slaibench.catalog import get_profile
from slaibench.costmodel import CostModel, StaircaseCostModel

CALLS = 100_000


def main() -> None:
    models: dict[str, CostModel | StaircaseCostModel] = {
        "tables": CostModel(get_profile("rtx4090", "llama-3.1-8b")),
        "formula": CostModel(get_profile("rtx6000-ada", "mistral-7b")),
        "staircase": StaircaseCostModel(t_lin_s=0.004, t_col_tokens=128),
    }
    batches = {
        name: (decodes, context, tuple(prefills))
        for name, (decodes, context, prefills) in BATCHES.items()
    }
    batches["two chunks + 64 decodes"] = (64, 64 * 2048, ((100, 2000), (348, 0)))
    for kind, model in models.items():
        for name, batch in batches.items():
            call = partial(model.batch_time_s, *batch)
            best = min(timeit.repeat(call, number=CALLS, repeat=5)) / CALLS
            print(f"{kind:10s}{name:36s}{best * 1e6:6.2f} us")
    build = min(timeit.repeat(lambda: CostModel(get_profile("rtx4090", "llama-3.1-8b")), number=1))
    print(f"building a cost model: {build * 1e3:.1f} ms")


if __name__ == "__main__":
    main()
