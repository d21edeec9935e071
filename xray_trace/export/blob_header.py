"""Blobs: a large value's file, with a line in front that says whose it is and where it is to go."""

from typing import BinaryIO

import msgspec

from xray_trace.errors import FileGoneError, SpoolError

__all__ = ["MAX_HEADER_BYTES", "BlobHeader", "read_header", "reserved_header"]

_FIXED_BYTES = 640  # the header's names, ids, digests and numbers; what varies is added
_UPLOAD_ID_BYTES = 1024  # S3's have some 130 characters, others' up to 300; a longer one is not kept
_JSON_BYTES_A_CHARACTER = 6  # a control character becomes \u001f
MAX_HEADER_BYTES = 1024 * 1024  # far over an artifact's metadata; a longer first line is no header


class BlobHeader(msgspec.Struct, rename="camel", frozen=True):
    """What the presign call needs, and whose the blob is."""

    destination: str
    owner: str
    data_id: str
    trace_id: str
    key: str
    content_type: str
    metadata: msgspec.Raw
    sha256: str
    size_bytes: int
    upload_id: str = ""
    """The upload in parts that was begun for it, if any."""

    def line(self, length: int) -> bytes:
        """Return the header as one line of exactly this many bytes.

        Raises SpoolError if it is longer.
        """
        if not self.fits(length):
            raise SpoolError(f"the header of blob {self.data_id} does not fit the room that was left for it")
        return msgspec.json.encode(self).ljust(length - 1) + b"\n"

    def fits(self, length: int) -> bool:
        """Tell whether it can be a line of so many bytes."""
        return len(msgspec.json.encode(self)) < length


_decoder = msgspec.json.Decoder(BlobHeader)


def reserved_header(trace_id: str, key: str, content_type: str, metadata: bytes) -> bytes:
    """Return an empty line with room for the header, which is known once the bytes are hashed."""
    text_bytes = _JSON_BYTES_A_CHARACTER * (len(trace_id) + len(key) + len(content_type))
    return b" " * (_FIXED_BYTES + _UPLOAD_ID_BYTES + text_bytes + len(metadata)) + b"\n"


def read_header(file: BinaryIO) -> tuple[BlobHeader, int]:
    """Return the header and where the bytes begin; the file stands there then.

    Raises FileGoneError if there is none: whatever lies there, it is not the blob any more.
    """
    line = file.readline(MAX_HEADER_BYTES)
    try:
        return _decoder.decode(line), len(line)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise FileGoneError("a file under data/ does not begin with a blob's header") from error
