"""What the package offers, and that offering it costs little."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from slaibench import workloads

ROOT = Path(__file__).parents[2]


def test_every_public_name_is_there():
    for name in workloads.__all__:
        assert hasattr(workloads, name), name


def test_import_and_generation_need_numpy_only():
    code = (
        "import sys\n"
        "from slaibench.workloads import *\n"
        "generate(resolve('sharegpt4-model'), ArrivalProcess.parse('poisson'),"
        " rate_rps=1, num_requests=9, seed=0)\n"
        "heavy = ('pandas', 'pyarrow', 'scipy', 'pydantic', 'datasets', 'mistral_common')\n"
        "print([name for name in heavy if name in sys.modules])\n"
        "rooms = {name.split('.')[1] for name in sys.modules if name.startswith('slaibench.')}\n"
        "print(sorted(rooms))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == ["[]", "['former_names', 'version', 'workloads']"]
