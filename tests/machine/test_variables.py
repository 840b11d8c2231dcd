"""What decides how engines run is kept, what is secret is not."""

from __future__ import annotations

import pytest

from slaibench.machine.variables import HIDDEN, relevant


def test_variables_of_engines_are_kept_and_others_not() -> None:
    env = {"VLLM_USE_V1": "1", "OMP_NUM_THREADS": "4", "HOME": "/home/me", "EDITOR": "vi"}
    assert relevant(env) == {"OMP_NUM_THREADS": "4", "VLLM_USE_V1": "1"}


@pytest.mark.parametrize(
    "name", ["HF_TOKEN", "VLLM_API_KEY", "HF_HUB_TOKEN", "RAY_REDIS_PASSWORD", "SGLANG_AUTH"]
)
def test_a_secret_is_never_shown(name: str) -> None:
    assert relevant({name: "s3cret"}) == {name: HIDDEN}


def test_a_count_of_tokens_is_no_secret() -> None:
    assert relevant({"VLLM_MAX_TOKENS": "8"}) == {"VLLM_MAX_TOKENS": "8"}


def test_a_login_in_an_address_is_hidden() -> None:
    found = relevant({"HF_ENDPOINT": "https://me:s3cret@hub.example/x"})
    assert found == {"HF_ENDPOINT": "https://...@hub.example/x"}
