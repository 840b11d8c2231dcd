"""Tables of recorded lengths: sampling from one, and several of them as one workload."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slaibench.workloads import registry
from slaibench.workloads.errors import WorkloadError
from slaibench.workloads.lengths import Lengths
from slaibench.workloads.table import TableSource

HEADER = "arrival_s,prompt_tokens,output_tokens\n"


def table(rows: int, arrival_s: np.ndarray | None = None) -> TableSource:
    index = np.arange(1, rows + 1)
    return TableSource("t", "a table", Lengths(index, 1000 + index), arrival_s)


@given(st.integers(1, 50), st.integers(1, 200), st.integers(0, 100), st.integers(0, 2**32))
def test_no_row_comes_again_before_all_came(rows, num, more, seed):
    source = table(rows)
    lengths = source.sample(num, np.random.default_rng(seed))
    assert len(lengths) == num
    # Rows stay whole.
    np.testing.assert_array_equal(lengths.output_tokens - lengths.prompt_tokens, 1000)
    for start in range(0, num, rows):
        permutation = lengths.prompt_tokens[start : start + rows]
        assert len(set(permutation.tolist())) == len(permutation)
    longer = source.sample(num + more, np.random.default_rng(seed))
    np.testing.assert_array_equal(longer.prompt_tokens[:num], lengths.prompt_tokens)


def test_order_is_random_and_decided_by_the_generator():
    source = table(100)
    first, again, other = (
        source.sample(100, np.random.default_rng(seed)).prompt_tokens.tolist() for seed in (1, 1, 2)
    )
    assert first == again
    assert first != other
    assert first != sorted(first)


def test_further_rounds_are_other_permutations():
    prompt = table(100).sample(200, np.random.default_rng(1)).prompt_tokens
    assert prompt[:100].tolist() != prompt[100:].tolist()


def test_identity_is_that_of_the_numbers():
    plain = table(5)
    assert plain.identity == table(5).identity
    assert plain.identity == TableSource("other name", "other note", plain.recorded).identity
    different = (
        table(6),
        table(5, np.arange(5.0)),
        table(5, np.arange(5.0) + 1),
        TableSource("t", "", Lengths(plain.recorded.output_tokens, plain.recorded.prompt_tokens)),
    )
    assert len({plain.identity, *(source.identity for source in different)}) == 5


def test_describes_its_rows_exactly():
    assert table(101).describe()["prompt_tokens"]["p50"] == 51


@pytest.mark.parametrize(
    ("prompt", "arrival_s", "message"),
    [
        ([], None, "at least one row"),
        ([4, 0], None, r"prompt_tokens must be at least 1, not 0 \(row 2\)"),
        ([4, 5], [1.0], "1 arrival times for 2 rows"),
        ([4, 5], [1.0, 0.5], "at least 0 and ascending"),
        ([4, 5], [-1.0, 0.5], "at least 0 and ascending"),
        ([4, 5], [0.0, np.nan], "at least 0 and ascending"),
    ],
)
def test_refuses_tables_that_cannot_be(prompt, arrival_s, message):
    lengths = Lengths(np.array(prompt, dtype=np.int64), np.ones(len(prompt), dtype=np.int64))
    with pytest.raises(WorkloadError, match=message):
        TableSource("t", "", lengths, None if arrival_s is None else np.array(arrival_s))


@pytest.fixture
def parts(tmp_path: Path) -> tuple[Path, Path]:
    """Two parts of one log."""
    files = tmp_path / "a.csv", tmp_path / "b.csv"
    files[0].write_text(HEADER + "0,10,1\n1,11,2\n")
    files[1].write_text(HEADER + "2,12,3\n3,0,4\n")
    return files


def test_parts_of_a_log_are_one_log(parts: tuple[Path, Path]) -> None:
    a, b = parts
    for text in (f"{a} + {b}:zeros=drop", f"{a},{b}:zeros=drop"):
        source = registry.resolve(text)
        assert source.recorded.prompt_tokens.tolist() == [10, 11, 12]
        assert source.arrival_s.tolist() == [0, 1, 2]
        assert source.name == f"{a} + {b}"
        assert source.note == (
            "a.csv: 2 recorded requests with arrival times; "
            "b.csv: 1 recorded requests with arrival times; rows of 0 tokens left out: 1"
        )


def test_times_of_what_is_no_one_log_are_left_out_and_it_is_said(parts: tuple[Path, Path]) -> None:
    a, b = parts
    source = registry.resolve(f"{b}:zeros=drop + {a}")
    assert source.arrival_s is None
    assert "; arrival times left out, as the files are no parts of one log" in source.note
    a.write_text("isl,osl\n1,2\n")
    assert registry.resolve(f"{a} + {b}:zeros=drop").arrival_s is None


def test_what_is_no_table_cannot_be_joined(parts: tuple[Path, Path]) -> None:
    with pytest.raises(WorkloadError, match=r"sharegpt4-model.* is no table"):
        registry.resolve(f"{parts[0]} + sharegpt4-model")
