"""Any OpenAI-compatible URL as a venue: its engine, scheduler and speed are its own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from schedulers.base import Scheduler
from slaibench.backends.base import Backend, RunOutput
from slaibench.spec import Clock, StudySpec
from slaibench.study import policy
from slaibench.study.venues.base import NO_IDENTITY, Demand, Facts, Limit

if TYPE_CHECKING:
    from slaibench.backends.endpoint import EndpointOptions

TIMEOUT_S = 600.0


class Theirs(Scheduler):
    """Stands for whatever the server does; it decides nothing."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name


@dataclass(frozen=True)
class EndpointVenue:
    """A server somebody else runs."""

    TAKES: ClassVar[frozenset[str]] = frozenset(
        {
            *("clock", "url", "api", "prompts", "only_openai", "timeout_s"),
            "max_context_tokens",
        }
    )

    options: EndpointOptions
    model: str
    only_openai: bool
    max_context_tokens: int | None
    one_at_a_time: ClassVar[bool] = True

    @classmethod
    def settled(cls, spec: StudySpec) -> StudySpec:
        if not spec.url:
            raise ValueError("an endpoint needs its address: give --url http://host:port")
        if spec.clock is Clock.VIRTUAL:
            raise ValueError("an endpoint takes real time: leave --clock virtual out")
        if len(spec.schedulers) != 1:
            raise ValueError(
                "an endpoint has a scheduler of its own, and one label for it is all that a study "
                f"takes, not {', '.join(spec.schedulers)}"
            )
        api = spec.api or "completions"
        # A chat interface takes messages, which are text.
        prompts = spec.prompts or ("text" if api == "chat" else "token-ids")
        filled = {
            "api": api,
            "prompts": prompts,
            "clock": Clock.REAL,
            "model": spec.model or _only_model(spec.url),
            "timeout_s": spec.timeout_s or TIMEOUT_S,
        }
        return spec.model_copy(update=filled)

    @classmethod
    def build(cls, text: str) -> Scheduler:
        return Theirs(text)

    @classmethod
    def policy(cls, text: str) -> policy.Policy:
        theirs = cls.build(text)
        return policy.Policy({}, None, theirs.token_budget, theirs.max_active)

    @classmethod
    def of(cls, spec: StudySpec, demand: Demand) -> EndpointVenue:
        from slaibench.backends.endpoint import EndpointOptions  # noqa: PLC0415

        # Not every server knows fields that OpenAI's own has not; without them a length is a wish.
        extras = not spec.only_openai
        options = EndpointOptions(
            url=spec.url or "",
            model=spec.model,
            api=spec.api or "",
            prompts=spec.prompts,
            timeout_s=spec.timeout_s or TIMEOUT_S,
            ignore_eos=extras,
            exact_lengths=extras,
            continuous_usage=extras,
        )
        return cls(options, spec.model or "", spec.only_openai, spec.max_context_tokens)

    @staticmethod
    def describe(run: Facts) -> str:
        spec = run["spec"]
        model = f"model {spec['model']} over the {spec['api']} interface"
        return f"endpoint {spec['url']}: measured, {model}"

    def identity(self) -> Facts:
        return {
            **NO_IDENTITY,
            "backend": "endpoint",
            "clock": Clock.REAL,
            "model": self.model,
            "max_context_tokens": self.max_context_tokens,
            "url": self.options.url,
            "api": self.options.api,
            "prompts": self.options.prompts,
            "only_openai": self.only_openai,
            "timeout_s": self.options.timeout_s,
        }

    @staticmethod
    def modules(clock: Clock) -> tuple[str, ...]:
        return ("slaibench.backends.endpoint",)

    def limits(self) -> tuple[Limit, ...]:
        if self.max_context_tokens is None:
            return ()
        return (Limit("the context asked for", self.max_context_tokens),)

    def facts(self) -> Facts:
        return {}

    def notes(self, output: RunOutput) -> list[str]:
        return []

    def open(self, logs: Path) -> Backend:
        from slaibench.backends.endpoint import EndpointBackend  # noqa: PLC0415

        return EndpointBackend(self.options)


def _only_model(url: str) -> str:
    """What the server calls its model, which is part of what a recording is of.

    Raises:
        ValueError: it does not say, or has several.
    """
    from slaibench.backends.endpoint import EndpointOptions  # noqa: PLC0415
    from slaibench.client.ask import AskError, served_models  # noqa: PLC0415

    try:
        models = served_models(url, EndpointOptions(url).target("").all_headers())
    except AskError as error:
        raise ValueError(
            f"{url} does not say which model it serves ({error}): start the server, correct --url, "
            "or name the model with --model"
        ) from error
    if len(models) != 1:
        raise ValueError(f"{url} serves {len(models)} models: name one with --model: {models}")
    return models[0]
