"""A cloudpickle beside a description, for replay; nothing of ours ever unpickles it."""

from typing import Any

from xray_trace.capture.failure import pass_on_signal

__all__ = ["pickle_or_none"]


def pickle_or_none(value: Any) -> bytes | None:
    """Return the value pickled, or None if it cannot be; this does run the user's code (`__reduce__` and its kin)."""
    import cloudpickle  # type: ignore[import-untyped] # it takes 20 ms to import, which only those pay who switched pickling on

    try:
        pickled: bytes = cloudpickle.dumps(value)
    except Exception as error:  # noqa: BLE001 - what cannot be pickled has its description still
        pass_on_signal(error)
        return None
    return pickled
