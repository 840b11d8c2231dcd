"""A load over TLS: whose certificates are trusted."""

from __future__ import annotations

import os
import shutil
import ssl
import subprocess
from pathlib import Path

import pytest

from slaibench.client.load import run_load
from slaibench.client.prompts import TokenIdPrompts
from slaibench.client.target import Target
from slaibench.workloads.request import Request
from tests.client.serving import serve

PROMPTS = TokenIdPrompts(1000)


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, ssl.SSLContext]:
    """A self-signed one for localhost, and a server's context with it."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("needs the openssl command to make a certificate")
    key, cert = tmp_path / "key.pem", tmp_path / "cert.pem"
    command = [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    command += ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    command += ["-keyout", str(key), "-out", str(cert)]
    subprocess.run(command, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    return cert, context


def test_tls_with_a_certificate_that_is_trusted(
    certificate: tuple[Path, ssl.SSLContext], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    with serve(tls=certificate[1]) as server:
        target = Target(f"https://localhost:{server.port}", "m")
        result = run_load(target, [Request(i, i * 0.01, 3, 2) for i in range(10)], PROMPTS)
    assert result.requests.finished.all(), result.requests.error


def test_any_certificate_is_taken_where_that_is_asked_for(
    certificate: tuple[Path, ssl.SSLContext],
) -> None:
    with serve(tls=certificate[1]) as server:
        target = Target(server.url.replace("http:", "https:"), "m", insecure=True)
        result = run_load(target, [Request(0, 0.0, 3, 2)], PROMPTS)
    assert result.requests.finished.all(), result.requests.error


def test_tls_with_a_certificate_that_is_not_trusted(
    certificate: tuple[Path, ssl.SSLContext], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", os.devnull)
    with serve(tls=certificate[1]) as server:
        target = Target(f"https://localhost:{server.port}", "m")
        result = run_load(target, [Request(0, 0.0, 3, 2)], PROMPTS)
    assert result.requests.outcome.tolist() == ["failed"]
    assert "certificate" in str(result.requests.error[0])
