"""Simulated queues and correlated samples whose truth is known."""

from __future__ import annotations

import heapq

import numpy as np
from scipy.signal import lfilter

from slaibench.recording.record import FloatArray


def single_server(
    n: int, load: float, rng: np.random.Generator, *, gap_cv: float = 1.0
) -> tuple[FloatArray, FloatArray]:
    """(arrivals, departures) of a first-come first-served server of mean service time 1 that
    starts empty; M/M/1 for gap_cv = 1. Arrivals stop after n and the queue drains."""
    shape = gap_cv**-2
    due = np.cumsum(rng.gamma(shape, 1 / (shape * load), n))
    work = np.cumsum(rng.exponential(1.0, n))
    before = np.concatenate([[0.0], work[:-1]])
    return due, np.maximum.accumulate(due - before) + work


def many_servers(
    n: int, load: float, servers: int, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    """M/M/k of total service rate 1: like an engine, it serves many at a time, and slowly."""
    due = np.cumsum(rng.exponential(1 / load, n))
    service = rng.exponential(servers, n)
    free = [0.0] * servers
    end = np.empty(n)
    for i in range(n):
        end[i] = max(heapq.heappop(free), due[i]) + service[i]
        heapq.heappush(free, end[i])
    return due, end


def normal_series(n: int, correlation: float, rng: np.random.Generator) -> FloatArray:
    """Stationary AR(1) with standard normal margins."""
    noise = rng.normal(size=n) * np.sqrt(1 - correlation**2)
    noise[0] = rng.normal()
    return np.asarray(lfilter([1.0], [1.0, -correlation], noise))
