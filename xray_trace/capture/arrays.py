"""numpy arrays as `.npy`; numpy is used only where the program has imported it."""

import io
import sys
from collections.abc import Iterator
from functools import partial
from typing import Any

from xray_trace.capture.foreign_value import Encoded, ForeignValue, Masking, StandIn
from xray_trace.capture.redaction import MASK
from xray_trace.capture.type_name import qualified_name

__all__ = ["recognise", "small_stand_in"]

_CONTENT_TYPE = "application/x-npy"
_CALLER_LIMIT_BYTES = 4_000_000  # copied twice in about 2 ms
_CHUNK_BYTES = 256 * 1024  # copied in some 50 µs
_SMALL_ITEMS = 1_000  # an embedding inside a dict is worth reading as a list; more is shown by shape alone
_STRING_KINDS = frozenset("SUTV")  # bytes, str, variable strings, raw bytes; numbers are never masked


def recognise(value: Any) -> ForeignValue | None:
    """Return what is known of an array that `.npy` can hold without pickling, else None."""
    array = _as_array(value)
    if array is None:
        return None
    details = {"shape": list(array.shape), "dtype": str(array.dtype)}
    return ForeignValue(
        content_type=_CONTENT_TYPE,
        size_bytes=int(array.nbytes),
        caller_limit_bytes=_CALLER_LIMIT_BYTES,
        length=array.shape[0] if array.ndim else None,
        details=details,
        outline={"type": qualified_name(type(value)), **details},
        encode=partial(_encode, array),
        chunks=partial(_chunks, array),
    )


def small_stand_in(value: Any) -> StandIn | None:
    """Return a number of numpy's, or a small array, as Python's own values."""
    numpy = sys.modules.get("numpy")
    if numpy is None:
        return None
    if issubclass(type(value), numpy.generic):
        item = numpy.generic.item(value)
        return None if issubclass(type(item), numpy.generic) else StandIn(item, is_whole=True)
    array = _as_array(value)
    if array is None or array.size > _SMALL_ITEMS or array.dtype.names is not None:
        return None
    return StandIn(array.tolist(), is_whole=True)


def _as_array(value: Any) -> Any:
    """Return the value as a plain array, without the methods that a subclass may define; None if it is none."""
    numpy = sys.modules.get("numpy")
    if numpy is None or not issubclass(type(value), getattr(numpy, "ndarray", ())):
        return None
    return numpy.ndarray.view(value, numpy.ndarray)


def _encode(array: Any, masking: Masking) -> Encoded | None:
    if array.dtype.hasobject:
        return None
    numpy = sys.modules["numpy"]
    if masking.hidden or array.dtype.names is not None:
        array = array.copy()
        _mask(array, masking, masking.hidden)
    buffer = io.BytesIO()
    numpy.lib.format.write_array(buffer, array, allow_pickle=False)
    return Encoded(_CONTENT_TYPE, buffer.getvalue())


def _chunks(array: Any, masking: Masking) -> Iterator[bytes] | None:
    """Return the chunks of an array that lies in memory in one piece and holds nothing to mask."""
    if array.dtype.hasobject or array.dtype.names is not None or masking.hidden or not array.flags.forc:
        return None
    return _made_in_chunks(array)


def _made_in_chunks(array: Any) -> Iterator[bytes]:
    file_format = sys.modules["numpy"].lib.format
    header = io.BytesIO()
    file_format.write_array_header_1_0(header, file_format.header_data_from_array_1_0(array))
    yield header.getvalue()
    flat = (array if array.flags.c_contiguous else array.T).reshape(-1)
    step = max(1, _CHUNK_BYTES // max(1, array.itemsize))
    for start in range(0, flat.size, step):
        yield flat[start : start + step].tobytes()


def _mask(array: Any, masking: Masking, hidden: bool) -> None:
    """Overwrite the strings of a copy, as far as the mask fits into them."""
    for name in array.dtype.names or ():
        _mask(array[name], masking, hidden or masking.hides(name, array[name]))
    if hidden and array.dtype.names is None and array.dtype.kind in _STRING_KINDS:
        array[...] = MASK.encode() if array.dtype.kind in "SV" else MASK
