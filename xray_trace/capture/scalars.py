"""Single values of the standard library's types, as JSON says them; a subclass's own methods are not called."""

import enum
import math
import types
from collections.abc import Callable
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from pathlib import PurePath
from typing import Any, NamedTuple
from uuid import UUID

from xray_trace.capture.failure import pass_on_signal
from xray_trace.capture.probe import INT64_MAX, INT64_MIN
from xray_trace.capture.type_name import class_attributes, declared_name, qualified_name

__all__ = ["Scalar", "clean_text", "enum_value", "scalar"]

_TRUSTED_ZONES = frozenset({"datetime", "zoneinfo", "dateutil", "pytz"})
"""Packages whose time zones may be asked for an offset; any other zone is the user's own code."""


class Scalar(NamedTuple):
    """What the JSON encoder takes in the value's place."""

    plain: Any
    is_text: bool
    """Whether it is masked under a secret name; numbers, dates and durations are not."""


def scalar(value: Any) -> Scalar | None:
    """Return the value as JSON says it, or None if it is not a single value of a type known here."""
    kind = type(value)
    if value is None or kind is bool:
        return Scalar(value, False)
    if type(kind) is type:  # a metaclass of the user's could define its own hash
        known = _BY_TYPE.get(kind)
        if known is not None or kind in _CONTAINERS:
            return None if known is None else _convert(known, value)
    for base, convert in _BY_BASE:
        if issubclass(kind, base):
            return _convert(convert, value)
    if value is Ellipsis or value is NotImplemented:
        return Scalar(repr(value), False)
    return None


def _convert(convert: Callable[[Any], Scalar], value: Any) -> Scalar:
    try:
        return convert(value)
    except Exception as error:  # noqa: BLE001 - one value that fails must not cost its neighbours
        pass_on_signal(error)
        return Scalar(f"[unreadable {qualified_name(type(value))}]", False)


def clean_text(text: str) -> str:
    """Return the text with lone surrogates, which UTF-8 cannot say, written out as escapes."""
    if text.isascii():
        return text
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def enum_value(member: enum.Enum) -> object:
    """Return what an enum's member stands for; its class may define `value` anew, which is not asked."""
    reader = class_attributes(enum.Enum).get("__dict__")
    if type(reader) is types.GetSetDescriptorType:
        return reader.__get__(member).get("_value_")
    return None


def _text(value: str) -> Scalar:
    return Scalar(clean_text(str.__str__(value)), True)


def _integer(value: int) -> Scalar:
    number = int.__int__(value)
    if INT64_MIN <= number <= INT64_MAX:
        return Scalar(number, False)
    try:
        return Scalar(str(number), False)
    except ValueError:  # more digits than the interpreter is willing to convert
        return Scalar(hex(number), False)


def _float(value: float) -> Scalar:
    number = float.__float__(value)
    if math.isfinite(number):
        return Scalar(number, False)
    name = "NaN" if math.isnan(number) else "Infinity" if number > 0 else "-Infinity"
    return Scalar(name, False)


def _bytes(value: bytes) -> Scalar:
    return Scalar(bytes.__getitem__(value, slice(None)), True)


def _bytearray(value: bytearray) -> Scalar:
    return Scalar(bytes(bytearray.copy(value)), True)


def _memoryview(value: memoryview) -> Scalar:
    try:
        return Scalar(value.tobytes(), True)
    except ValueError:
        return Scalar("[released memoryview]", False)


def _datetime(value: datetime) -> Scalar:
    zone = class_attributes(datetime)["tzinfo"].__get__(value)  # type: ignore[attr-defined]
    if type(value) is datetime and type(zone) in (type(None), timezone):
        return Scalar(value, False)  # the encoder's own form, as on the hot path
    if zone is None or qualified_name(type(zone)).partition(".")[0] in _TRUSTED_ZONES:
        return Scalar(datetime.isoformat(value), False)
    parts = ("year", "month", "day", "hour", "minute", "second", "microsecond")
    fields = class_attributes(datetime) | class_attributes(date)
    naive = datetime(*(fields[part].__get__(value) for part in parts))  # type: ignore[attr-defined] # noqa: DTZ001
    return Scalar(f"{naive.isoformat()} [{qualified_name(type(zone))}]", False)


def _time(value: time) -> Scalar:
    fields = class_attributes(time)
    parts = ("hour", "minute", "second", "microsecond")
    return Scalar(time(*(fields[part].__get__(value) for part in parts)).isoformat(), False)  # type: ignore[attr-defined]


def _class(value: type) -> Scalar:
    return Scalar(f"class {qualified_name(value)}", False)


def _function(value: types.FunctionType) -> Scalar:
    return Scalar(f"function {declared_name(value.__module__, value.__qualname__)}", False)


def _method(value: types.MethodType) -> Scalar:
    function = value.__func__
    name = function.__qualname__ if type(function) is types.FunctionType else type(value.__self__).__name__
    return Scalar(f"method {declared_name(None, name)}", False)


def _built_in(value: types.BuiltinFunctionType) -> Scalar:
    return Scalar(f"function {declared_name(value.__module__, value.__qualname__)}", False)


def _module(value: types.ModuleType) -> Scalar:
    fields = types.ModuleType.__getattribute__(value, "__dict__")
    return Scalar(f"module {declared_name(None, fields.get('__name__'))}", False)


_BY_BASE: tuple[tuple[type, Callable[[Any], Scalar]], ...] = (
    (str, _text),
    (int, _integer),
    (float, _float),
    (bytes, _bytes),
    (bytearray, _bytearray),
    (memoryview, _memoryview),
    (datetime, _datetime),
    (date, lambda value: Scalar(date.isoformat(value), False)),
    (time, _time),
    (timedelta, lambda value: Scalar(timedelta.__pos__(value), False)),
    (Decimal, lambda value: Scalar(Decimal.__str__(value), False)),
    (UUID, lambda value: Scalar(UUID.__str__(value), True)),
    (PurePath, lambda value: Scalar(clean_text(PurePath.__str__(value)), True)),
    (complex, lambda value: Scalar(complex.__repr__(value), False)),
    (range, lambda value: Scalar(repr(value), False)),
    (type, _class),
    (types.FunctionType, _function),
    (types.MethodType, _method),
    (types.BuiltinFunctionType, _built_in),
    (types.ModuleType, _module),
)
"""In the order of how often they come; bool is int's, and datetime date's subclass."""
_BY_TYPE = dict(_BY_BASE)
_CONTAINERS = frozenset({dict, list, tuple, set, frozenset})
