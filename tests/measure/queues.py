"""Simulated queues and correlated samples whose truth is known."""

from __future__ import annotations

import heapq
from typing import NamedTuple

import numpy as np
from scipy.signal import lfilter

from slaibench.recording.record import FloatArray


class Run(NamedTuple):
    """Requests by arrival: when each was due, began to be served, and left."""

    due_s: FloatArray
    first_s: FloatArray
    end_s: FloatArray


def single_server(n: int, load: float, rng: np.random.Generator, *, gap_cv: float = 1.0) -> Run:
    """A first-come first-served server of mean service time 1 that starts empty; M/M/1 for
    gap_cv = 1. Arrivals stop after n and the queue drains."""
    shape = gap_cv**-2
    due = np.cumsum(rng.gamma(shape, 1 / (shape * load), n))
    service = rng.exponential(1.0, n)
    work = np.cumsum(service)
    before = np.concatenate([[0.0], work[:-1]])
    end = np.maximum.accumulate(due - before) + work
    return Run(due, end - service, end)


def many_servers(n: int, load: float, servers: int, rng: np.random.Generator) -> Run:
    """M/M/k of total service rate 1: like an engine, it serves many at a time, and slowly."""
    due = np.cumsum(rng.exponential(1 / load, n))
    service = rng.exponential(servers, n)
    free = [0.0] * servers
    first = np.empty(n)
    for i in range(n):
        first[i] = max(heapq.heappop(free), due[i])
        heapq.heappush(free, first[i] + service[i])
    return Run(due, first, first + service)


def shortest_first(n: int, rate_rps: float, rng: np.random.Generator) -> Run:
    """A server that takes the shortest request first: 98 % take 1 s in the mean, 2 % take 10 s.

    It serves at most 1 / 1.18 = 0.847 requests a second of this mix. Beyond that, and below 1.02,
    all short ones are served and some of the long ones wait for ever.
    """
    due = np.cumsum(rng.exponential(1 / rate_rps, n))
    long = rng.uniform(size=n) < 0.02
    service = np.where(long, 10.0, rng.exponential(1.0, n))
    first = np.empty(n)
    waiting: list[tuple[bool, int]] = []
    now, arrived = 0.0, 0
    for _ in range(n):
        if not waiting:
            now = max(now, due[arrived])
        while arrived < n and due[arrived] <= now:
            heapq.heappush(waiting, (bool(long[arrived]), arrived))
            arrived += 1
        _, chosen = heapq.heappop(waiting)
        first[chosen] = now
        now += service[chosen]
    return Run(due, first, first + service)


def normal_series(n: int, correlation: float, rng: np.random.Generator) -> FloatArray:
    """Stationary AR(1) with standard normal margins."""
    noise = rng.normal(size=n) * np.sqrt(1 - correlation**2)
    noise[0] = rng.normal()
    return np.asarray(lfilter([1.0], [1.0, -correlation], noise))
