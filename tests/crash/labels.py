"""What the programs that are killed and those who count afterwards agree on."""

import hashlib

__all__ = ["ENDS_AFTER_SECONDS", "INLINE_MAX_BYTES", "IN_FLIGHT", "payload_of"]

ENDS_AFTER_SECONDS = 0.4  # at most: some hundred steps and a few batches, so that nothing has come to rest

IN_FLIGHT = 5  # calls that run at one time: one plain, two nested, two tasks

INLINE_MAX_BYTES = 16 * 1024  # the default: larger values travel by themselves
STAGED_ABOVE_BYTES = 256 * 1024  # and these have a file of their own from the start

LARGE_EVERY = 29


def payload_of(label: str) -> str:
    """Return what the step with this label is given; one in so many is large."""
    number = int(hashlib.sha256(label.encode()).hexdigest()[:8], 16)
    length = number % 300
    if number % LARGE_EVERY == 0:
        length = (STAGED_ABOVE_BYTES if number % 2 else INLINE_MAX_BYTES) + number % 20_000
    return (f"{label} " * (length // len(label) + 1))[:length]
