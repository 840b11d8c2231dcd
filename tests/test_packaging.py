"""What is installed: one top-level package, with schedulers, workloads and their data inside."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("slaibench", "schedulers", "workloads")
INSTALLED = {".py", ".json", ".j2", ".css", ".js", ".txt", ".typed"}


def built(source: Path, kind: str, target: Path) -> Path:
    """A distribution of a source tree, made offline by what pip calls."""
    code = f"import setuptools.build_meta as backend; backend.build_{kind}({str(target)!r})"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=source, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (distribution,) = target.iterdir()
    return distribution


def contents(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the source tree, since a build leaves files in it."""
    copy = tmp_path_factory.mktemp("source")
    for file in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / file, copy)
    for package in PACKAGES:
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / package, copy / package, symlinks=True, ignore=ignored)
    return copy


@pytest.fixture(scope="module")
def wheel(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built(source, "wheel", tmp_path_factory.mktemp("wheel"))


def test_a_wheel_installs_one_package_and_nothing_is_missing(source: Path, wheel: Path) -> None:
    root = source / "slaibench"
    expected = {
        str(Path("slaibench", Path(folder, file).relative_to(root)))
        for folder, _, files in os.walk(root, followlinks=True)
        for file in files
        if Path(file).suffix in INSTALLED
    }
    names = {name for name in contents(wheel) if ".dist-info/" not in name}
    assert names == expected
    assert {"slaibench/schedulers/slai.py", "slaibench/workloads/sharegpt4_model.json"} <= names
    assert "slaibench/py.typed" in names  # who type-checks with us sees our types


def test_a_source_distribution_makes_the_same_wheel(
    source: Path, wheel: Path, tmp_path: Path
) -> None:
    archive = built(source, "sdist", tmp_path / "sdist")
    subprocess.run(["tar", "-xzf", archive, "-C", tmp_path], check=True)
    (unpacked,) = tmp_path.glob("slaibench-*")
    again = contents(built(unpacked, "wheel", tmp_path / "wheel"))
    assert again == contents(wheel)


def test_what_a_wheel_installs_works_without_the_source_tree(wheel: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    code = f"""
from importlib.metadata import Distribution
from importlib.util import find_spec
from slaibench.workloads.sharegpt4_model import load_sharegpt4_model
load_sharegpt4_model()
points = next(Distribution.discover(path=[{str(site)!r}])).entry_points
print([find_spec(name) for name in ("schedulers", "workloads")])
print(*(point.load().__module__ for point in points))
"""
    path = os.pathsep.join([str(site), sysconfig.get_paths()["purelib"]])
    done = subprocess.run(
        [sys.executable, "-S", "-c", code],  # -S: without an editable installation of ours
        env={**os.environ, "PYTHONPATH": path},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    packages, modules = done.stdout.splitlines()
    assert packages == "[None, None]"
    assert {
        "slaibench.backends.sglang.device",
        "slaibench.cli.app",
        "slaibench.schedulers.engines.sglang",
    } <= set(modules.split())
