"""Where a request comes from: the connection's address, or what a trusted proxy says."""

import ipaddress
from collections.abc import Sequence

from xray_backend.config import IpNetwork

__all__ = ["client_address"]


def client_address(peer: str | None, forwarded_for: str | None, trusted: Sequence[IpNetwork]) -> str:
    """Return the nearest address that is no trusted proxy; what stands left of it anybody may have written."""
    hops = [part.strip() for part in (forwarded_for or "").split(",") if part.strip()]
    nearest = peer or ""
    while hops and _is_trusted(nearest, trusted):
        nearest = hops.pop()
    return nearest[:45]  # the longest textual IPv6 address; longer ones are no addresses


def _is_trusted(address: str, trusted: Sequence[IpNetwork]) -> bool:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(parsed in network for network in trusted)
