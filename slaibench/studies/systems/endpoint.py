"""Any OpenAI-compatible URL as a system: its engine, scheduler and speed are its own."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from slaibench.backends.base import Backend, RunOutput
from slaibench.client.sizing import MAX_REQUEST_TOKENS
from slaibench.endpoint.dialect import Dialect
from slaibench.endpoint.prompt_kind import PromptKind
from slaibench.endpoint.url import is_public, parse_url, public_url
from slaibench.schedulers.base import Scheduler
from slaibench.spec import Clock, StudySpec
from slaibench.studies import scheduler_info
from slaibench.studies.systems.base import Demand, Facts, Limit

if TYPE_CHECKING:
    from slaibench.backends.endpoint import EndpointOptions

TIMEOUT_S = 600.0
MOST_MODELS = 10
"""Models that a message names."""


class Theirs(Scheduler):
    """Stands for whatever the server does; it decides nothing."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name


@dataclass(frozen=True)
class EndpointSystem:
    """A server somebody else runs."""

    TAKES: ClassVar[frozenset[str]] = frozenset(
        {
            *("clock", "url", "api", "prompts", "only_openai", "dialect", "timeout_s"),
            *("max_context_tokens", "metrics_url"),
        }
    )

    options: EndpointOptions
    model: str
    dialect: Dialect
    max_context_tokens: int | None
    one_at_a_time: ClassVar[bool] = True

    @classmethod
    def settled(cls, spec: StudySpec) -> StudySpec:
        if not spec.url:
            raise ValueError("an endpoint needs its address: give --url http://host:port")
        if is_public(spec.url):
            raise ValueError("the values in a URL's query are kept in no file: give --url again")
        if spec.clock is Clock.VIRTUAL:
            raise ValueError("an endpoint takes real time: leave --clock virtual out")
        if len(spec.schedulers) != 1:
            raise ValueError(
                "an endpoint has a scheduler of its own, and one label for it is all that a study "
                f"takes, not {', '.join(spec.schedulers)}"
            )
        if spec.metrics_url is not None and is_public(spec.metrics_url):
            raise ValueError(
                "the values in a URL's query are kept in no file: give --metrics-url again"
            )
        named = parse_url(spec.url).api
        api = spec.api or (named.value if named else "completions")
        # A chat interface takes messages, which are text.
        default = PromptKind.TEXT if api == "chat" else PromptKind.TOKEN_IDS
        prompts = spec.prompts or default.value
        filled = {
            "api": api,
            "prompts": prompts,
            "clock": Clock.REAL,
            "timeout_s": spec.timeout_s or TIMEOUT_S,
        }
        spec = spec.model_copy(update=filled)
        return spec.model_copy(update={"model": spec.model or _only_model(_options(spec))})

    @classmethod
    def build(cls, text: str) -> Scheduler:
        return Theirs(text)

    @classmethod
    def info_of(cls, text: str) -> scheduler_info.SchedulerInfo:
        theirs = cls.build(text)
        return scheduler_info.SchedulerInfo({}, None, theirs.token_budget, theirs.max_active)

    @classmethod
    def of(cls, spec: StudySpec, demand: Demand) -> EndpointSystem:
        return cls(_options(spec), spec.model or "", _dialect(spec), spec.max_context_tokens)

    @staticmethod
    def describe(run: Facts) -> str:
        spec = run["spec"]
        model = f"model {spec['model']} over the {spec['api']} interface"
        return f"endpoint {spec['url']}: measured, {model}"

    def identity(self) -> Facts:
        return {
            "backend": "endpoint",
            "clock": Clock.REAL,
            "model": self.model,
            "max_context_tokens": self.max_context_tokens,
            "url": public_url(self.options.url),
            "api": self.options.api,
            "prompts": self.options.prompts,
            "only_openai": self.dialect.is_openai,
            "dialect": self.dialect.identity(),
            "timeout_s": self.options.timeout_s,
        }

    @staticmethod
    def modules(clock: Clock) -> tuple[str, ...]:
        return ("slaibench.backends.endpoint",)

    def limits(self) -> tuple[Limit, ...]:
        ours = Limit("the longest request that can be sent", MAX_REQUEST_TOKENS)
        if self.max_context_tokens is None:
            return (ours,)
        return (Limit("the context asked for", self.max_context_tokens), ours)

    def facts(self) -> Facts:
        return {}

    def notes(self, output: RunOutput) -> list[str]:
        return []

    def open(self, logs: Path) -> Backend:
        from slaibench.backends.endpoint import EndpointBackend  # noqa: PLC0415

        return EndpointBackend(self.options)


def _dialect(spec: StudySpec) -> Dialect:
    """How the endpoint is spoken to, all options together."""
    dialect = spec.dialect or Dialect()
    return dialect.as_openai() if spec.only_openai else dialect


def _options(spec: StudySpec) -> EndpointOptions:
    """Raises ValueError: a value that no run could use."""
    from slaibench.backends.endpoint import EndpointOptions  # noqa: PLC0415

    return EndpointOptions(
        url=spec.url or "",
        model=spec.model,
        api=spec.api or "",
        prompts=spec.prompts,
        timeout_s=spec.timeout_s or TIMEOUT_S,
        dialect=_dialect(spec),
        metrics_url=spec.metrics_url,
    )


def _only_model(options: EndpointOptions) -> str:
    """What the server calls its model, which is part of what a recording is of.

    Raises:
        ValueError: it does not say, or has several.
    """
    from slaibench.client.fetch import FetchError, served_models  # noqa: PLC0415

    url = public_url(options.url)
    target = options.target("")
    try:
        models = served_models(target)
    except FetchError as error:
        way_out = "start the server, correct --url, or name the model with --model"
        if error.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            way_out = "give its key in OPENAI_API_KEY, or in a --header"
        raise ValueError(
            f"{url} does not say which model it serves ({error}): {way_out}"
        ) from error
    if len(models) != 1:
        listed = target.quoter()(", ".join(models[:MOST_MODELS]), 1000) + (
            " and more" if models[MOST_MODELS:] else ""
        )
        raise ValueError(f"{url} serves {len(models)} models: name one with --model: {listed}")
    return models[0]
