"""What is known of a plug-in of SGLang's without loading it; no SGLang is needed for that."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from slaibench.machine.interpreters import variable
from slaibench.schedulers.engine_plugins import EngineWithPlugins
from slaibench.schedulers.engines.sglang_plugins import built
from slaibench.schedulers.engines.support import UnsupportedEngineError
from slaibench.studies.systems.engines import SglangSystem, VllmSystem
from slaibench.studies.systems.simulator import SimulatorSystem
from tests.backends.sglang.their_plugins import interpreter_with

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="engines run on Linux only")


@pytest.fixture
def theirs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a package with plug-ins, which the Python of SGLang has."""
    monkeypatch.setenv(variable("sglang"), interpreter_with(tmp_path, sys.executable))
    return tmp_path


def test_a_recording_names_the_plugins_their_release_and_their_code(theirs: Path) -> None:
    text = "engine:plugin=nothing+unused,max_active=64"
    scheduler = SglangSystem.build(text)
    assert isinstance(scheduler, EngineWithPlugins)
    assert scheduler.foreign_files == (str(theirs / "theirs.py"),) * 2
    info = SglangSystem.info_of(text)
    assert info.options == {
        "max_active": 64,
        "plugin": "nothing+unused",
        "installed": "theirs:nothing of theirs 1, theirs:unused of theirs 1",
    }
    assert (info.is_ours, info.is_stock, info.decides_ahead) == (False, True, True)
    assert info.source != SglangSystem.info_of("engine").source


def test_other_code_or_another_release_of_a_plugin_is_another_scheduler(theirs: Path) -> None:
    text, module = "engine:plugin=nothing", theirs / "theirs.py"
    before = SglangSystem.info_of(text)
    module.write_text(f"{module.read_text()}\n\ncalls.append(0)\n")
    edited = SglangSystem.info_of(text)
    assert (edited.source != before.source, edited.options) == (True, before.options)
    metadata = theirs / "theirs-1.dist-info" / "METADATA"
    metadata.write_text(metadata.read_text().replace("Version: 1", "Version: 2"))
    assert SglangSystem.info_of(text).options["installed"] == "theirs:nothing of theirs 2"


def test_all_of_a_package_is_a_plugins_code(theirs: Path) -> None:
    (theirs / "theirs.py").unlink()
    package = theirs / "theirs"
    (package / "inner").mkdir(parents=True)
    for name in ("__init__.py", "inner/rules.py", "notes.txt"):
        (package / name).write_text("")
    scheduler = SglangSystem.build("engine:plugin=nothing")
    assert isinstance(scheduler, EngineWithPlugins)
    names = {str(Path(file).relative_to(package)) for file in scheduler.foreign_files}
    assert names == {"__init__.py", "inner/rules.py"}


@pytest.mark.parametrize(
    ("plugin", "message"),
    [
        ("nothin", r"unknown plug-in 'nothin': did you mean 'nothing'\? Installed for .*shortest"),
        ("slaibench", "unknown plug-in 'slaibench'"),
        ("absent.py:register", r"no plug-in file 'absent\.py' \(No such file"),
        ("THEIRS/theirs.py:other", r"no function 'other' .* its functions: nothing, unused"),
        ("THEIRS/theirs.py", r"unknown plug-in .* plugin=path/to/file\.py:function"),
        ("THEIRS/broken.py:register", r"broken\.py' is not Python"),
        ("", "must name plug-ins"),
        ("nothing+", "must name plug-ins"),
        ("nothing+nothing", "must name plug-ins, each once"),
    ],
)
def test_what_is_not_there_is_refused_before_anything_runs(
    theirs: Path, plugin: str, message: str
) -> None:
    (theirs / "broken.py").write_text("def register(:\n")
    with pytest.raises(ValueError, match=message):
        SglangSystem.build(f"engine:plugin={plugin.replace('THEIRS', str(theirs))}")


def test_a_package_whose_module_is_gone_is_refused(theirs: Path) -> None:
    (theirs / "theirs.py").unlink()
    with pytest.raises(
        ValueError, match=r"theirs:nothing of theirs 1.*there is no module 'theirs'"
    ):
        SglangSystem.build("engine:plugin=nothing")


@pytest.mark.parametrize("system", [VllmSystem, SimulatorSystem])
def test_other_systems_say_that_a_plugin_is_sglangs(
    system: type[VllmSystem] | type[SimulatorSystem],
) -> None:
    with pytest.raises(ValueError, match=r"loads plug-ins of SGLang's.*--backend sglang"):
        system.build("engine:plugin=nothing")


def test_a_server_runs_no_scheduler_with_other_plugins_than_it_has() -> None:
    assert built("engine:plugin=a+b", ["a", "b"]).name == "engine"
    assert built("slai", []).name == "slai"
    for text, loaded in (("slai", ["a"]), ("engine:plugin=a", []), ("engine:plugin=a", ["b"])):
        with pytest.raises(UnsupportedEngineError, match=r"runs with .* start another one"):
            built(text, loaded)
