"""Commands that say what there is: workloads, schedulers, models, GPUs."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from slaibench.catalog.gpu import get_gpu
from slaibench.catalog.model import list_models
from slaibench.catalog.profiles import get_profile, list_profiles
from slaibench.catalog.validations import validations_of
from slaibench.cli import options
from slaibench.cli.shell import out, print_json, usage
from slaibench.cli.terminal import plain_table
from slaibench.schedulers import registry as scheduler_registry
from slaibench.studies.scheduler_info import describe
from slaibench.studies.systems.profiled import validated
from slaibench.workloads import registry as workload_registry


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
    table = Table(title="Schedulers")
    table.add_column("name", no_wrap=True)
    for heading in ("what it does", "options and defaults"):
        table.add_column(heading)
    for row in rows:
        values = ", ".join(f"{key}={value}" for key, value in row["options"].items())
        table.add_row(row["name"], row["description"], values)
    out.print(table)
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
    table = Table(title="Models")
    table.add_column("name", no_wrap=True)
    for heading in ("params", "layers x hidden", "KV bytes per token", "context tokens"):
        table.add_column(heading, justify="right")
    table.add_column("profiles for", overflow="fold")
    for row, model in zip(rows, list_models(), strict=True):
        table.add_row(
            model.name,
            f"{model.num_params / 1e9:.2f}B",
            f"{model.layers} x {model.hidden}",
            f"{model.kv_bytes_per_token:,}",
            f"{model.max_context_tokens:,}",
            ", ".join(row["gpus"]) or "-",
        )
    out.print(table)


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
            }
        )
    if as_json:
        print_json(rows)
        return
    table = plain_table()
    table.title = "GPU profiles"
    for heading in ("GPU", "model", "status"):
        table.add_column(heading, no_wrap=True)
    table.add_column("KV blocks", justify="right", no_wrap=True)
    table.add_column("grade", no_wrap=True)
    table.add_column("largest known mean error")
    for row in rows:
        table.add_row(
            row["gpu"],
            row["model"],
            row["status"],
            f"{row['kv_blocks']:,}",
            max((run["grades"]["all"] for run in row["validations"]), default="-"),
            escape(_worst(row["errors"])),
        )
    out.print(table)
    out.print(
        "measured: every GPU term was measured on this card; fitted: part of it was, or fitted to "
        "published points; datasheet: nothing was. Grade: of whole runs against an engine's "
        "(slaibench validate --log); -: not validated. Sources, regimes, all errors: --json.",
        highlight=False,
    )
    for row in rows:
        if row["validations"]:
            line = f"{row['gpu']}/{row['model']}: {validated(row)}"
            out.print(escape(line), highlight=False)


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
        table = Table(title="Workloads")
        table.add_column("write", overflow="fold")
        for heading in ("what it is", "at hand"):
            table.add_column(heading)
        for entry in entries:
            at_hand = {True: "yes", False: "no", None: ""}[entry.at_hand]
            table.add_row(escape(entry.form), entry.summary, at_hand)
        out.print(table)
        return
    with usage():
        source = workload_registry.resolve(name)
        description = source.describe()
    if as_json:
        facts = {"name": source.name, "note": source.note, **description}
        print_json(facts)
        return
    out.print(f"[bold]{escape(source.name)}[/]: {escape(source.note)}", highlight=False)
    table = Table()
    table.add_column("tokens")
    for statistic in next(iter(description.values())):
        table.add_column(statistic, justify="right")
    for margin, statistics in description.items():
        table.add_row(
            margin.removesuffix("_tokens"), *(f"{value:,.0f}" for value in statistics.values())
        )
    out.print(table)
