"""The bounds of what is taken."""

from dataclasses import dataclass

__all__ = ["Limits"]

_KIB = 1024
_MIB = 1024 * _KIB


@dataclass(frozen=True)
class Limits:
    """How much a request may bring; each is a setting."""

    max_body_bytes: int = 5 * _MIB
    """The contract's bound of a request, decompressed: ten full batches of ordinary events."""

    max_events: int = 1_000
    """The contract's bound of events a request; ten times what the SDK sends at once."""

    max_event_bytes: int = 256 * _KIB
    """The contract's bound of an event; sixteen times the largest inline content."""

    max_depth: int = 50
    """The contract's bound of nested objects and lists; MongoDB itself stops at 100."""

    max_content_bytes: int = 16 * _KIB
    """The contract's bound of inline content; larger values go to the blob store."""

    max_name_characters: int = 500
    """A step's name, a trace's name or a key: a qualified Python name fits many times, an index entry stays small."""

    max_content_type_characters: int = 255
    """What MIME allows for a type and a subtype together, with room for a parameter."""

    max_presign_items: int = 100
    """As many blobs a request as the SDK puts events into a batch."""

    max_blob_bytes: int = 5 * 1024 * _MIB
    """The largest single PUT that S3 takes."""
