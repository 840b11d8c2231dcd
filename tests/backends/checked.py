"""An engine that is audited after every step, from what its batches say and nothing else."""

from __future__ import annotations

from dataclasses import dataclass

from slaibench.backends.simulator.batch_timer import BatchTimer
from slaibench.backends.simulator.engine import Engine
from slaibench.backends.simulator.kv_blocks import KvBlocks
from slaibench.backends.simulator.state import SimRequest
from slaibench.schedulers.base import Batch, Scheduler


@dataclass
class Account:
    """What the audit knows of a request: its own count, from the batches it was in."""

    request: SimRequest
    prefill_tokens: int
    cached_tokens: int = 0
    output_tokens: int = 0
    active: bool = False

    @property
    def decoding(self) -> bool:
        return self.active and self.cached_tokens >= self.prefill_tokens


class CheckedEngine(Engine):
    """Engine whose every step is checked by the invariants of docs/design.md."""

    def __init__(self, scheduler: Scheduler, timer: BatchTimer, blocks: KvBlocks) -> None:
        super().__init__(scheduler, timer, blocks)
        self.accounts: dict[SimRequest, Account] = {}
        self.num_preempted = 0
        self.idle_with_room: str | None = None
        """The first step that left an admissible request or a decode out with room to spare."""

    def add(self, request: SimRequest) -> None:
        super().add(request)
        self.accounts[request] = Account(request, request.prompt_tokens)

    def step(self) -> Batch:
        before_s = self.now_s
        steps = len(self.steps)
        batch = super().step()
        assert self.now_s >= before_s, "invariant 3"
        assert len(self.steps) == steps + bool(batch)
        self._post(batch)
        self._check_limits_of(batch)
        if batch:
            self._check_step_record(batch)
            self._look_for_room(batch)
        self._drop_finished()
        self._check_books()
        return batch

    def _post(self, batch: Batch) -> None:
        """Enter the batch into the accounts, as the contract says it is carried out."""
        for request in batch.preempt:
            account = self.accounts[request]
            assert account.active, "invariant 2: preempted without blocks"
            account.active = False
            account.prefill_tokens = request.prompt_tokens + account.output_tokens
            account.cached_tokens = 0
            self.num_preempted += 1
        prefilled: list[Account] = []
        for request, tokens in batch.prefills:
            account = self.accounts[request]
            assert not account.decoding
            account.active = True
            account.cached_tokens += tokens
            assert tokens > 0
            assert account.cached_tokens <= account.prefill_tokens, "invariant 6"
            if account.decoding:
                prefilled.append(account)
        for request in batch.decodes:
            account = self.accounts[request]
            assert account.decoding, "invariant 5"
            assert account not in prefilled, "prefilled and decoded in one batch"
            account.cached_tokens += 1
            account.output_tokens += 1
        for account in prefilled:
            account.output_tokens += 1

    def _check_limits_of(self, batch: Batch) -> None:
        scheduler = self._scheduler
        assert len(set(batch.decodes)) == len(batch.decodes), "invariant 5"
        assert batch.num_tokens <= scheduler.token_budget, "invariant 5"
        active = sum(account.active for account in self.accounts.values())
        assert active <= scheduler.max_active, "invariant 5"
        decode_limit = getattr(scheduler, "decode_limit", scheduler.token_budget)
        assert len(batch.decodes) <= decode_limit, "invariant 5"

    def _check_step_record(self, batch: Batch) -> None:
        accounts = self.accounts.values()
        _, _, prefill_tokens, decodes, critical, waiting, active, blocks, _ = self.steps[-1]
        assert prefill_tokens == sum(tokens for _, tokens in batch.prefills)
        assert decodes == len(batch.decodes) >= critical
        assert active == sum(account.active for account in accounts)
        assert waiting == len(accounts) - active
        assert blocks == sum(self._blocks(account) for account in accounts)

    def _look_for_room(self, batch: Batch) -> None:
        """Invariant 9; a scheduler that is not work-conserving may well do that."""
        scheduler = self._scheduler
        if self.idle_with_room or batch.num_tokens >= scheduler.token_budget:
            return
        in_batch = {*batch.decodes, *(request for request, _ in batch.prefills)}
        limit = getattr(scheduler, "decode_limit", scheduler.token_budget)
        active = [account for account in self.accounts.values() if account.active]
        for account in active:
            if account.request not in in_batch:
                started = not account.decoding
                if started or len(batch.decodes) < limit:
                    self.idle_with_room = f"request {account.request.request_id} is left out"
        free = self.total_blocks - sum(self._blocks(account) for account in active)
        waiting = [request for request in self.waiting if request not in batch.preempt]
        if waiting and len(active) < scheduler.max_active and not batch.preempt:
            reserve = int(scheduler.watermark * self.total_blocks)
            needed = -(-self.accounts[waiting[0]].prefill_tokens // self.block_size)
            if needed + reserve <= free:
                self.idle_with_room = f"request {waiting[0].request_id} could be admitted"

    def _drop_finished(self) -> None:
        present = {*self.waiting, *self.prefilling, *self.decoding}
        assert len(present) == len(self.waiting) + len(self.prefilling) + len(self.decoding)
        for request, account in list(self.accounts.items()):
            wanted = request.final_tokens - request.prompt_tokens + 1
            assert account.output_tokens <= wanted, "invariant 6"
            assert (request in present) == (account.output_tokens < wanted), "invariants 1, 6"
            if request not in present:
                del self.accounts[request]
        assert present == set(self.accounts), "invariant 1"

    def _check_books(self) -> None:
        """The engine's state is what the accounts say it must be."""
        held = 0
        for request, account in self.accounts.items():
            assert request.output_tokens == account.output_tokens, "invariant 6"
            assert request.computed_tokens == account.cached_tokens
            assert request.prefill_tokens == account.prefill_tokens
            assert request.num_blocks == self._blocks(account), "invariant 2"
            place = (
                self.decoding
                if account.decoding
                else self.prefilling
                if account.active
                else self.waiting
            )
            assert request in place
            held += request.num_blocks
        assert self.free_blocks >= 0, "invariant 2"
        assert self.free_blocks + held == self.total_blocks, "invariant 2"

    def _blocks(self, account: Account) -> int:
        """A whole prefill has its blocks from admission on; a decode adds one as it needs it."""
        if not account.active:
            return 0
        return -(-max(account.prefill_tokens, account.cached_tokens) // self.block_size)
