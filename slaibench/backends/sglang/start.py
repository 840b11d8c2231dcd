"""Program: SGLang's server, also where packages that it imports and does not need are missing.

``python -m slaibench.backends.sglang.start --model-path ...`` takes what
``python -m sglang.launch_server`` takes. SGLang's processes import the main program again before
anything of SGLang's, so the stand-ins are there in each of them.
"""

from __future__ import annotations

import runpy

from slaibench.backends.sglang.stand_ins import install

install()

if __name__ == "__main__":
    # Without alter_sys: to the processes that SGLang starts, the main program is this file.
    runpy.run_module("sglang.launch_server", run_name="__main__")
