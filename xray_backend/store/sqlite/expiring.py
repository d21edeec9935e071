"""Retention: traces that are older than their project keeps them are deleted."""

import sqlite3
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Final

from xray_backend.store.batch_traces import DAY_MS, VALUE_WAITS_MS
from xray_backend.store.sqlite.deleting import hide_trace
from xray_backend.store.sqlite.readers import Readers
from xray_backend.store.sqlite.writer import Writer

__all__ = ["Expiring"]

_OLD: Final = """
SELECT trace_id FROM traces
WHERE project_id = :project AND created_at_ms < :horizon AND coalesce(ended_at_ms, 0) < :horizon
    AND NOT EXISTS (
        SELECT 1 FROM steps WHERE steps.project_id = traces.project_id AND steps.trace_id = traces.trace_id
            AND steps.timestamp_ms >= :horizon
    )
    AND NOT EXISTS (
        SELECT 1 FROM data WHERE data.project_id = traces.project_id AND data.trace_id = traces.trace_id
            AND data.stored_at_ms >= :recent
    )
ORDER BY created_at_ms LIMIT :limit
"""

_DATA_BY_TRACE: Final = """
SELECT trace_id, max(stored_at_ms) < :horizon AND NOT EXISTS (
    SELECT 1 FROM traces WHERE traces.project_id = data.project_id AND traces.trace_id = data.trace_id
) AND NOT EXISTS (
    SELECT 1 FROM deleted_traces AS gone WHERE gone.project_id = data.project_id AND gone.trace_id = data.trace_id
)
FROM data WHERE project_id = :project AND trace_id > :after GROUP BY trace_id ORDER BY trace_id LIMIT :limit
"""
"""Values whose trace never came, or that came again after it had expired, tell no time but that of their arrival."""

_TRACES_AT_A_TIME: Final = 1000
"""Whose values are looked through in one query: some milliseconds, far from the time limit of a query."""

_STILL_OLD: Final = """
SELECT NOT EXISTS (SELECT 1 FROM deleted_traces WHERE project_id = :project AND trace_id = :trace)
    AND NOT EXISTS (
        SELECT 1 FROM traces WHERE project_id = :project AND trace_id = :trace
            AND (created_at_ms >= :horizon OR ended_at_ms >= :horizon)
    )
    AND NOT EXISTS (
        SELECT 1 FROM steps WHERE project_id = :project AND trace_id = :trace AND timestamp_ms >= :horizon
    )
    AND NOT EXISTS (
        SELECT 1 FROM data WHERE project_id = :project AND trace_id = :trace AND stored_at_ms >= iif(
            EXISTS (SELECT 1 FROM traces WHERE project_id = :project AND trace_id = :trace), :recent, :horizon
        )
    )
"""


class Expiring:
    """Finds what is too old, and has it deleted like any trace, but without a tombstone that stays."""

    def __init__(self, writer: Writer, readers: Readers, clock: Callable[[], int]) -> None:
        self._writer = writer
        self._readers = readers
        self._clock = clock

    def expire(self, limit: int) -> int:
        """Delete at most so many traces that are too old, and return how many there were."""
        now = self._clock()
        for project_id, days in self._readers.all(
            "SELECT project_id, retention_days FROM projects WHERE retention_days IS NOT NULL"
        ):
            found = self._expire(project_id, now, now - days * DAY_MS, limit)
            if found:
                return found
        return 0

    def _expire(self, project_id: str, now_ms: int, horizon_ms: int, limit: int) -> int:
        """Look without a lock, and look again, at what was found only, in the transaction that deletes it."""
        recent_ms = now_ms - VALUE_WAITS_MS
        asked = {"project": project_id, "horizon": horizon_ms, "recent": recent_ms, "limit": limit}
        old = [row[0] for row in self._readers.all(_OLD, asked)]
        found = old or list(islice(self._without_trace(project_id, horizon_ms), limit))

        def hide(connection: sqlite3.Connection) -> int:
            hidden = 0
            for trace_id in found:
                if connection.execute(_STILL_OLD, asked | {"trace": trace_id}).fetchone()[0]:
                    hide_trace(connection, project_id, trace_id, stays=False, now_ms=now_ms)
                    hidden += 1
            return hidden

        return self._writer.run(hide) if found else 0

    def _without_trace(self, project_id: str, horizon_ms: int) -> Iterator[str]:
        """Look through all values of the project, in bounded queries, for old ones that lack their trace."""
        asked = {"project": project_id, "horizon": horizon_ms, "after": "", "limit": _TRACES_AT_A_TIME}
        while rows := self._readers.all(_DATA_BY_TRACE, asked):
            yield from (trace_id for trace_id, is_old in rows if is_old)
            asked["after"] = rows[-1][0]
