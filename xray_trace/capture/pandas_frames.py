"""pandas frames and series as Parquet; pandas is used only where the program has imported it."""

import io
import math
import sys
from functools import partial
from typing import Any

from xray_trace.capture.foreign_value import MOST_COLUMNS, Encoded, ForeignValue, Masking
from xray_trace.capture.json_codec import JSON, encode_json
from xray_trace.capture.redaction import MASK
from xray_trace.capture.type_name import qualified_name

__all__ = ["recognise"]

_PARQUET = "application/vnd.apache.parquet"
_CALLER_LIMIT_BYTES = 1_000_000  # columns of strings cost about 10 ms a megabyte to write
_MOST_RECORDS = 1_000  # rows of the JSON form, which stands in where pyarrow is missing
_COLUMN_BYTES = 10_000  # a column by itself takes as long as this many bytes, 0.1 ms
_CELL_BYTES = 8  # a number, or the reference to an object
_TEXT = frozenset({str, bytes})
_SIMPLE = frozenset({type(None), bool, int, float, str})
_NEVER_TEXT = frozenset("biufcmM")  # numpy's kinds of numbers, booleans, dates and durations


def recognise(value: Any) -> ForeignValue | None:
    """Return what is known of a frame or a series, else None."""
    frame = _as_frame(value)
    if frame is None:
        return None
    rows, width = frame.shape
    details: dict[str, Any] = {"shape": [rows, width], "columns": _column_names(frame)[:MOST_COLUMNS]}
    return ForeignValue(
        content_type=_PARQUET if _has_pyarrow() else JSON,
        size_bytes=width * (rows * _CELL_BYTES + _COLUMN_BYTES),
        caller_limit_bytes=_CALLER_LIMIT_BYTES,
        length=rows,
        details=details,
        outline={"type": qualified_name(type(value)), **details},
        encode=partial(_encode, frame),
    )


def _as_frame(value: Any) -> Any:
    pandas = sys.modules.get("pandas")
    frame_type, series_type = getattr(pandas, "DataFrame", None), getattr(pandas, "Series", None)
    if frame_type is None or series_type is None:
        return None
    if issubclass(type(value), series_type):  # made a plain one, because a subclass may have methods of its own
        return series_type(value).to_frame()
    return frame_type(value) if issubclass(type(value), frame_type) else None


def _column_names(frame: Any) -> list[str]:
    """Return the columns' names as different texts, as Parquet wants them."""
    names: dict[str, None] = {}
    for label in frame.columns.tolist():
        name = base = label if type(label) is str else _joined(label)
        count = 2
        while name in names:
            name = f"{base} {count}"
            count += 1
        names[name] = None
    return list(names)


def _joined(label: Any) -> str:
    if type(label) is tuple:
        return ".".join(part if type(part) is str else _joined(part) for part in label)
    return repr(label) if type(label) in _SIMPLE else f"[{qualified_name(type(label))}]"


def _encode(frame: Any, masking: Masking) -> Encoded | None:
    names = _column_names(frame)
    clean = frame.copy(deep=False)
    clean.attrs = {}  # free-form, and Parquet would carry it
    for position, name in enumerate(names):
        clean.isetitem(position, _clean_column(clean.iloc[:, position], name, masking))
    clean.columns = names
    clean = _with_clean_index(clean, masking)
    if not _has_pyarrow():
        return _encode_records(clean)
    buffer = io.BytesIO()
    clean.to_parquet(buffer, engine="pyarrow")
    return Encoded(_PARQUET, buffer.getvalue())


def _clean_column(column: Any, name: str, masking: Masking) -> Any:
    """Return the column with secrets masked and each cell that is a container as JSON text."""
    if masking.hides(name, column):
        return _masked(column)
    if getattr(column.dtype, "kind", "O") in _NEVER_TEXT:
        return column
    if masking.hidden:
        return _masked(column)
    cells = column.tolist()
    if _SIMPLE.issuperset(map(type, cells)):
        return column
    return _series(column, [_clean_cell(cell, name, masking) for cell in cells])


def _masked(column: Any) -> Any:
    """Return the column with its strings, and all that could hold one, masked; numbers and dates stay."""
    if getattr(column.dtype, "kind", "O") in _NEVER_TEXT:
        return column
    return _series(column, [None if _is_missing(cell) else MASK for cell in column.tolist()])


def _clean_cell(cell: Any, name: str, masking: Masking) -> Any:
    if type(cell) in _SIMPLE or type(cell) is bytes or _is_missing(cell):
        return cell
    plain = masking.convert(name, cell)
    return plain if type(plain) in _SIMPLE else encode_json(plain).decode()


def _is_missing(cell: Any) -> bool:
    """Tell whether the cell is empty, without a comparison that may be the user's own."""
    if cell is None or cell is sys.modules["pandas"].NA or cell is sys.modules["pandas"].NaT:
        return True
    return issubclass(type(cell), float) and math.isnan(cell)


def _series(column: Any, cells: list[Any]) -> Any:
    kinds = {type(cell) for cell in cells} - {type(None)}
    if len(kinds) > 1:  # a Parquet column has one type
        cells = [cell if cell is None or type(cell) is str else str(cell) for cell in cells]
    return sys.modules["pandas"].Series(cells, index=column.index, dtype=object)


def _with_clean_index(frame: Any, masking: Masking) -> Any:
    """Return the frame without an index that is secret, or that Parquet might have to ask the user's code about."""
    named = [(str(name), name) for name in frame.index.names if type(name) is str]
    is_secret = any(masking.hides(text, frame.index) for text, _ in named)
    levels = [frame.index.get_level_values(n) for n in range(frame.index.nlevels)]
    is_plain = all(_SIMPLE.issuperset(map(type, level.tolist())) for level in levels if level.dtype.kind == "O")
    if is_secret or masking.hidden or not is_plain:
        return frame.reset_index(drop=True)
    return frame


def _encode_records(frame: Any) -> Encoded:
    body = frame.head(_MOST_RECORDS).to_json(orient="records", date_format="iso", default_handler=_name_type)
    note = f"the first {_MOST_RECORDS} rows as records, because pyarrow is not installed"
    return Encoded(JSON, body.encode("utf-8", "backslashreplace"), note)


def _has_pyarrow() -> bool:
    """Tell whether pandas found pyarrow when it was imported."""
    return sys.modules.get("pyarrow") is not None


def _name_type(cell: Any) -> str:
    return f"[{qualified_name(type(cell))}]"
