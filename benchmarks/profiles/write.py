"""Write the profiles that ship: ``python -m benchmarks.profiles.write FOLDER [NAME ...]``.

FOLDER holds the raw tables. Each profile goes to slaibench/catalog/data/profiles; two numbers that
are fitted later against end-to-end runs (``step_overhead_ms``, and ``kv_bandwidth_gbps`` of a
formula) are kept as the file has them, unless ``--reset`` is given.
"""

from __future__ import annotations

import argparse
import json
import textwrap
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.profiles import ada, datacenter, rtx

OUT = Path(__file__).parents[2] / "slaibench" / "catalog" / "data" / "profiles"

BUILDERS: dict[str, Callable[[Path], dict[str, Any]]] = {
    "rtx4090_llama-3.1-8b": partial(rtx.profile, gpu="rtx4090"),
    "rtx4090_mistral-7b": partial(rtx.other_vocabulary, gpu="rtx4090", model="mistral-7b"),
    "rtx-pro-6000_llama-3.1-8b": partial(rtx.profile, gpu="rtx-pro-6000"),
    "rtx-pro-6000_mistral-7b": partial(
        rtx.other_vocabulary, gpu="rtx-pro-6000", model="mistral-7b"
    ),
    "a100_llama-3.1-8b": datacenter.a100,
    "a100_mistral-7b": datacenter.other_model("a100", "mistral-7b"),
    "h100_llama-3.1-8b": datacenter.h100,
    "h100_mistral-7b": datacenter.other_model("h100", "mistral-7b"),
    "h200_llama-3.1-8b": datacenter.h200,
    "h200_mistral-7b": datacenter.other_model("h200", "mistral-7b"),
    "rtx6000-ada_mistral-7b": ada.profile,
    "rtx6000-ada_llama-3.1-8b": ada.other_model,
}


def text(values: Any, depth: int = 0) -> str:
    """JSON with each entry of an object on its own line and lists of numbers filled up."""
    pad = "  " * (depth + 1)
    if isinstance(values, dict):
        entries = [
            f"{pad}{json.dumps(key)}: {text(value, depth + 1)}" for key, value in values.items()
        ]
        return "{\n" + ",\n".join(entries) + "\n" + pad[2:] + "}"
    if isinstance(values, list) and values and isinstance(values[0], str):
        return "[\n" + ",\n".join(pad + json.dumps(item) for item in values) + "\n" + pad[2:] + "]"
    if isinstance(values, list):
        numbers = ", ".join(f"{item:g}" if item < 1e5 else str(item) for item in values)
        return (
            "[\n"
            + textwrap.fill(numbers, 110, initial_indent=pad, subsequent_indent=pad)
            + ("\n" + pad[2:] + "]")
        )
    return json.dumps(values)


def keep_fitted(values: dict[str, Any], old: dict[str, Any]) -> None:
    """Carry over what was fitted by hand into the old file."""
    if "step_overhead_ms" in old:
        values["step_overhead_ms"] = old["step_overhead_ms"]
    bandwidth = old.get("attention", {}).get("kv_bandwidth_gbps")
    if bandwidth is not None and "attention" in values:
        values["attention"]["kv_bandwidth_gbps"] = bandwidth


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="folder of the raw tables")
    parser.add_argument("names", nargs="*", help="profiles to write; all if none is named")
    parser.add_argument("--reset", action="store_true", help="do not keep fitted numbers")
    options = parser.parse_args()
    for name in options.names or BUILDERS:
        values = BUILDERS[name](options.folder)
        path = OUT / f"{name}.json"
        if path.exists() and not options.reset:
            keep_fitted(values, json.loads(path.read_text(encoding="utf-8")))
        path.write_text(text(values) + "\n", encoding="utf-8")
        print(f"{path.name}: {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
