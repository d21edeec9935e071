"""Integers beyond 64 bits, which no store keeps exactly, become strings."""

from typing import Any, Final

__all__ = ["may_hold_big_integers", "stringified"]

_SHORTEST_DIGITS: Final = b"0" * 19
"""2^63 has 19 digits; a text without so long a run of digits needs no second look."""

_DIGITS_TO_ZERO: Final = bytes(ord("0") if chr(byte).isdigit() and byte < 128 else ord(" ") for byte in range(256))

_LEAST, _GREATEST = -(2**63), 2**63 - 1


def may_hold_big_integers(text: bytes) -> bool:
    """Tell at little cost whether a JSON text could hold an integer beyond 64 bits."""
    return _SHORTEST_DIGITS in text.translate(_DIGITS_TO_ZERO)


def stringified(value: Any) -> Any:
    """Return the value with each integer beyond 64 bits written as a string; the depth is bounded beforehand."""
    if isinstance(value, dict):
        return {key: stringified(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [stringified(inner) for inner in value]
    if isinstance(value, int) and not _LEAST <= value <= _GREATEST:
        return str(value)
    return value
