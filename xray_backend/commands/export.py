"""`xray-backend export`: one project as lines of JSON, most of them events that `POST /ingest` takes."""

import base64
import hashlib
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final

import msgspec

from xray_backend.blobs.folders import private
from xray_backend.commands.beside import write_beside
from xray_backend.commands.progress import Progress
from xray_backend.commands.snapshot import database_of, layout_fault, snapshot
from xray_backend.config import Config, path_of
from xray_backend.errors import CommandError
from xray_backend.store.sqlite.visible import visible

__all__ = ["FORMAT", "VERSION", "export"]

FORMAT: Final = "xray-export"
VERSION: Final = 1
CHUNK_BYTES: Final = 96 * 1024
"""Of a blob on one line: 128 KiB of base64, which any reader of lines takes."""

_COUNTED: Final = ("trace-start", "step", "step-error", "trace-error", "data")
"""The lines of which there is one for each stored row."""

_ADDED: Final = ("_id", "__v", "projectId")
"""What the store adds to a document, and another store adds anew."""


def export(config: Config, project_id: str, output: Path | None) -> None:
    """Write the project's lines to a file, or to standard output.

    Raises `CommandError` if there is no such project, or no place for the file.
    """
    blobs = path_of(config.blobs_url, "file")
    with snapshot(database_of(config)) as connection:
        fault = layout_fault(connection)
        if fault:
            raise CommandError(fault)
        row = connection.execute("SELECT name FROM projects WHERE project_id = ?", (project_id,)).fetchone()
        if row is None:
            raise CommandError(f"There is no project {project_id} here.")
        with _output(output) as file, Progress("lines", _count(connection, project_id)) as progress:
            _write(file, _head(project_id, row[0]))
            lines = 0
            for lines, line in enumerate(_lines(connection, project_id, blobs), 1):  # noqa: B007 - used below
                _write(file, line)
                progress.add(line["type"] in _COUNTED)
            _write(file, {"type": "end", "lines": lines})


def _head(project_id: str, name: str) -> dict[str, object]:
    return {"type": "export", "format": FORMAT, "version": VERSION, "projectId": project_id, "name": name}


@contextmanager
def _output(path: Path | None) -> Iterator[IO[bytes]]:
    if path is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
    else:
        with write_beside(path) as file:
            yield file


def _write(file: IO[bytes], line: object) -> None:
    file.write(msgspec.json.encode(line) + b"\n")


def _rows(connection: sqlite3.Connection, columns: str, table: str, project_id: str, order: str) -> Iterator[Any]:
    conditions, parameters = visible(project_id, by_trace=table != "traces")
    sql = f"SELECT {columns} FROM {table} WHERE project_id = ? AND {' AND '.join(conditions)} ORDER BY {order}"  # noqa: S608 - our own names
    yield from connection.execute(sql, (project_id, *parameters))


def _count(connection: sqlite3.Connection, project_id: str) -> int:
    return sum(next(_rows(connection, "count(*)", table, project_id, "1"))[0] for table in ("traces", "steps", "data"))


def _lines(connection: sqlite3.Connection, project_id: str, blobs: Path) -> Iterator[dict[str, Any]]:
    for (doc,) in _rows(connection, "doc", "traces", project_id, "created_at_ms, oid"):
        yield from _trace_events(msgspec.json.decode(doc))
    for (doc,) in _rows(connection, "doc", "steps", project_id, "timestamp_ms, oid"):
        step = _bare(msgspec.json.decode(doc))
        step["artifacts"] = [_bare(artifact) for artifact in step["artifacts"]]
        yield step
    for doc, content in _rows(connection, "doc, content", "data", project_id, "trace_id, stored_at_ms, data_id"):
        record = _bare(msgspec.json.decode(doc))
        record.pop("dataPath")
        if content is not None:
            record |= {"content": base64.b64encode(content).decode(), "contentEncoding": "base64"}
        yield {"type": "data", **record}
        if content is None:
            yield from _blob_lines(blobs / project_id, record["dataId"])


def _trace_events(trace: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Take a trace apart into events that give the same trace; of two ends, the one that did not count comes first."""
    trace_id, ended = trace["traceId"], trace.get("endedAt")
    start = {"type": "trace-start", "traceId": trace_id, "createdAt": trace["createdAt"], "metadata": trace["metadata"]}
    yield start | ({"name": trace["name"]} if "name" in trace else {})
    if ended is None:
        return
    for kind in ("success", "failure") if trace["status"] == "failure" else ("failure", "success"):
        metadata = trace[f"{kind}Metadata"]
        if kind == trace["status"]:
            yield {"type": f"trace-{kind}", "traceId": trace_id, "endedAt": ended, f"{kind}Metadata": metadata}
        elif metadata:
            at = trace["createdAt"]
            yield {"type": f"trace-{kind}", "traceId": trace_id, "endedAt": at, f"{kind}Metadata": metadata}


def _bare(document: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in document.items() if key not in _ADDED and value is not None}


def _blob_lines(folder: Path, data_id: str) -> Iterator[dict[str, Any]]:
    """Yield a blob's bytes in pieces, the last one marked; nothing where they have not come."""
    try:
        file = open(folder / data_id, "rb", opener=private)  # noqa: SIM115 - closed below
    except FileNotFoundError:
        return
    digest = hashlib.sha256()
    with file:
        offset, piece = 0, file.read(CHUNK_BYTES)
        while True:
            digest.update(piece)
            following = file.read(CHUNK_BYTES)
            content = base64.b64encode(piece).decode()
            line = {"type": "blob", "dataId": data_id, "offset": offset, "content": content, "last": not following}
            yield line if following else {**line, "sha256": digest.hexdigest()}
            if not following:
                return
            offset, piece = offset + len(piece), following
