"""What unequal contexts cost, from raw tables to a profile: tables made up here, and real ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks.profiles import log_steps, raw, rtx, unequal, waves
from slaibench.catalog import TableAttention, get_profile
from slaibench.costmodel import CostModel, spread_of

ROUNDS = 3


def write_tables(folder: Path, *, ratio: float = ROUNDS, ns: float = 20.0) -> None:
    """Decodes that take 10 ns a token, and ``ns`` for each that the longest has beyond the
    weighted mean; the table of unequal contexts in ``ratio`` times these microseconds."""
    alike, apart = [], []
    for sequences in (4, 8):
        for long in (1, 2):
            for shortest in (100, 1000):
                longest = 4 * shortest
                contexts = [longest] * long + [shortest] * (sequences - long)
                mean = sum(contexts) / sequences
                extra = longest - sum(x * x for x in contexts) / sum(contexts)
                us, us_max = (sequences * some * 0.010 for some in (mean, longest))
                times = (us, us_max, us + ns * 1e-3 * extra)
                apart.append(
                    (
                        sequences,
                        long,
                        0,
                        0,
                        shortest,
                        longest,
                        round(mean),
                        *tuple(ratio * time for time in times),
                    )
                )
                alike.append((0, 0, sequences, longest, us_max))
    names = [
        "n",
        "nb",
        "pc",
        "kp",
        "kvs",
        "kv_big",
        "kv_mean",
        "t_mean_us",
        "t_max_us",
        "t_skew_us",
    ]
    pd.DataFrame(apart, columns=names).to_csv(folder / "card_attention_skew.csv.gz", index=False)
    names = ["prefill_chunk", "kv_prefill", "n_decode", "kv_decode", "time_us"]
    pd.DataFrame(alike, columns=names).drop_duplicates().to_csv(
        folder / "card_attention.csv", index=False
    )


def rows_of(folder: Path) -> pd.DataFrame:
    rows = raw.unequal_us(folder, "card")
    return unequal.with_batch_us(rows, np.full(len(rows), 10.0), raw.LAYERS)


def test_times_of_several_rounds_are_divided_by_their_number(tmp_path: Path) -> None:
    write_tables(tmp_path)
    rows = raw.unequal_us(tmp_path, "card")
    assert rows["us_mean"].to_numpy() == pytest.approx(
        (rows["sequences"] * rows["mean"] * 0.010).to_numpy()
    )


def test_tables_of_different_kernels_are_refused(tmp_path: Path) -> None:
    write_tables(tmp_path, ratio=2.5)
    with pytest.raises(ValueError, match=r"card: .* took 2\.500 times as long .* not of the same"):
        raw.unequal_us(tmp_path, "card")


@pytest.mark.parametrize(("ns", "fitted"), [(20.0, 20.0), (-5.0, 0.0)])
def test_the_fit_gives_back_what_a_token_costs_and_nothing_below_0(
    tmp_path: Path, ns: float, fitted: float
) -> None:
    write_tables(tmp_path, ns=ns)
    rows = rows_of(tmp_path).assign(kind=["decode", "mixed"] * 4)
    expected = {"sequences": [4, 8], "ns_per_token": [fitted, fitted]}
    assert unequal.table(rows) == {"decode": expected, "mixed": expected}


def test_rows_that_are_scored_are_not_fitted_to(tmp_path: Path) -> None:
    write_tables(tmp_path)
    rows = rows_of(tmp_path)
    fit_to, scored = unequal.left_out(rows)
    assert not set(fit_to.index) & set(scored.index)
    assert len(fit_to) + len(scored) == len(rows)
    off = unequal.errors(scored, unequal.predicted_us({"decode": {4: 0.02, 8: 0.02}}, scored), 32)
    assert off == pytest.approx(0.0, abs=1e-9)
    assert (unequal.errors(scored, 0.0, 32) < 0).all()


@pytest.mark.parametrize("gpu", rtx.STEMS)
def test_profiles_ship_what_the_tables_say_and_halve_the_error_on_rows_left_out(
    data_dir: Path, gpu: str
) -> None:
    rows = rtx.unequal_rows(data_dir / "profiles", gpu)
    attention = get_profile(gpu, "llama-3.1-8b").attention
    assert isinstance(attention, TableAttention)
    assert attention.unequal is not None
    table = unequal.table(rows)
    assert list(attention.unequal.decode_ns) == table["decode"]["ns_per_token"]
    assert list(attention.unequal.mixed_ns) == table["mixed"]["ns_per_token"]
    fit_to, scored = unequal.left_out(rows)
    numbers = unequal.fitted(fit_to)
    for kind in unequal.KINDS:
        some = scored[scored["kind"] == kind]
        without, withal = (
            float(np.abs(unequal.errors(some, extra, raw.LAYERS)).mean())
            for extra in (0.0, unequal.predicted_us(numbers, some))
        )
        assert withal < 0.6 * without


def test_a_batch_is_read_in_waves_and_ends_with_its_longest_context() -> None:
    # Sixteen blocks of 100 tokens (two sequences, eight heads), two at a time: the memory's rate.
    assert waves.work_s([100.0, 100.0], 2, 3.0) == pytest.approx(1600.0)
    # Eight blocks that run alone, three times as fast as a fair share of four.
    assert waves.work_s([100.0], 4, 3.0) == pytest.approx(800.0)
    assert waves.share_added([100.0] * 8, 4, 3.0) == pytest.approx(0.0)
    alone = waves.work_s([400.0], 64, 2.0)
    assert alone == pytest.approx(400.0 * 64 / 2)  # no faster than a block reads
    assert waves.share_added([100.0] * 7 + [400.0], 64, 2.0) > 0.2


def test_steps_of_a_log_are_those_of_the_engine_that_made_it() -> None:
    """A log of the profile's own steps: no error with unequal contexts, less time without."""
    profile = get_profile("rtx4090", "llama-3.1-8b")
    mean, model = CostModel(log_steps.without_unequal(profile)), CostModel(profile)
    prompts, outputs = [3000, *range(400, 430)], [400, *range(200, 230)]
    last, now = [0.0] * len(prompts), 1.0
    for step in range(1, max(outputs)):
        contexts = [p + step for p, o in zip(prompts, outputs, strict=True) if o > step]
        now += model.batch_time_s(len(contexts), sum(contexts), [], spread_of(contexts))
        for number, output in enumerate(outputs):
            if output == step + 1:
                last[number] = now
    rows = pd.DataFrame(
        {
            "input_toks": prompts,
            "output_toks": outputs,
            "scheduled_ts": 0.0,
            "first_token_ts": 1.0,
            "last_token_ts": last,
        }
    )
    spans = list(log_steps.drain(rows, mean, model))
    assert sum(steps for _, _, steps, *_ in spans) == 399
    for _, _, _, measured_s, _, by_model_s in spans:
        assert by_model_s == pytest.approx(measured_s)
    most, fewest, _, measured_s, by_mean_s, _ = spans[0]
    assert (most, fewest) == (31, 31)
    assert by_mean_s < 0.97 * measured_s


def test_what_cancelled_on_the_real_log_is_what_the_docs_say(data_dir: Path) -> None:
    """Its steps are shorter than the kernel tables say, and longer by unequal contexts."""
    path = data_dir / "logs" / "rtx4090_llama-3.1-8b_vllm-0.19" / "requests.jsonl"
    if not path.exists():
        pytest.skip(f"{path} is absent")
    profile = get_profile("rtx4090", "llama-3.1-8b")
    mean, model = CostModel(log_steps.without_unequal(profile)), CostModel(profile)
    rows = log_steps.read(path)
    spans = [span for span in log_steps.drain(rows, mean, model) if span[1] >= 15]
    for _, _, _, measured_s, by_mean_s, by_model_s in spans:
        assert 1.01 * measured_s < by_mean_s < by_model_s < 1.08 * measured_s
    pairs = log_steps.pairs(rows, mean, model)
    assert len(pairs) > 50
    (faster, share), (_, error) = log_steps.regression(
        pairs["measured"] / pairs["mean"] - 1, pairs["unequal"] / pairs["mean"] - 1
    )
    assert -0.05 < faster < -0.02
    assert share - 2 * error > 0
    assert abs(share - 1) < 2 * error
