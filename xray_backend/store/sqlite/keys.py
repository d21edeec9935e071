"""API keys, by their hash."""
# ruff: noqa: S608 - what is put together are our own column names; every value is bound

from collections.abc import Mapping, Sequence
from typing import Final

from xray_backend.store.records import ApiKey, KeyOwner
from xray_backend.store.sqlite.readers import Readers
from xray_backend.store.sqlite.writer import Writer

__all__ = ["Keys"]

_COLUMNS: Final = "key_id, project_id, name, prefix, key_hash, created_at_ms, last_used_at_ms, is_active"


class Keys:
    """The API keys' part of the store."""

    def __init__(self, writer: Writer, readers: Readers) -> None:
        self._writer = writer
        self._readers = readers

    def create(self, key: ApiKey) -> None:
        """Insert the key."""
        row = (key.key_id, key.project_id, key.name, key.prefix, key.key_hash, key.created_at_ms)
        use = (key.last_used_at_ms, int(key.is_active))
        self._writer.run(
            lambda connection: connection.execute(
                f"INSERT INTO api_keys ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row + use
            )
        )

    def of_project(self, project_id: str) -> Sequence[ApiKey]:
        """List the project's keys, oldest first."""
        rows = self._readers.all(
            f"SELECT {_COLUMNS} FROM api_keys WHERE project_id = ? ORDER BY created_at_ms, key_id", (project_id,)
        )
        return [ApiKey(*(*row[:-1], bool(row[-1]))) for row in rows]

    def owner(self, key_hash: str) -> KeyOwner | None:
        """Find what an active key stands for."""
        row = self._readers.first(
            "SELECT key_id, project_id FROM api_keys WHERE key_hash = ? AND is_active = 1", (key_hash,)
        )
        return None if row is None else KeyOwner(*row)

    def revoke(self, project_id: str, key_id: str) -> bool:
        """Mark the key as revoked; false if the project has none of that id."""
        found = self._writer.run(
            lambda connection: (
                connection.execute(
                    "UPDATE api_keys SET is_active = 0 WHERE project_id = ? AND key_id = ?", (project_id, key_id)
                ).rowcount
            )
        )
        return found > 0

    def touch(self, last_used_at_ms: Mapping[str, int]) -> None:
        """Move each key's last use forward, never back."""
        rows = [(at, key_id, at) for key_id, at in last_used_at_ms.items()]
        if rows:
            self._writer.run(
                lambda connection: connection.executemany(
                    "UPDATE api_keys SET last_used_at_ms = ? WHERE key_id = ? AND coalesce(last_used_at_ms, -1) < ?",
                    rows,
                )
            )
