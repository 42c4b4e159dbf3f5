"""What is found out about a Jobs server before anything is entrusted to it, and who never gets the token."""

from __future__ import annotations

import datetime
import ipaddress
import ssl
from pathlib import Path

import pytest

from cluster.errors import ClusterError
from cluster.jobs.address import parse_address
from cluster.jobs.probe import Server, Token, check_versions, probe
from tests.cluster.jobs.server import Dashboard, serving
from tests.loopback_ray import free_ports


@pytest.fixture
def key(tmp_path: Path) -> dict[str, str]:
    """An environment whose token opens the dashboard."""
    path = tmp_path / "token"
    path.touch(mode=0o600)
    path.write_text("secret-token\n")
    return {"RAY_AUTH_TOKEN_PATH": str(path), "HOME": str(tmp_path)}


def test_a_locked_server_is_opened_with_the_token_after_a_knock_without(key: dict[str, str]) -> None:
    with serving(Dashboard(python="3.11.1")) as dashboard:
        server, token = probe(parse_address(dashboard.url), key)
    assert server.guarded and server.python == "3.11.1"
    assert token is not None and token.secret == "secret-token" and "secret" not in repr(token)
    assert dashboard.authorizations[0] is None


def test_an_open_server_is_refused_and_never_sees_the_token(key: dict[str, str]) -> None:
    with serving(Dashboard(token=None)) as dashboard:
        with pytest.raises(ClusterError, match="--insecure-cluster"):
            probe(parse_address(dashboard.url), key)
        server, token = probe(parse_address(dashboard.url), key, insecure=True)
    assert not server.guarded and token is None
    assert set(dashboard.authorizations) == {None}


def test_a_wrong_token_names_where_it_was_found(key: dict[str, str]) -> None:
    with serving(Dashboard(token="another")) as dashboard:
        address = parse_address(dashboard.url)
        with pytest.raises(ClusterError, match=r"token from .*/token .*another cluster's"):
            probe(address, key)
        with pytest.raises(ClusterError, match="the variable RAY_AUTH_TOKEN"):
            probe(address, key | {"RAY_AUTH_TOKEN": "wrong"})


def test_no_token_says_where_it_was_looked_for(tmp_path: Path) -> None:
    with (
        serving(Dashboard()) as dashboard,
        pytest.raises(ClusterError, match=r"RAY_AUTH_TOKEN_PATH.*~/\.ray/auth_token"),
    ):
        probe(parse_address(dashboard.url), {"HOME": str(tmp_path)})


def test_a_redirect_is_not_followed(key: dict[str, str]) -> None:
    with serving(Dashboard(token=None)) as elsewhere, serving(Dashboard(redirect=elsewhere.url)) as dashboard:
        with pytest.raises(ClusterError, match="HTTP 302"):
            probe(parse_address(dashboard.url), key, insecure=True)
        assert elsewhere.authorizations == []


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"version": 1}', b"\xff", b"[" * 100_000])
def test_another_server_is_no_dashboard(body: bytes, key: dict[str, str]) -> None:
    with (
        serving(Dashboard(token=None, other=body)) as dashboard,
        pytest.raises(ClusterError, match="not the dashboard"),
    ):
        probe(parse_address(dashboard.url), key, insecure=True)


def test_nobody_there_is_one_line_with_the_tunnel(key: dict[str, str]) -> None:
    (port,) = free_ports(1)
    with pytest.raises(ClusterError, match=rf"nothing answers .*ssh -N -L {port}"):
        probe(parse_address(f"http://127.0.0.1:{port}"), key)


def test_a_proxy_of_the_environment_is_not_asked_for_loopback(
    key: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (port,) = free_ports(1)
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{port}")
    with serving(Dashboard()) as dashboard:
        assert probe(parse_address(dashboard.url), key)[0].guarded


@pytest.mark.parametrize(
    ("ray", "python", "named"),
    [
        ("1.13.0", "3.11.0", "Ray 1.13.0"),
        ("2.60.9", "3.9.2", "Python 3.9.2"),
        ("2.1.0", "3.8.0", "Ray 2.1.0.* and Python"),
    ],
)
def test_other_versions_are_refused(monkeypatch: pytest.MonkeyPatch, ray: str, python: str, named: str) -> None:
    monkeypatch.setattr("cluster.jobs.probe.version", lambda name: "2.60.0")
    monkeypatch.setattr("cluster.jobs.probe.platform.python_version", lambda: "3.11.7")
    with pytest.raises(ClusterError, match=named):
        check_versions(Server(ray, python, True), parse_address("http://h:1"))


@pytest.mark.parametrize(("ray", "python"), [("2.60.0", "3.11.7"), ("2.60.3", "3.11.0"), ("2.60.0", "")])
def test_the_same_series_is_accepted(monkeypatch: pytest.MonkeyPatch, ray: str, python: str) -> None:
    monkeypatch.setattr("cluster.jobs.probe.version", lambda name: "2.60.0")
    monkeypatch.setattr("cluster.jobs.probe.platform.python_version", lambda: "3.11.7")
    check_versions(Server(ray, python, True), parse_address("http://h:1"))


def test_tls_is_checked_against_the_named_authority(key: dict[str, str], tmp_path: Path) -> None:
    certificate = self_signed(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with serving(Dashboard(), context) as dashboard:
        address = parse_address(dashboard.url)
        with pytest.raises(ClusterError, match=r"not trusted .*--ca FILE"):
            probe(address, key)
        assert dashboard.authorizations == []
        assert probe(address, key, ca_file=str(certificate))[0].guarded
        with pytest.raises(ClusterError, match="--ca: the certificates cannot be read"):
            probe(address, key, ca_file=str(tmp_path / "none.pem"))


def test_https_to_a_server_without_tls_is_told(key: dict[str, str]) -> None:
    with serving(Dashboard()) as dashboard, pytest.raises(ClusterError, match="does not speak TLS"):
        probe(parse_address(dashboard.url.replace("http://", "https://")), key)


def test_a_token_never_shows() -> None:
    assert "hunter2" not in f"{Token('hunter2', 'a file')!r} {Token('hunter2', 'a file')}"


def self_signed(folder: Path) -> Path:
    """A certificate of 127.0.0.1 and its key, in one file."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    secret = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(secret.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .sign(secret, hashes.SHA256())
    )
    private = secret.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = folder / "server.pem"
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM) + private)
    return path
