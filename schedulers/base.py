"""The contract between a scheduler and whatever engine it steers.

A scheduler is called once an engine step. It is shown the requests (``EngineView``) and returns the
next batch (``Batch``): which requests decode, which prefill how many tokens, which lose their KV
blocks. It decides only: allocating, running and bookkeeping are the engine's. The simulator, vLLM
and SGLang all build the same view, so one scheduler object runs unchanged in each of them.

What an engine does with a batch, in this order: preempt, give each decode the block it needs (if
any), admit the waiting requests among the prefills (blocks for their whole prefill), run.

An engine that schedules asynchronously asks for a batch while the one before it runs. The view then
shows the requests as if that one were done (its tokens are counted, whoever gets their last token
with it is no candidate any more), ``begins_s`` says when it is expected to be done, and the calls
come in this order: ``schedule`` (batch n), ``batch_running`` (n), ``schedule`` (n + 1),
``batch_done`` (n), ``batch_running`` (n + 1) and so on.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any, Protocol

from slaibench.schedulers.batch import Batch, BatchWork

__all__ = [
    "Batch",
    "BatchWork",
    "EngineView",
    "FormerRequestNames",
    "FormerViewNames",
    "RequestView",
    "Scheduler",
    "SchedulerError",
    "one_of",
    "option_names",
    "whole_number",
]


class SchedulerError(RuntimeError):
    """A scheduler wanted something impossible; the message names the invariant and the request."""


class RequestView(Protocol):
    """What a scheduler may know of a request. Output length is not among it: nobody knows it.

    A request is *waiting* (holds no blocks), *prefilling* (holds blocks, prefill not finished) or
    *decoding* (prefill finished, more tokens to come).
    """

    @property
    def request_id(self) -> int | str: ...
    @property
    def arrival_s(self) -> float:
        """When it reached the engine, seconds on the engine's clock."""

    @property
    def prompt_tokens(self) -> int: ...
    @property
    def prefill_tokens(self) -> int:
        """Tokens to prefill: the prompt, plus the tokens generated before a preemption."""

    @property
    def computed_tokens(self) -> int:
        """Tokens whose KV is in the cache; of a waiting request, those it would find there
        (a prefix that others left)."""

    @property
    def output_tokens(self) -> int:
        """Output tokens generated so far."""

    @property
    def tier(self) -> str: ...
    @property
    def tbt_slo_s(self) -> float: ...
    @property
    def ttft_slo_s(self) -> float:
        """Objective of the time to its first token, seconds; infinite: it has none."""

    @property
    def ttft_due_s(self) -> float:
        """When that is, seconds on the engine's clock."""

    @property
    def priority(self) -> int:
        """The larger one matters more; 0 where nobody says."""

    @property
    def tenant(self) -> str:
        """On whose behalf it is; empty where nobody says."""

    @property
    def max_output_tokens(self) -> int | None:
        """Most tokens that its client lets it generate; None where nobody says."""

    @property
    def num_blocks(self) -> int:
        """KV blocks it holds."""

    @property
    def needs_block(self) -> bool:
        """Whether its next decode needs one KV block more than it holds, drafted tokens and all."""

    scheduler_data: Any
    """The scheduler's own; the engine only clears it (to None) when the request is preempted."""


class EngineView(Protocol):
    """State of the engine at a step. Read only; valid until the scheduler returns."""

    @property
    def now_s(self) -> float:
        """When the batch is decided, seconds on the engine's clock."""

    @property
    def begins_s(self) -> float:
        """When the batch will begin, as far as the engine can tell: ``now_s``, or, where it is
        decided while another runs, the expected end of that one. Deadlines are met from here on."""

    @property
    def waiting(self) -> Sequence[RequestView]:
        """By ``Scheduler.queue_key``; with equal keys the preempted ones first, then by arrival."""

    @property
    def prefilling(self) -> Sequence[RequestView]:
        """In the order they were admitted."""

    @property
    def decoding(self) -> Sequence[RequestView]:
        """In the order their prefills finished."""

    @property
    def free_blocks(self) -> int:
        """KV blocks that can be had now; those of requests that end with a running batch cannot."""

    @property
    def total_blocks(self) -> int: ...
    @property
    def block_size(self) -> int:
        """Tokens in a KV block."""

    @property
    def forward_s(self) -> float | None:
        """How long the device had the last batch: from when it was handed over until its tokens
        were back, seconds; None where the engine does not say."""

    @property
    def tokens_per_decode(self) -> int:
        """Most tokens that a decode takes of a batch's budget, and most that it gives: 1; with
        speculative decoding 1 + the drafted ones that it verifies. How many it gave says
        ``batch.work``."""

    @property
    def max_prefilling(self) -> int | None:
        """Most requests that may be prefilling after a batch; None: any number (SGLang: one)."""


class FormerRequestNames:
    """What a request of an engine had for schedulers of earlier versions."""

    __slots__ = ()
    scheduler_data: Any

    @property
    def policy_data(self) -> Any:
        return self.scheduler_data

    @policy_data.setter
    def policy_data(self, value: Any) -> None:
        self.scheduler_data = value


class FormerViewNames:
    """What an engine's view had for schedulers of earlier versions."""

    __slots__ = ()
    prefilling: Sequence[Any]
    max_prefilling: int | None

    @property
    def started(self) -> Sequence[Any]:
        return self.prefilling

    @property
    def max_started(self) -> int | None:
        return self.max_prefilling


def whole_number(name: str, value: Any) -> int:
    """The value of a scheduler's option that counts something.

    Raises:
        ValueError: it is not an integer of at least 1.
    """
    if not isinstance(value, int) or value < 1:
        raise ValueError(f"{name} must be a whole number of at least 1, not {value!r}")
    return value


def one_of(name: str, value: str, choices: Sequence[str]) -> str:
    """The value of a scheduler's option that is a choice.

    Raises:
        ValueError: it is none of the choices.
    """
    if value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(choices)}, not {value!r}")
    return value


class Scheduler:
    """Base of all schedulers: limits, defaults, and the two hooks every scheduler may override.

    Args:
        token_budget: most tokens a batch may hold.
        max_active: most requests that may hold KV blocks at a time.
        watermark: share of KV blocks an admission must leave free.

    Raises:
        ValueError: a limit is out of range; the message names it.
    """

    name = "abstract"
    description = ""

    def __init__(
        self, *, token_budget: int = 512, max_active: int = 128, watermark: float = 0.01
    ) -> None:
        self.token_budget = whole_number("token_budget", token_budget)
        self.max_active = whole_number("max_active", max_active)
        if not isinstance(watermark, int | float) or not 0 <= watermark < 1:
            raise ValueError(f"watermark must be in [0, 1), not {watermark!r}")
        self.watermark = watermark

    def queue_key(self, request: RequestView) -> Any:
        """Order of the waiting queue, asked once each time the request enters it. FCFS here."""
        return 0

    def schedule(self, view: EngineView) -> Batch:
        """Decide the next batch. Must change nothing but ``scheduler_data``."""
        raise NotImplementedError

    def batch_running(self, batch: Batch, end_s: float, view: EngineView) -> None:
        """Called before the next batch is decided while this one runs, and only then.

        A scheduler that has no method of its own here gets ``batch_done`` now, with the expected
        times, and not again. So whatever it notes there is there when it decides; what it learns of
        times there, it learns from expectations.

        Args:
            end_s: when it is expected to end.
            view: the state that is assumed after it.
        """

    def batch_done(self, batch: Batch, start_s: float, end_s: float, view: EngineView) -> None:
        """Called when a batch's tokens are out; ``view`` is the newest state.

        Where the next batch was decided before, that one is in the state already: read off
        ``batch.work``, not off the requests, what this batch did. Nothing may be kept from
        ``schedule`` for this call but on the batch, since another ``schedule`` may come between.
        """

    def options(self) -> dict[str, Any]:
        """Every option's value, for the record; enough to build the same scheduler again.

        Raises:
            TypeError: a subclass keeps an option under another name than its argument's.
        """
        names = option_names(type(self))
        missing = [name for name in names if not hasattr(self, name)]
        if missing:
            raise TypeError(
                f"{type(self).__name__} must keep its option {missing[0]!r} as self.{missing[0]}, "
                "so that a recording can say what it ran with"
            )
        return {name: getattr(self, name) for name in names}


def option_names(cls: type[Scheduler]) -> list[str]:
    """What a scheduler's constructor takes, sorted; with a base's options if it hands ``**`` on."""
    names = set()
    for base in cls.__mro__:
        if "__init__" not in vars(base):
            continue
        parameters = inspect.signature(base).parameters.values()
        names |= {
            parameter.name
            for parameter in parameters
            if parameter.kind in (parameter.KEYWORD_ONLY, parameter.POSITIONAL_OR_KEYWORD)
        }
        if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
            break
    return sorted(names)
