"""An ``nvidia-smi`` for machines without one: answers its comma-separated queries as its manual
says, field by field, and refuses what it does not know as the real one does."""

from __future__ import annotations

import json
import stat
import sys
from collections.abc import Sequence
from pathlib import Path

H200 = {
    "name": "NVIDIA H200",
    "uuid": "GPU-5b2e8c1a-0000-0000-0000-000000000001",
    "driver_version": "580.159.04",
    "vbios_version": "96.00.BC.00.02",
    "compute_cap": "9.0",
    "memory.total": "143771",
    "memory.used": "4",
    "pcie.link.gen.current": "5",
    "pcie.link.width.current": "16",
    "persistence_mode": "Enabled",
    "compute_mode": "Default",
    "ecc.mode.current": "Enabled",
    "mig.mode.current": "Disabled",
    "power.limit": "700.00",
    "power.default_limit": "700.00",
    "power.max_limit": "700.00",
    "power.draw": "78.56",
    "clocks.sm": "345",
    "clocks.max.sm": "1980",
    "clocks.applications.graphics": "[N/A]",
    "clocks.mem": "3201",
    "clocks.max.memory": "3201",
    "clocks.applications.memory": "[N/A]",
    "clocks_event_reasons.active": "0x0000000000000001",
    "pstate": "P0",
    "temperature.gpu": "37",
    "utilization.gpu": "0",
}
PROGRAM = """#!{python}
import json, sys, time
from datetime import datetime

GPUS, PROCESSES, VERSION = json.loads({values!r})
options = {{word.partition("=")[0]: word.partition("=")[2] for word in sys.argv[1:]}}
if "--version" in options:
    print(VERSION)
elif "--query-compute-apps" in options:
    for process in PROCESSES:
        print(", ".join(process[name] for name in options["--query-compute-apps"].split(",")))
else:
    while True:
        for gpu in GPUS:
            values = {{"timestamp": f"{{datetime.now():%Y/%m/%d %H:%M:%S.%f}}"[:-3], **gpu}}
            fields = options["--query-gpu"].split(",")
            for name in fields:
                if name not in values:
                    sys.exit(print(f'Field "{{name}}" is not a valid field to query.\\n') or 2)
            print(", ".join(values[name] for name in fields), flush=True)
        if "--loop-ms" not in options:
            break
        time.sleep(int(options["--loop-ms"]) / 1000)
"""


def install(
    folder: Path,
    gpus: Sequence[dict[str, str]] = (H200,),
    processes: Sequence[dict[str, str]] = (),
    version: str = "CUDA Version        : 13.0",
) -> None:
    """Put the tool into a folder of the path.

    Args:
        processes: a row each, by the fields of ``--query-compute-apps``.
        version: what ``--version`` says.
    """
    tool = folder / "nvidia-smi"
    values = json.dumps([list(gpus), list(processes), version])
    tool.write_text(PROGRAM.format(python=sys.executable, values=values))
    tool.chmod(tool.stat().st_mode | stat.S_IXUSR)


def process(pid: int, gpu: dict[str, str] = H200, memory: str = "1024") -> dict[str, str]:
    """A process on a GPU, called ``python, train``: names may hold commas."""
    return {
        "gpu_uuid": gpu["uuid"],
        "pid": str(pid),
        "used_memory": memory,
        "process_name": "python, train",
    }
