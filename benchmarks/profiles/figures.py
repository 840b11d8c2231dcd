"""Batch times of every profile, to look at: ``python -m benchmarks.profiles.figures``."""

from __future__ import annotations

from slaibench.catalog import get_profile, list_profiles
from slaibench.costmodel import CostModel

BATCHES: dict[str, tuple[int, int, list[tuple[int, int]]]] = {
    "1 decode at 1k": (1, 1024, []),
    "64 decodes at 2k": (64, 64 * 2048, []),
    "chunk 512 at 0": (0, 0, [(512, 0)]),
    "chunk 512 at 4096": (0, 0, [(512, 4096)]),
    "chunk 448 at 0 + 64 decodes at 2k": (64, 64 * 2048, [(448, 0)]),
    "chunk 512 at 0 + 64 decodes at 2k": (64, 64 * 2048, [(512, 0)]),
}


def main() -> None:
    for pair in list_profiles():
        profile = get_profile(*pair)
        model = CostModel(profile)
        print(f"{profile.name} ({profile.status}, {profile.kv_blocks:,} blocks)")
        for name, (decodes, context, prefills) in BATCHES.items():
            time_s = model.batch_time_s(decodes, context, prefills)
            tokens = decodes + sum(chunk for chunk, _ in prefills)
            step_s = time_s + model.step_overhead_s
            held = context + sum(chunk + history for chunk, history in prefills)
            fits = "" if held <= profile.kv_blocks * profile.block_size else "  (exceeds its cache)"
            print(f"  {name:36s}{time_s * 1e3:8.2f} ms{tokens / step_s:10,.0f} tokens/s{fits}")


if __name__ == "__main__":
    main()
