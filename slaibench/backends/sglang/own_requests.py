"""What SGLang's server asks of itself over HTTP, with the key that its door wants.

It has one such request: once it serves, to have the garbage collector of each of its processes
leave alone what is there by then. To say the key to SGLang as its ``--api-key`` would put it into
its log.
"""

from __future__ import annotations

import importlib.util
import os
import urllib.request
from pathlib import Path
from typing import Any

from slaibench.backends.engines import gate

MODULE = "sglang.srt.entrypoints.http_server"
FUNCTION = "_freeze_gc_after_server_warmup"
LIMIT_S = 10.0


def bring_the_key() -> None:
    """Have SGLang's request to itself bring the key, where there is a key and such a request.

    To be called in its main process, before its plug-ins are loaded.
    """
    if not os.environ.get(gate.VARIABLE):
        return
    spec = importlib.util.find_spec(MODULE)
    if spec is None or f"def {FUNCTION}(" not in Path(str(spec.origin)).read_text("utf-8"):
        return
    from sglang.srt.plugins.hook_registry import HookRegistry, HookType  # noqa: PLC0415

    HookRegistry.register(f"{MODULE}.{FUNCTION}", _freeze_gc, HookType.REPLACE)


def _freeze_gc(server_args: Any) -> None:
    request = urllib.request.Request(
        f"{server_args.url()}/freeze_gc",
        data=b"",
        headers={"Authorization": f"Bearer {os.environ[gate.VARIABLE]}"},
    )
    try:
        with urllib.request.urlopen(request, timeout=LIMIT_S):
            pass
    except OSError as error:
        print(
            f"the garbage collector does not leave the server alone: {error}",
            flush=True,
        )
