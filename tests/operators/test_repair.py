"""Operators that cannot be: raised to what memory and tensor cores allow, and made to rise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from slaibench.operators.aiconfigurator import Memory
from slaibench.operators.measured import SEQUENCES, FloatArray
from slaibench.operators.repair import Repaired, repaired

TOKENS = (1, 2, 4, 8)
CONTEXTS = (16, 1024, 8192)
CHUNKS = (1, 64, 512)
HISTORIES = (0, 1024, 8192)


@dataclass
class Peaks:
    """A GPU that reads a byte a microsecond."""

    peak_bytes_per_s: float = 1e6


@dataclass
class Tables:
    """Times as they were measured; what ``Measured`` gives."""

    token: FloatArray
    decode: FloatArray
    chunk: FloatArray
    experts: bool = False
    full_attention: float = 1.0
    tokens = TOKENS
    contexts = CONTEXTS
    chunks = CHUNKS
    histories = HISTORIES
    operators = Peaks()

    def token_ms(self) -> FloatArray:
        return self.token

    def logits_ms(self) -> FloatArray:
        return np.full(len(SEQUENCES), 0.5)

    def decode_ms(self) -> FloatArray:
        return self.decode

    def chunk_ms(self) -> FloatArray:
        return self.chunk


def tables() -> Tables:
    """Of a GPU that does everything at half of its peak, with 10,000 bytes of weights and one byte
    a token of cache."""
    places = np.outer(SEQUENCES, CONTEXTS) * 2e-3
    chunk = np.add.outer(np.array(CHUNKS) * 0.05, np.array(HISTORIES) * 2e-3) + 0.05
    return Tables(np.array([20.0, 21.0, 22.0, 23.0]), places, chunk)


def run(own: Tables, products: float = 0.0) -> Repaired:
    return repaired(own, Memory(10_000, 1.0, 10**6), np.array(TOKENS) * products)  # type: ignore[arg-type]


def words(result: Repaired) -> str:
    return " ".join(repair.words for repair in result.repairs)


def test_what_can_be_is_left_alone() -> None:
    own = tables()
    result = run(own)
    assert result.repairs == ()
    np.testing.assert_array_equal(result.token_ms, own.token)
    np.testing.assert_array_equal(result.decode_ms, own.decode)
    np.testing.assert_array_equal(result.chunk_ms, own.chunk)


def test_fewer_tokens_take_at_most_what_more_do() -> None:
    own = tables()
    own.token = np.array([20.0, 24.0, 22.0, 25.0])
    result = run(own)
    np.testing.assert_allclose(result.token_ms, [20.0, 22.0, 22.0, 25.0])
    assert "Token operators: 25% of the values were falling with tokens" in words(result)
    assert "by a factor of 1.09 at most" in words(result)


def test_weights_are_not_read_faster_than_memory_allows() -> None:
    own = tables()
    own.token = np.array([4.0, 5.0, 6.0, 20.0])
    result = run(own)
    # 10,000 bytes at a byte a microsecond, of which the head takes its part.
    np.testing.assert_allclose(result.token_ms, [9.5, 9.5, 9.5, 20.0])
    assert "faster than the weights are read" in words(result)
    own.experts = True  # reads only some of them
    assert run(own).token_ms[0] == 4.0


def test_products_are_not_above_the_peak() -> None:
    result = run(tables(), products=3.0)
    np.testing.assert_allclose(result.token_ms, [20.0, 21.0, 22.0, 24.0])
    assert "above the tensor cores' peak" in words(result)


def test_caches_are_not_read_faster_than_memory_allows_but_windows_may_be() -> None:
    own = tables()
    own.decode = own.decode / 4
    result = run(own)
    np.testing.assert_allclose(result.decode_ms, np.outer(SEQUENCES, CONTEXTS) * 1e-3)
    assert "factor of 2.00" in words(result)
    own.full_attention = 0.0
    np.testing.assert_allclose(run(own).decode_ms, own.decode)


def test_a_chunk_after_a_history_takes_no_less_than_a_decode_there_or_itself_without() -> None:
    own = tables()
    own.chunk[0, 2] = 0.1
    own.chunk[2, 1] = own.chunk[2, 0] / 2
    result = run(own)
    assert result.chunk_ms[0, 2] >= result.decode_ms[0, 2]
    assert result.chunk_ms[2, 1] >= own.chunk[2, 0]
    assert "below what a decode takes" in words(result)


@pytest.mark.parametrize("value", [0.0, float("nan")])
def test_times_that_are_absent_are_refused(value: float) -> None:
    own = tables()
    own.token[1] = value
    with pytest.raises(ValueError, match="no times of tokens in this number format"):
        run(own)
