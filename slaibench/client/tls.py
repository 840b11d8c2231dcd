"""TLS as the client speaks it, and what is said where it fails."""

from __future__ import annotations

import ssl


def tls_context(check_certificate: bool) -> ssl.SSLContext:
    """For connections to a server.

    Args:
        check_certificate: False takes any, a self-signed one as well.
    """
    context = ssl.create_default_context()
    if not check_certificate:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def words_of(error: OSError) -> str:
    """Why a connection failed, and the option that helps if there is one."""
    words = error.strerror or str(error) or type(error).__name__
    if isinstance(error, ssl.SSLCertVerificationError):
        return (
            f"{error.verify_message or words} (slaibench replay --insecure takes any certificate)"
        )
    return words
