"""Commands that say what there is: workloads, schedulers, models, GPUs."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.markup import escape

from slaibench.catalog.gpu import get_gpu, list_gpus
from slaibench.catalog.model import list_models
from slaibench.catalog.profiles import get_profile, list_profiles
from slaibench.catalog.validations import validations_of
from slaibench.cli import options
from slaibench.cli.shell import out, print_json, usage
from slaibench.cli.terminal import listed
from slaibench.operators.aiconfigurator import SYSTEMS
from slaibench.report.table import Heading
from slaibench.schedulers import registry as scheduler_registry
from slaibench.studies.scheduler_info import describe
from slaibench.studies.systems.profiled import board_grade, validated
from slaibench.workloads import registry as workload_registry
from slaibench.workloads.session_description import describe_sessions


def schedulers(as_json: options.Json = False) -> None:
    """List the schedulers, with their options and defaults."""
    with usage():
        rows: list[dict[str, Any]] = [
            {"name": name, "description": cls.description, "options": describe(name).options}
            for name, cls in scheduler_registry.available().items()
        ]
    if as_json:
        print_json(rows)
        return
    lines = [
        (
            row["name"],
            row["description"],
            ", ".join(f"{key}={value}" for key, value in row["options"].items()),
        )
        for row in rows
    ]
    out.print(listed("Schedulers", ("what it does", "options and defaults"), lines))
    out.print(
        "Written as name:option=value,... Your own: path/to/file.py:Class (docs/schedulers.md).",
        highlight=False,
    )


def models(as_json: options.Json = False) -> None:
    """List the models of the catalog."""
    rows: list[dict[str, Any]] = [
        {
            "name": model.name,
            "hf_id": model.hf_id,
            "layers": model.layers,
            "hidden": model.hidden,
            "params": model.num_params,
            "kv_bytes_per_token": model.kv_bytes_per_token,
            "max_context_tokens": model.max_context_tokens,
            "gpus": [gpu for gpu, name in list_profiles() if name == model.name],
            "source": model.source,
        }
        for model in list_models()
    ]
    if as_json:
        print_json(rows)
        return
    numbers = ("params", "layers x hidden", "KV bytes per token", "context tokens")
    lines = [
        (
            row["name"],
            f"{row['params'] / 1e9:.2f}B",
            f"{row['layers']} x {row['hidden']}",
            f"{row['kv_bytes_per_token']:,}",
            f"{row['max_context_tokens']:,}",
            ", ".join(row["gpus"]) or "-",
        )
        for row in rows
    ]
    out.print(listed("Models", (*map(Heading, numbers), "profiles that ship"), lines))
    out.print(
        "Any other: a Hugging Face id, or a folder or file of a config.json (docs/profiles.md).",
        highlight=False,
    )


def gpus(as_json: options.Json = False) -> None:
    """List the GPU profiles: what they were measured on and how far they can be trusted."""
    rows: list[dict[str, Any]] = []
    for gpu_name, model_name in list_profiles():
        profile = get_profile(gpu_name, model_name)
        gpu = get_gpu(gpu_name)
        rows.append(
            {
                "gpu": gpu_name,
                "model": model_name,
                "status": profile.status.value,
                "kv_blocks": profile.kv_blocks,
                "memory_bytes": gpu.memory_bytes,
                "bandwidth_gbps": gpu.bandwidth_gbps,
                "engine": profile.engine,
                "source": profile.source,
                "errors": dict(profile.errors),
                "validations": [validation.to_json() for validation in validations_of(profile)],
                "regime": {
                    "batch_tokens": profile.regime.batch_tokens,
                    "context_tokens": profile.regime.context_tokens,
                    "decodes": profile.regime.decodes,
                    "mixed_decodes": profile.regime.mixed_decodes,
                },
                "notes": list(profile.notes),
                "board": None if (board := board_grade(profile)) is None else board.to_json(),
            }
        )
    if as_json:
        print_json(rows)
        return
    columns: tuple[str | Heading, ...] = (
        *(Heading(title, is_text=True) for title in ("model", "status")),
        Heading("KV blocks"),
        Heading("grade", is_text=True),
        "largest known mean error",
    )
    lines = [
        (
            row["gpu"],
            row["model"],
            row["status"],
            f"{row['kv_blocks']:,}",
            _grade(row),
            _worst(row["errors"]),
        )
        for row in rows
    ]
    out.print(listed("GPU profiles", columns, lines, head="GPU"))
    out.print(
        "measured: every GPU term was measured on this card; compiled: its operators were, one by "
        "one; fitted: part of it was, or fitted to published points; datasheet: nothing was. "
        "Grade: of whole runs against an engine's (slaibench validate --log); *: of published runs "
        "on that GPU, mostly of other models (slaibench board); -: not validated. "
        "Sources, regimes, all errors: --json.",
        highlight=False,
    )
    with_profile = {row["gpu"] for row in rows}
    others = [gpu.name for gpu in list_gpus() if gpu.name not in with_profile]
    out.print(
        f"Other models, and {', '.join(others)}: slaibench profile --model ... --gpu ... makes a "
        f"profile; of {', '.join(SYSTEMS)} from operators that were measured (pip install "
        "'slaibench\\[profiles]'), of others from the datasheet.",
        highlight=False,
    )
    for row in rows:
        if row["validations"]:
            line = f"{row['gpu']}/{row['model']}: {validated(row)}"
            out.print(escape(line), highlight=False)


def _grade(row: dict[str, Any]) -> str:
    """Of runs on the profile itself, else the board's."""
    own = [str(run["grades"]["all"]) for run in row["validations"]]
    if own or row["board"] is None:
        return max(own, default="-")
    return f"{row['board']['grades']['all']}*"


def _worst(errors: dict[str, float]) -> str:
    """The largest of a profile's mean errors, and of what."""
    means = {name: value for name, value in errors.items() if not name.endswith("_max")} or errors
    if not means:
        return "not known"
    name = max(means, key=lambda key: means[key])
    return f"{means[name]:.1%} {name.removesuffix('_mean').replace('_', ' ')}"


def workload(
    name: Annotated[
        str | None, typer.Argument(help="A workload to describe; none: list them all.")
    ] = None,
    as_json: options.Json = False,
) -> None:
    """List the workloads, or describe one: where it is from and how long its requests are."""
    if name is None:
        entries = workload_registry.available()
        if as_json:
            fields = ("name", "form", "summary", "at_hand")
            print_json([{f: getattr(e, f) for f in fields} for e in entries])
            return
        at_hand = {True: "yes", False: "no", None: ""}
        lines = [(entry.form, entry.summary, at_hand[entry.at_hand]) for entry in entries]
        out.print(listed("Workloads", ("what it is", "at hand"), lines, head="write"))
        return
    with usage():
        source = workload_registry.resolve(name)
        description = source.describe()
        sessions = describe_sessions(source)
    if as_json:
        facts = {"name": source.name, "note": source.note, **description}
        if sessions:
            facts["sessions"] = sessions
        print_json(facts)
        return
    out.print(f"[bold]{escape(source.name)}[/]: {escape(source.note)}", highlight=False)
    rows = [
        (margin.removesuffix("_tokens"), *(f"{value:,.0f}" for value in statistics.values()))
        for margin, statistics in description.items()
    ]
    columns = [Heading(statistic) for statistic in next(iter(description.values()))]
    out.print(listed("", columns, rows, head="tokens"))
    if sessions:
        _print_sessions(sessions)


def _print_sessions(sessions: dict[str, dict[str, float]]) -> None:
    words = {"turns": "turns", "pause_s": "pause, s"}
    rows = [
        (words[name], *(f"{value:,.4g}" for value in sessions[name].values()))
        for name in words
        if name in sessions
    ]
    out.print(listed("", [Heading(name) for name in sessions["turns"]], rows, head="sessions"))
    if "shared" in sessions:
        out.print(
            f"{sessions['shared']['share']:.1%} of the tokens of later turns' prompts are those of "
            "the turn before, or its answer.",
            highlight=False,
        )
