"""Files that users wrote when ``schedulers`` and ``workloads`` were packages of the top level."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from slaibench.schedulers import base, batching, registry
from slaibench.schedulers.base import Scheduler
from tests.schedulers.scenario import Scenario

ROOT = Path(__file__).parents[1]
FORMER = """
import workloads.request
from schedulers import base
from schedulers.base import Scheduler
from schedulers.steps import continue_prefills
from schedulers.sarathi import Sarathi

class Old(Sarathi):
    base, moves, requests = base, continue_prefills, workloads.request

    def schedule(self, view):
        assert view.max_started is None
        for request in view.started:
            assert request.policy_data is None or request.policy_data == len("seen")
            request.policy_data = len("seen")
        return super().schedule(view)
"""


def python(folder: Path, *arguments: str) -> str:
    """What a Python says where slaibench is installed as from a wheel."""
    installed = sysconfig.get_paths()["purelib"]
    (folder / "site").mkdir()
    (folder / "site" / "slaibench").symlink_to(ROOT / "slaibench")
    done = subprocess.run(
        [sys.executable, "-S", *arguments],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(folder / "site"), installed])},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_what_a_file_imports_by_former_names_is_ours_and_no_copy(tmp_path: Path) -> None:
    (tmp_path / "old.py").write_text(FORMER)
    old = type(registry.build(f"{tmp_path}/old.py:Old"))
    assert issubclass(old, Scheduler)
    assert old.base is base  # type: ignore[attr-defined]
    assert old.moves is batching.continue_prefills  # type: ignore[attr-defined]
    assert old.requests.__name__ == "slaibench.workloads.request"  # type: ignore[attr-defined]


def test_what_it_reads_of_view_and_requests_is_there(tmp_path: Path) -> None:
    (tmp_path / "old.py").write_text(FORMER)
    scenario = Scenario(f"{tmp_path}/old.py:Old:token_budget=2", total_blocks=100)
    request = scenario.arrive(7, 2)
    scenario.run()
    assert request.scheduler_data == len("seen")


@pytest.mark.parametrize("file", ["schedulers/__init__.py", "schedulers/base.py", "schedulers.py"])
def test_a_package_of_the_users_own_is_left_alone_and_leaves_us_alone(
    tmp_path: Path, file: str
) -> None:
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).write_text("MINE = 7\n")
    module = "schedulers.base" if file.endswith("base.py") else "schedulers"
    (tmp_path / "mine.py").write_text(
        f"from {module} import MINE\nfrom slaibench.schedulers.sarathi import Sarathi\n"
        "class Mine(Sarathi):\n    name = f'mine-{MINE}'\n"
    )
    (tmp_path / "script.py").write_text(
        "from slaibench.schedulers import registry\n"
        "print(registry.build('mine.py:Mine').name, registry.build('slai').name)\n"
    )
    assert python(tmp_path, "script.py").split() == ["mine-7", "slai"]


def test_a_folder_of_the_users_own_disturbs_no_study(tmp_path: Path) -> None:
    for package in ("schedulers", "workloads"):
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").write_text("raise RuntimeError('not yours')\n")
    (tmp_path / "script.py").write_text(
        "import slaibench\n"
        "if __name__ == '__main__':\n"
        "    swept = slaibench.sweep(['sarathi'], rates=[1], num_requests=20, num_seeds=1,\n"
        "        workload='fixed:prompt=10,output=3', results='results', jobs=1)\n"
        "    print(len(swept.frame()))\n"
    )
    assert python(tmp_path, "script.py").strip() == "1"
