"""Flags of SGLang's server that a scheduler cannot be combined with, and why.

Some change what SGLang's own rule does, which does not decide under a scheduler of ours: they would
do nothing, in silence. With ``--scheduler engine`` they are taken.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Refusal:
    """A flag that is refused when it has another value than these.

    Args:
        flag: as the command line has it, without dashes in front.
        why: what is in the way; no full stop.
        fine: values that are taken, besides none and off.
        own_rule: whether SGLang's own rule takes any.
    """

    flag: str
    why: str
    fine: tuple[Any, ...] = ()
    own_rule: bool = False

    def words(self, value: Any) -> str:
        """The sentence for a user who gave a value."""
        way_out = "leave it out" + (", or serve with --scheduler engine" if self.own_rule else "")
        return f"--{self.flag} {value}: {self.why}: {way_out}"


_RANKS = "each rank decides for itself, and a scheduler that looks at the clock decides apart"
_IN_FLIGHT = "several batches are in flight, and a scheduler decides from the outcome of the last"
_UNSEEN = "it holds or moves KV blocks that no scheduler sees"
_HELD_BACK = "it holds prompts back, and a scheduler decides when they run"
_ORDER = "a scheduler has an order of its own, and chooses who is preempted"

REFUSALS = (
    Refusal("tp-size", _RANKS, (1,)),
    Refusal("dp-size", "several schedulers would write one record of steps", (1,)),
    Refusal("attn-dp-size", "replicas run in lockstep, and a scheduler lets decodes wait", (1,)),
    Refusal("enable-dp-attention", "replicas run in lockstep, and a scheduler lets decodes wait"),
    Refusal("attn-cp-size", _RANKS, (1,)),
    Refusal("dcp-size", _RANKS, (1,)),
    Refusal("moe-dp-size", _RANKS, (1,)),
    Refusal("dwdp-size", _RANKS, (1,)),
    Refusal("ep-size", _RANKS, (1,)),
    Refusal("nnodes", _RANKS, (1,)),
    Refusal("enable-prefill-cp", _RANKS),
    Refusal("enable-kv-cache-sharding", _RANKS),
    Refusal("max-ep-size", _RANKS, (1,)),
    Refusal("pp-size", _IN_FLIGHT, (1,)),
    Refusal("speculative-algorithm", "a decode gives more than one token"),
    Refusal("decoupled-spec-role", "a decode gives more than one token", ("null",)),
    Refusal("disaggregation-mode", "prefills and decodes must be in one server", ("null",)),
    Refusal("enable-pd-role-switch", "prefills and decodes must be in one server"),
    Refusal("enable-pdmux", _IN_FLIGHT),
    Refusal("encoder-only", "there is nothing to generate"),
    Refusal("dllm-algorithm", "a diffusion model has no decodes of one token"),
    Refusal("enable-hierarchical-cache", _UNSEEN),
    Refusal("enable-hisparse", _UNSEEN),
    Refusal("enable-lmcache", _UNSEEN),
    Refusal("enable-flexkv", _UNSEEN),
    Refusal("enable-unified-cache-external-linker", _UNSEEN),
    Refusal("radix-cache-backend", _UNSEEN),
    Refusal("enable-unified-memory", "the number of KV blocks changes while the server runs"),
    Refusal("enable-streaming-session", _UNSEEN),
    Refusal("enable-session-radix-cache", _UNSEEN),
    Refusal("schedule-policy", _ORDER, ("fcfs",), own_rule=True),
    Refusal("enable-priority-scheduling", _ORDER, own_rule=True),
    Refusal("retraction-policy", _ORDER, ("length",), own_rule=True),
    Refusal(
        "schedule-conservativeness",
        "a scheduler's watermark says what an admission leaves free",
        (1, 1.0),
        own_rule=True,
    ),
    Refusal(
        "max-prefill-tokens", "a scheduler's token_budget bounds a batch", (16384,), own_rule=True
    ),
    Refusal("prefill-max-requests", "a scheduler says who is in a batch", own_rule=True),
    Refusal("prefill-decode-interval", _HELD_BACK, own_rule=True),
    Refusal("enable-prefill-delayer", _HELD_BACK, own_rule=True),
    Refusal("min-free-slots-delay", _HELD_BACK, own_rule=True),
    Refusal("enable-dynamic-chunking", "a scheduler says how long a chunk is", own_rule=True),
    Refusal(
        "num-continuous-decode-steps", "a scheduler is asked at every step", (1,), own_rule=True
    ),
    Refusal(
        "enable-lora-overlap-loading",
        "an adapter that is on its way counts for nobody",
        own_rule=True,
    ),
)


def refused(args: Any, *, own_rule: bool) -> Iterator[tuple[Refusal, Any]]:
    """What stands in the way, with its value.

    Args:
        args: SGLang's ``ServerArgs``; a flag that it has not got is not set.
        own_rule: whether SGLang's own rule decides.
    """
    # Since 0.5.23 what is asked for in an older way is found under the new name.
    resolved = getattr(args, "resolved_dict", None)
    values = resolved() if callable(resolved) else vars(args)
    for refusal in REFUSALS:
        value = values.get(refusal.flag.replace("-", "_"))
        if value in (None, False, *refusal.fine) or (own_rule and refusal.own_rule):
            continue
        yield refusal, value
