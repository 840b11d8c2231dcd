"""The same two loads by vLLM's and guidellm's load generators, as far as their output tells.

vLLM's ``bench serve`` (start times and every gap, on the monotonic clock; it sends our
``X-Request-Id``): the server's stamp of a request's first byte minus the client's own start stamp,
and gaps against the server's. Its due times are in no output. guidellm (Unix times, no gaps): its
start stamp minus its target, and arrival at the server minus its target, both paired by rank.

CPU is user and system time of the command and its children, minus that of the same command with
``FEW`` requests of two tokens (imports, tokenizer), over the tokens.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from slaibench.client.fetch import fetch
from slaibench.client.target import Target

FEW = 8
_VLLM = (
    "from vllm.benchmarks.serve import add_cli_args, main\n"
    "from vllm.utils.argparse_utils import FlexibleArgumentParser as Parser\n"
    "parser = Parser(); add_cli_args(parser); main(parser.parse_args())"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--peers", action="store_true", help="run others too")
    parser.add_argument("--vllm-python", help="Python of an environment with vLLM")
    parser.add_argument("--guidellm", help="the guidellm command (0.8)")
    parser.add_argument("--tokenizer", help="folder of any Hugging Face tokenizer, for both")


def run(command: list[str]) -> float:
    """CPU seconds of a command and its children."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = os.environ | {"HF_HUB_OFFLINE": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        raise SystemExit(f"{command[0]} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def vllm(
    args: argparse.Namespace, url: str, rate_rps: float, count: int, tokens: int
) -> tuple[float, dict[str, np.ndarray]]:
    """CPU seconds, and samples in seconds by name."""
    with tempfile.TemporaryDirectory() as folder:
        command = [args.vllm_python, "-c", _VLLM, "--backend", "openai", "--base-url", url]
        command += ["--endpoint", "/v1/completions", "--model", "truth"]
        command += ["--tokenizer", args.tokenizer, "--dataset-name", "random"]
        command += ["--random-input-len", "16", "--random-output-len", str(tokens)]
        command += ["--num-prompts", str(count), "--request-rate", str(rate_rps), "--ignore-eos"]
        command += ["--save-result", "--save-detailed", "--result-dir", folder]
        command += ["--result-filename", "out.json", "--disable-tqdm"]
        command += ["--request-id-prefix", "peer-", "--ready-check-timeout-sec", "0"]
        cpu_s = run(command)
        result = json.loads((Path(folder) / "out.json").read_text())
    truth = fetch(Target(url, "truth"), "/truth", {}, timeout_s=60)
    if result["completed"] != count:
        raise SystemExit(f"vllm bench serve completed {result['completed']} of {count}")
    there, errors = [], []
    for number, (start_s, itls) in enumerate(
        zip(result["start_times"], result["itls"], strict=True)
    ):
        stamps = truth[f"peer-{number}"]
        there.append(stamps["received"] - start_s)
        gaps = np.diff(stamps["tokens"])
        # It counts the finish chunk, which carries no token, as one more.
        errors.append(np.abs(np.array(itls[: len(gaps)]) - gaps))
    return cpu_s, {"started to there": np.array(there), "gap error": np.concatenate(errors)}


def guidellm(
    args: argparse.Namespace, url: str, rate_rps: float, count: int, tokens: int
) -> tuple[float, dict[str, np.ndarray]]:
    """CPU seconds, and samples in seconds by name."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "out.json"
        command = [args.guidellm, "run", "--disable-console"]
        backend = f"kind=openai_http,target={url},model=truth,request_format=/v1/completions"
        command += ["--backend", backend, "--profile", f"kind=poisson,rate={rate_rps:g}"]
        command += ["--constraint", f"kind=max_requests,count={count}"]
        command += ["--tokenizer", f"kind=hf_auto,model={args.tokenizer}"]
        command += ["--data", f"kind=synthetic_text,prompt_tokens=16,output_tokens={tokens}"]
        command += ["--output", f"kind=json,path={path}"]
        cpu_s = run(command)
        report = json.loads(path.read_text())
    truth = fetch(Target(url, "truth"), "/truth", {}, timeout_s=60)
    to_unix_s = time.time() - time.monotonic()
    done = report["benchmarks"][0]["requests"]["successful"]
    if len(done) != count:
        print(f"\nguidellm completed {len(done)} of {count}")
    times = [timing["info"]["timings"] for timing in done]
    times = [timing for timing in times if timing["targeted_start"]]  # 0: not in the report.
    if not times:
        return cpu_s, {}
    start_s = np.array([timing["request_start"] - timing["targeted_start"] for timing in times])
    samples = {"due to started": start_s}
    if len(times) == count:
        target_s = np.sort([timing["targeted_start"] for timing in times])
        there_s = np.sort([stamps["received"] for stamps in truth.values()]) + to_unix_s
        # Its probes come before the run; the last `count` arrivals are the run's.
        samples["due to there"] = there_s[-count:] - target_s
    return cpu_s, samples


def compare(args: argparse.Namespace, url: str, seconds: float) -> None:
    """Run both cases with every peer that is given, and print what they give away."""
    peers: dict[str, Callable[..., tuple[float, dict[str, np.ndarray]]]] = {}
    if args.vllm_python:
        peers["vllm bench serve"] = vllm
    if args.guidellm:
        peers["guidellm"] = guidellm
    if not peers or not args.tokenizer:
        raise SystemExit("--peers needs --tokenizer, and --vllm-python or --guidellm")
    for name, peer in peers.items():
        base_s, _ = peer(args, url, 100.0, FEW, 2)
        for title, rate_rps, count, tokens in (
            ("(a)", 500.0, round(500 * seconds), 4),
            ("(b)", 400.0, 400, round(50 * (seconds + 1))),
        ):
            cpu_s, samples = peer(args, url, rate_rps, count, tokens)
            print(f"\n{title} {name}")
            for what, values in samples.items():
                p50, p99, most = np.quantile(values, (0.5, 0.99, 1.0)) * 1e3
                print(f"  {what:18} P50 {p50:9.3f}  P99 {p99:9.3f}  max {most:9.3f} ms")
            print(f"  CPU {(cpu_s - base_s) / (count * tokens) * 1e6:.1f} us a token")
