"""Where a cluster's Jobs server listens: its dashboard's address, read strictly, before anything is sent there."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit

from cluster.errors import ClusterError

DEFAULT_URL = "http://127.0.0.1:8265"
DEFAULT_PORT = 8265
_ALLOWED = f"http://HOST:{DEFAULT_PORT} or https://HOST, as in {DEFAULT_URL}"


@dataclass(frozen=True, slots=True)
class JobsAddress:
    """An address whose every part is known.

    Attributes:
        url: scheme, host, port and path, without a slash at the end.
        host: a name or an IP address, without brackets.
        port: where it listens.
        encrypted: whether it is https.
    """

    url: str
    host: str
    port: int
    encrypted: bool

    @property
    def loopback(self) -> bool:
        """Whether it is this machine, over an interface that no other machine reaches; a tunnel ends there too."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def in_clear(self) -> bool:
        """Whether a token would travel so that others can read it."""
        return not (self.encrypted or self.loopback)


def parse_address(text: str) -> JobsAddress:
    """Read an address; `HOST:PORT` alone is taken as http, and http without a port as the dashboard's.

    Raises:
        ClusterError: it is something else, or holds a password.
    """
    words = text.strip()
    try:
        parts = urlsplit(words if "://" in words else f"http://{words}")
        port = parts.port
    except ValueError as error:
        raise _wrong(text, str(error)) from None
    if parts.scheme == "ray":
        raise _wrong(text, "ray:// is the address of Ray Client, not of the Jobs server")
    if parts.scheme not in ("http", "https"):
        raise _wrong(text, f"the scheme {parts.scheme!r}")
    if parts.username is not None or parts.password is not None:
        raise ClusterError(
            "--address: a user or password in an address is seen by everybody who lists processes; allowed: "
            f"{_ALLOWED}; put the cluster's token into a file and name it in RAY_AUTH_TOKEN_PATH"
        )
    if not parts.hostname or parts.query or parts.fragment:
        raise _wrong(text, "no plain address")
    encrypted = parts.scheme == "https"
    port = port or (443 if encrypted else DEFAULT_PORT)
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return JobsAddress(f"{parts.scheme}://{host}:{port}{parts.path.rstrip('/')}", parts.hostname, port, encrypted)


def tunnel_hint(address: JobsAddress) -> str:
    """The command that brings a cluster's dashboard to this machine's loopback."""
    head = "HEAD" if address.loopback else address.host
    return f"ssh -N -L {address.port}:127.0.0.1:{address.port} {head}"


def clear_text_warning(address: JobsAddress) -> str | None:
    """What is to be said of an address over which the token travels readable; None where it does not."""
    if not address.in_clear:
        return None
    return (
        f"the cluster's token travels to {address.url} in clear, for everybody on the way to read; use https, or a tunnel: "
        f"{tunnel_hint(address)}, and --address http://127.0.0.1:{address.port}"
    )


def _wrong(text: str, why: str) -> ClusterError:
    return ClusterError(f"--address: not an address of a Jobs server ({why}); got {text!r}, allowed: {_ALLOWED}")
