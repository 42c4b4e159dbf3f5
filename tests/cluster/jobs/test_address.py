"""Which texts are an address of a Jobs server, and what is said of them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.errors import ClusterError
from cluster.jobs.address import DEFAULT_URL, clear_text_warning, parse_address, tunnel_hint


@pytest.mark.parametrize(
    ("text", "url", "port", "encrypted"),
    [
        ("http://127.0.0.1:8265", "http://127.0.0.1:8265", 8265, False),
        ("127.0.0.1:9000/", "http://127.0.0.1:9000", 9000, False),
        ("head.lab", "http://head.lab:8265", 8265, False),
        ("https://head.lab", "https://head.lab:443", 443, True),
        ("https://hub.lab/ray/", "https://hub.lab:443/ray", 443, True),
        ("http://[::1]:8265", "http://[::1]:8265", 8265, False),
        (DEFAULT_URL, DEFAULT_URL, 8265, False),
    ],
)
def test_addresses(text: str, url: str, port: int, encrypted: bool) -> None:
    address = parse_address(text)
    assert (address.url, address.port, address.encrypted) == (url, port, encrypted)


@pytest.mark.parametrize(
    "text",
    ["", "ray://head:10001", "ftp://head", "http://", "http://head:port", "http://h:1?a=b", "http://h:99999"],
)
def test_what_is_no_address_is_one_line(text: str) -> None:
    with pytest.raises(ClusterError, match=r"^--address: ") as caught:
        parse_address(text)
    assert "\n" not in str(caught.value) and "allowed" in str(caught.value)


def test_a_password_in_an_address_is_refused_and_not_repeated() -> None:
    with pytest.raises(ClusterError, match="RAY_AUTH_TOKEN_PATH") as caught:
        parse_address("http://me:hunter2@head:8265")
    assert "hunter2" not in str(caught.value)


@settings(max_examples=50)
@given(st.text(max_size=40))
def test_any_text_is_an_address_or_a_cluster_error(text: str) -> None:
    try:
        address = parse_address(text)
    except ClusterError:
        return
    assert address.url.startswith(("http://", "https://")) and 0 < address.port < 65536


@pytest.mark.parametrize(
    ("text", "clear"),
    [
        ("http://127.0.0.1:1", False),
        ("http://127.9.9.9:1", False),
        ("http://localhost:1", False),
        ("http://[::1]:1", False),
        ("https://head:1", False),
        ("http://head:1", True),
        ("http://10.0.0.1:1", True),
        ("http://localhost.evil.org:1", True),
    ],
)
def test_a_token_in_clear_is_warned_of(text: str, clear: bool) -> None:
    warning = clear_text_warning(parse_address(text))
    assert (warning is not None) == clear
    if warning:
        assert "in clear" in warning and "ssh -N -L" in warning


def test_the_tunnel_leads_to_the_head() -> None:
    assert tunnel_hint(parse_address("http://head:8265")) == "ssh -N -L 8265:127.0.0.1:8265 head"
