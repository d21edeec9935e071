"""The layout of the database, version by version; the file says in `user_version` which one it has."""

from typing import Final

__all__ = ["MIGRATIONS"]

_FIRST: Final = """
CREATE TABLE users (
    user_id TEXT PRIMARY KEY,
    email TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    password_hash TEXT NOT NULL,
    created_at_ms INTEGER NOT NULL
);
CREATE TABLE projects (
    project_id TEXT PRIMARY KEY,
    oid TEXT NOT NULL,
    name TEXT NOT NULL,
    created_at_ms INTEGER NOT NULL,
    updated_at_ms INTEGER NOT NULL
);
CREATE TABLE project_members (
    project_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    role TEXT NOT NULL,
    joined_at_ms INTEGER NOT NULL,
    PRIMARY KEY (project_id, user_id)
);
CREATE INDEX project_members_by_user ON project_members (user_id);
CREATE TABLE api_keys (
    key_id TEXT PRIMARY KEY,
    project_id TEXT NOT NULL,
    name TEXT NOT NULL,
    prefix TEXT NOT NULL,
    key_hash TEXT NOT NULL UNIQUE,
    created_at_ms INTEGER NOT NULL,
    last_used_at_ms INTEGER,
    is_active INTEGER NOT NULL
);
CREATE INDEX api_keys_by_project ON api_keys (project_id);
CREATE TABLE traces (
    oid TEXT NOT NULL,
    project_id TEXT NOT NULL,
    trace_id TEXT NOT NULL,
    status TEXT NOT NULL,
    created_at_ms INTEGER NOT NULL,
    ended_at_ms INTEGER,
    doc TEXT NOT NULL,
    state TEXT NOT NULL,
    UNIQUE (project_id, trace_id)
);
CREATE INDEX traces_newest ON traces (project_id, created_at_ms, oid);
CREATE INDEX traces_by_status ON traces (project_id, status, created_at_ms, oid);
CREATE TABLE steps (
    oid TEXT NOT NULL,
    project_id TEXT NOT NULL,
    trace_id TEXT NOT NULL,
    step_id TEXT NOT NULL,
    step_name TEXT,
    step_number INTEGER,
    timestamp_ms INTEGER NOT NULL,
    pending INTEGER NOT NULL,
    doc TEXT NOT NULL,
    UNIQUE (project_id, step_id)
);
CREATE INDEX steps_newest ON steps (project_id, timestamp_ms, oid);
CREATE INDEX steps_by_trace ON steps (project_id, trace_id, timestamp_ms, oid);
CREATE TABLE data (
    oid TEXT NOT NULL,
    project_id TEXT NOT NULL,
    data_id TEXT NOT NULL,
    trace_id TEXT NOT NULL,
    doc TEXT NOT NULL,
    content BLOB,
    UNIQUE (project_id, data_id)
);
CREATE TABLE schemas (
    oid TEXT NOT NULL,
    project_id TEXT NOT NULL,
    step_name TEXT NOT NULL,
    schema_hash TEXT NOT NULL,
    shape TEXT NOT NULL,
    last_seen_at_ms INTEGER NOT NULL,
    PRIMARY KEY (project_id, step_name, schema_hash)
);
"""

_PENDING: Final = """
CREATE INDEX steps_pending ON steps (project_id, timestamp_ms, oid) WHERE pending = 1
"""
"""What runs now, among millions of steps; the index holds the running ones alone, and costs the others nothing."""

_INDEX: Final = """
CREATE TABLE steps_3 (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    oid TEXT NOT NULL,
    project_id TEXT NOT NULL,
    trace_id TEXT NOT NULL,
    step_id TEXT NOT NULL,
    step_name TEXT,
    step_number INTEGER,
    timestamp_ms INTEGER NOT NULL,
    pending INTEGER NOT NULL,
    doc TEXT NOT NULL,
    UNIQUE (project_id, step_id)
);
INSERT INTO steps_3 (oid, project_id, trace_id, step_id, step_name, step_number, timestamp_ms, pending, doc)
    SELECT * FROM steps ORDER BY rowid;
DROP TABLE steps;
ALTER TABLE steps_3 RENAME TO steps;
CREATE INDEX steps_newest ON steps (project_id, timestamp_ms, oid);
CREATE INDEX steps_by_trace ON steps (project_id, trace_id, timestamp_ms, oid);
CREATE INDEX steps_pending ON steps (project_id, timestamp_ms, oid) WHERE pending = 1;
CREATE TABLE traces_3 (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    oid TEXT NOT NULL,
    project_id TEXT NOT NULL,
    trace_id TEXT NOT NULL,
    status TEXT NOT NULL,
    created_at_ms INTEGER NOT NULL,
    ended_at_ms INTEGER,
    doc TEXT NOT NULL,
    state TEXT NOT NULL,
    UNIQUE (project_id, trace_id)
);
INSERT INTO traces_3 (oid, project_id, trace_id, status, created_at_ms, ended_at_ms, doc, state)
    SELECT * FROM traces ORDER BY rowid;
DROP TABLE traces;
ALTER TABLE traces_3 RENAME TO traces;
CREATE INDEX traces_newest ON traces (project_id, created_at_ms, oid);
CREATE INDEX traces_by_status ON traces (project_id, status, created_at_ms, oid);
CREATE TABLE index_progress (collection TEXT PRIMARY KEY, indexed_to INTEGER NOT NULL, building_to INTEGER NOT NULL);
INSERT INTO index_progress VALUES ('steps', 0, 0), ('traces', 0, 0);
CREATE TABLE index_blocks (
    block_id INTEGER PRIMARY KEY AUTOINCREMENT,
    collection TEXT NOT NULL,
    project_id TEXT NOT NULL,
    size INTEGER NOT NULL,
    weight INTEGER NOT NULL,
    first_ms INTEGER NOT NULL,
    last_ms INTEGER NOT NULL,
    first_seq INTEGER NOT NULL,
    last_seq INTEGER NOT NULL,
    first_oid TEXT NOT NULL,
    last_oid TEXT NOT NULL,
    opaque BLOB NOT NULL,
    gone_count INTEGER NOT NULL,
    gone BLOB NOT NULL,
    seqs BLOB NOT NULL,
    times BLOB NOT NULL,
    oids BLOB NOT NULL,
    by_oid BLOB NOT NULL
);
CREATE INDEX index_blocks_newest ON index_blocks (collection, project_id, last_ms);
CREATE TABLE index_chunks (
    block_id INTEGER NOT NULL,
    path TEXT NOT NULL,
    kind INTEGER NOT NULL,
    first,
    payload BLOB NOT NULL
);
CREATE UNIQUE INDEX index_chunks_by_value ON index_chunks (block_id, path, kind, first);
CREATE TABLE index_gone (
    collection TEXT NOT NULL,
    project_id TEXT NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (collection, project_id, seq)
) WITHOUT ROWID;
CREATE TRIGGER steps_gone AFTER DELETE ON steps
    WHEN old.seq <= (SELECT building_to FROM index_progress WHERE collection = 'steps')
    BEGIN INSERT INTO index_gone VALUES ('steps', old.project_id, old.seq); END;
CREATE TRIGGER traces_gone AFTER DELETE ON traces
    WHEN old.seq <= (SELECT building_to FROM index_progress WHERE collection = 'traces')
    BEGIN INSERT INTO index_gone VALUES ('traces', old.project_id, old.seq); END;
"""
"""The index over every field (docs/adr/0014-index.md). A row's `seq` is never given twice, and its document never
changes: a document that is replaced gets a new row. What the index holds of a `seq` is therefore true until the row
is gone, which the triggers note."""

_RETENTION: Final = """
ALTER TABLE projects ADD COLUMN retention_days INTEGER
"""

_DELETION: Final = """
CREATE TABLE deleted_projects (
    project_id TEXT PRIMARY KEY,
    deleted_at_ms INTEGER NOT NULL,
    removed INTEGER NOT NULL
);
CREATE TABLE deleted_traces (
    project_id TEXT NOT NULL,
    trace_id TEXT NOT NULL,
    deleted_at_ms INTEGER NOT NULL,
    stays INTEGER NOT NULL,
    removed INTEGER NOT NULL,
    PRIMARY KEY (project_id, trace_id)
);
CREATE INDEX deleted_traces_waiting ON deleted_traces (project_id, trace_id) WHERE removed = 0;
ALTER TABLE data ADD COLUMN stored_at_ms INTEGER NOT NULL DEFAULT 0;
UPDATE data SET stored_at_ms = CAST(strftime('%s', 'now') AS INTEGER) * 1000;
CREATE INDEX data_by_trace ON data (project_id, trace_id, stored_at_ms)
"""
"""Tombstones: `removed` once no row is left, `stays` where it outlives that. Values that were there before count as
stored at the moment of this script."""

_MEMBER_IDS: Final = """
ALTER TABLE project_members ADD COLUMN oid TEXT;
UPDATE project_members SET oid = lower(hex(randomblob(12)))
"""

_ATTEMPTS: Final = """
CREATE TABLE attempts (
    key TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    ends_at_ms INTEGER NOT NULL
);
CREATE INDEX attempts_by_key ON attempts (key, at_ms);
CREATE INDEX attempts_by_end ON attempts (ends_at_ms)
"""

_MERGED: Final = """
CREATE TABLE merged_schemas (
    project_id TEXT NOT NULL,
    step_name TEXT NOT NULL,
    shapes INTEGER NOT NULL,
    shape TEXT,
    PRIMARY KEY (project_id, step_name)
);
INSERT INTO merged_schemas
    SELECT project_id, step_name, count(*), merged_shape(shape) FROM schemas GROUP BY project_id, step_name
"""
"""How many shapes a step name has, and all of them merged (docs/adr/0013-schemas.md). `merged_shape` is ours."""

MIGRATIONS: Final = (_FIRST, _PENDING, _INDEX, _RETENTION, _DELETION, _MEMBER_IDS, _ATTEMPTS, _MERGED)
"""The nth script (from 1) leads from version n - 1 to version n; none is ever changed once released."""
