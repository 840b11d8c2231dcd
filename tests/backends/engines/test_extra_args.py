"""What a user may tell an engine's server beside what a study says, and what not."""

from __future__ import annotations

from pathlib import Path

import pytest

from slaibench.backends.engines.extra_args import Replacement, extra_args
from slaibench.backends.engines.options import EngineOptions
from slaibench.backends.sglang import launch as sglang
from slaibench.backends.sglang.launch import SglangEngine
from slaibench.backends.vllm import launch as vllm
from slaibench.backends.vllm.launch import VllmEngine
from slaibench.catalog.model import get_model
from slaibench.spec import Device

OURS = {"port": Replacement.NOTHING, "enable-prefix-caching": Replacement.CACHING}


def test_words_are_cut_as_a_shell_cuts_them() -> None:
    text = """--tensor-parallel-size=2 -O3 --hf-overrides '{"a": 1}' --port-range port"""
    assert extra_args(text, OURS) == (
        *("--tensor-parallel-size=2", "-O3", "--hf-overrides", '{"a": 1}'),
        *("--port-range", "port"),
    )


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", "begins with no flag"),
        ("tensor-parallel-size=2", "'tensor-parallel-size=2' begins with no flag"),
        ("--a 'b", "No closing quotation"),
        ("--x 1 --port 2", "--port would change .*: leave it out"),
        ("--port=2", "--port=2 would change"),
        ("--no-enable-prefix-caching", "use --prefix-caching instead"),
        ("--enable_prefix_caching", "use --prefix-caching instead"),
    ],
)
def test_what_cannot_be_told_is_refused_with_the_way_out(text: str, error: str) -> None:
    with pytest.raises(ValueError, match=error):
        extra_args(text, OURS)


@pytest.mark.parametrize(
    ("engine", "word"),
    [
        *((VllmEngine, word) for word in ("--ho=1.2.3.4", "--max-num-seq=7", "--api-k=x")),
        *((SglangEngine, word) for word in ("--ho=1.2.3.4", "--max_running=7", "--conf=x")),
    ],
)
def test_the_beginning_of_a_flag_of_ours_is_refused_as_the_flag(
    engine: type[VllmEngine | SglangEngine], word: str
) -> None:
    """Engines' parsers take it for the flag."""
    with pytest.raises(ValueError, match="behind a study's back"):
        extra_args(word, engine.flags)
    assert extra_args("--log-level=info", engine.flags) == ("--log-level=info",)


@pytest.mark.parametrize("engine", [VllmEngine(), SglangEngine()])
def test_every_flag_that_we_set_on_a_gpu_is_known_as_ours(
    engine: VllmEngine | SglangEngine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(vllm, "model_folder", lambda model: tmp_path)
    monkeypatch.setattr(sglang, "_folder", lambda model, where: tmp_path)
    monkeypatch.setattr(sglang, "python", lambda: "python")
    for checkpoint in (None, "/weights"):
        options = EngineOptions(
            model=get_model("mistral-7b"),
            checkpoint=checkpoint,
            max_context_tokens=2048,
            token_budget=512,
            max_active=128,
            kv_blocks=100,
        )
        command = engine.command(options, Device.CUDA, 1, own={})
        for word in command[command.index("-m") :]:
            if word.startswith("--"):
                with pytest.raises(ValueError, match="behind a study's back"):
                    extra_args(word, engine.flags)
