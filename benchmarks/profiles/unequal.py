"""What decodes of unequal context cost beside their mean: fitted, and scored on rows left out.

    python -m benchmarks.profiles.unequal FOLDER

The form (``slaibench.catalog.UnequalContexts``) is one of several that are scored here on the same
rows: fitted to every second row, scored on the others. FOLDER holds the raw tables.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from benchmarks.profiles import grid, raw
from slaibench.catalog import get_profile
from slaibench.costmodel import CostModel, spread_of

Array = npt.NDArray[np.float64]
KINDS = ("decode", "mixed")


def beyond_weighted_mean_and_history(rows: pd.DataFrame) -> Array:
    """The profile's: KV tokens of the longest beyond the mean by length and the history."""
    weighted = rows["mean"] + _variance(rows) / rows["mean"]
    return np.asarray(np.maximum(0.0, rows["longest"] - np.maximum(weighted, rows["history"])))


def beyond_mean_and_history(rows: pd.DataFrame) -> Array:
    floor = np.maximum(rows["mean"], rows["history"])
    return np.asarray(np.maximum(0.0, rows["longest"] - floor))


def beyond_mean(rows: pd.DataFrame) -> Array:
    return np.asarray(rows["longest"] - rows["mean"], dtype=np.float64)


def _variance(rows: pd.DataFrame) -> Array:
    share = rows["long"] / rows["sequences"]
    return np.asarray(share * (1 - share) * (rows["longest"] - rows["shortest"]) ** 2)


def deviation(rows: pd.DataFrame) -> Array:
    """The contexts' standard deviation."""
    return np.asarray(np.sqrt(_variance(rows)))


def variance_over_mean(rows: pd.DataFrame) -> Array:
    return np.asarray(_variance(rows) / rows["mean"])


FORMS: dict[str, Callable[[pd.DataFrame], Array]] = {
    "longest - max(weighted, history)": beyond_weighted_mean_and_history,
    "longest - max(mean, history)": beyond_mean_and_history,
    "longest - mean": beyond_mean,
    "standard deviation": deviation,
    "variance / mean": variance_over_mean,
}


def with_batch_us(rows: pd.DataFrame, rest_ms: Array, layers: int) -> pd.DataFrame:
    """The rows with the time of the whole batch and what unequal contexts add, one layer."""
    return rows.assign(
        batch_us=rest_ms * 1e3 + rows["us"] * layers,
        extra_us=rows["us"] - rows["us_mean"],
        kind=np.where(rows["chunk"] > 0, "mixed", "decode"),
    )


def fitted(
    rows: pd.DataFrame, form: Callable[[pd.DataFrame], Array] = beyond_weighted_mean_and_history
) -> dict[str, dict[int, float]]:
    """Microseconds for each unit of the form by kind and number of decodes.

    Least squares through the origin, each row relative to its batch's time; not below 0.
    """
    out: dict[str, dict[int, float]] = {}
    for kind in KINDS:
        of_kind = rows[rows["kind"] == kind]
        out[kind] = {}
        for sequences, some in of_kind.groupby("sequences"):
            weight = 1 / some["batch_us"].to_numpy() ** 2
            units = form(some)
            slope = float((weight * units * some["extra_us"]).sum() / (weight * units**2).sum())
            out[kind][int(str(sequences))] = max(0.0, slope)
    return out


def predicted_us(
    numbers: dict[str, dict[int, float]],
    rows: pd.DataFrame,
    form: Callable[[pd.DataFrame], Array] = beyond_weighted_mean_and_history,
) -> Array:
    """Extra time of one layer for each row."""
    units = form(rows)
    slopes = [
        numbers[kind][sequences]
        for kind, sequences in zip(rows["kind"], rows["sequences"], strict=True)
    ]
    return units * np.array(slopes)


def errors(rows: pd.DataFrame, extra_us: Array | float, layers: int) -> Array:
    """Signed errors of the batch's time, relative; ``extra_us`` is added to the mean's time."""
    return np.asarray(layers * (extra_us - rows["extra_us"]) / rows["batch_us"])


def left_out(rows: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """(rows to fit to, rows to score on): every second one."""
    odd = np.arange(len(rows)) % 2 == 1
    return rows[odd], rows[~odd]


def table(rows: pd.DataFrame) -> dict[str, Any]:
    """A profile's ``unequal`` object, from all rows."""
    return {
        kind: {
            "sequences": list(slopes),
            "ns_per_token": [grid.significant(slope * 1e3, 3) for slope in slopes.values()],
        }
        for kind, slopes in fitted(rows).items()
    }


def main() -> None:
    """Score the forms on both cards, and the profile's by number of decodes."""
    from benchmarks.profiles import rtx  # noqa: PLC0415  (which builds profiles with this module)

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    for gpu in rtx.STEMS:
        rows = rtx.unequal_rows(folder, gpu)
        fit_to, scored = left_out(rows)
        print(f"{gpu}: {len(rows):,} rows that fit the KV cache, {len(scored):,} of them scored")
        for kind in KINDS:
            chosen = scored[scored["kind"] == kind]
            print(f"  {kind}, {len(chosen):,} rows; error of a batch's time: mean, bias, P95")
            _print("nothing", errors(chosen, 0.0, raw.LAYERS))
            for name, form in FORMS.items():
                extra = predicted_us(fitted(fit_to, form), chosen, form)
                _print(name, errors(chosen, extra, raw.LAYERS))
        numbers = fitted(fit_to)
        model = CostModel(get_profile(gpu, rtx.MEASURED.name))
        print("  by decodes: measured extra (share of a batch); error without, with, as shipped")
        for (kind, sequences), some in scored.groupby(["kind", "sequences"]):
            extra = raw.LAYERS * some["extra_us"] / some["batch_us"]
            before = errors(some, 0.0, raw.LAYERS)
            after = errors(some, predicted_us(numbers, some), raw.LAYERS)
            shipped = _shipped(model, some)
            print(
                f"    {kind:6} {sequences:4} ({len(some):4} rows): {extra.mean():+6.1%};"
                f" {np.abs(before).mean():5.1%}, {np.abs(after).mean():5.1%};"
                f" {np.abs(shipped).mean():5.1%} (bias {shipped.mean():+.1%})"
            )


def contexts_of(row: Any) -> list[int]:
    """The contexts of a measured row's decodes."""
    long, count = int(row.long), int(row.sequences)
    return [int(row.longest)] * long + [int(row.shortest)] * (count - long)


def _shipped(model: CostModel, rows: pd.DataFrame) -> Array:
    """Signed errors of the profile's whole batch times, tables and all."""
    times = []
    for row in rows.itertuples(index=False):
        chunks = [(int(str(row.chunk)), int(str(row.history)))] if row.chunk else []
        contexts = contexts_of(row)
        batch = len(contexts), sum(contexts), chunks
        times.append(model.batch_time_s(*batch, spread_of(contexts)))
    return np.array(times) * 1e6 / rows["batch_us"].to_numpy() - 1


def _print(name: str, off: Array) -> None:
    size = np.abs(off)
    print(f"    {name:32} {size.mean():6.2%} {off.mean():+7.2%} {np.quantile(size, 0.95):6.1%}")


if __name__ == "__main__":
    main()
