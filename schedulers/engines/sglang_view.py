"""An SGLang request, and SGLang's state, as a scheduler sees them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from slaibench.schedulers.engines.engine_view import EngineRequest, ServingView
from slaibench.schedulers.waiting import WaitingQueue


class SglangRequest(EngineRequest):
    """``EngineRequest`` of one request of SGLang's.

    Attributes:
        is_embedded: whether its prompt is given as embeddings.
        wants_logprobs, was_scheduled: what their names say.
        tokens_in_flight: output tokens that batches in flight bring it; they count as generated.
    """

    __slots__ = (
        "computed",
        "is_embedded",
        "tokens_in_flight",
        "wants_logprobs",
        "was_scheduled",
    )

    def __init__(
        self,
        inner: Any,
        request_id: int,
        arrival_s: float,
        block_size: int,
        look_up: Callable[[Any], int],
    ) -> None:
        said = inner.sampling_params.custom_params
        self.tokens_in_flight = 0
        super().__init__(inner, request_id, arrival_s, block_size, look_up, said)
        self.computed = 0
        self.was_scheduled = False
        self.is_embedded = getattr(inner, "input_embeds", None) is not None
        self.wants_logprobs = bool(inner.return_logprob)

    @property
    def all_tokens(self) -> int:
        return self.prompt_tokens + self.output_tokens

    @property
    def prompt_tokens(self) -> int:
        return len(self.inner.origin_input_ids)

    @property
    def output_tokens(self) -> int:
        return len(self.inner.output_ids) + self.tokens_in_flight

    @property
    def is_ending(self) -> bool:
        """Whether it has all the tokens that it may generate, those in flight among them."""
        ending: bool = self.output_tokens >= self.inner.sampling_params.max_new_tokens
        return ending

    @property
    def keeps_token(self) -> bool:
        """Whether a token in flight can be given to it although it is preempted.

        Not where SGLang keeps more of a token than its id: logprobs, hidden states, the state of a
        grammar, the count of a thinking model. Who has embeddings begins anew.
        """
        inner = self.inner
        return not (
            self.is_embedded
            or self.wants_logprobs
            or inner.grammar is not None
            or getattr(inner, "return_hidden_states", False)
            or getattr(inner, "return_sampling_mask", False)
            or getattr(inner, "require_reasoning", False)
        )

    @property
    def tokens_left(self) -> int:
        """Of its prefill."""
        return self.prefill_tokens - self.computed

    @property
    def is_done(self) -> bool:
        """Whether it has finished, or was aborted."""
        done: bool = self.inner.finished()
        return done

    def lose_blocks(self) -> None:
        super().lose_blocks()
        self.computed = 0


class SglangView(ServingView[SglangRequest]):
    """``ServingView`` of SGLang. On a GPU a step's device time ends somewhere inside SGLang's
    processing of its result, so ``forward_s`` stays None."""

    max_prefilling: int | None = 1  # SGLang's chunked_req
    __slots__ = ()

    @property
    def holds_any(self) -> bool:
        """Whether there is anybody to decide about."""
        return bool(self.waiting or self.prefilling or self.decoding)

    def advance(
        self, decodes: Iterable[SglangRequest], prefills: Iterable[tuple[SglangRequest, int]]
    ) -> None:
        """These tokens are computed: whoever is through with its prefill decodes from now on."""
        for request in decodes:
            request.computed += 1
        for request, tokens in prefills:
            request.computed += tokens
            if request.computed >= request.prefill_tokens:
                self.prefilling.remove(request)
                self.decoding.append(request)

    def drop_finished(self) -> None:
        """Forget who is done or was aborted."""
        self.prefilling = [request for request in self.prefilling if not request.is_done]
        self.decoding = [request for request in self.decoding if not request.is_done]

    def forget_the_aborted(self, num_rows: int) -> None:
        """Forget who was aborted since the last step.

        Args:
            num_rows: requests in SGLang's batches that decode.
        """
        if len(self.decoding) != num_rows or self.prefilling:
            self.drop_finished()

    def drop(self, request: SglangRequest) -> None:
        """It loses its place, if it has one."""
        for holders in (self.prefilling, self.decoding):
            if request in holders:
                holders.remove(request)


def drop_those_not_in(queue: Sequence[Any], in_order: WaitingQueue[SglangRequest]) -> None:
    """Have our order of the waiting queue hold no request that SGLang's has no longer."""
    if len(in_order) == len(queue):
        return
    queued = set(map(id, queue))
    for request in list(in_order.requests):
        if id(request.inner) not in queued:
            in_order.remove(request)
