"""Validations: those that ship, those of this machine, and what is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from slaibench.catalog import CatalogError, Profile, get_profile, list_profiles
from slaibench.catalog.fields import Fields
from slaibench.catalog.validations import (
    Validation,
    check_keepable,
    keep,
    own_file,
    validations_of,
)

UNVALIDATED = get_profile("h100", "mistral-7b")
SHIPPED = files("slaibench.catalog.data.validations")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SLAIBENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def validation(profile: Profile = UNVALIDATED, **changes: Any) -> Validation:
    plain = Validation(
        fingerprint=profile.fingerprint,
        against="runs/requests.jsonl (300 requests in 29 s)",
        source="here",
        engine="vLLM 0.19.0",
        scheduler="sarathi",
        num_requests=300,
        step_overhead_ms=0.0,
        fitted=False,
        errors={"ttft_mean": 0.01, "tpot_p50": -0.02},
        grades={"ttft": "A", "all": "A"},
    )
    return replace(plain, **changes)


def test_every_shipped_file_is_of_a_profile_that_ships_as_it_is_now() -> None:
    """A profile whose numbers change loses its validation; its file must be made again."""
    names = [entry.name for entry in SHIPPED.iterdir() if entry.name.endswith(".json")]
    assert names
    profiles = {f"{gpu}_{model}.json": (gpu, model) for gpu, model in list_profiles()}
    for name in names:
        kept = json.loads((SHIPPED / name).read_text())["validations"]
        assert len(validations_of(get_profile(*profiles[name]))) == len(kept) > 0


def test_a_shipped_validation_says_where_it_is_from_and_holds_figures_only() -> None:
    (shipped,) = validations_of(get_profile("rtx4090", "llama-3.1-8b"))
    assert "LLMServingSim" in shipped.source
    assert shipped.engine == "vLLM 0.19.0"
    assert {"ttft_mean", "ttft_p50", "ttft_p99", "tpot_mean", "e2e_mean"} <= set(shipped.errors)
    assert all(abs(error) < 1 for error in shipped.errors.values())


def test_what_is_kept_is_found_again_beside_what_ships() -> None:
    profile = get_profile("rtx4090", "llama-3.1-8b")
    shipped = validations_of(profile)
    path = keep(profile, validation(profile))
    assert path == own_file(profile)
    assert validations_of(profile) == (*shipped, validation(profile))
    assert not list(path.parent.glob(".*"))


def test_a_validation_against_the_same_takes_the_old_ones_place() -> None:
    keep(UNVALIDATED, validation())
    keep(UNVALIDATED, validation(scheduler="slai"))
    keep(UNVALIDATED, validation(errors={"ttft_mean": 0.5}))
    kept = validations_of(UNVALIDATED)
    assert [(entry.scheduler, entry.errors["ttft_mean"]) for entry in kept] == [
        ("slai", 0.01),
        ("sarathi", 0.5),
    ]


def test_a_profile_that_changed_has_no_validation_of_what_it_was() -> None:
    keep(UNVALIDATED, validation())
    changed = UNVALIDATED.with_step_overhead(1.0)
    assert validations_of(changed) == ()
    keep(changed, validation(changed))
    assert validations_of(UNVALIDATED) == ()
    # Texts decide no time.
    assert len(validations_of(replace(changed, notes=("other",)))) == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"errors": {"ttft_mean": "small"}}, "ttft_mean must be a number"),
        ({"errors": {}}, "errors must not be empty"),
        ({"grades": {"ttft": "A"}}, "grades lacks 'all'"),
        ({"fitted": 1}, "fitted must be true or false"),
        ({"num_requests": 0}, "num_requests must be a whole number"),
        ({"odd": 1}, "unknown names: odd"),
    ],
)
def test_a_damaged_validation_is_named_with_its_place(change: dict[str, Any], message: str) -> None:
    values = {**validation().to_json(), **change}
    with pytest.raises(CatalogError, match=message):
        Validation.parse(Fields(values, "file.json, validations number 1"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("no json", "is not JSON"),
        ('{"schema_version": 9, "validations": []}', "schema_version 9 is not 1; remove the file"),
        ('{"schema_version": 1, "validations": {}}', "must be a list of objects"),
        ('{"schema_version": 1, "validations": [7]}', "must be an object"),
    ],
)
def test_a_damaged_file_is_refused_before_anything_is_kept(content: str, message: str) -> None:
    path = own_file(UNVALIDATED)
    path.parent.mkdir(parents=True)
    path.write_text(content)
    for use in (validations_of, check_keepable):
        with pytest.raises(CatalogError, match=message):
            use(UNVALIDATED)
    with pytest.raises(CatalogError):
        keep(UNVALIDATED, validation())
    assert path.read_text() == content


def test_a_folder_that_cannot_be_written_is_named_with_the_way_out(cache: Path) -> None:
    cache.parent.mkdir(exist_ok=True)
    cache.write_text("a file where a folder belongs")
    for use in (check_keepable, lambda profile: keep(profile, validation())):
        with pytest.raises(CatalogError, match="SLAIBENCH_CACHE, or give --no-keep"):
            use(UNVALIDATED)


def test_names_of_a_users_own_lead_nowhere_else(cache: Path) -> None:
    own = replace(UNVALIDATED, gpu="../my/card")
    assert own_file(own).parent == cache / "validations"
