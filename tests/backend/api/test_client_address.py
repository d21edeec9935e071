"""Whose word on an address is believed."""

from ipaddress import ip_network

import pytest

from xray_backend.api.client_address import client_address

PROXIES = (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        ("192.0.2.1", None, "192.0.2.1"),
        ("192.0.2.1", "198.51.100.7", "192.0.2.1"),
        ("10.0.0.1", None, "10.0.0.1"),
        ("10.0.0.1", "198.51.100.7", "198.51.100.7"),
        ("10.0.0.1", "1.2.3.4, 198.51.100.7", "198.51.100.7"),
        ("10.0.0.1", "1.2.3.4, 198.51.100.7, 10.0.0.2", "198.51.100.7"),
        ("10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"),
        ("fd00::1", "2001:db8::1", "2001:db8::1"),
        ("10.0.0.1", "nonsense", "nonsense"),
        ("10.0.0.1", "1.2.3.4, nonsense, 10.0.0.2", "nonsense"),
        ("10.0.0.1", "x" * 1000, "x" * 45),
        ("10.0.0.1", ", ,", "10.0.0.1"),
        (None, "198.51.100.7", ""),
    ],
)
def test_the_nearest_address_that_is_no_trusted_proxy_counts(
    peer: str | None, forwarded: str | None, expected: str
) -> None:
    assert client_address(peer, forwarded, PROXIES) == expected


def test_without_a_trusted_proxy_no_header_is_believed() -> None:
    assert client_address("10.0.0.1", "198.51.100.7", ()) == "10.0.0.1"
