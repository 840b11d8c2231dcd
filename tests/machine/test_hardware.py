"""What is read of a machine is what its files and tools say."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from slaibench.machine import hardware
from slaibench.machine.hardware import (
    Cpu,
    InstalledGpu,
    device_name,
    facts,
    gpus,
    parse_cpuinfo,
    parse_gpus,
)

CPUINFO = """\
processor\t: 0
vendor_id\t: GenuineIntel
model name\t: Intel(R) Xeon(R)   Platinum 8481C CPU @ 2.70GHz
flags\t\t: fpu sse avx avx2 avx512f avx512_bf16 amx_bf16 amx_tile
processor\t: 1
model name\t: another
"""


@pytest.fixture
def nvidia_smi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is the whole path, for a tool of that name."""
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path / "nvidia-smi"


def say(tool: Path, text: str, status: int = 0) -> None:
    tool.write_text(f"#!/bin/sh\n/bin/cat <<'END'\n{text}\nEND\nexit {status}\n")
    tool.chmod(tool.stat().st_mode | stat.S_IXUSR)


def test_a_processor_and_what_it_multiplies_matrices_with() -> None:
    assert parse_cpuinfo(CPUINFO, 4) == Cpu(
        "Intel(R) Xeon(R) Platinum 8481C CPU @ 2.70GHz",
        4,
        ("AVX2", "AVX-512", "AVX-512 BF16", "AMX BF16"),
    )


def test_a_processor_of_another_kind_is_named_by_its_architecture() -> None:
    processor = parse_cpuinfo("processor\t: 0\nBogoMIPS\t: 50.00\n", 1)
    assert processor.name
    assert processor.instructions == ()


def test_cores_are_those_this_process_may_use() -> None:
    allowed = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(allowed)})
        assert hardware.cpu().cores == 1
    finally:
        os.sched_setaffinity(0, allowed)
    assert hardware.cpu().cores == len(allowed)


def test_memory_that_is_free_is_part_of_what_there_is() -> None:
    assert 0 < hardware.free_memory_bytes() <= hardware.memory_bytes()


def test_a_container_has_the_memory_of_its_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit = tmp_path / "memory.max"
    monkeypatch.setattr(hardware, "MEMORY_LIMIT", limit)
    machine = hardware.memory_bytes()
    limit.write_text("max\n")
    assert hardware.memory_bytes() == machine
    limit.write_text("1048576\n")
    assert hardware.memory_bytes() == 1048576


def test_gpus_as_the_tool_prints_them(nvidia_smi: Path) -> None:
    say(nvidia_smi, "NVIDIA H200, 143771, 570.86.15\nNVIDIA H200, 143771, 570.86.15")
    assert gpus() == (InstalledGpu("NVIDIA H200", 143771 * 2**20, "570.86.15"),) * 2
    assert device_name("cuda") == "2 x NVIDIA H200"
    assert facts("cuda")["gpus"][0]["name"] == "NVIDIA H200"


def test_cards_of_several_kinds_are_all_named(nvidia_smi: Path) -> None:
    say(nvidia_smi, "A, 1, 1\nB, 1, 1\nA, 1, 1")
    assert device_name("cuda") == "2 x A, B"


def test_a_line_that_is_no_card_is_none() -> None:
    assert parse_gpus("No devices were found\n") == ()


def test_a_card_that_shares_its_memory_has_none_of_its_own() -> None:
    assert parse_gpus("NVIDIA GB10, [N/A], 580.1\n") == (
        InstalledGpu("NVIDIA GB10", None, "580.1"),
    )


def test_no_tool_or_one_that_fails_is_no_gpu(nvidia_smi: Path) -> None:
    assert gpus() == ()
    say(nvidia_smi, "couldn't communicate with the NVIDIA driver", status=9)
    assert gpus() == ()
    with pytest.raises(ValueError, match="no NVIDIA GPU was found"):
        device_name("cuda")


def test_a_cpu_is_named_with_its_cores() -> None:
    cores = hardware.num_cores()
    assert device_name("cpu").endswith(f"({cores} core{'s' if cores != 1 else ''})")


def test_no_other_device_has_a_name() -> None:
    with pytest.raises(ValueError, match="must be cpu or cuda, not 'tpu'"):
        device_name("tpu")


def test_an_emulated_gpu_leaves_the_facts_of_the_machine_it_runs_on() -> None:
    values = facts("emulated")
    assert values["cpu"]["cores"] == hardware.num_cores()
    assert "name" not in values
    assert facts("cpu")["name"] == device_name("cpu")
