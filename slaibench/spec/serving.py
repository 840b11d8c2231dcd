"""The system under test, as a study asks for it and as a cell records it: the same words.

In a study what is None is decided by the backend (``slaibench.studies.systems``), which also
refuses what does not go with it; in a cell None means that there is no such thing.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from slaibench.machine.disclosed import EngineArgs
from slaibench.machine.suggestion import did_you_mean
from slaibench.operators.deployment import OperatorSource, Precision
from slaibench.spec.option import Option

DEFAULT_MODEL = "mistral-7b"
DEFAULT_GPU = "h100"
LONGEST_NAME = 2000
"""Characters; a scheduler's options count."""


class Device(StrEnum):
    """What an engine computes on."""

    EMULATED = "emulated"
    """Nothing: a profile says how long each batch takes."""
    CPU = "cpu"
    CUDA = "cuda"


class Clock(StrEnum):
    """Whose time a recording's times are."""

    VIRTUAL = "virtual"
    """Computed: it jumps from batch to batch, and the same specification gives the same bytes."""
    REAL = "real"


class Part(BaseModel):
    """Some fields of a specification; those with an ``Option`` are on the command line."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _names(cls, values: Any) -> Any:
        """Refuse a field that is not there, with the one that was probably meant."""
        for name in values if isinstance(values, dict) else ():
            if name not in cls.model_fields:
                near = did_you_mean(str(name), cls.model_fields)
                fields = ", ".join(cls.model_fields)
                raise ValueError(f"there is no field {name!r}: {near}Fields: {fields}")
        return values


class BackendPart(Part):
    """Which backend serves, on what, in whose time."""

    backend: Annotated[
        str,
        Option(
            "sim (calibrated simulator), vllm or sglang (the real engines); a server that is there "
            "already: slaibench replay."
        ),
    ] = "sim"
    device: Annotated[
        Device | None,
        Option(
            "What an engine computes on. Default: emulated, which takes batch times from a profile "
            "and needs no GPU."
        ),
    ] = None
    clock: Annotated[
        Clock | None,
        Option(
            "Default: virtual where that is possible; real runs an emulated engine behind HTTP."
        ),
    ] = None


class EnginePart(Part):
    """What is served, by whose batch times, and with how much memory.

    Args:
        model: name of the catalog, Hugging Face id or path of a ``config.json``; for an endpoint,
            what it calls its model.
        gpu, profile: whose batch times, for what takes them from a profile; a cell names its
            profile by a fingerprint.
        weights: a checkpoint's folder or Hugging Face id; None: random weights.
        max_context_tokens: longest prompt + output that is taken; None: the model's (simulator),
            or a little more than the workload's longest request (an engine, whose memory it
            costs), or the endpoint decides.
        kv_blocks: None: the profile's number, or what the engine finds room for.
        async_scheduling: whether a batch is decided while the one before runs; None: as the engine
            does that the profile is of (``Profile.is_asynchronous``), or the real one.
        engine_args: more arguments of an engine's server, as its command line has them.
    """

    model: Annotated[
        str | None,
        Option(
            "Model of the catalog (slaibench models), a Hugging Face id, or a folder with a "
            f"config.json. Default: {DEFAULT_MODEL}.",
            file=True,
        ),
        Field(max_length=LONGEST_NAME),
    ] = None
    gpu: Annotated[
        str | None,
        Option(
            "GPU of the catalog (slaibench gpus) whose batch times are simulated or emulated. "
            f"Default: {DEFAULT_GPU}."
        ),
    ] = None
    profile: Annotated[
        str | None, Option("File of a profile of your own (instead of the catalog's).", file=True)
    ] = None
    weights: Annotated[
        str | None,
        Option(
            "Checkpoint: a folder, or a Hugging Face id, also id@revision. Default: random "
            "weights.",
            file=True,
        ),
    ] = None
    prefix_caching: Annotated[bool, Option("Keep KV blocks of common beginnings of prompts.")] = (
        False
    )
    async_scheduling: Annotated[
        bool | None,
        Option(
            "Decide a batch while the one before runs, as engines do today. Default: as the "
            "profile's engine does, or the real one."
        ),
    ] = None
    max_context_tokens: Annotated[
        int | None,
        Option(
            "Longest prompt + output. Default: the model's (sim), or a little more than the "
            "workload's longest request (engines)."
        ),
        Field(ge=2),
    ] = None
    kv_blocks: Annotated[
        int | None,
        Option("KV blocks. Default: the profile's number, or what the engine finds room for."),
        Field(ge=1),
    ] = None
    engine_args: Annotated[
        EngineArgs,
        Option(
            "More arguments of the engine's server, in one word: '--tensor-parallel-size=2 ...'."
        ),
    ] = None


class DeploymentPart(Part):
    """What a profile is made of, where none ships: how the model is spread and in which format.

    ``--tp`` also starts a real engine so. The rest decides no more than a profile, which a cell
    names by its fingerprint.

    Args:
        tp: GPUs that share each layer; None: 1.
        ep: groups that a mixture's experts are split over; None: 1.
        precision: None: the model's own.
        engine, engine_version: whose measured operators; None: of the profile that ships, else of
            vLLM, in its newest release.
    """

    tp: Annotated[
        int | None,
        Option("GPUs that share each layer (tensor parallel): of a profile, and of a real engine."),
        Field(ge=1, le=1024),
    ] = None
    ep: Annotated[
        int | None,
        Option("Groups of GPUs that a mixture's experts are split over (expert parallel)."),
        Field(ge=1, le=1024),
    ] = None
    precision: Annotated[
        Precision | None, Option("Number format of a profile's weights. Default: the model's own.")
    ] = None
    engine: Annotated[
        OperatorSource | None,
        Option(
            "Whose measured operators a profile is compiled from, or roofline: from shape and "
            "datasheet. Default: a profile that ships, else vllm."
        ),
    ] = None
    engine_version: Annotated[
        str | None,
        Option("Release of --engine whose operators were measured. Default: the newest."),
        Field(max_length=LONGEST_NAME),
    ] = None


class SpeculationPart(Part):
    """What decodes draft, on a device that only takes time: nothing says so of a real model's text.

    Args:
        speculative_tokens: that a decode drafts and verifies; None: it computes one token.
        acceptance_rate: probability that a drafted token is accepted, given those before it were.
    """

    speculative_tokens: Annotated[
        int | None,
        Option("Tokens that a decode drafts, and verifies in one batch (speculative decoding)."),
        Field(ge=1, le=1024),
    ] = None
    acceptance_rate: Annotated[
        float | None,
        Option("Of --speculative-tokens: probability that a drafted token is accepted; 0 to 1."),
        Field(ge=0, le=1),
    ] = None

    @model_validator(mode="after")
    def _both(self) -> Self:
        """Neither means anything alone."""
        if (self.speculative_tokens is None) != (self.acceptance_rate is None):
            raise ValueError(
                "--speculative-tokens says what a decode drafts, and --acceptance-rate how much of "
                "it is right: give both, or neither"
            )
        return self


class EndpointPart(Part):
    """A server that is there already.

    Args:
        only_openai: send it no field that OpenAI's own lacks; output lengths then vary.
        dialect: how else it is spoken to; None: as vLLM and SGLang understand it.
        timeout_s: a request that is not done so long after it was due has timed out.
    """

    url: Annotated[
        str | None,
        Option(
            "http://host:port of the server, or a whole .../v1/chat/completions. A key is taken "
            "from OPENAI_API_KEY."
        ),
        Field(repr=False, max_length=LONGEST_NAME),
    ] = None
    api: Annotated[str | None, Option("completions or chat. Default: completions.")] = None
    prompts: Annotated[
        str | None,
        Option(
            "token-ids, text, or conversation (what a workload's people really said). Default: "
            "token-ids, or text over the chat interface."
        ),
    ] = None
    only_openai: Annotated[
        bool,
        Option(
            "Send no field that OpenAI's own server lacks: --no-ignore-eos, --any-length and "
            "--no-continuous-usage."
        ),
    ] = False
    dialect: Any = None
    timeout_s: Annotated[
        float | None,
        Option(
            "Give a request up this many seconds after it was due. Default: 600.", flag="timeout"
        ),
        Field(gt=0, le=1e6, allow_inf_nan=False),
    ] = None


class MetricsPart(Part):
    """What a server says of itself, read beside its runs; it decides no recording.

    Args:
        metrics_url: where; None: at the server's ``/metrics``, if it has that; ``none``: nowhere.
    """

    metrics_url: Annotated[
        str | None,
        Option(
            "Where the server's Prometheus metrics are read once a second beside a run: a URL, or "
            "none. Default: the server's /metrics, where it has one."
        ),
        Field(repr=False, max_length=LONGEST_NAME),
    ] = None


SERVING: tuple[str, ...] = tuple(
    name
    for part in (BackendPart, EnginePart, SpeculationPart, EndpointPart)
    for name in part.model_fields
    if name not in ("profile", "dialect")
)
"""Fields that a study and its cells have in common, with the same meaning."""
