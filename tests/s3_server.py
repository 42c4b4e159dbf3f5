"""An S3-compatible server on loopback, for tests: a process of its own on a free port, ended by its process id.

    from tests.s3_server import S3Server, s3_server   # the second is a fixture: one server a module

    def test_something(s3_server: S3Server) -> None:
        uri = s3_server.new_bucket()                  # "s3://bucket-1"
        subprocess.run(command, env=os.environ | s3_server.environment)

What is stored lives in the server's memory. The server ends when the process that started it does, however that ends:
it waits for the end of its standard input.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType

import pytest

_START_S = 60
_REGION = "us-east-1"
_SERVE = """
import sys
from moto.s3.models import FakeKey
from moto.server import ThreadedMotoServer
etag = FakeKey.etag.fget
def etag_alone(key):  # moto reads the object for it without its lock, so that a GET at the same time gets a part
    with key.lock:
        return etag(key)
FakeKey.etag = property(etag_alone)
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.read()
"""
# Nothing of the person who runs the tests, and no question to the address at which clouds describe machines.
_FORGOTTEN = ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ENDPOINT_URL_S3")
_SETTINGS = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing-secret",
    "AWS_REGION": _REGION,
    "AWS_DEFAULT_REGION": _REGION,
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_CONFIG_FILE": os.devnull,
}


class S3Server:
    """A running server. Use it as a context manager, or call `stop`.

    Attributes:
        port: of 127.0.0.1.
        pid: of the server's process.
    """

    def __init__(self) -> None:
        environment = {key: value for key, value in os.environ.items() if key not in _FORGOTTEN}
        self._process = subprocess.Popen(
            [sys.executable, "-c", _SERVE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment | _SETTINGS,
        )
        self.pid = self._process.pid
        assert self._process.stdout is not None
        line = self._process.stdout.readline().decode().strip()
        if not line.isdigit():
            self.stop()
            raise RuntimeError("the S3-compatible server did not start")
        self.port = int(line)
        self._buckets = 0

    @property
    def url(self) -> str:
        """The endpoint, such as `http://127.0.0.1:4711`."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """Variables that lead a process to this server. Put them over those of the process: `os.environ | …`."""
        proxies = {"no_proxy": "127.0.0.1,localhost", "NO_PROXY": "127.0.0.1,localhost"}
        return {**_SETTINGS, **proxies, "AWS_ENDPOINT_URL": self.url}

    def new_bucket(self) -> str:
        """The URI of a bucket that nobody has used, such as `s3://bucket-1`."""
        self._buckets += 1
        name = f"bucket-{self._buckets}"
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(urllib.request.Request(f"{self.url}/{name}", method="PUT"), timeout=_START_S):
            return f"s3://{name}"

    def freeze(self) -> None:
        """Let the server accept connections and answer nothing, until `thaw`."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """End a `freeze`."""
        os.kill(self.pid, signal.SIGCONT)

    def stop(self) -> None:
        """End the server. A second call does nothing."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.communicate()

    def __enter__(self) -> S3Server:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


@contextmanager
def serving() -> Iterator[S3Server]:
    """A server, to which this process's environment leads as long as it runs."""
    with S3Server() as server, pytest.MonkeyPatch.context() as patch:
        for name in _FORGOTTEN:
            patch.delenv(name, raising=False)
        for name, value in server.environment.items():
            patch.setenv(name, value)
        yield server


@pytest.fixture(scope="module")
def s3_server() -> Iterator[S3Server]:
    """`serving` for the tests of a module."""
    with serving() as server:
        yield server
