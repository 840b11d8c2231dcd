"""Program: SGLang's server, also where packages that it imports and does not need are missing.

``python -m slaibench.backends.sglang.start --model-path ...`` takes what
``python -m sglang.launch_server`` takes. SGLang's processes import the main program again before
anything of SGLang's, so the stand-ins are there in each of them, and so is the door
(``slaibench.backends.engines.gate``) before every web application, and what hears headers
(``hearing``) behind it.
"""

from __future__ import annotations

import runpy

from slaibench.backends.engines.gate import guard_every_application
from slaibench.backends.engines.hearing import hear_in_every_application
from slaibench.backends.sglang.own_requests import bring_the_key
from slaibench.backends.sglang.stand_ins import install

install()
hear_in_every_application("custom_params")
guard_every_application()

if __name__ == "__main__":
    bring_the_key()
    # Without alter_sys: to the processes that SGLang starts, the main program is this file.
    runpy.run_module("sglang.launch_server", run_name="__main__")
