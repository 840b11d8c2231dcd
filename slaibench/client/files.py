"""File descriptors: each connection is one."""

from __future__ import annotations

from slaibench.client.errors import ClientError

_OTHERS = 64
"""What a process has open besides."""


def raise_limit(connections: int) -> int:
    """Raise this process's limit of open files as far as it may, and return it.

    Raises:
        ClientError: not even so many connections fit.
    """
    import resource  # noqa: PLC0415  (Unix only)

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if hard != resource.RLIM_INFINITY and hard < connections + _OTHERS:
        raise ClientError(
            f"{connections} connections are needed at once and this process may open {hard} files: "
            f"raise the hard limit (ulimit -Hn {connections + _OTHERS}), use more client "
            "processes, or a lower rate"
        )
    return hard
