"""The answers of what is stored."""

from typing import Any, Final

import msgspec
from bson.raw_bson import RawBSONDocument

from xray_backend.store.mongodb.stored import answer, plain
from xray_backend.store.records import DataRecord, Json
from xray_backend.store.trace_state import document, load_state

__all__ = ["DATA_FIELDS", "TRACE_FIELDS", "answer", "data_record", "trace_answer"]

TRACE_FIELDS: Final = {"traceId": True, "projectId": True, "createdAt": True, "state": True}
"""What the answer of a trace is made of: of its state, which holds each value as it was sent."""

DATA_FIELDS: Final = {"content": False, "storedAt": False}


def trace_answer(stored: RawBSONDocument) -> Json:
    """Return the JSON of a trace."""
    return msgspec.json.encode(
        {
            "_id": str(stored["_id"]),
            "traceId": stored["traceId"],
            "projectId": stored["projectId"],
            **document(load_state(stored["state"])),
            "__v": 0,
        }
    )


def data_record(stored: RawBSONDocument) -> DataRecord:
    """Return a data record with its content."""
    found: dict[str, Any] = plain(stored)
    return DataRecord(
        data_id=found["dataId"],
        trace_id=found["traceId"],
        key=found["key"],
        metadata=found["metadata"],
        content=found["content"],
        content_type=found["contentType"],
        size_bytes=found["sizeBytes"],
        sha256=found["sha256"],
    )
