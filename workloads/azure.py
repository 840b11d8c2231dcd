"""The Azure public LLM inference traces: an hour of production requests with arrival times.

Source: Patel et al., "Splitwise" (ISCA 2024); files in Azure/AzurePublicDataset on GitHub. Both
the original columns (TIMESTAMP, ContextTokens, GeneratedTokens) and `table_file`'s are read.
"""

from __future__ import annotations

import os
from pathlib import Path

from slaibench.workloads.errors import WorkloadError
from slaibench.workloads.options import parse_options
from slaibench.workloads.table import TableSource
from slaibench.workloads.table_file import read_table

DATA_VARIABLE = "SLAIBENCH_DATA"
"""Environment variable: a folder with traces, in it or in its subfolder ``traces``."""

FILES = {
    kind: (f"AzureLLMInferenceTrace_{kind}.csv", f"azure_2023_{kind}.csv")
    for kind in ("conv", "code")
}


def azure(kind: str, text: str = "") -> TableSource:
    """The trace of chats (``conv``) or of code completion (``code``).

    Args:
        kind: ``conv`` or ``code``.
        text: path of the file; empty: look in ``$SLAIBENCH_DATA``.

    Raises:
        WorkloadError: there is no such file (the message says how to get it), or it is malformed.
    """
    name = f"azure-{kind}"
    options = parse_options(name, text)
    options.only(("zeros",), paths=1)
    path = Path(options.path).expanduser() if options.path else _find(kind)
    if path is None or not path.is_file():
        original = FILES[kind][0]
        where = f"there is no file {path}" if path else f"no file given, none in ${DATA_VARIABLE}"
        raise WorkloadError(
            f"{name}: {where}. Get data/{original} of github.com/Azure/AzurePublicDataset, then "
            f"write {name}:path/to/{original}, or set {DATA_VARIABLE} to its folder"
        )
    note = f"Azure production trace of 2023 ({kind}), {path.name}"
    return read_table(path, name=name, note=note, zeros=options.values.get("zeros"))


def azure_at_hand(kind: str) -> bool:
    """Whether ``azure-<kind>`` works without a path."""
    return _find(kind) is not None


def _find(kind: str) -> Path | None:
    folder = os.environ.get(DATA_VARIABLE)
    if not folder:
        return None
    candidates = (Path(folder, *sub, file) for sub in ((), ("traces",)) for file in FILES[kind])
    return next((path for path in candidates if path.is_file()), None)
