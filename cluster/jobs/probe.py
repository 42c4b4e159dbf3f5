"""Looking at a Jobs server before anything is entrusted to it: is it there, does it ask for a token, which versions has it.

Plain requests of the standard library: no redirect is followed (it would carry the token elsewhere), and loopback is never
reached through a proxy.
"""

from __future__ import annotations

import http.client
import json
import platform
import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from cluster.auth import Door, read_token_file, refuse_open_door, token_environment
from cluster.errors import ClusterError
from cluster.jobs.address import JobsAddress, tunnel_hint

TIMEOUT_S = 10.0
VERSION_PATH = "/api/version"
METADATA_PATH = "/api/v0/cluster_metadata"
_MAX_BYTES = 1 << 20
_REFUSED = (401, 403)


@dataclass(frozen=True, slots=True)
class Token:
    """A cluster's token and where it was found, for messages. Never shown."""

    secret: str
    source: str

    def __repr__(self) -> str:
        return f"Token(source={self.source!r})"


@dataclass(frozen=True, slots=True)
class Server:
    """A Jobs server that answers.

    Attributes:
        ray, python: versions on the cluster's head.
        guarded: whether it asks for a token.
    """

    ray: str
    python: str
    guarded: bool


@dataclass(frozen=True, slots=True)
class _Reply:
    status: int
    body: bytes

    def document(self) -> Mapping[str, Any]:
        """A JSON object; empty where there is none."""
        try:
            found = json.loads(self.body)
        except (ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}


def probe(
    address: JobsAddress, environment: Mapping[str, str], *, ca_file: str | None = None, insecure: bool = False
) -> tuple[Server, Token | None]:
    """Look at a Jobs server, first without a token, then with the one that is found; no token goes where none is asked for.

    Args:
        address: of the server.
        environment: variables that hold the token, or tell where it lies; see `cluster.auth`.
        ca_file: certificates that are trusted for https; the system's when None.
        insecure: whether a server that lets in whoever calls is accepted.

    Returns:
        The server, and the token that opens it; None where it asks for none.

    Raises:
        ClusterError: nothing is there, it is no Jobs server, it is open to everybody, or the token is not its own.
    """
    door = _door(address, ca_file)
    refuse_open_door(door, address.url, insecure=insecure)
    token = _find_token(address, environment) if door is Door.LOCKED else None
    reply = _get(address, VERSION_PATH, token, ca_file)
    if token is not None and reply.status in _REFUSED:
        raise ClusterError(
            f"{address.url} does not accept the token from {token.source} (HTTP {reply.status}): it is another cluster's; "
            "set RAY_AUTH_TOKEN_PATH to a file (mode 0600) with the token that its nodes were started with"
        )
    ray = reply.document().get("ray_version")
    if reply.status != 200 or not isinstance(ray, str):
        raise _no_server(address, reply)
    return Server(ray, _python(address, token, ca_file), token is not None), token


def _find_token(address: JobsAddress, environment: Mapping[str, str]) -> Token:
    found = token_environment(environment)
    path = found.get("RAY_AUTH_TOKEN_PATH")
    if path:
        return Token(read_token_file(Path(path)), path)
    if "RAY_AUTH_TOKEN" in found:
        return Token(found["RAY_AUTH_TOKEN"], "the variable RAY_AUTH_TOKEN")
    raise ClusterError(
        f"{address.url} asks for a token, and there is none here; looked for RAY_AUTH_TOKEN, the file that "
        "RAY_AUTH_TOKEN_PATH names, and ~/.ray/auth_token; put the token that its nodes were started with into one of the "
        "files, mode 0600"
    )


def check_versions(server: Server, address: JobsAddress) -> None:
    """Refuse a cluster whose Ray or Python differs from this machine's in its first two numbers.

    The program is tried here and run there: `plan` and `spec check` would speak of another program than the one that runs,
    and a sweep that was begun under one Python is not gone on with under another.

    Raises:
        ClusterError: naming both versions.
    """
    here = (("Ray", version("ray"), server.ray), ("Python", platform.python_version(), server.python))
    other = [(name, mine, its) for name, mine, its in here if its and _series(mine) != _series(its)]
    if other:
        text = " and ".join(f"{name} {its}, this machine {mine}" for name, mine, its in other)
        raise ClusterError(
            f"versions differ: {address.url} has {text}; allowed: the same first two numbers; use an environment with the "
            "cluster's versions here, or ask for the cluster to be renewed"
        )


def _series(text: str) -> tuple[str, ...]:
    return tuple(text.split(".")[:2])


def _door(address: JobsAddress, ca_file: str | None) -> Door:
    reply = _get(address, VERSION_PATH, None, ca_file)
    if reply.status in _REFUSED:
        return Door.LOCKED
    if reply.status == 200 and "ray_version" in reply.document():
        return Door.OPEN
    raise _no_server(address, reply)


def _python(address: JobsAddress, token: Token | None, ca_file: str | None) -> str:
    """Python's version there; empty where the server does not tell."""
    data = _get(address, METADATA_PATH, token, ca_file).document().get("data")
    found = data.get("pythonVersion") if isinstance(data, dict) else None
    return found if isinstance(found, str) else ""


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *arguments: Any) -> None:
        """A redirect is an answer like any other."""
        return


def _get(address: JobsAddress, path: str, token: Token | None, ca_file: str | None) -> _Reply:
    handlers: list[urllib.request.BaseHandler] = [_NoRedirect()]
    if address.encrypted:
        handlers.append(urllib.request.HTTPSHandler(context=_trust(ca_file)))
    if address.loopback:
        handlers.append(urllib.request.ProxyHandler({}))
    request = urllib.request.Request(address.url + path)
    if token is not None:
        request.add_unredirected_header("Authorization", f"Bearer {token.secret}")
    try:
        with urllib.request.build_opener(*handlers).open(request, timeout=TIMEOUT_S) as answer:
            return _Reply(answer.status, answer.read(_MAX_BYTES))
    except urllib.error.HTTPError as error:
        with error:
            return _Reply(error.code, error.read(_MAX_BYTES))
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise _unreachable(address, error) from error


def _trust(ca_file: str | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:  # ssl.SSLError is one
        raise ClusterError(f"--ca: the certificates cannot be read; got {ca_file!r}: {error}") from error


def _unreachable(address: JobsAddress, error: Exception) -> ClusterError:
    reason = getattr(error, "reason", error)
    if isinstance(reason, ssl.SSLCertVerificationError):
        return ClusterError(
            f"{address.url}: its certificate is not trusted ({reason.verify_message}); name the file of the authority "
            "that signed it: --ca FILE"
        )
    if isinstance(reason, ssl.SSLError):
        return ClusterError(f"{address.url} does not speak TLS ({reason.reason or reason}); try http:// over a tunnel")
    why = getattr(reason, "strerror", None) or str(reason) or type(reason).__name__
    return ClusterError(
        f"nothing answers at {address.url} ({why}); check --address, and that the cluster's dashboard runs; is it on "
        f"another machine, make a tunnel: {tunnel_hint(address)}"
    )


def _no_server(address: JobsAddress, reply: _Reply) -> ClusterError:
    what = f"HTTP {reply.status} for {VERSION_PATH}" + (", which names no version" if reply.status == 200 else "")
    return ClusterError(f"{address.url} is not the dashboard of a Ray cluster; got {what}; check --address")
