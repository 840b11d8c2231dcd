"""A vLLM request and vLLM's state as a scheduler sees them; what vLLM itself does not keep."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from vllm.v1.request import RequestStatus

from slaibench.schedulers.engines.engine_view import EngineRequest, ServingView


class VllmRequest(EngineRequest):
    """``EngineRequest`` of one request of vLLM's.

    Args:
        longest: most tokens of a request, prompt and output.

    Attributes:
        resumes: a session with its next input: it holds blocks, and vLLM has not taken it back.
        final_tokens: how many of its tokens are computed when it has its last one.
        reserved_tokens: of those that its decodes verified, how many had a KV slot at most; those
            that were rejected keep theirs.
    """

    __slots__ = ("_longest", "final_tokens", "reserved_tokens", "resumes")

    def __init__(
        self,
        inner: Any,
        request_id: int,
        arrival_s: float,
        block_size: int,
        look_up: Callable[[Any], int],
        longest: int,
    ) -> None:
        said = getattr(inner.sampling_params, "extra_args", None)
        super().__init__(inner, request_id, arrival_s, block_size, look_up, said)
        self.resumes = False
        self.reserved_tokens = 0
        self._longest = longest
        self.final_tokens = min(inner.num_prompt_tokens + inner.max_tokens, longest) - 1

    @property
    def all_tokens(self) -> int:
        tokens: int = self.inner.num_tokens
        return tokens

    @property
    def prompt_tokens(self) -> int:
        tokens: int = self.inner.num_prompt_tokens
        return tokens

    @property
    def output_tokens(self) -> int:
        # Those of batches in flight are certain, only not said yet.
        tokens: int = self.inner.num_output_tokens + self.inner.num_output_placeholders
        return tokens

    @property
    def ends(self) -> bool:
        """Whether its last token is out or in flight (a stop token is not foreseen)."""
        ends: bool = self.computed >= self.final_tokens
        return ends

    @property
    def computed(self) -> int:  # type: ignore[override]  # vLLM keeps it
        tokens: int = self.inner.num_computed_tokens
        return tokens

    @property
    def decode_tokens(self) -> int:
        """Tokens that its next decode computes: one and what was drafted, as far as vLLM goes."""
        drafted: int = len(self.inner.spec_token_ids)
        return min(1 + drafted, self._longest - self.computed - 1) if drafted else 1

    @property
    def num_blocks(self) -> int:
        if self.waiting or not self.reserved_tokens:
            return super().num_blocks
        return max(super().num_blocks, -(-self.reserved_tokens // self._block_size))

    @property
    def needs_block(self) -> bool:
        if not self.reserved_tokens and not self.inner.spec_token_ids:
            return super().needs_block
        return self.computed + self.decode_tokens > self.num_blocks * self._block_size

    @property
    def adapter(self) -> int:
        """Number of its LoRA adapter; 0: none."""
        lora = self.inner.lora_request
        return lora.lora_int_id if lora else 0

    def lose_blocks(self) -> None:
        super().lose_blocks()
        self.resumes = False
        self.reserved_tokens = 0

    def resume(self) -> None:
        """Hold the blocks of a session's earlier inputs, with another input to prefill."""
        self.waiting, self.resumes = False, True


class VllmView(ServingView[VllmRequest]):
    """``ServingView`` of vLLM.

    vLLM has one list of those that run, in an order of its own; which of them still prefill, and
    in what order they came, is kept here.

    Attributes:
        ending: who gets the last token with a batch in flight: no candidate any more, but each
            still has its blocks and its place.
    """

    __slots__ = ("ending", "tokens_per_decode")

    def __init__(
        self,
        waiting: Sequence[VllmRequest],
        total_blocks: int,
        block_size: int,
        tokens_per_decode: int = 1,
    ) -> None:
        super().__init__(waiting, total_blocks, block_size)
        self.tokens_per_decode = tokens_per_decode
        self.ending: list[VllmRequest] = []

    def advance(self, prefills: Iterable[tuple[VllmRequest, int]]) -> None:
        """These chunks are computed: whoever is through decodes from now on."""
        for request, _ in prefills:
            inner = request.inner
            through = inner.num_computed_tokens >= request.prefill_tokens
            if through and inner.status == RequestStatus.RUNNING:
                self.prefilling.remove(request)
                self.decoding.append(request)

    def set_aside(self, ending: Sequence[VllmRequest]) -> None:
        """These get their last token with the batch that was handed over."""
        self.ending += ending
        gone = set(map(id, ending))
        self.decoding = [request for request in self.decoding if id(request) not in gone]

    def follow(self, running: Sequence[Any]) -> None:
        """Forget who finished, was aborted or preempted, or waits for a session's next input."""
        resuming = sum(request.resumes for request in self.prefilling)
        listed = len(self.prefilling) + len(self.decoding) + len(self.ending)
        if len(running) + resuming == listed:
            return
        self.prefilling = [*filter(_runs, self.prefilling)]
        self.decoding = [*filter(_runs, self.decoding)]
        self.ending = [*filter(_runs, self.ending)]


def _runs(request: VllmRequest) -> bool:
    if request.resumes:
        return True
    return not request.waiting and request.inner.status == RequestStatus.RUNNING
