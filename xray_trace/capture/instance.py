"""An instance's own attributes, read without running one line of its class's code."""

import types
from typing import Any

from xray_trace.capture.type_name import class_attributes, lineage

__all__ = ["field_names", "own_attributes"]

_RECORD_MARKS = (
    "__dataclass_fields__", "__attrs_attrs__", "__pydantic_fields__", "model_fields", "__struct_fields__", "__fields__",
)  # fmt: skip
"""What the classes of dataclasses, attrs, pydantic (2.10, 2.0, in this order; 1 last) and msgspec carry."""


def own_attributes(value: object) -> dict[Any, Any]:
    """Return what the instance holds in its `__dict__` and its slots; properties are not asked."""
    found: dict[Any, Any] = {}
    dict_read = False
    for base in lineage(type(value)):
        attributes = class_attributes(base)
        reader = attributes.get("__dict__")
        if not dict_read and type(reader) is types.GetSetDescriptorType and base is not type:
            found.update(_read_dict(reader, value))
            dict_read = True
        if "__slots__" in attributes or "__struct_fields__" in attributes:
            _read_slots(attributes, value, found)
    return found


def field_names(value: object) -> tuple[str, ...] | None:
    """Return the fields that the value's class declares, where it is a dataclass or a kin of it, else None."""
    for base in lineage(type(value)):
        attributes = class_attributes(base)
        for mark in _RECORD_MARKS:
            if mark in attributes:
                return _names(attributes[mark])
    return None


def _read_dict(reader: types.GetSetDescriptorType, value: object) -> dict[Any, Any]:
    held = reader.__get__(value)
    return dict.copy(held) if issubclass(type(held), dict) else {}


def _read_slots(attributes: types.MappingProxyType[str, object], value: object, found: dict[Any, Any]) -> None:
    for name, reader in list(attributes.items()):
        if type(reader) is not types.MemberDescriptorType or name in found:
            continue
        try:
            found[name] = reader.__get__(value)
        except AttributeError:  # the slot is empty
            continue


def _names(declared: Any) -> tuple[str, ...]:
    if issubclass(type(declared), dict):
        return tuple(name for name in dict.copy(declared) if type(name) is str)
    if issubclass(type(declared), tuple):
        items = [getattr(item, "name", item) for item in tuple.__iter__(declared)]
        return tuple(name for name in items if type(name) is str)
    return ()
