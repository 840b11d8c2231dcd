"""A server on the loopback that speaks the few routes of the Hugging Face hub that models need."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"
OLD = "fedcba9876543210fedcba9876543210fedcba98"
TOKEN = "hf_s3cret"


@dataclass
class Hub:
    """What is on it, and what was asked of it.

    Args:
        files: of each model, by revision.
        gated: models that want a token.
    """

    files: Mapping[str, Mapping[str, Mapping[str, bytes]]]
    gated: frozenset[str] = frozenset()
    url: str = ""
    seen: list[tuple[str, str, str | None]] = field(default_factory=list)
    """Method, path and token of each request."""


def _handler(hub: Hub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._serve()

        def do_HEAD(self) -> None:
            self._serve()

        def log_message(self, *_: Any) -> None:
            """Quiet."""

        def _serve(self) -> None:
            token = self.headers.get("Authorization", "").removeprefix("Bearer ") or None
            hub.seen.append((self.command, self.path, token))
            url = urlsplit(self.path)
            if url.path == "/api/models":
                wanted = parse_qs(url.query)["search"][0].lower()
                ids = [name for name in hub.files if wanted[:4] in name.lower()]
                self._answer(200, json.dumps([{"id": name, "_id": name} for name in ids]).encode())
                return
            info = re.fullmatch(r"/api/models/([^/]+/[^/]+)(?:/(revision|tree)/([^/]+))?", url.path)
            file = re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", url.path)
            if info is not None:
                name, kind, revision = info[1], info[2], info[3] or "main"
                files = self._files(name, revision, token)
                if files is not None and kind == "tree":
                    entries = [
                        {"type": "file", "path": path, "size": len(data), "oid": _etag(data)}
                        for path, data in files.items()
                    ]
                    self._answer(200, json.dumps(entries).encode())
                elif files is not None:
                    siblings = [{"rfilename": path} for path in files]
                    facts = {"id": name, "_id": name, "sha": _commit(revision), "private": False}
                    facts |= {"siblings": siblings, "tags": [], "downloads": 0, "likes": 0}
                    self._answer(200, json.dumps(facts).encode())
            elif file is not None:
                files = self._files(file[1], file[2], token)
                if files is not None and file[3] not in files:
                    self._refuse(404, "EntryNotFound", _commit(file[2]))
                elif files is not None:
                    self._answer(200, files[file[3]], _commit(file[2]))
            else:
                self._refuse(404, None)

        def _files(self, name: str, revision: str, token: str | None) -> Mapping[str, bytes] | None:
            """None: there are none for this token, and so it was said."""
            if name not in hub.files:
                self._refuse(401, "RepoNotFound")
            elif name in hub.gated and token != TOKEN:
                self._refuse(403 if token else 401, "GatedRepo")
            else:
                revision = {COMMIT: "main", OLD: "v1"}.get(revision, revision)
                if revision in hub.files[name]:
                    return hub.files[name][revision]
                self._refuse(404, "RevisionNotFound")
            return None

        def _answer(self, status: int, body: bytes, commit: str | None = None) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            if commit is not None:
                self.send_header("X-Repo-Commit", commit)
                self.send_header("ETag", f'"{_etag(body)}"')
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        def _refuse(self, status: int, code: str | None, commit: str | None = None) -> None:
            self.send_response(status)
            self.send_header("Content-Length", "0")
            if code is not None:
                self.send_header("X-Error-Code", code)
            if commit is not None:
                self.send_header("X-Repo-Commit", commit)
            self.end_headers()

    return Handler


def _commit(revision: str) -> str:
    return OLD if revision in ("v1", OLD) else COMMIT


def _etag(data: bytes) -> str:
    return hashlib.sha1(data, usedforsecurity=False).hexdigest()


@contextmanager
def serving(hub: Hub) -> Iterator[Hub]:
    """The hub at ``hub.url``, until the end of the block."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _handler(hub)) as server:
        server.daemon_threads = True
        hub.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield hub
        finally:
            server.shutdown()
            thread.join()
