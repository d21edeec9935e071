"""Integers beyond 64 bits, which no store keeps exactly, become strings."""

from typing import Any, Final

__all__ = ["signs_in", "stringified"]

_SHORTEST_DIGITS: Final = b"0" * 19
"""2^63 has 19 digits; a text without so long a run of digits needs no second look."""

_SIGNS: Final = b" " * 48 + b"0" * 10 + b" " * 33 + b"[" + b" " * 31 + b"[" + b" " * 132
"""All digits are one sign, and both brackets that open something another."""

_LEAST, _GREATEST = -(2**63), 2**63 - 1


def signs_in(text: bytes) -> tuple[int, bool]:
    """Tell how many objects and lists a JSON text has at most, and whether an integer may be beyond 64 bits."""
    signs = text.translate(_SIGNS)
    return signs.count(b"["), _SHORTEST_DIGITS in signs


def stringified(value: Any) -> Any:
    """Return the value with each integer beyond 64 bits written as a string; the depth is bounded beforehand."""
    if isinstance(value, dict):
        return {key: stringified(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [stringified(inner) for inner in value]
    if isinstance(value, int) and not _LEAST <= value <= _GREATEST:
        return str(value)
    return value
