"""requirements.lock fits pyproject.toml, and names no index."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]


def locked() -> dict[str, list[str]]:
    """Versions of each package; several where Pythons take different ones."""
    versions: dict[str, list[str]] = {}
    for line in (ROOT / "requirements.lock").read_text().splitlines():
        if not line.startswith("#"):
            (requirement,) = Requirement(line).specifier
            assert requirement.operator == "=="
            name = canonicalize_name(Requirement(line).name)
            versions.setdefault(name, []).append(requirement.version)
    return versions


def test_it_holds_a_version_that_fits_of_all_that_the_light_environment_takes() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    versions = locked()
    for text in [*project["dependencies"], *extras["test"], *extras["hub"]]:
        requirement = Requirement(text)
        have = versions.get(canonicalize_name(requirement.name), [])
        assert have, f"{text} is not in requirements.lock: run .ci/lock"
        for version in have:
            assert requirement.specifier.contains(version, prereleases=True), f"{text}: {version}"


def test_it_names_no_index_and_no_file_of_a_machine() -> None:
    text = (ROOT / "requirements.lock").read_text()
    assert re.search(r"://|file:|@ |--(index|extra|find)", text) is None
