"""The tables that compare our scheduler with the others, on lengths made up here."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from benchmarks.beyond_slai.__main__ import ABLATION, main
from benchmarks.beyond_slai.places import OTHERS, SARATHI


@pytest.fixture(scope="module")
def traces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder, some = tmp_path_factory.mktemp("traces"), random.Random(0)
    for name in {place.workload for place in OTHERS}:
        rows = ["arrival_s,prompt_tokens,output_tokens"]
        for number in range(60):
            rows.append(f"{0.5 * number},{some.randint(20, 4000)},{some.randint(2, 60)}")
        (folder / name).write_text("\n".join(rows) + "\n", encoding="utf-8")
    return folder


def test_every_part_prints_its_table(
    traces: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--traces", str(traces), "--results", str(tmp_path), "--seeds", "2"]
    figure = tmp_path / "figure.png"
    parts = ["fairness", "ablation", "ceiling", "others"]
    assert main([*parts, *options, "--requests", "30", "--figure", str(figure)]) == 0
    said = capsys.readouterr().out
    tables = dict(part.split("\n", 1) for part in said.split("## ")[1:])
    assert list(tables) == parts
    assert all(f"| {label} |" in tables["ablation"] for label in ABLATION)
    assert all(f"| {place.label} |" in tables["others"] for place in OTHERS)
    for row in tables["ceiling"].splitlines()[4:]:
        if row:
            _, least, sarathi = (float(cell.split()[0]) for cell in row.strip("|").split("|")[:3])
            assert 0 < least < sarathi
    assert SARATHI in tables["fairness"]
    assert figure.read_bytes().startswith(b"\x89PNG")
