"""Steps that are written, and what is found of them in the store and in its index."""

import json
import sqlite3
from pathlib import Path
from typing import Any

from xray_backend.query.sort import Sort
from xray_backend.query.tree import And, Node
from xray_backend.store.records import EventBatch, StepRecord
from xray_backend.store.sqlite.index.indexer import Indexer
from xray_backend.store.sqlite.store import SqliteStore

EVERYTHING = And(())


def steps(first: int, count: int, *, pending: bool = False, **metadata: Any) -> EventBatch:
    records = []
    for number in range(first, first + count):
        fields = {"type": "step", "stepName": "rank", "stepNumber": 1, "artifacts": []}
        document = {**fields, "stepId": f"s{number}", "traceId": "t", "metadata": {"n": number, **metadata}}
        if pending:
            document["pending"] = True
        records.append(StepRecord(f"s{number}", "t", "rank", 1, 1e12 + number, pending, document))
    return EventBatch("p", steps=records)


def ids(store: SqliteStore, condition: Node) -> list[str]:
    page = store.query("steps", "p", condition, limit=10_000, after=None)
    return [json.loads(document)["stepId"] for document in page.documents]


def sorted_by(store: SqliteStore, *path: str) -> list[str]:
    page = store.query("steps", "p", EVERYTHING, sort=Sort(path, 1), limit=10_000, after=None)
    return [json.loads(document)["stepId"] for document in page.documents]


def rows(path: Path, sql: str) -> list[Any]:
    connection = sqlite3.connect(path)
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.close()


def sizes(path: Path, collection: str = "steps") -> list[int]:
    return [row[0] for row in rows(path, f"SELECT size FROM index_blocks WHERE collection = '{collection}'")]


def run(indexer: Indexer) -> None:
    while indexer.run_once():
        pass
