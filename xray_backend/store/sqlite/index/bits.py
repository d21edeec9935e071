"""Sets of positions in a block, as Python integers: bit n is set where position n belongs to the set.

And, or, not and counting are then single operations of the interpreter, a few microseconds for 16,384 positions.
"""

from array import array
from collections.abc import Iterator, Sequence

__all__ = ["all_bits", "bitmap_bytes", "bits_of", "falling", "from_bitmap", "numbers", "rising", "to_bitmap"]

# Below this, setting single bits costs less than making a flag for each position of a block.
_FEW = 48

_TO_DIGITS = bytes([ord("0"), ord("1"), *([ord("0")] * 254)])


def all_bits(size: int) -> int:
    """Return the set of all positions of a block of this size."""
    return (1 << size) - 1


def bits_of(positions: "Sequence[int] | array[int]", size: int) -> int:
    """Return the set of these positions, each below the size; they may repeat and need no order."""
    if len(positions) <= _FEW:
        found = 0
        for position in positions:
            found |= 1 << position
        return found
    flags = bytearray(size)
    last = size - 1
    for position in positions:
        flags[last - position] = 1
    return int(flags.translate(_TO_DIGITS), 2)


def bitmap_bytes(size: int) -> int:
    """Return how many bytes a bitmap of a block of this size takes."""
    return (size + 7) // 8


def to_bitmap(bits: int, size: int) -> bytes:
    """Write a set down, lowest positions first."""
    return bits.to_bytes(bitmap_bytes(size), "little")


def from_bitmap(bitmap: "bytes | memoryview") -> int:
    """Read what `to_bitmap` wrote."""
    return int.from_bytes(bitmap, "little")


def numbers(code: str, packed: bytes) -> "array[int]":
    """Return whole numbers that were packed as an array of this type code."""
    unpacked: array[int] = array(code)
    unpacked.frombytes(packed)
    return unpacked


def rising(bits: int) -> Iterator[int]:
    """Yield the positions, lowest first."""
    digits = bin(bits)[:1:-1]
    at = digits.find("1")
    while at >= 0:
        yield at
        at = digits.find("1", at + 1)


def falling(bits: int) -> Iterator[int]:
    """Yield the positions, highest first."""
    digits = bin(bits)[2:]
    last = len(digits) - 1
    at = digits.find("1")
    while at >= 0:
        yield last - at
        at = digits.find("1", at + 1)
