"""Batch times of every profile, to look at, and what a call of the cost model costs.

usage: python -m benchmarks.profiles.batch_times [--calls]
"""

from __future__ import annotations

import argparse
import timeit
from functools import partial

from slaibench.catalog import get_profile, list_profiles
from slaibench.costmodel import CostModel, StaircaseCostModel

BATCHES: dict[str, tuple[int, int, list[tuple[int, int]]]] = {
    "1 decode at 1k": (1, 1024, []),
    "64 decodes at 2k": (64, 64 * 2048, []),
    "chunk 512 at 0": (0, 0, [(512, 0)]),
    "chunk 512 at 4096": (0, 0, [(512, 4096)]),
    "chunk 448 at 0 + 64 decodes at 2k": (64, 64 * 2048, [(448, 0)]),
    "chunk 512 at 0 + 64 decodes at 2k": (64, 64 * 2048, [(512, 0)]),
}
CALLS = 100_000


def batch_times() -> None:
    """Milliseconds of each of ``BATCHES``, by profile."""
    for pair in list_profiles():
        profile = get_profile(*pair)
        model = CostModel(profile)
        print(f"{profile.name} ({profile.status}, {profile.kv_blocks:,} blocks)")
        for name, (decodes, context, prefills) in BATCHES.items():
            time_s = model.batch_time_s(decodes, context, prefills)
            tokens = decodes + sum(chunk for chunk, _ in prefills)
            step_s = time_s + model.between_s(decodes + len(prefills))
            held = context + sum(chunk + history for chunk, history in prefills)
            fits = "" if held <= profile.kv_blocks * profile.block_size else "  (exceeds its cache)"
            print(f"  {name:36s}{time_s * 1e3:8.2f} ms{tokens / step_s:10,.0f} tokens/s{fits}")


def calls() -> None:
    """Microseconds a call, by kind of cost model and batch."""
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


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--calls", action="store_true", help="time calls instead")
    if parser.parse_args().calls:
        calls()
    else:
        batch_times()


if __name__ == "__main__":
    main()
