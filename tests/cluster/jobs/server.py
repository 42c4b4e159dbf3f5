"""A dashboard as far as `cluster.jobs.client` looks at it before it submits anything: versions, a token or none, TLS or none."""

from __future__ import annotations

import contextlib
import json
import platform
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import version


@dataclass
class Dashboard:
    """What it says, and what it was asked."""

    token: str | None = "secret-token"
    ray: str = version("ray")
    python: str = platform.python_version()
    redirect: str = ""
    other: bytes = b""
    jobs: list[dict[str, object]] = field(default_factory=list)
    url: str = ""
    authorizations: list[str | None] = field(default_factory=list)

    def reply(self, path: str, authorization: str | None) -> tuple[int, bytes]:
        self.authorizations.append(authorization)
        if self.redirect:
            return 302, b""
        if self.token and authorization != f"Bearer {self.token}":
            return (403 if authorization else 401), b"no"
        if self.other:
            return 200, self.other
        if path == "/api/version":
            return 200, json.dumps({"version": "4", "ray_version": self.ray}).encode()
        if path == "/api/v0/cluster_metadata":
            return 200, json.dumps({"data": {"pythonVersion": self.python}}).encode()
        if path == "/api/jobs/":
            return 200, json.dumps(self.jobs).encode()
        return 404, b"there is no such page"


@contextlib.contextmanager
def serving(dashboard: Dashboard, context: ssl.SSLContext | None = None) -> Iterator[Dashboard]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = dashboard.reply(self.path, self.headers.get("Authorization"))
            self.send_response(status)
            if dashboard.redirect:
                self.send_header("Location", dashboard.redirect + self.path)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *words: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    dashboard.url = f"http{'s' if context else ''}://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield dashboard
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
