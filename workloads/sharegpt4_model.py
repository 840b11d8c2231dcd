"""A small statistical model of ShareGPT4's lengths, for when the dataset is not at hand.

The prompt length is a piecewise linear quantile function of a uniform number. The output length is
a share of the room that the caps leave it (``min(max_output, max_total - prompt)``), with one
piecewise linear quantile function for each of a few groups of prompts by rank. So both margins, the
dependence between them and the caps hold by construction. ``benchmarks/fit_sharegpt4_model.py``
fits the knots, a few hundred numbers, and records how well they fit in the same JSON file.

A Gaussian copula with the trace's rank correlation (0.05) would be smaller, but has the median
output rise from 386 to 440 tokens over the tenths of prompts, where the trace has 454 in the first,
354 in the second and 401 in the last.

Independent draws: requests of one conversation do not follow each other here, nor in a trace whose
rows are drawn at random.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from slaibench.workloads.errors import WorkloadError
from slaibench.workloads.lengths import Description, FloatArray, Lengths, summarize_sample

PARAMETERS = Path(__file__).with_name("sharegpt4_model.json")


@dataclass(frozen=True, slots=True)
class ShareGpt4Model:
    """Joint distribution of prompt and output tokens.

    Args:
        prompt_ranks: ranks of the prompt's knots, ascending from 0 to 1.
        prompt_tokens: prompt tokens at these ranks, ascending.
        group_ranks: prompt ranks between which a group of prompts lies, ascending from 0 to 1.
        output_ranks: ranks of the output's knots, ascending from 0 to 1.
        output_shares: share of the room at these ranks, one ascending row for each group.
        max_total_tokens: cap on prompt plus output.
        max_output_tokens: cap on the output.

    Raises:
        WorkloadError: knots do not fit together or do not ascend.
    """

    prompt_ranks: FloatArray
    prompt_tokens: FloatArray
    group_ranks: FloatArray
    output_ranks: FloatArray
    output_shares: FloatArray
    max_total_tokens: int
    max_output_tokens: int

    def __post_init__(self) -> None:
        for name in ("prompt_ranks", "group_ranks", "output_ranks"):
            ranks = getattr(self, name)
            if not (len(ranks) > 1 and ranks[0] == 0 and ranks[-1] == 1 and _ascend(ranks)):
                raise WorkloadError(f"{self.name}: {name} must ascend from 0 to 1")
        if not (
            self.prompt_tokens.shape == self.prompt_ranks.shape and _ascend(self.prompt_tokens)
        ):
            raise WorkloadError(f"{self.name}: prompt_tokens must ascend, one for each rank")
        shape = (len(self.group_ranks) - 1, len(self.output_ranks))
        if not (self.output_shares.shape == shape and _ascend(self.output_shares)):
            raise WorkloadError(f"{self.name}: output_shares must be {shape} and rows ascend")

    @property
    def name(self) -> str:
        return "sharegpt4-model"

    @property
    def note(self) -> str:
        return (
            f"a statistical model ({self.num_parameters} parameters) stands in for ShareGPT4; "
            "the workload sharegpt4 is the dataset itself"
        )

    @property
    def identity(self) -> str:
        knots = (
            *(self.prompt_ranks, self.prompt_tokens, self.group_ranks),
            *(self.output_ranks, self.output_shares),
        )
        caps = [self.max_total_tokens, self.max_output_tokens]
        return f"{self.name}:{json.dumps([*(k.tolist() for k in knots), *caps])}"

    @property
    def num_parameters(self) -> int:
        """Numbers that the fit chose; the ranks were chosen by hand."""
        return self.prompt_tokens.size + self.output_shares.size

    def sample(self, num_requests: int, rng: np.random.Generator) -> Lengths:
        """See `LengthSource.sample`. Takes two numbers a request from ``rng``."""
        rank, output_rank = rng.random((num_requests, 2)).T
        prompt = np.rint(np.interp(rank, self.prompt_ranks, self.prompt_tokens)).astype(np.int64)
        np.clip(prompt, 1, self.max_total_tokens - 1, out=prompt)
        group = np.searchsorted(self.group_ranks[1:-1], rank, side="right")
        share = np.empty(num_requests)
        for index, shares in enumerate(self.output_shares):
            members = group == index
            share[members] = np.interp(output_rank[members], self.output_ranks, shares)
        room = np.minimum(self.max_output_tokens, self.max_total_tokens - prompt)
        output = np.rint(share * room).astype(np.int64)
        return Lengths(prompt, np.clip(output, 1, room))

    def describe(self) -> Description:
        return summarize_sample(self)


def load_sharegpt4_model(path: Path = PARAMETERS) -> ShareGpt4Model:
    """The model from its parameter file.

    Raises:
        WorkloadError: the parameters do not fit together.
    """
    return model_from_json(json.loads(path.read_text(encoding="utf-8")))


def model_from_json(parameters: dict[str, Any]) -> ShareGpt4Model:
    """The model from a parsed parameter file.

    Raises:
        WorkloadError: the parameters do not fit together.
    """
    arrays = ("prompt_ranks", "prompt_tokens", "group_ranks", "output_ranks", "output_shares")
    return ShareGpt4Model(
        **{name: np.array(parameters[name], dtype=np.float64) for name in arrays},
        max_total_tokens=parameters["max_total_tokens"],
        max_output_tokens=parameters["max_output_tokens"],
    )


def _ascend(values: FloatArray) -> bool:
    return bool(np.all(np.diff(values, axis=-1) >= 0))
