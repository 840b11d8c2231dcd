"""``nvidia-smi``, asked in its comma-separated form (its manual: SELECTIVE QUERY OPTIONS)."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass

TOOL = "nvidia-smi"
LIMIT_S = 20.0
"""With the driver's persistence mode off, the first call of a day can take seconds."""
OLDER_NAMES = {"clocks_event_reasons.active": "clocks_throttle_reasons.active"}
"""Fields that drivers before 535 call otherwise."""
PROCESS_FIELDS = ("gpu_uuid", "pid", "used_memory", "process_name")
_UNKNOWN_FIELD = re.compile(r'Field "([\w.]+)" is not a valid field to query')
_NO_VALUE = re.compile(r"\[.*\]|N/A|")
"""What it prints where there is no value: ``[N/A]``, ``[Not Supported]``."""


class NvidiaError(RuntimeError):
    """There is no answer; the message says why."""


@dataclass(frozen=True, slots=True)
class GpuProcess:
    """A process that computes on a GPU.

    Args:
        pid: as the driver counts them: in a container it may be another number, or nobody's.
        memory_mib: what it holds there; None where the driver does not tell.
    """

    gpu_uuid: str
    pid: int
    memory_mib: int | None
    name: str


def ask(*arguments: str) -> str:
    """What ``nvidia-smi`` prints.

    Raises:
        NvidiaError: it is not there, fails, or does not answer in time.
    """
    try:
        done = subprocess.run(
            [TOOL, *arguments], capture_output=True, text=True, check=False, timeout=LIMIT_S
        )
    except subprocess.TimeoutExpired as error:
        raise NvidiaError(f"{TOOL} does not answer within {LIMIT_S:g} s") from error
    except OSError as error:
        raise NvidiaError(f"{TOOL} cannot be run ({error.strerror})") from error
    if done.returncode:
        said = " ".join((done.stdout + done.stderr).split())
        raise NvidiaError(f"{TOOL} fails: {said or f'status {done.returncode}'}")
    return done.stdout


def gpu_rows(fields: Sequence[str], gpus: Iterable[str] = ()) -> list[dict[str, str]]:
    """A row a GPU: what is printed for each field, without units.

    A field that the driver does not know is left out of the rows.

    Args:
        fields: as ``nvidia-smi --help-query-gpu`` calls them.
        gpus: indices or UUIDs; none: all.

    Raises:
        NvidiaError: there is no answer.
    """
    names = {field: field for field in fields}
    chosen = ",".join(gpus)
    while names:
        query = [f"--query-gpu={','.join(names.values())}", "--format=csv,noheader,nounits"]
        try:
            text = ask(*query, *([f"--id={chosen}"] if chosen else []))
        except NvidiaError as error:
            refused = _UNKNOWN_FIELD.search(str(error))
            if refused is None or refused[1] not in names.values():
                raise
            field = next(key for key, name in names.items() if name == refused[1])
            older = OLDER_NAMES.get(field)
            if older is None or names[field] == older:
                del names[field]
            else:
                names[field] = older
            continue
        return [dict(zip(names, row, strict=True)) for row in rows(text, len(names))]
    return []


def rows(text: str, columns: int) -> list[list[str]]:
    """Lines of so many values, which are separated by commas; the last may hold some itself."""
    split = ([each.strip() for each in line.split(",", columns - 1)] for line in text.splitlines())
    return [row for row in split if len(row) == columns]


def value(text: str) -> str | None:
    """A printed value; None where the card has none."""
    return None if _NO_VALUE.fullmatch(text) else text


def processes() -> tuple[GpuProcess, ...]:
    """Everything that computes on a GPU of this machine.

    Raises:
        NvidiaError: there is no answer.
    """
    query = f"--query-compute-apps={','.join(PROCESS_FIELDS)}"
    return parse_processes(ask(query, "--format=csv,noheader,nounits"))


def parse_processes(text: str) -> tuple[GpuProcess, ...]:
    """Processes from the lines of ``--query-compute-apps`` (``PROCESS_FIELDS``)."""
    found = []
    for uuid, pid, memory, name in rows(text, len(PROCESS_FIELDS)):
        with suppress(ValueError):
            found.append(
                GpuProcess(uuid, int(pid), int(memory) if memory.isdigit() else None, name)
            )
    return tuple(found)


def cuda_version() -> str:
    """The newest CUDA that the driver serves.

    Raises:
        NvidiaError: it does not say (``--version`` is newer than some drivers).
    """
    found = re.search(r"^CUDA Version\s*: *([\d.]+)", ask("--version"), re.MULTILINE)
    if found is None:
        raise NvidiaError(f"{TOOL} --version says nothing of CUDA")
    return found[1]
