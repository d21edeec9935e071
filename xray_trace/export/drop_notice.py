"""The header that tells the server, with each batch, what this process has lost so far."""

import msgspec

from xray_trace.stats import Stats

__all__ = ["drop_notice"]

_MAX_BYTES = 4096  # what the server reads of it


def drop_notice(stats: Stats) -> dict[str, str]:
    """Return the header; of too many reasons it names those that lost most."""
    process, dropped = stats.drop_report()
    reasons = sorted(dropped.items(), key=lambda entry: -entry[1])
    while len(text := msgspec.json.encode({"process": process, "dropped": dict(reasons)})) > _MAX_BYTES:
        reasons.pop()
    return {"x-xray-stats": text.decode()}
