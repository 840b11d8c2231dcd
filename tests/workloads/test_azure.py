"""The Azure traces: where they are looked for, and what is said when they are not there."""

from __future__ import annotations

import numpy as np
import pytest

from slaibench.workloads.azure import azure, azure_at_hand
from slaibench.workloads.errors import WorkloadError

ORIGINAL = """TIMESTAMP,ContextTokens,GeneratedTokens
2023-11-16 18:17:03.9799600,4808,10
2023-11-16 18:17:04.0319600,3180,8
2023-11-16 18:17:04.0781490,110,27
"""


@pytest.fixture
def no_data(monkeypatch):
    monkeypatch.delenv("SLAIBENCH_DATA", raising=False)


@pytest.mark.usefixtures("no_data")
def test_reads_the_published_format_from_a_path(tmp_path):
    path = tmp_path / "AzureLLMInferenceTrace_code.csv"
    path.write_text(ORIGINAL)
    source = azure("code", str(path))
    assert source.name == "azure-code"
    assert source.recorded.prompt_tokens.tolist() == [4808, 3180, 110]
    assert source.recorded.output_tokens.tolist() == [10, 8, 27]
    np.testing.assert_allclose(source.arrival_s, [0, 0.052, 0.098189], atol=1e-9)


@pytest.mark.parametrize("folder", [".", "traces"])
def test_finds_the_published_file_in_the_data_folder(tmp_path, monkeypatch, folder):
    monkeypatch.setenv("SLAIBENCH_DATA", str(tmp_path))
    assert not azure_at_hand("code")
    (tmp_path / folder).mkdir(exist_ok=True)
    (tmp_path / folder / "AzureLLMInferenceTrace_code.csv").write_text(ORIGINAL)
    assert azure_at_hand("code")
    assert not azure_at_hand("conv")
    assert len(azure("code").recorded) == 3


@pytest.mark.usefixtures("no_data")
def test_says_how_to_get_the_trace():
    with pytest.raises(WorkloadError, match=r"none in \$SLAIBENCH_DATA.*Azure/AzurePublicDataset"):
        azure("conv")
    with pytest.raises(WorkloadError, match=r"no file no/such\.csv.*azure-conv:path/to/"):
        azure("conv", "no/such.csv")


def test_reference_copy_agrees_with_the_published_head(data_dir, monkeypatch):
    monkeypatch.setenv("SLAIBENCH_DATA", str(data_dir))
    code, conv = azure("code"), azure("conv")
    assert (len(code.recorded), len(conv.recorded)) == (8819, 19_366)
    assert code.recorded.prompt_tokens[:3].tolist() == [4808, 3180, 110]
    assert code.arrival_s[:3].tolist() == [0, 0.052, 0.098189]
    assert 3400 < conv.arrival_s[-1] < 3600
