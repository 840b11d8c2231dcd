"""Batch times of the shipped profiles: against raw measurements and published figures."""

from __future__ import annotations

from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slaibench.catalog import FormulaAttention, get_profile, list_profiles, load_profile
from slaibench.catalog.gpu import get_gpu
from slaibench.costmodel import CostModel
from slaibench.costmodel.cost_model import beyond, expand_steps
from slaibench.costmodel.formula_attention import FormulaAttentionTimer

# LLMServingSim: runs in one batch of 32 layers.
RUNS = {"embedding": 1, "final_layernorm": 1, "layernorm": 64}
# Of a staircase of linear layers.
SIZES = [8, 16, 32, 64]
TIMES = [1.0, 2.0, 3.0, 5.0]


@cache
def model(gpu: str, name: str = "llama-3.1-8b") -> CostModel:
    return CostModel(get_profile(gpu, name))


@pytest.mark.parametrize(
    ("gpu", "tokens", "ms", "rel"),
    [
        # Published tile edges: the time jumps by a half from one tile to the next.
        ("rtx4090", 256, 23.9, 0.003),
        ("rtx4090", 257, 34.3, 0.003),
        ("rtx4090", 272, 34.3, 0.003),
        ("rtx4090", 512, 45.9, 0.003),
        ("rtx4090", 513, 56.7, 0.003),
        ("rtx4090", 528, 56.7, 0.003),
    ],
)
def test_the_staircase_of_tiles(gpu: str, tokens: int, ms: float, rel: float) -> None:
    assert model(gpu).linear_s(tokens) == pytest.approx(ms * 1e-3, rel=rel)


@pytest.mark.parametrize("gpu", ["a100", "h100", "h200", "b200"])
def test_todays_kernels_have_no_high_steps(gpu: str) -> None:
    """A compiled profile's, from one place on its axis to the next: what was 36 % in kernels of
    2023 is a few per cent."""
    tokens = get_profile(gpu, "llama-3.1-8b").linear.tokens
    for less, more in pairwise(n for n in tokens if 32 <= n <= 2048):
        work = max(more / less, 1.0)
        assert model(gpu).linear_s(more) <= 1.12 * work * model(gpu).linear_s(less), (less, more)


@pytest.mark.parametrize(("gpu", "stem"), [("rtx4090", "rtx4090"), ("rtx-pro-6000", "rtxpro6000")])
def test_linear_layers_are_the_measured_ones(data_dir: Path, gpu: str, stem: str) -> None:
    raw = pd.read_csv(data_dir / "profiles" / f"{stem}_llama-3.1-8b_dense.csv")
    raw["time_us"] *= raw["layer"].map(RUNS).fillna(32)
    for tokens, us in raw.groupby("tokens")["time_us"].sum().items():
        assert model(gpu).linear_s(int(str(tokens))) == pytest.approx(us * 1e-6, rel=1e-3)


@pytest.mark.parametrize(
    ("gpu", "stem", "mean", "worst"),
    [("rtx4090", "rtx4090", 0.001, 0.01), ("rtx-pro-6000", "rtxpro6000", 0.01, 0.3)],
)
def test_every_measured_batch_that_fits_the_cache_is_met(
    data_dir: Path, gpu: str, stem: str, mean: float, worst: float
) -> None:
    """The RTX PRO 6000 has 10,000 rows beside the table's grid; the worst are at the edge of its
    second-level cache."""
    cost = model(gpu)
    capacity = cost.profile.kv_blocks * cost.profile.block_size
    off = []
    raw = pd.read_csv(data_dir / "profiles" / f"{stem}_llama-3.1-8b_attention.csv")
    for chunk, history, decodes, context, us in raw.itertuples(index=False):
        if chunk + history + decodes * context > capacity:
            continue
        prefills = [(chunk, history)] if chunk else []
        rest = cost.linear_s(chunk + decodes) + cost.sequences_s(decodes + len(prefills))
        measured = rest + 32e-6 * us
        time_s = cost.batch_time_s(decodes, decodes * context, prefills)
        off.append(abs(time_s / measured - 1))
    assert len(off) > 5000
    assert np.mean(off) < mean
    assert np.max(off) < worst


def test_output_head_and_sampler_are_the_measured_ones() -> None:
    # RTX 4090, us: head + sampler of 1, 64 and 256 sequences.
    for sequences, us in ((1, 1096.93 + 25.001), (64, 1211.84 + 46.8363), (256, 1671.15 + 310.944)):
        assert model("rtx4090").sequences_s(sequences) == pytest.approx(us * 1e-6, rel=1e-3)
    # Mistral's vocabulary is 32,000 of 128,256.
    small = (1096.93 * 32000 / 128256 + 25.001) * 1e-6
    assert model("rtx4090", "mistral-7b").sequences_s(1) == pytest.approx(small, rel=1e-3)


@pytest.mark.parametrize("budget", [64, 128, 256, 384, 512, 768, 1024])
def test_prompts_one_at_a_time_take_what_fig_6a_says(data_dir: Path, budget: int) -> None:
    """2048-token prompts on an RTX 6000 Ada: the steps of a prompt add up to its median TTFT."""
    figure = pd.read_csv(data_dir / "profiles" / "rtx6000ada_mistral-7b_token_budget.csv")
    ttft_ms = figure.set_index("token_budget").loc[budget, "median_ttft_ms"]
    cost = model("rtx6000-ada", "mistral-7b")
    steps = [[(min(budget, 2048 - done), done)] for done in range(0, 2048, budget)]
    outside_gpu_ms = 3.5  # what the linear layers were derived with
    total_ms = sum(cost.batch_time_s(0, 0, step) * 1e3 + outside_gpu_ms for step in steps)
    assert total_ms == pytest.approx(ttft_ms, rel=0.005)


@pytest.mark.parametrize("pair", list_profiles(), ids="/".join)
def test_parts_add_up(pair: tuple[str, str]) -> None:
    cost = model(*pair)
    parts = cost.linear_s(64) + cost.sequences_s(64)
    attention = cost.batch_time_s(64, 64 * 1024, []) - parts
    # One read of 8.6 GB of keys and values takes no less than the card's bandwidth allows.
    assert attention > 64 * 1024 * 131072 / (get_gpu(pair[0]).bandwidth_gbps * 1e9)
    assert attention < 64 * 1024 * 131072 / 300e9


batches = st.tuples(
    st.integers(1, 128),
    st.integers(16, 8192),
    st.lists(st.tuples(st.integers(1, 1024), st.integers(0, 8192)), max_size=3),
)


@pytest.mark.parametrize("pair", list_profiles(), ids="/".join)
@given(batches)
def test_a_batch_takes_longer_than_its_linear_layers_and_grows_with_context(
    pair: tuple[str, str], batch: tuple[int, int, list[tuple[int, int]]]
) -> None:
    decodes, context, prefills = batch
    cost = model(*pair)
    time = cost.batch_time_s(decodes, decodes * context, prefills)
    tokens = decodes + sum(chunk for chunk, _ in prefills)
    assert time > cost.linear_s(tokens)
    longer = cost.batch_time_s(decodes, decodes * context * 4, prefills)
    # Measured tables carry a few per cent of noise.
    assert longer > 0.95 * time


@pytest.mark.parametrize("gpu", ["rtx4090", "rtx6000-ada"])
def test_a_512_token_batch_grows_with_the_decodes_in_it(gpu: str) -> None:
    # Fig. 6c: N decodes at position 513 and one chunk of 512 - N.
    times = [model(gpu).batch_time_s(n, 513 * n, [(512 - n, 0)]) for n in (8, 16, 32, 64, 128, 256)]
    assert times == sorted(times)


def test_an_empty_batch_takes_no_time() -> None:
    assert model("rtx4090").batch_time_s(0, 0, []) == 0.0


def test_batches_beyond_the_tables_go_on() -> None:
    cost = model("rtx4090")
    assert cost.linear_s(4096) == pytest.approx(2 * cost.linear_s(2048), rel=0.05)
    for tokens in (8192, 16_384, 16_385, 40_000):
        per_token = cost.linear_s(tokens) / tokens
        assert per_token == pytest.approx(cost.linear_s(2048) / 2048, rel=0.03)
        assert cost.batch_time_s(0, 0, [(tokens, 0)]) > cost.linear_s(tokens)
    assert cost.batch_time_s(2000, 2000 * 100, []) > cost.batch_time_s(1000, 1000 * 100, [])


def test_slowdown_scales_the_gpu_and_not_the_rest() -> None:
    profile = get_profile("rtx6000-ada", "mistral-7b")
    base, slow = CostModel(profile), CostModel(profile, slowdown=1.25)
    batch = (10, 10_000, [(300, 0), (40, 1000)])
    assert slow.batch_time_s(*batch) == pytest.approx(1.25 * base.batch_time_s(*batch))
    assert slow.between_s(8) == base.between_s(8)
    assert base.between_s(8) == pytest.approx(profile.step_overhead_ms * 1e-3)
    with pytest.raises(ValueError, match="slowdown must be positive, not 0"):
        CostModel(profile, slowdown=0)


def test_excesses_name_what_was_never_measured() -> None:
    cost = model("rtx4090")
    assert cost.outside_regime(128, 128 * 16384, [(1920, 16384)]) == ()
    assert cost.outside_regime(256, 256 * 16384, []) == ()
    excesses = cost.outside_regime(200, 200 * 20_000, [(1900, 0), (10, 17_000)])
    assert [str(excess) for excess in excesses] == [
        "tokens in a batch: 2110, measured up to 2048",
        "decodes beside a prefill: 200, measured up to 128",
        "mean context of decodes: 20000, measured up to 16384",
        "tokens before a chunk: 17000, measured up to 16384",
    ]
    assert [excess.what for excess in cost.outside_regime(257, 257, [])] == ["decodes in a batch"]


def test_the_constant_is_added_once_a_batch(tmp_path: Path) -> None:
    path = tmp_path / "own.json"
    path.write_text('{"extends": "rtx6000-ada_mistral-7b", "constant_ms": 2.5}')
    own, base = CostModel(load_profile(path)), model("rtx6000-ada", "mistral-7b")
    for batch in ((1, 100, []), (64, 6400, [(448, 0), (10, 5)])):
        assert own.batch_time_s(*batch) - base.batch_time_s(*batch) == pytest.approx(2.5e-3)


def test_decodes_read_their_cache_at_the_fitted_bandwidth() -> None:
    attention = get_profile("rtx6000-ada", "mistral-7b").attention
    assert isinstance(attention, FormulaAttention)
    cost = model("rtx6000-ada", "mistral-7b")
    read_s = cost.batch_time_s(32, 64_000, []) - cost.batch_time_s(32, 32_000, [])
    assert read_s == pytest.approx(32_000 * 131_072 / (attention.kv_bandwidth_gbps * 1e9))


def test_a_size_between_two_measured_ones_takes_as_long_as_the_upper() -> None:
    steps = expand_steps(SIZES, TIMES, 64)
    assert len(steps) == 65
    assert steps[1] == steps[8] == 1.0
    assert steps[9] == steps[16] == 2.0
    assert steps[17] == steps[32] == 3.0
    assert steps[33] == steps[64] == 5.0


def test_a_staircase_begins_at_nothing() -> None:
    assert expand_steps(SIZES, TIMES, 4)[0] == 0.0


def test_beyond_the_last_size_the_last_half_repeats() -> None:
    steps = expand_steps(SIZES, TIMES, 200)
    # From 32 to 64 the time rises by 2; so it does from 64 to 96, and so on.
    assert steps[65] == steps[96] == 7.0
    assert steps[97] == steps[128] == 9.0


@given(st.integers(1, 2000))
def test_past_the_lists_end_it_goes_on_the_same_way(size: int) -> None:
    long, short = expand_steps(SIZES, TIMES, 2000), expand_steps(SIZES, TIMES, 128)
    if size > 128:
        assert beyond(short, size, 32) == pytest.approx(long[size])


def test_an_odd_last_size_repeats_too() -> None:
    # From 4 to 9 the time rises by 2.
    steps = expand_steps([1, 4, 9], [1.0, 2.0, 4.0], 30)
    assert steps[10:20] == [6.0] * 5 + [8.0] * 5


def test_sizes_that_start_past_the_half_repeat_as_a_whole() -> None:
    steps = expand_steps([100, 128], [5.0, 6.0], 200)
    assert steps[128] == 6.0
    assert steps[129] == steps[156] == 7.0
    assert steps[157] == 8.0


def test_noise_never_makes_larger_batches_faster() -> None:
    assert expand_steps([8, 16], [2.0, 1.9], 40)[40] == 1.9


@pytest.mark.parametrize("gpu", ["rtx4090", "h100", "rtx6000-ada"])
@pytest.mark.parametrize("prefills", [[], [(256, 512)]])
def test_drafted_tokens_pass_through_layers_and_head_and_read_nothing(
    gpu: str, prefills: list[tuple[int, int]]
) -> None:
    """64 decodes that verify three tokens each, against as many that verify none."""
    cost = model(gpu)
    plain = cost.batch_time_s(64, 64_000, prefills)
    drafting = cost.batch_time_s(64, 64_000, prefills, None, 192)
    chunk, sequences = sum(tokens for tokens, _ in prefills), 64 + len(prefills)
    layers = cost.linear_s(chunk + 256) - cost.linear_s(chunk + 64)
    heads = cost.sequences_s(sequences + 192) - cost.sequences_s(sequences)
    assert drafting - plain == pytest.approx(layers + heads)
    assert drafting > plain


def test_pairs_of_verified_tokens_take_less_than_reading_the_cache() -> None:
    """Why they count nothing: sixteen queries on a context are computed before it is read, on the
    profile whose formula has a rate for both."""
    attention = CostModel(get_profile("rtx6000-ada", "mistral-7b")).attention
    assert isinstance(attention, FormulaAttentionTimer)
    context = 64_000
    read_s = attention.decode_s(64, context) - attention.decode_s(64, 0)
    assert 16 * context * attention.pair_s < 0.5 * read_s
