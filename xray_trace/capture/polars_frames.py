"""polars frames and series as Parquet; polars is used only where the program has imported it."""

import io
import sys
from functools import partial
from typing import Any

from xray_trace.capture.foreign_value import MOST_COLUMNS, Encoded, ForeignValue, Masking
from xray_trace.capture.json_codec import encode_json
from xray_trace.capture.redaction import MASK
from xray_trace.capture.type_name import qualified_name

__all__ = ["recognise"]

_PARQUET = "application/vnd.apache.parquet"
_CALLER_LIMIT_BYTES = 1_000_000  # columns of strings cost about 10 ms a megabyte to write


def recognise(value: Any) -> ForeignValue | None:
    """Return what is known of a frame or a series, else None; a lazy frame is not collected."""
    frame = _as_frame(value)
    if frame is None:
        return None
    details: dict[str, Any] = {"shape": list(frame.shape), "columns": frame.columns[:MOST_COLUMNS]}
    return ForeignValue(
        content_type=_PARQUET,
        size_bytes=int(frame.estimated_size()),
        caller_limit_bytes=_CALLER_LIMIT_BYTES,
        length=frame.height,
        details=details,
        outline={"type": qualified_name(type(value)), **details},
        encode=partial(_encode, frame),
    )


def _as_frame(value: Any) -> Any:
    polars = sys.modules.get("polars")
    frame_type, series_type = getattr(polars, "DataFrame", None), getattr(polars, "Series", None)
    if frame_type is None or series_type is None:
        return None
    if type(value) is series_type:  # no subclass: it may have methods of its own
        return value.to_frame()
    return value if type(value) is frame_type else None


def _encode(frame: Any, masking: Masking) -> Encoded:
    clean = frame.with_columns([_clean_column(frame[name], name, masking) for name in frame.columns])
    buffer = io.BytesIO()
    clean.write_parquet(buffer)
    return Encoded(_PARQUET, buffer.getvalue())


def _clean_column(column: Any, name: str, masking: Masking) -> Any:
    """Return the column with secrets masked and each cell that may hold names as JSON text."""
    dtype = column.dtype
    is_hidden = masking.hides(name, column) or masking.hidden
    if dtype.is_numeric() or dtype.is_temporal() or dtype == sys.modules["polars"].Boolean:
        return column
    if is_hidden:
        return _texts(name, [None if cell is None else MASK for cell in column.to_list()])
    if dtype.is_nested() or dtype.is_object():
        return _texts(name, [_text(cell, name, masking) for cell in column.to_list()])
    return column


def _text(cell: Any, name: str, masking: Masking) -> str | None:
    return None if cell is None else encode_json(masking.convert(name, cell)).decode()


def _texts(name: str, cells: list[str | None]) -> Any:
    polars = sys.modules["polars"]
    return polars.Series(name, cells, dtype=polars.String)
