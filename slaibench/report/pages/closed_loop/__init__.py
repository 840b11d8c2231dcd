"""The page of closed loops: latency and throughput by the number of clients."""

from slaibench.report.pages.closed_loop.page import PAGE

__all__ = ["PAGE"]
