"""What tables say of their requests beside lengths: read, checked, kept, and named where not."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from slaibench.workloads import registry
from slaibench.workloads.arrivals import ArrivalProcess
from slaibench.workloads.errors import WorkloadError
from slaibench.workloads.generate import fingerprint, generate
from slaibench.workloads.own_tiers import own_tiers
from slaibench.workloads.tiers import DEFAULT_TIERS, Tier, parse_tiers

POISSON = ArrivalProcess.parse("poisson")
ROWS = [
    {
        "prompt_tokens": 10 * (row + 1),
        "output_tokens": 5 + row % 3,
        "tier": ("gold", "silver")[row % 2],
        "tbt_slo_s": (0.05, 0.2)[row % 2],
        "ttft_slo_s": 0.5 + row,
        "priority": row - 2,
        "max_output_tokens": 100 + row,
        "tenant": f"t{row % 3}",
    }
    for row in range(6)
]


def csv_of(path: Path, rows: list[dict]) -> Path:
    lines = [",".join(rows[0]), *(",".join(map(str, row.values())) for row in rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def table(tmp_path: Path) -> Path:
    return csv_of(tmp_path / "log.csv", ROWS)


def requests(text, num=6, tiers=DEFAULT_TIERS, **changes):
    source = registry.resolve(str(text))
    arguments = {"rate_rps": 2.0, "num_requests": num, "seed": 1} | changes
    return generate(source, POISSON, tiers, **arguments)


def said(made):
    return {
        r.prompt_tokens: (r.tier, r.tbt_slo_s, r.ttft_slo_s, r.priority, r.tenant,
                          r.max_output_tokens)
        for r in made
    }  # fmt: skip


WANTED = {
    row["prompt_tokens"]: (
        *(row["tier"], row["tbt_slo_s"], row["ttft_slo_s"], row["priority"], row["tenant"]),
        row["max_output_tokens"],
    )
    for row in ROWS
}


def test_every_form_says_the_same_and_requests_have_it(table, tmp_path):
    lines = tmp_path / "log.jsonl"
    lines.write_text("".join(json.dumps(row) + "\n" for row in ROWS), encoding="utf-8")
    parquet = tmp_path / "log.parquet"
    pq.write_table(pa.Table.from_pylist(ROWS), parquet)
    for path in (table, lines, parquet):
        assert said(requests(path)) == WANTED
        assert "not used" not in registry.resolve(str(path)).note
    prints = {fingerprint(registry.resolve(str(path))) for path in (table, lines, parquet)}
    assert len(prints) == 1


def test_they_stay_with_their_rows_when_rows_are_left_out_drawn_again_and_joined(table, tmp_path):
    kept = requests(table, num=20, max_total_tokens=40)
    assert {r.prompt_tokens for r in kept} == {10, 20, 30}
    assert all(said([r])[r.prompt_tokens] == WANTED[r.prompt_tokens] for r in kept)
    plain = csv_of(tmp_path / "b.csv", [{"prompt_tokens": 999, "output_tokens": 1, "tier": "gold",
                                         "tbt_slo_s": 0.05}])  # fmt: skip
    both = requests(f"{table},{plain}", num=7)
    assert said(both) == WANTED | {999: ("gold", 0.05, math.inf, 0, "", None)}
    shared = requests(f"shared-prefix:3:{table}")
    assert said(shared) == {prompt + 3: terms for prompt, terms in WANTED.items()}


def test_a_fingerprint_changes_with_a_term_and_not_with_what_is_not_used(tmp_path):
    bare = [{"prompt_tokens": 10, "output_tokens": 5}]
    files = {
        name: csv_of(tmp_path / f"{name}.csv", [bare[0] | more])
        for name, more in {
            "bare": {},
            "noise": {"model": "gpt", "region": "eu"},
            "first": {"priority": 1},
            "second": {"priority": 2},
            "other": {"max_tokens": 9},
        }.items()
    }
    prints = {name: fingerprint(registry.resolve(str(path))) for name, path in files.items()}
    assert prints["bare"] == prints["noise"]
    assert len(set(prints.values())) == 4
    note = registry.resolve(str(files["noise"])).note
    assert note == "noise.csv: 1 recorded requests; columns not used: model, region"


def test_milliseconds_and_empty_cells(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text(
        "isl,osl,TTFT SLO ms,priority,user_id\n7,1,250,,\n8,1,,3,ann\n", encoding="utf-8"
    )
    made = {r.prompt_tokens: r for r in requests(path, num=2)}
    assert (made[7].ttft_slo_s, made[7].priority, made[7].tenant) == (0.25, 0, "")
    assert (made[8].ttft_slo_s, made[8].priority, made[8].tenant) == (math.inf, 3, "ann")
    assert made[7].tier in ("paying", "free")


def test_keys_that_only_some_objects_have_are_read(tmp_path):
    path = tmp_path / "t.jsonl"
    path.write_text('{"isl": 5, "osl": 1}\n{"isl": 6, "osl": 1, "priority": 4}\n')
    assert {r.prompt_tokens: r.priority for r in requests(path, num=2)} == {5: 0, 6: 4}


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("tier", "a:b", r"line 3: tier must be a name of letters.* not 'a:b'"),
        ("tier", "", "line 3: tier must be a name"),
        ("tbt_slo_s", "0", "line 3: tbt_slo_s must be a number of seconds from 1e-06"),
        ("tbt_slo_s", "fast", "not 'fast'"),
        ("ttft_slo_s", "-1", "line 3: ttft_slo_s must be a number of seconds"),
        ("ttft_slo_ms", "-1", "not '-1'; the column's numbers are milliseconds"),
        ("priority", "1.5", r"line 3: priority must be a whole number .*larger matters more"),
        ("priority", "inf", "not 'inf'"),
        ("max_tokens", "0", "line 3: max_tokens must be a whole number from 1"),
        ("max_tokens", "4", "line 3: max_tokens is 4, and 5 tokens were generated"),
        ("tenant", "x" * 300, "line 3: tenant must be a printable text"),
    ],
)
def test_wrong_values_are_named_with_their_place(tmp_path, column, value, message):
    path = tmp_path / "t.csv"
    good = {"tier": "a", "tbt_slo_s": 0.1, "priority": 1, "max_tokens": 9, "tenant": "x"}
    path.write_text(
        f"prompt_tokens,output_tokens,{column}\n10,5,{good.get(column, 1)}\n10,5,{value}\n"
    )
    with pytest.raises(WorkloadError, match=message):
        registry.resolve(str(path))


def test_tiers_of_a_table_are_the_runs(table, tmp_path):
    source = registry.resolve(str(table))
    own = (Tier("gold", 0.5, 0.05), Tier("silver", 0.5, 0.2))
    assert own_tiers(source, None, DEFAULT_TIERS) == own
    assert own_tiers(source, own, DEFAULT_TIERS) == own  # as a stored study gives them back
    with pytest.raises(WorkloadError, match=r"gold 0\.05 s, silver 0\.2 s\): leave --tiers out"):
        own_tiers(source, parse_tiers("gold:1:0.1"), DEFAULT_TIERS)

    names = csv_of(tmp_path / "n.csv", [{"isl": 9, "osl": 2, "tier": name} for name in "aab"])
    source = registry.resolve(str(names))
    given = parse_tiers("b:0.5:0.2:3,a:0.4:0.1,c:0.1:1")
    found = own_tiers(source, given, DEFAULT_TIERS)
    assert [(t.name, t.tbt_slo_s, t.ttft_slo_s) for t in found] == [
        ("b", 0.2, 3.0),
        ("a", 0.1, math.inf),
    ]
    assert [t.share for t in found] == pytest.approx([1 / 3, 2 / 3])
    with pytest.raises(WorkloadError, match=r"TBT SLOs are not said: a, b; .*--tiers 'a:0\.5:0\.1"):
        own_tiers(source, None, DEFAULT_TIERS)
    with pytest.raises(WorkloadError, match="names tier a, which is none of paying, free"):
        requests(names, num=3)
    assert {(r.tier, r.tbt_slo_s) for r in requests(names, 3, given)} == {("a", 0.1), ("b", 0.2)}


def test_slos_without_names_are_tiers_by_themselves(tmp_path):
    rows = [{"isl": 9, "osl": 2, "tbt_slo_ms": slo} for slo in (50, 200, 50)]
    source = registry.resolve(str(csv_of(tmp_path / "t.csv", rows)))
    assert [(t.name, t.tbt_slo_s) for t in own_tiers(source, None, DEFAULT_TIERS)] == [
        ("0.05s", 0.05),
        ("0.2s", 0.2),
    ]
    many = [{"isl": 9, "osl": 2, "tbt_slo_ms": slo} for slo in range(1, 12)]
    with pytest.raises(WorkloadError, match=r"11 different values.*add a column tier"):
        registry.resolve(str(csv_of(tmp_path / "m.csv", many)))
    rows = [{"isl": 9, "osl": 2, "tier": "a", "tbt_slo_s": slo} for slo in (0.1, 0.3)]
    with pytest.raises(WorkloadError, match=r"line 3: tier a has a tbt_slo_s of 0\.3, and of 0\.1"):
        registry.resolve(str(csv_of(tmp_path / "d.csv", rows)))


def test_tables_that_say_different_things_are_not_joined_in_silence(table, tmp_path):
    bare = csv_of(tmp_path / "bare.csv", [{"prompt_tokens": 1, "output_tokens": 1}])
    with pytest.raises(WorkloadError, match="only some have a column tier cannot be joined"):
        registry.resolve(f"{table},{bare}")
    with pytest.raises(WorkloadError, match=r"share a beginning cannot be joined.*--shared-prefix"):
        registry.resolve(f"shared-prefix:4:{bare} + {bare}")
