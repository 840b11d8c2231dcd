"""What a load generator refuses."""

from __future__ import annotations


class ClientError(RuntimeError):
    """A load that cannot be had; the message says what to change."""
