"""Sends what a program left on disk, as the next start of it would.

python -m recording.programs.recover TIMEOUT_SECONDS
"""

import sys

import msgspec

from xray_trace.config import load_config
from xray_trace.export.inspection import flush_spool, spool_entries


class Recovery(msgspec.Struct):
    """What was there before, and what is left."""

    files: int
    bytes: int
    left: int


def main(timeout_seconds: float) -> Recovery:
    """Adopt, send, look again."""
    config = load_config({})
    found = spool_entries(config)
    flush_spool(config, timeout_seconds)
    return Recovery(len(found), sum(entry.bytes for entry in found), len(spool_entries(config)))


if __name__ == "__main__":
    print(msgspec.json.encode(main(float(sys.argv[1]))).decode())
