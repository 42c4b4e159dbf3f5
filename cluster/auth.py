"""Who may call a Ray: finding the token, and asking a cluster whether it lets in those who have none.

A Ray runs whatever code it is given, so a cluster that answers without a token gives its machines, and the scans on them,
to everybody who reaches its ports. Ray 2.60 reads the token from `RAY_AUTH_TOKEN`, the file named by `RAY_AUTH_TOKEN_PATH`,
or `~/.ray/auth_token`, in this order, and only when `RAY_AUTH_MODE` is `token`.
"""

from __future__ import annotations

import os
import stat
import urllib.error
import urllib.request
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import Any

from cluster.errors import ClusterError

PROBE_S = 10.0
TLS_VARIABLES = ("RAY_USE_TLS", "RAY_TLS_SERVER_CERT", "RAY_TLS_SERVER_KEY", "RAY_TLS_CA_CERT")
"""Ray's own settings of TLS between its processes. They are passed on to every process that we start."""

_HARMLESS_CALL = "/ray.rpc.NodeInfoGcsService/GetAllNodeInfo"
_HARMLESS_PAGE = "/api/version"
_OPEN_TO_OTHERS = stat.S_IRWXG | stat.S_IRWXO


class Door(Enum):
    """What a caller is told."""

    OPEN = "open"
    LOCKED = "locked"


def token_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Variables with which Ray finds the token that `environment` (or the user's home) holds; empty when there is none.

    Raises:
        ClusterError: the token's file is missing, empty, or readable by others.
    """
    if environment.get("RAY_AUTH_TOKEN"):
        return {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": environment["RAY_AUTH_TOKEN"]}
    named = environment.get("RAY_AUTH_TOKEN_PATH")
    path = Path(named) if named else _home(environment) / ".ray" / "auth_token"
    if not path.exists():
        if named:
            raise ClusterError(
                f"RAY_AUTH_TOKEN_PATH names no file; got {named}; put the cluster's token there, mode 0600"
            )
        return {}
    read_token_file(path)
    return {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(path)}


def read_token_file(path: Path) -> str:
    """The token in a file that only its owner may read.

    Raises:
        ClusterError: others may read it, it cannot be read, or it is empty.
    """
    try:
        mode, text = path.stat().st_mode, path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ClusterError(f"{path}: the token cannot be read; {error}") from error
    if mode & _OPEN_TO_OTHERS:
        raise ClusterError(
            f"{path}: others may read the token; got mode {stat.S_IMODE(mode):04o}, allowed: 0600; chmod 600 {path}"
        )
    if not text:
        raise ClusterError(f"{path}: the token is empty; write the cluster's token into it")
    return text


def token(environment: Mapping[str, str]) -> str | None:
    """The token itself, for the header of an HTTP request; None when there is none.

    Raises:
        ClusterError: as `token_environment`.
    """
    found = token_environment(environment)
    if "RAY_AUTH_TOKEN_PATH" in found:
        return read_token_file(Path(found["RAY_AUTH_TOKEN_PATH"]))
    return found.get("RAY_AUTH_TOKEN")


def door_of_head(address: str, *, token: str | None = None, timeout_s: float = PROBE_S) -> Door:
    """Ask a cluster's head (`host:port`) a harmless question, without a token or with this one.

    Raises:
        ClusterError: nobody answers there, or not in Ray's way.
    """
    import grpc

    with _channel(address) as channel:
        ask = channel.unary_unary(_HARMLESS_CALL, request_serializer=None, response_deserializer=None)
        try:
            ask(b"", timeout=timeout_s, metadata=[("authorization", f"Bearer {token}")] if token else None)
        except grpc.RpcError as error:
            if error.code() == grpc.StatusCode.UNAUTHENTICATED:
                return Door.LOCKED
            raise ClusterError(
                f"no Ray answers at {address}; got {error.code().name.lower()}; is the cluster up, and the address the "
                "head's host:port?"
            ) from error
    return Door.OPEN


def door_of_dashboard(url: str, *, timeout_s: float = PROBE_S) -> Door:
    """Ask a cluster's dashboard (`http://host:8265`) for its version without a token.

    Raises:
        ClusterError: nobody answers there, or not as a dashboard would.
    """
    try:
        with urllib.request.urlopen(url.rstrip("/") + _HARMLESS_PAGE, timeout=timeout_s) as answer:
            answer.read(1)
    except urllib.error.HTTPError as error:
        if error.code in (401, 403):
            return Door.LOCKED
        raise ClusterError(f"{url}: this is no dashboard of Ray; got status {error.code}") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise ClusterError(
            f"no dashboard of Ray answers at {url}; got {reason}; is the cluster up, and the tunnel to it open?"
        ) from error
    return Door.OPEN


def check_key(address: str, environment: Mapping[str, str]) -> None:
    """Make sure that the token which `environment` holds opens a locked head. Ray itself would only say that it failed.

    Raises:
        ClusterError: there is none, or it is another cluster's.
    """
    found = token(environment)
    step = "set RAY_AUTH_TOKEN_PATH to a file (mode 0600) with the token that its nodes were started with"
    if found is None:
        raise ClusterError(f"{address}: the cluster asks for a token, and there is none here; {step}")
    if door_of_head(address, token=found) is Door.LOCKED:
        raise ClusterError(f"{address}: the cluster does not accept the token; {step}")


def refuse_open_door(door: Door, where: str, *, insecure: bool) -> None:
    """Let only a locked door pass, or any when the user insists.

    Raises:
        ClusterError: the cluster runs code of everybody who reaches it.
    """
    if door is Door.OPEN and not insecure:
        raise ClusterError(
            f"{where}: the cluster answers without a token, so whoever reaches it can run code on it and read the scans; "
            "start its nodes with RAY_AUTH_MODE=token and a token (ray get-auth-token --generate), or accept it with "
            "--insecure-cluster"
        )


def _home(environment: Mapping[str, str]) -> Path:
    return Path(environment.get("HOME") or Path.home())


def _channel(address: str) -> Any:
    """A channel as Ray itself would open it: with TLS when Ray's variables say so."""
    import grpc

    if os.environ.get("RAY_USE_TLS", "0").lower() not in ("1", "true"):
        return grpc.insecure_channel(address)
    names = ("RAY_TLS_CA_CERT", "RAY_TLS_SERVER_KEY", "RAY_TLS_SERVER_CERT")
    try:
        authority, key, certificate = (Path(os.environ[name]).read_bytes() for name in names)
    except (KeyError, OSError) as error:
        raise ClusterError(
            f"RAY_USE_TLS is set, but a certificate is missing; got {error}; allowed: {', '.join(names)}"
        ) from error
    return grpc.secure_channel(address, grpc.ssl_channel_credentials(authority, key, certificate))
