"""Values of libraries that have a file format of their own.

A library that the program has not imported is not looked for.
"""

from collections.abc import Callable
from typing import Any

from xray_trace.capture import arrays, images, pandas_frames, polars_frames
from xray_trace.capture.failure import pass_on_signal
from xray_trace.capture.foreign_value import ForeignValue, StandIn

__all__ = ["recognise", "stand_in"]

_RECOGNISERS: tuple[Callable[[Any], ForeignValue | None], ...] = (
    arrays.recognise,
    pandas_frames.recognise,
    polars_frames.recognise,
    images.recognise,
)


def recognise(value: Any) -> ForeignValue | None:
    """Return the value with what is known of its format, or None if it is of no such library."""
    try:
        return next(filter(None, (try_one(value) for try_one in _RECOGNISERS)), None)
    except Exception as error:  # noqa: BLE001 - a library half imported, or a class that only looks like its own
        pass_on_signal(error)
        return None


def stand_in(value: Any) -> StandIn | None:
    """Return what JSON shows where such a value is inside another one, or None if it is of no such library."""
    small = arrays.small_stand_in(value)
    if small is not None:
        return small
    found = recognise(value)
    return None if found is None else StandIn(found.outline, is_whole=False)
