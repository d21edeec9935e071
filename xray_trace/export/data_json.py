"""A value's `data` event as the wire contract has it."""

import base64

import msgspec
from msgspec import UNSET, Raw, UnsetType

from xray_trace.events import Part

__all__ = ["data_json"]

_encode = msgspec.json.Encoder().encode
_NOTHING = Raw(b"{}")


class _Data(msgspec.Struct, rename="camel", gc=False):
    type: str
    data_id: str
    trace_id: str
    key: str
    metadata: Raw
    content_encoding: str | UnsetType = UNSET
    content: str | UnsetType = UNSET
    content_type: str | UnsetType = UNSET
    size_bytes: int | UnsetType = UNSET
    sha256: str | UnsetType = UNSET


def data_json(data_id: str, trace_id: str, part: Part, body: bytes | None, sha256: str | UnsetType = UNSET) -> bytes:
    """Return the event as JSON; without a body it tells of a value whose bytes nobody has."""
    metadata = _NOTHING if part.metadata in (b"{}", b"") else Raw(part.metadata)
    if body is None:
        return _encode(_Data("data", data_id, trace_id, part.key, metadata))
    encoding: str | UnsetType = UNSET
    try:
        content = body.decode()
    except UnicodeDecodeError:
        encoding, content = "base64", base64.b64encode(body).decode()
    size_bytes, content_type = len(body), part.content_type
    return _encode(
        _Data("data", data_id, trace_id, part.key, metadata, encoding, content, content_type, size_bytes, sha256)
    )
