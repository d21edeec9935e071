"""Passwords: Argon2id hashes, and the same time for an account that does not exist."""

from threading import BoundedSemaphore

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

from xray_backend.errors import BadRequest, Unavailable

__all__ = ["Passwords"]

MIN_CHARACTERS = 8  # the wire contract's number
MAX_CHARACTERS = 1024  # hashing takes time by length; nobody types more
CONCURRENT_HASHES = 2  # each takes 64 MiB; a flood of log-ins must not take the machine's memory
MAX_WAIT_SECONDS = 10.0  # a hash takes ~0.1 s, so whoever waits longer is in a flood


class Passwords:
    """Hashes and checks passwords; both block for about a tenth of a second."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher(type=Type.ID)  # RFC 9106's low-memory parameters are its defaults
        self._slots = BoundedSemaphore(CONCURRENT_HASHES)
        self._nobody = self._hasher.hash("the password of nobody")

    def hash(self, password: str) -> str:
        """Return what is stored. Raises `BadRequest` if the password is too short or too long."""
        if not MIN_CHARACTERS <= len(password) <= MAX_CHARACTERS:
            raise BadRequest(f"The password must have {MIN_CHARACTERS} to {MAX_CHARACTERS} characters.")
        self._take_slot()
        try:
            return self._hasher.hash(password)
        finally:
            self._slots.release()

    def matches(self, stored_hash: str | None, password: str) -> bool:
        """Tell whether the password is right; takes as long where there is no account (None)."""
        self._take_slot()
        try:
            self._hasher.verify(stored_hash or self._nobody, password[: MAX_CHARACTERS + 1])
        except (VerificationError, InvalidHashError):
            return False
        finally:
            self._slots.release()
        return stored_hash is not None

    def _take_slot(self) -> None:
        if not self._slots.acquire(timeout=MAX_WAIT_SECONDS):
            raise Unavailable("Too many people log in at once; try again in a moment.", retry_after_seconds=5)
