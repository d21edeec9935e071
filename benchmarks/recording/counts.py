"""What the sink is told, and what it tells."""

import msgspec

__all__ = ["Counts", "Orders"]


class Orders(msgspec.Struct):
    """How the sink is to behave from now on; giving orders sets its counts to zero."""

    delay_seconds: float = 0.0
    """Before each answer."""
    keep_in: str = ""
    """A folder to keep blobs in; without one they are counted only."""


class Counts(msgspec.Struct):
    """What came since the last orders."""

    requests: int = 0
    steps: int = 0
    """Different steps of ours that have ended."""
    late: int = 0
    """Steps of ours whose inputs say that they were encoded late."""
    blobs: int = 0
    """Blobs of ours, and parts of such."""
    blob_bytes: int = 0
    spans: int = 0
    """Spans by OTLP."""
