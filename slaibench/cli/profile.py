"""``slaibench profile``: how long a model's batches take on a GPU, and how that is known."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from slaibench.catalog.profile import Profile
from slaibench.catalog.profiles import profile_text
from slaibench.cli import options
from slaibench.cli.expand import expanded
from slaibench.cli.options import ProfileOptions
from slaibench.cli.shell import out, print_json, print_line, usage
from slaibench.cli.terminal import listed
from slaibench.costmodel import CostModel
from slaibench.machine.atomic_write import write_whole
from slaibench.report.table import Heading
from slaibench.spec import StudySpec
from slaibench.studies.systems.profiled import (
    describe_profile,
    doubts_of_profile,
    profile_facts,
    profile_of,
    profile_values_of,
    settled_names,
)

DECODES = (1, 16, 64, 128, 256)
CHUNKS = (128, 512, 2048, 8192)
CONTEXTS = (0, 1000, 8000)
"""Tokens before a chunk, or of each decode."""


@expanded
def profile(
    file: Annotated[
        Path | None, typer.Option("--out", help="Write the profile to this file, for --profile.")
    ] = None,
    as_json: options.Json = False,
    *,
    of: ProfileOptions,
) -> None:
    """Show the profile of a model on a GPU; where none ships, make it."""
    with usage(options.OPTION_OF):
        spec = settled_names(StudySpec.model_validate(of.given()))
        made = profile_of(spec)
        if file is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
            write_whole(file, profile_text(profile_values_of(spec)))
    if as_json:
        print_json(_document(made))
        return
    model = CostModel(made)
    out.print(
        listed(
            f"Batch times of {made.name}, ms",
            [
                Heading(f"{context:,} tokens before" if context else "none before")
                for context in CONTEXTS
            ],
            list(_rows(made, model)),
            head="batch",
        )
    )
    facts = profile_facts(made)
    cache = f"{made.kv_blocks * made.block_size:,} tokens"
    for line in (
        *describe_profile(facts).splitlines(),
        f"source: {made.source} ({made.licence})",
        f"KV cache: {cache} in {made.kv_blocks:,} blocks of {made.block_size}: {made.kv_source}",
        *(f"note: {note}" for note in (*doubts_of_profile(made), *made.notes)),
        *([] if file is None else [f"written to {file}: give it with --profile {file}"]),
    ):
        print_line(line)


def _rows(made: Profile, model: CostModel) -> Iterator[tuple[str, ...]]:
    """Decodes and chunks by the tokens before them; empty beyond the model's context."""
    longest = made.regime.context_tokens

    def cell(tokens: int, seconds: float) -> str:
        return f"{seconds * 1e3:.2f}" if tokens <= longest else ""

    for number in DECODES:
        times = [model.batch_time_s(number, number * context, []) for context in CONTEXTS[1:]]
        cells = map(cell, CONTEXTS[1:], times)
        yield f"{number} decode{'s' if number > 1 else ''}", "", *cells
    for chunk in CHUNKS:
        times = [model.batch_time_s(0, 0, [(chunk, context)]) for context in CONTEXTS]
        yield f"chunk of {chunk:,}", *map(cell, [chunk + context for context in CONTEXTS], times)


def _document(made: Profile) -> dict[str, Any]:
    model = CostModel(made)
    return {
        **profile_facts(made),
        "gpu": made.gpu,
        "model": made.model,
        "tensor_parallel": made.tp,
        "licence": made.licence,
        "regime": asdict(made.regime),
        "kv_blocks": made.kv_blocks,
        "block_size": made.block_size,
        "kv_source": made.kv_source,
        "notes": [*doubts_of_profile(made), *made.notes],
        "decode_ms": [
            {
                "decodes": number,
                "context_tokens": context,
                "ms": model.batch_time_s(number, number * context, []) * 1e3,
            }
            for number in DECODES
            for context in CONTEXTS
            if context
        ],
        "chunk_ms": [
            {
                "chunk_tokens": chunk,
                "context_tokens": context,
                "ms": model.batch_time_s(0, 0, [(chunk, context)]) * 1e3,
            }
            for chunk in CHUNKS
            for context in CONTEXTS
        ],
    }
