"""Whatever is wrong with a workload's file, it is said in a sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from slaibench.workloads import registry, sharegpt4
from slaibench.workloads.errors import WorkloadError
from tests.workloads.mutated import mutated, whole

NUM_FILES = 84
"""Three hundred take a few seconds more and found nothing else when this was written."""
LONGEST = 2000


@pytest.fixture(autouse=True)
def words_as_tokens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tokenizer is not what is tried; text that cannot be encoded must not reach it."""
    monkeypatch.setenv("SLAIBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(
        sharegpt4, "mistral_token_counter", lambda: lambda text: len(text.encode().split())
    )


def test_every_form_is_read(tmp_path: Path) -> None:
    for text in whole(tmp_path):
        source = registry.resolve(text)
        assert source.describe()["prompt_tokens"]["mean"] > 0


@pytest.mark.parametrize("begin", range(0, NUM_FILES, 12))
def test_a_mutated_file_is_read_or_refused_in_a_sentence(tmp_path: Path, begin: int) -> None:
    for seed in range(begin, begin + 12):
        text = mutated(tmp_path, seed)
        try:
            registry.resolve(text).describe()
        except WorkloadError as error:
            said = str(error)
            assert said, seed
            assert len(said) < LONGEST, seed
            said.encode()  # what is printed can be
