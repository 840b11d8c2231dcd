"""The endpoint backend: load on a server that somebody else runs."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from typing import Any

from slaibench.backends.base import BackendError, Progress, RunOutput, RunSettings
from slaibench.client.fetch import FetchError, served_models, token_counter
from slaibench.client.load import LoadResult, Look, run_load
from slaibench.client.prompts import (
    ConversationPrompts,
    Prompts,
    TokenIdPrompts,
    WordPrompts,
    calibrate,
)
from slaibench.client.scrape import Scraper
from slaibench.client.sizing import ClientError
from slaibench.client.target import Target
from slaibench.endpoint.dialect import Dialect
from slaibench.endpoint.prompt_kind import PromptKind
from slaibench.endpoint.server_metrics import NONE, address_of
from slaibench.endpoint.url import Api, public_url
from slaibench.recording.record import StepTable
from slaibench.schedulers.base import Scheduler
from slaibench.workloads.request import Request

_NO_ENTRY = (401, 403)
LEAST_VOCABULARY = 30_000
"""Token ids are drawn below this where nothing better is known: few models have fewer."""


@dataclass(frozen=True, slots=True)
class EndpointOptions:
    """A server, and how to load it. slaibench.client.target.Target says more of most of these.

    Args:
        model: as the server calls it; None: the only one it has.
        api: ``completions`` or ``chat``.
        prompts: a ``PromptKind``; None: token ids where the interface takes them.
        vocab_size: of the token ids.
        api_key: None: what the environment has in ``OPENAI_API_KEY``, if anything.
        processes: client processes; None: as many as the load needs.
        dialect: what else requests hold.
        metrics_url: where the server's metrics are read beside a run; None: at its ``/metrics``;
            ``none``: nowhere.

    Raises:
        ValueError: a value that no run could use; the message names it.
    """

    url: str = field(repr=False)
    model: str | None = None
    api: str = Api.COMPLETIONS.value
    prompts: str | None = None
    vocab_size: int = LEAST_VOCABULARY
    timeout_s: float = 600.0
    read_timeout_s: float | None = None
    api_key: str | None = field(default=None, repr=False)
    dialect: Dialect = field(default_factory=Dialect)
    extra_of: Callable[[Request], Mapping[str, Any]] | None = None
    processes: int | None = None
    metrics_url: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        apis = [api.value for api in Api]
        if self.api not in apis:
            raise ValueError(f"api must be {' or '.join(apis)}, not {self.api!r}")
        kinds = [kind.value for kind in PromptKind]
        if self.prompts not in (None, *kinds):
            raise ValueError(f"prompts must be one of {', '.join(kinds)}, not {self.prompts!r}")
        if self.prompts == PromptKind.TOKEN_IDS and self.api == Api.CHAT:
            raise ValueError("the chat interface takes no token ids: use prompts of text")
        if self.vocab_size < 1:
            raise ValueError(f"vocab_size must be at least 1, not {self.vocab_size}")
        if self.processes is not None and self.processes < 1:
            raise ValueError(f"processes must be at least 1, not {self.processes}")
        self.target("")
        if self.metrics_url not in (None, NONE):
            address_of(self.metrics_url)

    def target(self, model: str) -> Target:
        """How the client sees it, with the model's name."""
        return Target(
            url=self.url,
            model=model,
            api=Api(self.api),
            api_key=self.api_key or os.environ.get("OPENAI_API_KEY") or None,
            timeout_s=self.timeout_s,
            read_timeout_s=self.read_timeout_s,
            extra_of=self.extra_of,
            **self.dialect.plain(),
        )


class EndpointBackend:
    """Serves requests by whatever answers a URL (slaibench.backends.base.Backend).

    The scheduler given to ``run`` has no say: the server's own decides.
    """

    def __init__(self, options: EndpointOptions) -> None:
        self._options = options
        self._target: Target | None = None
        self._prompts: Prompts | None = None
        self._notes: tuple[str, ...] = ()
        self._has_metrics = options.metrics_url != NONE

    def close(self) -> None:
        """Nothing outlives a run."""

    def run(
        self, requests: Sequence[Request], scheduler: Scheduler, settings: RunSettings
    ) -> RunOutput:
        """Send the requests, each at its due time.

        Raises:
            BackendError: nothing listens there, it is no OpenAI-compatible server, it wants another
                key or model, or this machine cannot make the load.
        """
        if self._target is None or self._prompts is None:
            model, said = _model(self._options)
            self._target = self._options.target(model)
            self._prompts, lengths = _prompts(self._options, self._target)
            self._notes = said + lengths
        scraper = Scraper(self._target, self._options.metrics_url) if self._has_metrics else None
        try:
            with scraper or nullcontext():
                result = run_load(
                    self._target,
                    requests,
                    self._prompts,
                    seed=settings.seed,
                    horizon_s=settings.horizon_s,
                    look=_look(settings),
                    look_every_s=settings.stop_every_s,
                    processes=self._options.processes,
                    most_failures=settings.most_failures,
                    concurrency=settings.concurrency,
                )
        except ClientError as error:
            raise BackendError(str(error)) from error
        output = RunOutput(
            requests=result.requests,
            steps=StepTable.empty(),
            end_s=result.end_s,
            stopped_early=result.stopped_early,
            facts={
                "clock": "real",
                "client": result.facts.to_json(),
                **result.sessions.facts(),
            },
            notes=self._notes + result.notes,
        )
        return output if scraper is None else self._with_metrics(output, scraper, result)

    def _with_metrics(self, output: RunOutput, scraper: Scraper, load: LoadResult) -> RunOutput:
        """A run with what its server said of itself meanwhile."""
        self._has_metrics = not scraper.is_absent
        table = scraper.table(load.t0_monotonic_s, load.end_s)
        said = {} if table is None else {"server_metrics": scraper.facts()}
        return replace(
            output,
            server=table,
            facts={**output.facts, **said},
            notes=output.notes + scraper.notes,
        )


def _model(options: EndpointOptions) -> tuple[str, tuple[str, ...]]:
    """The name of the model to ask for, known to be there where the server says so, and what is to
    be said of that."""
    url = public_url(options.url)
    target = options.target(options.model or "")
    try:
        models = served_models(target)
    except FetchError as error:
        if options.model is None or not error.reached or error.status in _NO_ENTRY:
            raise BackendError(_refusal(options, error)) from error
        return options.model, ("the server does not say which models it has (/v1/models)",)
    if options.model is None:
        if len(models) == 1:
            return models[0], ()
        raise BackendError(
            f"{url} serves {len(models)} models: name one of {_listed(target, models)}"
        )
    if options.model not in models:
        raise BackendError(
            f"{url} has no model {options.model!r}; it has {_listed(target, models)}"
        )
    return options.model, ()


def _listed(target: Target, models: Sequence[str], most: int = 10) -> str:
    more = f" and {len(models) - most} more" if len(models) > most else ""
    return (target.quoter()(", ".join(models[:most]), 1000) or "none") + more


def _refusal(options: EndpointOptions, error: FetchError) -> str:
    url = public_url(options.url)
    if not error.reached:
        return f"nothing answers at {url} ({error}): start the server, or correct the URL"
    if error.status in _NO_ENTRY:
        given = "the API key was refused" if options.target("").api_key else "it wants an API key"
        return f"{url}: {given} ({error}); set OPENAI_API_KEY"
    return (
        f"{url} is no OpenAI-compatible server, or not at this path: asked for /v1/models, it "
        f"answered {error}; if it has no such route, name the model (--model)"
    )


def _prompts(options: EndpointOptions, target: Target) -> tuple[Prompts, tuple[str, ...]]:
    """Where prompts come from, and what is to be said of their lengths."""
    if options.prompts == PromptKind.CONVERSATION:
        return ConversationPrompts(target.api), (
            "prompts are what was said, as long as the server's tokenizer makes them: the "
            "recording has its counts, and the workload's where it gave none",
        )
    wants_ids = options.prompts == PromptKind.TOKEN_IDS
    if wants_ids or (options.prompts is None and target.api is Api.COMPLETIONS):
        return TokenIdPrompts(options.vocab_size), ()
    try:
        words = calibrate(token_counter(target))
    except FetchError:
        words = WordPrompts()
    if words.exact:
        return words, ()
    return words, (
        "prompt lengths are approximate (words, not tokens); the recording has the server's own "
        "counts where it gave them",
    )


def _look(settings: RunSettings) -> Look | None:
    stop = settings.stop
    if stop is None:
        return None
    return lambda now_s, due_s, left_s: stop(Progress(now_s, due_s, left_s, left_s))
