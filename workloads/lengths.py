"""How long requests are: what a source of lengths must offer, and those made of no recording."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from slaibench.workloads.content import Contents
from slaibench.workloads.errors import WorkloadError
from slaibench.workloads.options import parse_count, parse_options
from slaibench.workloads.terms import Terms

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.9, 0.99)
DESCRIBED_REQUESTS = 100_000
"""Requests sampled to describe a source that is not a table."""
LEAST_KEPT_SHARE = 0.01
"""Share of requests that a `max_total_tokens` must leave; below it, it is surely a mistake."""

Description = Mapping[str, Mapping[str, float]]
"""Mean, quantiles and extremes of ``prompt_tokens``, ``output_tokens`` and ``total_tokens``."""


@dataclass(frozen=True, slots=True)
class Lengths:
    """Lengths of some requests: two arrays of the same length, every entry at least 1.

    Args:
        contents: what their prompts are made of; None: no two have anything in common.
        terms: what else is said of them; None: nothing.
    """

    prompt_tokens: IntArray
    output_tokens: IntArray
    contents: Contents | None = None
    terms: Terms | None = None

    def __len__(self) -> int:
        return len(self.prompt_tokens)

    @property
    def total_tokens(self) -> IntArray:
        """Prompt plus output tokens of each request."""
        return self.prompt_tokens + self.output_tokens

    def take(self, index: IntArray | slice) -> Lengths:
        """The requests at ``index``."""
        contents = self.contents and self.contents.take(index)
        terms = self.terms and self.terms.take(index)
        return Lengths(self.prompt_tokens[index], self.output_tokens[index], contents, terms)


class LengthSource(Protocol):
    """Where lengths come from. Any object with these members is one; nothing to inherit."""

    @property
    def name(self) -> str:
        """What the user writes to have it."""

    @property
    def note(self) -> str:
        """One line for the output: what it is, where it is from, what it stands in for."""

    @property
    def identity(self) -> str:
        """Text that changes whenever the lengths it yields may change; `fingerprint` hashes it."""

    def sample(self, num_requests: int, rng: np.random.Generator) -> Lengths:
        """Lengths of ``num_requests`` requests.

        From the same generator state, asking for more must leave the first ones as they were.
        """

    def describe(self) -> Description:
        """Mean, quantiles and extremes; see `summarize`."""


@runtime_checkable
class RecordedSource(Protocol):
    """A source with the order and, if ``arrival_s`` is not None, the times of a recording."""

    @property
    def arrival_s(self) -> FloatArray | None:
        """Recorded arrival times, seconds, ascending."""

    @property
    def recorded(self) -> Lengths:
        """All rows as they were recorded."""


def summarize(lengths: Lengths) -> Description:
    """Mean, quantiles and extremes of prompt, output and total tokens."""
    columns = {
        "prompt_tokens": lengths.prompt_tokens,
        "output_tokens": lengths.output_tokens,
        "total_tokens": lengths.total_tokens,
    }
    return {column: statistics(values) for column, values in columns.items()}


def statistics(values: IntArray | FloatArray) -> dict[str, float]:
    """Mean, quantiles and extremes."""
    return {
        "mean": float(values.mean()),
        "min": float(values.min()),
        **{
            f"p{100 * q:g}": float(value)
            for q, value in zip(QUANTILES, np.quantile(values, QUANTILES), strict=True)
        },
        "max": float(values.max()),
    }


def summarize_sample(source: LengthSource) -> Description:
    """The same of a source without a table: from a fixed sample, so always the same numbers."""
    return summarize(source.sample(DESCRIBED_REQUESTS, np.random.default_rng(0)))


@dataclass(frozen=True, slots=True)
class UniformLengths:
    """Independent uniform lengths, both ends included; equal ends make them fixed.

    Args:
        prompt_tokens: least and most prompt tokens.
        output_tokens: least and most output tokens.

    Raises:
        WorkloadError: a range is empty or begins below 1.
    """

    prompt_tokens: tuple[int, int]
    output_tokens: tuple[int, int]

    def __post_init__(self) -> None:
        for what, (low, high) in (("prompt", self.prompt_tokens), ("output", self.output_tokens)):
            if not 1 <= low <= high:
                raise WorkloadError(
                    f"{what} lengths must satisfy 1 <= low <= high, not {low}-{high}"
                )

    @property
    def name(self) -> str:
        (p_low, p_high), (o_low, o_high) = self.prompt_tokens, self.output_tokens
        if p_low == p_high and o_low == o_high:
            return f"fixed:prompt={p_low},output={o_low}"
        return f"uniform:prompt={p_low}-{p_high},output={o_low}-{o_high}"

    @property
    def note(self) -> str:
        prompt, output = (
            f"{low}" if low == high else f"{low} to {high}"
            for low, high in (self.prompt_tokens, self.output_tokens)
        )
        return f"synthetic: {prompt} prompt tokens, {output} output tokens"

    @property
    def identity(self) -> str:
        return self.name

    def sample(self, num_requests: int, rng: np.random.Generator) -> Lengths:
        """See `LengthSource.sample`. Takes two numbers a request from ``rng``."""
        low = np.array([self.prompt_tokens[0], self.output_tokens[0]])
        high = np.array([self.prompt_tokens[1], self.output_tokens[1]])
        # Not rng.integers: its rejections would make a row depend on how many are drawn.
        u = rng.random((num_requests, 2))
        prompt, output = (low + np.floor(u * (high - low + 1)).astype(np.int64)).T
        return Lengths(prompt, output)

    def describe(self) -> Description:
        return summarize_sample(self)


@dataclass(frozen=True, slots=True)
class ScaledOutputs:
    """Another source with stretched outputs: every length times one factor, rounded, at least 1.

    Requests that would be longer than ``max_total_tokens`` have their output cut there, so that the
    prompts stay what they are; the mean is then a little less than wanted.

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
        outputs = np.minimum(output, self.max_total_tokens - prompts)
        # What a client lets a request generate is about the output that it had.
        terms = lengths.terms and lengths.terms.without("max_output_tokens")
        return Lengths(prompts, outputs, lengths.contents, terms)

    def describe(self) -> Description:
        return summarize_sample(self)


def parse_fixed(text: str) -> UniformLengths:
    """Read ``prompt=1024,output=128``.

    Raises:
        WorkloadError: a length is missing, unknown, or not a whole number of at least 1.
    """
    options = parse_options("fixed", text)
    options.only(("prompt", "output"))
    prompt, output = (
        parse_count(f"fixed: {key}", options.text(key)) for key in ("prompt", "output")
    )
    return UniformLengths((prompt, prompt), (output, output))


def parse_uniform(text: str) -> UniformLengths:
    """Read ``prompt=1-2048,output=1-512``.

    Raises:
        WorkloadError: a range is missing, unknown, malformed or empty.
    """
    options = parse_options("uniform", text)
    options.only(("prompt", "output"))
    return UniformLengths(
        *(_range(f"uniform: {key}", options.text(key)) for key in ("prompt", "output"))
    )


def _range(what: str, text: str) -> tuple[int, int]:
    low, dash, high = text.partition("-")
    if not dash:
        raise WorkloadError(f"{what} must be a range such as 1-2048, not {text!r}")
    return parse_count(f"{what}, low end", low), parse_count(f"{what}, high end", high)
