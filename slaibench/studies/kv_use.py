"""What of the KV cache a run used, and what its server said of itself."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from slaibench.measure.server_use import ServerUse, server_use
from slaibench.recording.record import Recording


@dataclass(frozen=True, slots=True)
class KvUse:
    """KV cache of a run: time-averaged and peak share in use, and requests preempted.

    Of an engine's own batches where it records them, else of what a server's metrics say.
    """

    mean: float | None
    peak: float | None
    preemptions: int


def server_use_of(recording: Recording) -> ServerUse | None:
    """What the server said; None: nothing, or at no time in the run."""
    if recording.server is None:
        return None
    engines = int(recording.run["server_metrics"]["engines"])
    use = server_use(recording.server, float(recording.run["end_s"]), engines)
    return use if use.readings else None


def kv_use(recording: Recording, server: ServerUse | None) -> KvUse:
    steps, total = recording.steps, recording.run["kv_blocks"]
    preemptions = int(recording.requests.num_preemptions.sum())
    if not len(steps) and server is not None:
        return KvUse(server.kv_mean, server.kv_peak, round(server.preemptions or 0))
    if not len(steps) or not total:
        return KvUse(None, None, preemptions)
    length = steps.end_s - steps.start_s
    mean = float(np.average(steps.kv_blocks_used, weights=length)) / total
    return KvUse(mean, float(steps.kv_blocks_used.max()) / total, preemptions)
