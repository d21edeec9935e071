"""Chunks: some neighbouring values of one path and kind in one block, each with the positions that hold it."""

from array import array
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, TypeAlias

import msgspec

from xray_backend.store.sqlite.index.bits import all_bits, bitmap_bytes, bits_of, from_bitmap, numbers, to_bitmap

__all__ = ["Chunk", "Key", "make_chunks"]

Key: TypeAlias = int | float | str

_MOST_VALUES = 512
"""Decoding these takes some 15 microseconds; a look-up decodes one chunk."""

_MOST_BYTES = 8 * 1024
"""Of postings and text together: a few pages of the database."""

_POSITION_BYTES = 2  # a block has 65,536 positions at most


class _Payload(msgspec.Struct, array_like=True, frozen=True):
    values: msgspec.Raw
    counts: bytes
    """How many positions each value has, less one, two bytes each."""
    postings: bytes
    """One after the other, each in the form that `_form_bytes` tells."""


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Payload).decode
_decode_values = msgspec.msgpack.Decoder(list[Any]).decode


class Chunk:
    """A chunk that was read."""

    def __init__(self, payload: bytes, size: int) -> None:
        found = _decode(payload)
        self._raw_values = found.values
        self._postings = found.postings
        self._counts = numbers("H", found.counts)
        self._size = size
        self._values: list[Key] | None = None
        self._ends: list[int] | None = None

    def __len__(self) -> int:
        return len(self._counts)

    @property
    def values(self) -> list[Key]:
        """The values, ascending."""
        if self._values is None:
            self._values = _decode_values(self._raw_values)
        return self._values

    def find(self, value: Key) -> int:
        """Return the positions of a value, as a set."""
        at = bisect_left(self.values, value)
        if at == len(self) or self.values[at] != value:
            return 0
        listed: array[int] = array("H")
        return self.collect(at, at + 1, listed) | bits_of(listed, self._size)

    def bits(self, index: int) -> int:
        """Return the positions of the value with this index, as a set; for one of many values that are gone through."""
        return self._set(self._postings[self._start(index) : self._start(index + 1)])

    def collect(self, first: int, end: int, listed: "array[int]") -> int:
        """Gather the positions of the values from an index to before another.

        Those that are kept as lists are added to `listed`, so that many chunks become a set at once; the set of the
        others is returned.
        """
        if self._all_listed:
            listed.frombytes(self._postings[self._listed_before(first) : self._listed_before(end)])
            return 0
        found = 0
        for index in range(first, end):
            posting = self._postings[self._start(index) : self._start(index + 1)]
            if posting and len(posting) < bitmap_bytes(self._size):
                listed.frombytes(posting)
            else:
                found |= self._set(posting)
        return found

    def _set(self, posting: bytes) -> int:
        if not posting:
            return all_bits(self._size)
        if len(posting) == bitmap_bytes(self._size):
            return from_bitmap(posting)
        listed: array[int] = array("H")
        listed.frombytes(posting)
        return bits_of(listed, self._size)

    @cached_property
    def _all_listed(self) -> bool:
        return _POSITION_BYTES * (max(self._counts) + 1) < bitmap_bytes(self._size)

    def _listed_before(self, index: int) -> int:
        """Return where the posting of an index begins, if all are lists; most chunks of many values are so."""
        return _POSITION_BYTES * (sum(self._counts[:index]) + index)

    def _start(self, index: int) -> int:
        """Return where the posting of an index begins; of the index after the last, where all end."""
        if self._ends is None:
            at, self._ends = 0, [0]
            for count in self._counts:
                at += _form_bytes(count + 1, self._size)
                self._ends.append(at)
        return self._ends[index]


def make_chunks(postings: Mapping[Key, Sequence[int]], size: int) -> Iterator[tuple[Key, bytes]]:
    """Yield each chunk with its first value, ascending; all keys are of one kind, each position is below the size."""
    values: list[Key] = []
    encoded: list[bytes] = []
    bytes_left = _MOST_BYTES
    for value in sorted(postings):
        posting = _encoded(postings[value], size)
        values.append(value)
        encoded.append(posting)
        bytes_left -= len(posting) + (len(value) if isinstance(value, str) else 0)
        if len(values) == _MOST_VALUES or bytes_left < 0:
            yield values[0], _payload(values, encoded, postings)
            values, encoded, bytes_left = [], [], _MOST_BYTES
    if values:
        yield values[0], _payload(values, encoded, postings)


def _payload(values: list[Key], encoded: list[bytes], postings: Mapping[Key, Sequence[int]]) -> bytes:
    counts = array("H", [len(postings[value]) - 1 for value in values])
    return _encode(_Payload(msgspec.Raw(_encode(values)), counts.tobytes(), b"".join(encoded)))


def _form_bytes(count: int, size: int) -> int:
    """Return how long a posting is: none where all hold the value, a bitmap, or a list where that is shorter."""
    if count == size:
        return 0
    return min(_POSITION_BYTES * count, bitmap_bytes(size))


def _encoded(positions: Sequence[int], size: int) -> bytes:
    length = _form_bytes(len(positions), size)
    if length == 0:
        return b""
    if length == bitmap_bytes(size):
        return to_bitmap(bits_of(positions, size), size)
    return array("H", positions).tobytes()
