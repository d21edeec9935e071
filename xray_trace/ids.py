"""Identifiers that the SDK makes."""

import itertools
import os
import re
from functools import lru_cache
from typing import Any

__all__ = ["PROCESS_DIGITS", "derive_data_id", "is_valid_id", "new_id", "new_trace_id"]

PROCESS_DIGITS = 16
"""So many of an id's digits are the same for all that one process gives, and for no other's."""

_FIRST = 10**15  # of so many digits that all counts have 16, as a random number's half does: ids sort as they came
_VALID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,199}")


class _Ids:
    """Ids that are a random number of this process and a count.

    Asking the operating system for each id would give up the interpreter's lock, and under load wait for it again;
    a count needs no lock, and ids that grow are cheap to index.
    """

    def __init__(self) -> None:
        self.begin()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self.begin)

    def begin(self) -> None:
        """Take a new random number: a fork's child must not go on with its parent's."""
        self._process = os.urandom(PROCESS_DIGITS // 2).hex()
        self._next_count = itertools.count(_FIRST).__next__
        self._keyed: Any = None

    def next(self) -> str:
        """Return an id that no process has given before."""
        return self._process + str(self._next_count())

    def next_uuid(self) -> str:
        """Return a UUID of version 4 that no process has given before: 16 random bytes and a count, hashed."""
        hashed = (self._keyed or self._begin_hash()).copy()
        hashed.update(self.next().encode())
        digits = hashed.hexdigest()
        variant = "89ab"[int(digits[16], 16) & 3]  # RFC 9562, sections 4.1 and 4.2, say what is no digit of chance
        return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"

    def _begin_hash(self) -> Any:
        import hashlib  # imported with the first trace: importing the SDK must cost a program little

        keyed = self._keyed = hashlib.blake2b(key=os.urandom(16), digest_size=16)
        return keyed


_ids = _Ids()

new_id = _ids.next
"""Return 32 hexadecimal digits that nobody has used; safe from any thread, in signal handlers and over fork."""


def new_trace_id(project_id: str | None) -> str:
    """Return `{projectId}-{uuid}` where the project is known, else a UUID alone."""
    made = _ids.next_uuid()
    return f"{project_id}-{made}" if project_id else made


def is_valid_id(text: object) -> bool:
    """Tell whether the server takes this as an id (the rule is the wire contract's)."""
    return isinstance(text, str) and _VALID.fullmatch(text) is not None


def derive_data_id(destination: str, trace_id: str, content_type: str, sha256_hex: str) -> str:
    """Return the id under which this content is stored once in this trace: 16 digits of these, 32 of the content.

    The destination is part of it because programs with different keys share one spool directory, where the id is a
    file's name. Should the first 16 digits of two traces ever be the same, then only the same content gets the same id.
    """
    return _identity_prefix(destination, trace_id, content_type) + sha256_hex[:32]


@lru_cache(64)  # what is recorded at one time is of few traces, and hashing takes as long as all the rest of an event
def _identity_prefix(destination: str, trace_id: str, content_type: str) -> str:
    import hashlib  # likewise

    identity = f"{destination}\n{trace_id}\n{content_type}"
    return hashlib.sha256(identity.encode("utf-8", "surrogatepass")).hexdigest()[:16]
