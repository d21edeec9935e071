"""MongoStore: the whole store in MongoDB, for many machines."""
# ruff: noqa: D102 - the methods' docstrings are the port's, in store/base.py

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from pymongo import timeout

from xray_backend.clock import now_ms
from xray_backend.errors import ConfigurationError
from xray_backend.query.cursor import FieldPosition, Position, StepPosition
from xray_backend.query.sort import Sort
from xray_backend.query.tree import Node
from xray_backend.store.base import Store
from xray_backend.store.deletions import DeletionPiece, PieceRemoval
from xray_backend.store.mongodb.accounts import Accounts
from xray_backend.store.mongodb.attempts import Attempts
from xray_backend.store.mongodb.connection import Database
from xray_backend.store.mongodb.deleting import Deleting
from xray_backend.store.mongodb.expiring import Expiring
from xray_backend.store.mongodb.finding import Finding
from xray_backend.store.mongodb.keys import Keys
from xray_backend.store.mongodb.layout import missing_layout
from xray_backend.store.mongodb.members import Members
from xray_backend.store.mongodb.query import Query
from xray_backend.store.mongodb.reading import Reading
from xray_backend.store.mongodb.recording import Recording, step_document
from xray_backend.store.mongodb.schemas import Schemas
from xray_backend.store.mongodb.size import Size
from xray_backend.store.records import (
    ApiKey,
    Collection,
    DataPage,
    DataRecord,
    EventBatch,
    Json,
    KeyOwner,
    Member,
    MergedSchema,
    Page,
    Project,
    Role,
    StepPage,
    StepRecord,
    StoreState,
    Unchanged,
    User,
    WriteResult,
)

__all__ = ["MongoStore"]

_QUERY_TIMEOUT_SECONDS: Final = 10.0
"""Long enough to look through what no index answers, short enough that the client's own time limit is not first."""

_LAYOUT_SECONDS: Final = 5.0
"""As long as a primary is waited for; a start that waited longer would keep others from being started."""

_PING_SECONDS: Final = 2.0
"""A database at rest answers in milliseconds, and whoever asks whether the server is ready does not wait for long."""


class MongoStore(Store):
    """Threads may share it, and any number of processes the database.

    Making one makes no connection: a program that forks its workers may make it in front. Collections and indexes are
    made by `layout.prepare`, and by nothing else; until they are there, every call raises `Unavailable`.

    Raises `ConfigurationError` if the URL is wrong.
    """

    def __init__(
        self,
        url: str,
        *,
        clock: Callable[[], int] = now_ms,
        query_timeout_seconds: float = _QUERY_TIMEOUT_SECONDS,
    ) -> None:
        self._database = Database(url, missing_layout)
        finding = Finding(self._database, query_timeout_seconds)
        self._accounts = Accounts(self._database, clock)
        self._members = Members(self._database, clock)
        self._attempts = Attempts(self._database, clock)
        self._keys = Keys(self._database)
        self._recording = Recording(self._database, clock)
        self._deleting = Deleting(self._database, clock)
        self._expiring = Expiring(self._database, clock)
        self._reading = Reading(finding)
        self._query = Query(finding)
        self._schemas = Schemas(self._database)
        self._size = Size(self._database)

    def create_user(self, user: User) -> None:
        self._accounts.create_user(user)

    def user_by_email(self, email: str) -> User | None:
        return self._accounts.user_by_email(email)

    def user_by_id(self, user_id: str) -> User | None:
        return self._accounts.user_by_id(user_id)

    def replace_password(self, user_id: str, old_hash: str, new_hash: str) -> bool:
        return self._accounts.replace_password(user_id, old_hash, new_hash)

    def count_attempt(self, key: str, limit: int, window_seconds: int) -> bool:
        return self._attempts.count(key, limit, window_seconds)

    def attempts(self, key: str, window_seconds: int) -> tuple[int, int]:
        return self._attempts.in_window(key, window_seconds)

    def create_project(self, project: Project, owner_id: str) -> None:
        self._accounts.create_project(project, owner_id)

    def projects_of(self, user_id: str) -> Sequence[Project]:
        return self._accounts.projects_of(user_id)

    def project(self, project_id: str) -> Project | None:
        return self._accounts.project(project_id)

    def update_project(
        self, project_id: str, *, name: str | None, retention_days: int | Unchanged | None
    ) -> Project | None:
        return self._accounts.update_project(project_id, name=name, retention_days=retention_days)

    def role(self, project_id: str, user_id: str) -> Role | None:
        return self._members.role(project_id, user_id)

    def add_member(self, project_id: str, user: User, role: Role) -> Member:
        return self._members.add(project_id, user, role)

    def members_of(self, project_id: str) -> Sequence[Member]:
        return self._members.of_project(project_id)

    def remove_member(self, project_id: str, user_id: str) -> None:
        self._members.remove(project_id, user_id)

    def create_key(self, key: ApiKey) -> None:
        self._keys.create(key)

    def keys_of(self, project_id: str) -> Sequence[ApiKey]:
        return self._keys.of_project(project_id)

    def key_owner(self, key_hash: str) -> KeyOwner | None:
        return self._keys.owner(key_hash)

    def revoke_key(self, project_id: str, key_id: str) -> bool:
        return self._keys.revoke(project_id, key_id)

    def touch_keys(self, last_used_at_ms: Mapping[str, int]) -> None:
        self._keys.touch(last_used_at_ms)

    def compact(self, project_id: str, step: StepRecord) -> StepRecord:
        return StepRecord(*step[:-1], step_document(project_id, step))  # `_replace` takes twice as long

    def write(self, batch: EventBatch) -> WriteResult:
        return self._recording.write(batch)

    def delete_trace(self, project_id: str, trace_id: str) -> bool:
        return self._deleting.trace(project_id, trace_id)

    def delete_project(self, project_id: str) -> bool:
        return self._deleting.project(project_id)

    def expire_traces(self, limit: int) -> int:
        return self._expiring.expire(limit)

    def is_deleted(self, project_id: str, trace_id: str) -> bool:
        return self._deleting.is_deleted(project_id, trace_id)

    def recorded_data(self, project_id: str, data_ids: Sequence[str]) -> Mapping[str, tuple[int | None, str | None]]:
        return self._deleting.recorded_data(project_id, data_ids)

    def next_deletion(self, limit: int) -> DeletionPiece | None:
        return self._deleting.next_piece(limit)

    def remove(self, piece: DeletionPiece, limit: int) -> PieceRemoval:
        return self._deleting.remove(piece, limit)

    def traces(
        self,
        project_id: str,
        *,
        status: str | None,
        start_ms: int | None,
        end_ms: int | None,
        limit: int,
        after: Position | None,
    ) -> Page:
        return self._query.traces(project_id, status=status, start_ms=start_ms, end_ms=end_ms, limit=limit, after=after)

    def trace(self, project_id: str, trace_id: str) -> Json | None:
        return self._reading.trace(project_id, trace_id)

    def steps_of(self, project_id: str, trace_id: str, *, limit: int, after: StepPosition | None) -> StepPage:
        return self._reading.steps_of(project_id, trace_id, limit=limit, after=after)

    def data_of(self, project_id: str, trace_id: str, data_ids: Sequence[str]) -> DataPage:
        return self._reading.data_of(project_id, trace_id, data_ids)

    def data(self, project_id: str, trace_id: str, data_id: str) -> DataRecord | None:
        return self._reading.data(project_id, trace_id, data_id)

    def query(
        self,
        collection: Collection,
        project_id: str,
        condition: Node,
        *,
        sort: Sort | None = None,
        limit: int,
        after: Position | FieldPosition | None,
    ) -> Page:
        return self._query.page(collection, project_id, condition, sort=sort, limit=limit, after=after)

    def count(self, collection: Collection, project_id: str, condition: Node) -> int:
        return self._query.count(collection, project_id, condition)

    def schemas(self, project_id: str, step_name: str | None) -> Iterator[Sequence[Json]]:
        return self._schemas.each(project_id, step_name)

    def merged_schema(self, project_id: str, step_name: str | None) -> MergedSchema:
        return self._schemas.merged(project_id, step_name)

    def check_layout(self) -> None:
        with self._database.translated(), timeout(_LAYOUT_SECONDS):
            lacking = missing_layout(self._database)
        if lacking is not None:
            raise ConfigurationError(lacking)

    def start(self) -> None:
        """Do nothing: all work is done within the calls, and the rest by the server of MongoDB."""

    def state(self) -> StoreState:
        """Tell the size that the server tells; no call waits here, and the log is the server's own."""
        return StoreState(waiting_calls=0, database_bytes=self._size.size_bytes(), log_bytes=0)

    def ping(self) -> None:
        with self._database.translated(), timeout(_PING_SECONDS):
            self._database.check()
            self._database.handle().command("ping")

    def close(self) -> None:
        self._database.close()
