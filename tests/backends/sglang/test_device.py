"""The plug-ins do nothing unless they are asked to, and a failure ends the server."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from slaibench.backends.sglang import device as device_plugin
from slaibench.schedulers.engines import sglang as scheduler_plugin
from slaibench.schedulers.engines.support import Releases, UnsupportedEngineError

VARIABLE = "SLAIBENCH_SGLANG"


@pytest.mark.parametrize("register", [scheduler_plugin.register, device_plugin.register])
def test_an_sglang_that_merely_lives_beside_us_stays_as_it_is(
    register: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    register()  # where SGLang is missing, anything more would fail


@pytest.mark.parametrize(
    ("register", "said"),
    [
        (scheduler_plugin.register, {}),
        (device_plugin.register, {"device": {"gpu": "h100", "model": "mistral-7b"}}),
    ],
)
def test_another_sglang_than_we_know_ends_the_process_with_a_sentence(
    register: Callable[[], None], said: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SGLang logs what a plug-in raises, and goes on without it: only an exit is heard."""
    monkeypatch.setenv(VARIABLE, json.dumps(said))
    monkeypatch.setattr(Releases, "check", refuse)
    with pytest.raises(SystemExit, match=r"UnsupportedEngineError: SGLang 0\.1 is not supported"):
        register()


def refuse(releases: Releases) -> str:
    raise UnsupportedEngineError("SGLang 0.1 is not supported")


def test_a_device_alone_does_not_make_an_emulated_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, '{"scheduler": "slai"}')
    device_plugin.register()


def test_a_configuration_that_is_none_ends_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "slai")
    with pytest.raises(SystemExit, match="SLAIBENCH_SGLANG is not JSON"):
        device_plugin.register()
