"""Command lines that stand at the end of a command's help, and the page that explains it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rich.markup import escape


@dataclass(frozen=True, slots=True)
class Examples:
    """What somebody types first.

    Args:
        page: of the documentation, below the repository.
        lines: without the program's name.
    """

    page: str
    lines: tuple[str, ...]

    @property
    def epilog(self) -> str:
        """As Typer prints it: an empty line begins a line."""
        lines = (f"  [cyan]slaibench {escape(line)}[/]" for line in self.lines)
        return "\n\n".join(("Examples:", *lines, f"More: [cyan]{self.page}[/]"))


EXAMPLES: Mapping[str, Examples] = {
    "sweep": Examples(
        "docs/tutorial.md",
        (
            "sweep --rates 2:8",
            "sweep -s slai -s slai:offset=dynamic --rates 4:6:0.5",
            "sweep -s slai --concurrency 8,64",
            "sweep -s mine.py:Mine --gpu a100 --rates 3,6 --json",
        ),
    ),
    "compare": Examples(
        "docs/tutorial.md",
        (
            "compare sarathi slai --rates 4:7",
            "compare sarathi slai hrrn --rates 4:7",
            "compare sarathi slai --workload azure-conv --rates 2:6:2 --json",
        ),
    ),
    "judge": Examples(
        "docs/how-to-judge.md",
        (
            "judge mine.py:Mine",
            "judge hrrn slai --rates 5,6 --markdown verdict.md",
            "judge hrrn sarathi --backend sim --metric ttft_p50_s --json",
        ),
    ),
    "capacity": Examples(
        "docs/tutorial.md",
        (
            "capacity slai --slo 'ttft_p50<0.5,tbt_p99<tier'",
            "capacity sarathi slai --gpu a100 --seeds 3 -q",
            "capacity --url http://localhost:8000 --minutes 5 --max-rate 20",
        ),
    ),
    "quick": Examples(
        "docs/how-to-capacity.md", ("quick", "quick --url http://localhost:8000 --slo 'ttft_p50<1'")
    ),
    "replay": Examples(
        "docs/client.md",
        (
            "replay --url http://localhost:8000 --rates 1 --requests 100",
            "replay --url http://localhost:8000 --rates 1,2 --label before",
        ),
    ),
    "run": Examples(
        "docs/study-files.md",
        ("run study.toml", "run study.toml --seeds 5 --json", "run --schema"),
    ),
    "board": Examples("docs/board.md", ("board", "board --gpu h200 --model gpt-oss-120b")),
    "bound": Examples("docs/theory.md", ("bound", "bound -s slai --model llama-3.1-8b --no-rad")),
    "serve": Examples(
        "docs/vllm.md",
        (
            "serve --scheduler slai --backend vllm --model tiny-mistral",
            "serve --scheduler slai:offset=dynamic --device cuda --port 8001",
        ),
    ),
    "calibrate": Examples(
        "docs/calibrate.md",
        (
            "calibrate --device cuda --model llama-3.1-8b --minutes 10",
            "calibrate --backend sglang --device cuda --out h100",
        ),
    ),
    "import": Examples(
        "docs/interchange.md",
        (
            "import rate4.json rate6.json --label stock",
            "import profile_export.jsonl --label ours --results imported",
        ),
    ),
    "export": Examples(
        "docs/interchange.md",
        (
            "export results/a/recording -o bench.json",
            "export results/a/recording --format aiperf -o profile_export.jsonl",
        ),
    ),
    "validate": Examples(
        "docs/validation.md",
        (
            "validate --between sim,vllm --rates 2 -s slai",
            "validate --log run.csv --gpu h100 --model llama-3.1-8b",
        ),
    ),
    "regress": Examples(
        "docs/regress.md",
        (
            "regress --baseline baselines/mine --rates 4 -s slai --update",
            "regress --baseline baselines/mine --junit regress.xml",
            "regress --baseline baselines/mine --against main",
        ),
    ),
    "report": Examples("docs/tutorial.md", ("report results", "report results --slo 'ttft_p99<2'")),
    "results": Examples("docs/tutorial.md", ("results", "results results --json")),
    "verify": Examples("docs/how-to-verify.md", ("verify reports/study.html",)),
    "workload": Examples(
        "docs/workloads.md", ("workload", "workload sharegpt4-model", "workload lengths.csv")
    ),
    "schedulers": Examples("docs/schedulers.md", ("schedulers", "schedulers --json")),
    "models": Examples("docs/simulator.md", ("models", "models --json")),
    "gpus": Examples("docs/simulator.md", ("gpus", "gpus --json")),
    "profile": Examples(
        "docs/profiles.md",
        (
            "profile --model qwen3-32b --gpu h100 --tp 2 --precision fp8",
            "profile --model mistral-7b --gpu b200 --out b200.json",
        ),
    ),
    "doctor": Examples("docs/backends.md", ("doctor", "doctor vllm:cpu", "doctor --fix-hints")),
    "env": Examples("docs/steady.md", ("env",)),
    "paper": Examples("docs/paper.md", ("paper --figure 7a", "paper -f 4 -f 5 --no-report")),
}
"""By command. A command that is not here has none (another package's may have its own)."""


def epilog_of(name: str) -> str | None:
    """What stands below the help of a command."""
    examples = EXAMPLES.get(name)
    return None if examples is None else examples.epilog
