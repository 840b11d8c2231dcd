"""A source of lengths with its outputs stretched to another mean."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from slaibench.workloads.errors import WorkloadError
from slaibench.workloads.lengths import Description, Lengths, LengthSource, summarize_sample


@dataclass(frozen=True, slots=True)
class ScaledOutputs:
    """The same prompts; every output length times one factor, rounded, at least 1.

    Requests that would be longer than ``max_total_tokens`` have their output cut there, so that the
    prompts stay what they are; the mean is then a little less than asked for.

    Args:
        source: what is stretched.
        mean_output: mean output tokens wanted, before the cut.
        max_total_tokens: most prompt + output tokens, more than any prompt.

    Raises:
        WorkloadError: a size is out of range.
    """

    source: LengthSource
    mean_output: int
    max_total_tokens: int

    def __post_init__(self) -> None:
        if self.mean_output < 1:
            raise WorkloadError(f"mean_output must be at least 1, not {self.mean_output}")
        longest = int(self.source.describe()["prompt_tokens"]["max"])
        if longest >= self.max_total_tokens:
            raise WorkloadError(
                f"{self.source.name} has prompts of {longest} tokens, which leave no room for an "
                f"output in {self.max_total_tokens}"
            )

    @property
    def name(self) -> str:
        return f"{self.source.name}, mean output {self.mean_output}"

    @property
    def note(self) -> str:
        return f"{self.source.note}; outputs stretched to a mean of {self.mean_output} tokens"

    @property
    def identity(self) -> str:
        return f"scaled:{self.mean_output}:{self.max_total_tokens}:{self.source.identity}"

    def sample(self, num_requests: int, rng: np.random.Generator) -> Lengths:
        """See `LengthSource.sample`."""
        lengths = self.source.sample(num_requests, rng)
        factor = self.mean_output / self.source.describe()["output_tokens"]["mean"]
        output = np.maximum(np.rint(lengths.output_tokens * factor).astype(np.int64), 1)
        prompts = np.minimum(lengths.prompt_tokens, self.max_total_tokens - 1)
        return Lengths(prompts, np.minimum(output, self.max_total_tokens - prompts))

    def describe(self) -> Description:
        return summarize_sample(self)
