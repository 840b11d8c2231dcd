"""Names to workloads: built in, installed, files, and what is said when there is none."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from slaibench.workloads.errors import WorkloadError
from slaibench.workloads.registry import available, default_workload, resolve


@pytest.fixture(autouse=True)
def nothing_at_hand(tmp_path, monkeypatch):
    monkeypatch.setenv("SLAIBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("SLAIBENCH_DATA", raising=False)


@pytest.fixture
def csv(tmp_path) -> Path:
    path = tmp_path / "mine.csv"
    path.write_text("prompt_tokens,output_tokens,timestamp\n5,6,0\n7,8,2000\n")
    return path


@pytest.mark.parametrize(
    "text", ["fixed:prompt=7,output=3", "uniform:prompt=1-9,output=3-4", "sharegpt4-model"]
)
def test_names_lead_to_sources_of_that_name(text):
    assert resolve(text).name == text


def test_a_path_leads_to_a_table_with_its_options(csv):
    source = resolve(f"{csv}:timestamp=ms")
    assert source.name == str(csv)
    assert source.recorded.prompt_tokens.tolist() == [5, 7]
    assert source.arrival_s.tolist() == [0, 2]
    with pytest.raises(WorkloadError, match="seconds or milliseconds"):
        resolve(str(csv))


def test_a_path_may_hold_a_colon(csv):
    path = csv.with_name("a:b.csv")
    path.write_text("isl,osl\n1,2\n")
    assert resolve(str(path)).recorded.output_tokens.tolist() == [2]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sharegtp4", "unknown workload 'sharegtp4'; did you mean 'sharegpt4'.*azure-code, azure-"),
        ("zzz", r"unknown workload 'zzz'\. Known: agent, azure-code"),
        ("", "unknown workload ''"),
        ("none.csv", r"none\.csv: no such file"),
        ("folder/none.parquet", "no such file"),
        ("chats.json", r"written sharegpt4:chats\.json"),
        ("sharegpt4-model:n=3", "takes no option 'n'"),
        ("azure-conv", "Azure/AzurePublicDataset"),
        ("fixed", "needs prompt=VALUE"),
        ("none.csv:unit=ms", "did you mean|Known: block, think"),
    ],
)
def test_what_cannot_be_had_says_so(text, message):
    with pytest.raises(WorkloadError, match=message):
        resolve(text)


def test_every_listed_name_is_known(csv):
    for entry in available():
        if entry.name == "FILE":
            continue
        try:
            resolve(entry.name if entry.name != "sharegpt4" else f"sharegpt4:{csv}")
        except WorkloadError as error:
            assert "unknown workload" not in str(error)  # noqa: PT017


def test_list_tells_what_is_at_hand():
    at_hand = {entry.name: entry.at_hand for entry in available()}
    assert at_hand["sharegpt4-model"] is True
    assert at_hand["sharegpt4"] is False
    assert at_hand["azure-conv"] is False
    assert at_hand["FILE"] is None


def test_default_is_the_model_when_the_dataset_is_not_at_hand():
    source = default_workload()
    assert source.name == "sharegpt4-model"
    assert "\n" not in source.note


@pytest.fixture
def plugin(tmp_path, monkeypatch):
    """An installed distribution, as far as Python can tell: its metadata lies on the path."""
    info = tmp_path / "site" / "plug-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: plug\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[slaibench.workloads]\nours = plug_workload:build\nbroken = plug_nowhere:build\n"
        "fixed = plug_workload:build\n"
    )
    (tmp_path / "site" / "plug_workload.py").write_text(
        "from workloads.lengths import parse_fixed\n"
        "def build(text):\n    return parse_fixed(text or 'prompt=3,output=2')\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    yield
    sys.modules.pop("plug_workload", None)


@pytest.mark.usefixtures("plugin")
def test_installed_workloads_are_found_by_name():
    lengths = resolve("ours").sample(1, np.random.default_rng(0))
    assert (lengths.prompt_tokens[0], lengths.output_tokens[0]) == (3, 2)
    assert resolve("ours:prompt=9,output=1").name == "fixed:prompt=9,output=1"
    listed = {entry.name: entry.summary for entry in available()}
    assert listed["ours"] == "from plug_workload"
    with pytest.raises(WorkloadError, match="did you mean 'ours'"):
        resolve("oours")


@pytest.mark.usefixtures("plugin")
def test_listing_loads_no_plugin_and_a_broken_one_is_named():
    available()
    assert "plug_workload" not in sys.modules
    with pytest.raises(WorkloadError, match="'broken' comes from plug_nowhere:build"):
        resolve("broken")


@pytest.mark.usefixtures("plugin")
def test_a_plugin_cannot_take_a_built_in_name():
    assert resolve("fixed:prompt=7,output=3").name == "fixed:prompt=7,output=3"
    assert [entry.name for entry in available()].count("fixed") == 1
