"""What the programs that record and those who count afterwards agree on."""

import hashlib

__all__ = ["content_of", "is_doomed", "status_of"]

LARGE_EVERY = 20  # steps: one in so many has a value over 16 KiB, which travels by itself
PARTED_EVERY = 120  # and one in so many a value over 5 MiB, which travels in parts
SMALL_BYTES, LARGE_BYTES, PARTED_BYTES = 300, 17 * 1024, 6 * 1024 * 1024
MORE_BYTES = 400_000  # than that, at most
FAILED_EVERY = 4  # traces
DOOMED_EVERY = 5  # traces


def content_of(label: str) -> bytes:
    """Return what the step with this label is given."""
    number = int(hashlib.sha256(label.encode()).hexdigest()[:8], 16)
    size_bytes = number % SMALL_BYTES
    if number % PARTED_EVERY == 0:
        size_bytes = PARTED_BYTES + number % MORE_BYTES
    elif number % LARGE_EVERY == 0:
        size_bytes = LARGE_BYTES + number % MORE_BYTES
    return hashlib.shake_128(label.encode()).digest(size_bytes)


def status_of(number: int) -> str:
    """Return how the trace of this number ends."""
    return "failure" if number % FAILED_EVERY == 0 else "success"


def is_doomed(number: int) -> bool:
    """Tell whether the trace of this number is deleted, at best while it is recorded still."""
    return number % DOOMED_EVERY == 1
