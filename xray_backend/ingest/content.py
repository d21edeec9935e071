"""Inline content: the bytes of a small captured value, inside its event."""

import base64
import binascii
import hashlib

from xray_backend.ingest.limits import Limits
from xray_backend.ingest.shapes import Data
from xray_backend.ingest.unacceptable import Unacceptable

__all__ = ["check_content", "decoded"]


def decoded(event: Data) -> bytes | None:
    """Return the bytes, or None where the event brings none. Raises `Unacceptable` if they are not base64."""
    if event.content is None:
        return None
    if event.content_encoding is None:
        return event.content.encode()
    try:
        return base64.b64decode(event.content, validate=True)
    except (binascii.Error, ValueError):
        raise Unacceptable("`content` is not valid base64, as `contentEncoding` says it is.") from None


def check_content(event: Data, limits: Limits) -> None:
    """Hold the bytes against the limit and against what is said of them; fill in what is not said.

    Raises `Unacceptable` if they do not agree.
    """
    content = decoded(event)
    if content is None:
        return
    if len(content) > limits.max_content_bytes:
        raise Unacceptable(
            f"`content` has {len(content)} bytes; the limit is {limits.max_content_bytes}, so upload it "
            "through a presigned URL."
        )
    digest = hashlib.sha256(content).hexdigest()
    if event.size_bytes not in (None, len(content)):
        raise Unacceptable(f"`sizeBytes` is {event.size_bytes}, but `content` has {len(content)} bytes.")
    if event.sha256 not in (None, digest):
        raise Unacceptable("`sha256` is not that of `content`.")
    event.size_bytes, event.sha256 = len(content), digest
