"""Token ids of SGLang's real CPU engine under every scheduler: run as a program, prints JSON.

usage: python -m tests.schedulers.engines.greedy_sglang KV_BLOCKS RADIX LOOP FOLDER
"""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path
from typing import Any

NUM_REQUESTS = 200
LIMITS = "token_budget=256,max_active=48"
SCHEDULERS = (
    "engine:token_budget=256",
    f"sarathi:{LIMITS}",
    f"sarathi:order=spf,{LIMITS}",
    f"slai:{LIMITS}",
    "slai:order=spf-priority,offset=fixed:0,token_budget=48,max_active=48",
    f"hrrn:tile=16,{LIMITS}",
    "rad:tile=32,chunk=64",
    "rad-batch-prefill:cycle=40,tile=16,chunk=64,max_active=48",
    f"orca:{LIMITS}",
    f"prefill-first:{LIMITS}",
    f"decode-first:{LIMITS}",
)
WITH_LOGPROBS = 9
"""One in so many requests wants logprobs; they do not run beside others' decodes."""
ABORTED = 20
"""One in so many requests has a twin that is aborted on the way."""


def workload(radix: bool) -> list[tuple[str, list[int], dict[str, Any]]]:
    """(name, prompt, what else is asked): mixed lengths, shared prefixes, stop tokens.

    Args:
        radix: whether the radix cache is on. Without it, SGLang's own rule (0.5.23) may cut a
            second prompt of a batch and go on as if it were whole, where some requests ignore the
            end token and some do not: so all do, and none stops early.
    """
    some = random.Random(1)
    prefix = [some.randrange(300, 600) for _ in range(130)]
    cases = []
    for index in range(NUM_REQUESTS):
        length = some.choice([1, 15, 16, 17, some.randint(2, 100), some.randint(2, 300)])
        prompt = [some.randrange(300, 600) for _ in range(length)]
        if some.random() < 0.3:
            prompt = prefix + prompt
        params: dict[str, Any] = {
            "max_new_tokens": some.choice([1, some.randint(2, 20), some.randint(20, 60)]),
            "temperature": 0.0,
            "ignore_eos": True,
            "custom_params": {"tbt_slo_s": some.choice([0.02, 0.5])},
        }
        if some.random() < 0.1 and radix:
            # 0.5.17 looks at no stop token where the end token is ignored.
            params |= {"stop_token_ids": list(range(300, 340)), "ignore_eos": False}
        if index % WITH_LOGPROBS == 0:
            start = (-1, 0, length // 2)[index // WITH_LOGPROBS % 3]
            params |= {"return_logprob": True, "logprob_start_len": start, "top_logprobs_num": 2}
        cases.append((str(index), prompt, params))
    # The same prompt but for its first token: only an intact KV cache tells them apart.
    for last, first_token in ((-1, 301), (-2, 302)):
        params = {"max_new_tokens": 40, "temperature": 0.0, "ignore_eos": True}
        cases[last] = (cases[last][0], [first_token, *prefix], params)
    return cases


def serve(scheduler: Any, text: str, radix: bool) -> dict[str, Any]:
    """Everybody under one scheduler."""
    from tests.schedulers.engines.sglang_core import Driver

    driver = Driver(scheduler, text)
    aborts = random.Random(2)
    for number, (name, prompt, params) in enumerate(workload(radix), start=1):
        driver.add(name, prompt, **params)
        if number % ABORTED == 0:
            driver.add(f"{name}-twin", prompt, **params)
        if number % 2 == 0:
            driver.turn()
        twins = [name for name in driver.alive if name.endswith("-twin")]
        if twins and aborts.random() < 0.2:
            driver.abort(aborts.choice(twins))
    driver.run_out()
    return {
        "tokens": {name: ids for name, ids in driver.tokens.items() if not name.endswith("-twin")},
        "logprobs": {
            name: values for name, values in driver.logprobs.items() if not name.endswith("-twin")
        },
        "aborted": len(driver.aborted),
        "preemptions": sum(driver.log.num_preemptions.values()),
        "free": scheduler.pages.free(),
        "rows": scheduler.req_to_token_pool.available_size(),
    }


def main(kv_blocks: int, radix: bool, overlaps: bool, folder: Path) -> None:
    from tests.schedulers.engines.sglang_core import build_scheduler, random_model

    scheduler = build_scheduler(random_model(folder), kv_blocks, radix, overlaps=overlaps)
    json.dump({text: serve(scheduler, text, radix) for text in SCHEDULERS}, sys.stdout)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2] == "radix", sys.argv[3] == "overlap", Path(sys.argv[4]))
