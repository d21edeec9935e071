"""The names of files in the spool: they say whose each file is, and where it is to go."""

import re
from typing import NamedTuple

from xray_trace.ids import PROCESS_DIGITS

__all__ = [
    "BATCH",
    "BLOB",
    "DROPS",
    "JOURNAL",
    "LATE",
    "LOCK",
    "REJECTED",
    "RUNNING",
    "STAGED",
    "TEMPORARY",
    "SpoolName",
    "blob_name",
    "is_blob_name",
    "is_owner",
    "process_of",
]

JOURNAL = ".open"
BATCH = ".events.json"
BLOB = ".data.bin"
STAGED = ".staged"
LATE = ".late"
RUNNING = ".running"
DROPS = ".drops"
LOCK = ".lock"
REJECTED = ".rejected"
TEMPORARY = ".tmp"

FOLDERS = {
    JOURNAL: "events",
    BATCH: "events",
    RUNNING: "events",
    DROPS: "events",
    LOCK: "events",
    STAGED: "data",
    LATE: "data",
    REJECTED: "rejected",
}

_PATTERN = re.compile(
    r"(?P<folder>events|data|rejected)/(?P<destination>[0-9a-f]{16})-(?P<owner>[0-9a-f]{32})"
    r"(?:-(?P<sequence>[0-9]{8,18})(?:\.(?P<part>[0-9]{1,9}))?)?(?P<suffix>(?:\.[a-z]+)+)"
)
_OWNER_PATTERN = re.compile(r"[0-9a-f]{32}")
_BLOB_PATTERN = re.compile(r"data/[A-Za-z0-9][A-Za-z0-9_.:-]{0,199}\.data\.bin")


class SpoolName(NamedTuple):
    """What a file's name tells."""

    destination: str
    owner: str
    sequence: int
    part: int
    suffix: str

    def __str__(self) -> str:
        """Return the name, relative to the spool's directory."""
        base = f"{FOLDERS[self.suffix]}/{self.destination}-{self.owner}"
        if self.suffix == LOCK:
            return base + LOCK
        return f"{base}-{self.sequence:08d}.{self.part}{self.suffix}"

    @classmethod
    def parse(cls, name: str) -> "SpoolName | None":
        """Return what the name tells, or None where it is none of ours, or a blob's."""
        found = _PATTERN.fullmatch(name)
        if found is None:
            return None
        suffix, sequence, part = found["suffix"], int(found["sequence"] or 0), int(found["part"] or 0)
        parsed = cls(found["destination"], found["owner"], sequence, part, suffix)
        return parsed if suffix not in FOLDERS or str(parsed) == name else None  # else it would be sought elsewhere


def is_owner(text: str) -> bool:
    """Tell whether an owner may be called so; a file's content may say anything."""
    return _OWNER_PATTERN.fullmatch(text) is not None


def process_of(owner: str) -> str:
    """Return what all owners of one process have in common (see `ids`)."""
    return owner[:PROCESS_DIGITS]


def blob_name(data_id: str) -> str:
    """Return where the blob of this id lies."""
    return f"data/{data_id}{BLOB}"


def is_blob_name(name: str) -> bool:
    """Tell whether the name is one that `blob_name` gives."""
    return _BLOB_PATTERN.fullmatch(name) is not None
