"""A Ray whose processes speak TLS with each other: our driver joins it with the certificates that Ray's variables name."""

from __future__ import annotations

import datetime
import ipaddress
from pathlib import Path

import pytest

from cluster.auth import TLS_VARIABLES, Door, door_of_head
from cluster.errors import ClusterError
from tests.cluster.test_attached import joined
from tests.loopback_ray import LoopbackRay

pytestmark = pytest.mark.ray


def certificates(folder: Path) -> dict[str, str]:
    """One certificate for 127.0.0.1 that is its own authority, as Ray's variables name it."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "ray")])
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    start = datetime.datetime(2020, 1, 1)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(start)
        .not_valid_after(start + datetime.timedelta(days=36500))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    files = {"crt": certificate.public_bytes(serialization.Encoding.PEM)}
    plain = (serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    files["key"] = key.private_bytes(serialization.Encoding.PEM, *plain)
    for ending, data in files.items():
        (folder / f"ray.{ending}").write_bytes(data)
    certificate_file, key_file = str(folder / "ray.crt"), str(folder / "ray.key")
    return dict(zip(TLS_VARIABLES, ("1", certificate_file, key_file, certificate_file), strict=True))


def test_a_driver_joins_over_tls_with_the_token_and_no_other_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tls = certificates(tmp_path)
    with LoopbackRay(head_cpus=1, environment=tls) as cluster:
        assert joined(cluster, **cluster.access(), **tls) == '[1.0, 1, "m"]'
        assert "no Ray answers" in joined(cluster, **cluster.access()), "plain text is not understood"
        for name, value in tls.items():
            monkeypatch.setenv(name, value)
        assert door_of_head(cluster.address) is Door.LOCKED
    assert cluster.left() == []


def test_a_missing_certificate_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_USE_TLS", "1")
    monkeypatch.delenv("RAY_TLS_CA_CERT", raising=False)
    with pytest.raises(ClusterError, match="RAY_TLS_CA_CERT"):
        door_of_head("127.0.0.1:1")
