"""API keys: `xray_sk_` and 32 alphanumerics; the server keeps their SHA-256 only."""

import hashlib
import re
import secrets
import string
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from threading import Lock

from xray_backend.clock import now_ms
from xray_backend.errors import NotFound, Unauthorized, Unavailable
from xray_backend.ids import new_object_id
from xray_backend.store.base import Store
from xray_backend.store.records import ApiKey, KeyOwner

__all__ = ["ApiKeys", "NewKey"]

PREFIX = "xray_sk_"
SECRET_CHARACTERS = 32  # of 62: 190 bits, which nobody guesses, so one fast hash is enough
VISIBLE_CHARACTERS = len(PREFIX) + 4  # enough to tell a project's keys apart, useless to a thief
REMEMBERED_SECONDS = 10.0  # a revoked key must stop within 30 s on every process
BELIEVED_SECONDS = 25.0  # the same, less some seconds for what is in hand: while the store cannot tell
AGAIN_SECONDS = 5.0  # how soon it is asked again then; meanwhile nobody else waits for its answer
MAX_REMEMBERED = 10_000  # a few MB
_ALPHABET = string.ascii_letters + string.digits
_SHAPE = re.compile(r"xray_sk_[A-Za-z0-9]{32}")


@dataclass(frozen=True)
class NewKey:
    """A key as it is shown once."""

    key_id: str
    name: str
    key: str = field(repr=False)


@dataclass(frozen=True)
class _Remembered:
    """What a key stood for when the store was asked, and for how long that counts."""

    owner: KeyOwner
    ask_at: float
    believed_until: float


class ApiKeys:
    """Makes, lists, revokes and recognises keys."""

    def __init__(self, store: Store, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._monotonic = monotonic
        self._lock = Lock()
        self._remembered: OrderedDict[str, _Remembered] = OrderedDict()

    def create(self, project_id: str, name: str) -> NewKey:
        """Make a key of a project."""
        key = PREFIX + "".join(secrets.choice(_ALPHABET) for _ in range(SECRET_CHARACTERS))
        record = ApiKey(
            key_id=new_object_id(),
            project_id=project_id,
            name=name,
            prefix=key[:VISIBLE_CHARACTERS],
            key_hash=_hash(key),
            created_at_ms=now_ms(),
            last_used_at_ms=None,
            is_active=True,
        )
        self._store.create_key(record)
        return NewKey(record.key_id, name, key)

    def of_project(self, project_id: str) -> Sequence[ApiKey]:
        """List a project's keys, the revoked among them."""
        return self._store.keys_of(project_id)

    def revoke(self, project_id: str, key_id: str) -> None:
        """Revoke a key, here at once. Raises `NotFound` if the project has none of that id."""
        if not self._store.revoke_key(project_id, key_id):
            raise NotFound("This project has no such key.")
        self._forget(lambda owner: owner.key_id == key_id)

    def forget_project(self, project_id: str) -> None:
        """Stop believing the keys of a project that was deleted, here at once."""
        self._forget(lambda owner: owner.project_id == project_id)

    def owner(self, key: str | None) -> KeyOwner:
        """Tell what a key stands for. Raises `Unauthorized` if it is missing, unknown or revoked."""
        if not key:
            raise Unauthorized("Send the project's API key in the header x-api-key.")
        owner = self._owner_by_hash(_hash(key)) if _SHAPE.fullmatch(key) else None
        if owner is None:
            raise Unauthorized("The API key is unknown or revoked.")
        return owner

    def _forget(self, is_meant: Callable[[KeyOwner], bool]) -> None:
        with self._lock:
            for key_hash in [h for h, known in self._remembered.items() if is_meant(known.owner)]:
                del self._remembered[key_hash]

    def _owner_by_hash(self, key_hash: str) -> KeyOwner | None:
        now = self._monotonic()
        known = self._known(key_hash, now)
        if known is not None and now < known.ask_at:
            return known.owner
        try:
            owner = self._store.key_owner(key_hash)
        except Unavailable:
            if known is not None and self._monotonic() < known.believed_until:
                return known.owner
            raise
        if owner is None:
            with self._lock:
                self._remembered.pop(key_hash, None)
            return None
        self._remember(key_hash, _Remembered(owner, now + REMEMBERED_SECONDS, now + BELIEVED_SECONDS))
        with suppress(Unavailable):  # a date for a list; the request must not fail for it
            self._store.touch_keys({owner.key_id: now_ms()})
        return owner

    def _known(self, key_hash: str, now: float) -> _Remembered | None:
        """Return what is remembered of a key; of those who find that the store is to be asked, one asks at a time."""
        with self._lock:
            known = self._remembered.get(key_hash)
            if known is not None and known.ask_at <= now:
                again = min(now + AGAIN_SECONDS, known.believed_until)
                self._remembered[key_hash] = replace(known, ask_at=again)
            return known

    def _remember(self, key_hash: str, known: _Remembered) -> None:
        with self._lock:
            self._remembered[key_hash] = known
            self._remembered.move_to_end(key_hash)
            while len(self._remembered) > MAX_REMEMBERED:
                self._remembered.popitem(last=False)


def _hash(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
