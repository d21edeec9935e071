"""What a type is called, asked of Python itself and never of a metaclass."""

import types

__all__ = ["class_attributes", "declared_name", "lineage", "qualified_name"]

_TYPE = vars(type)
_read_qualname = _TYPE["__qualname__"].__get__
_read_module = _TYPE["__module__"].__get__
_read_dict = _TYPE["__dict__"].__get__
_read_mro = _TYPE["__mro__"].__get__

_LONGEST_NAME = 200  # characters; a name is for people, and must not outgrow the value it describes


def qualified_name(kind: type) -> str:
    """Return `module.Qualname`, and for a built-in type its name alone."""
    qualname = _read_qualname(kind)
    try:
        module = _read_module(kind)
    except AttributeError:
        module = "?"
    is_built_in = type(module) is str and module == "builtins"
    return declared_name(None if is_built_in else module, qualname)


def lineage(kind: type) -> tuple[type, ...]:
    """Return the type's method resolution order."""
    order: tuple[type, ...] = _read_mro(kind)
    return order


def class_attributes(kind: type) -> types.MappingProxyType[str, object]:
    """Return what the class itself defines, without its bases."""
    attributes: types.MappingProxyType[str, object] = _read_dict(kind)
    return attributes


def declared_name(module: object, qualname: object) -> str:
    """Return the name of a function or class from its two parts, whatever was written into them."""
    parts = [str.__str__(part) for part in (module, qualname) if issubclass(type(part), str)]
    name = ".".join(parts)[:_LONGEST_NAME]
    return name if name.isascii() else name.encode("utf-8", "backslashreplace").decode()
