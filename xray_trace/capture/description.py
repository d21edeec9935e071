"""What can be said of a value that JSON cannot hold: its type and its own attributes, no code of its class run."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from xray_trace.capture.instance import field_names, own_attributes
from xray_trace.capture.type_name import class_attributes, qualified_name

__all__ = ["Described", "describe", "describe_exception", "fields_of"]

_read_args = class_attributes(BaseException)["args"].__get__  # type: ignore[attr-defined]


class Described(NamedTuple):
    """The parts of a description; `attributes` and `args` are the user's values, still to be converted."""

    type: str
    attributes: Mapping[Any, Any]
    args: tuple[Any, ...] | None = None
    """An exception's arguments; None for anything else."""


def describe(value: object) -> Described:
    """Return the value's type and what the instance holds."""
    return Described(qualified_name(type(value)), own_attributes(value))


def describe_exception(error: BaseException) -> Described:
    """Return the exception's type, arguments and own attributes; its traceback holds other frames' values."""
    return Described(qualified_name(type(error)), own_attributes(error), _read_args(error))


def fields_of(value: object) -> dict[Any, Any] | None:
    """Return name and value of each declared field of a dataclass or a kin of it, else None."""
    names = field_names(value)
    if names is None:
        return None
    held = own_attributes(value)
    fields = {name: held[name] for name in names if name in held}
    extra = held.get("__pydantic_extra__")
    if type(extra) is dict:
        fields.update(dict.copy(extra))
    return fields
