"""The shapes that steps of one name had lately: to see that a step has one of them costs less than to make it anew."""

from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any, Final

from xray_backend.store.metadata_shape import Shape, hash_of, shape_of, uncounted

__all__ = ["RecentShapes"]

_SHAPES_OF_A_NAME: Final = 4
"""A step mostly has one shape, or a few for its branches; each more that is tried in vain costs a comparison."""

_NAMES: Final = 10_000
"""Ten times what a large project has; then all are forgotten, and learned again."""


class _Outline:
    """The keys of each object in metadata, in their order, with the types of their values: all that makes its shape."""

    def __init__(self, metadata: dict[str, Any]) -> None:
        self._inner: list[tuple[int, str]] = []
        """Each object within: the number of its holder, and its key there."""
        objects: list[dict[str, Any]] = [metadata]
        for number, holder in enumerate(objects):
            for key, value in holder.items():
                if isinstance(value, dict):
                    self._inner.append((number, key))
                    objects.append(value)
        self._sizes = [*map(len, objects)]
        self._keys = [*chain.from_iterable(objects)]
        self._types = _types(objects)

    def fits(self, metadata: dict[str, Any]) -> bool:
        """Compare all objects at once: three lists, which C code makes and compares."""
        objects = [metadata]
        try:
            for number, key in self._inner:
                objects.append(objects[number][key])
            return (
                [*map(len, objects)] == self._sizes
                and [*chain.from_iterable(objects)] == self._keys
                and _types(objects) == self._types
            )
        except (KeyError, TypeError):  # it has no such key, or something else than an object there
            return False


def _types(objects: Sequence[dict[str, Any]]) -> list[type]:
    return [*map(type, chain.from_iterable(map(dict.values, objects)))]


class RecentShapes:
    """Finds the shape of metadata. Safe for any number of threads: what is known is replaced, never changed."""

    def __init__(self) -> None:
        self._recent: dict[str, tuple[tuple[_Outline, str, Shape], ...]] = {}

    def find(
        self, step_name: str, metadata: dict[str, Any], left_out: Callable[[int], None] = uncounted
    ) -> tuple[str, Shape]:
        """Return the hash of the metadata's shape, and the shape; `left_out` is as that of `shape_of`.

        One that leaves out keys is never remembered, so each time they are counted.
        """
        recent = self._recent.get(step_name, ())
        for outline, schema_hash, shape in recent:
            if outline.fits(metadata):
                return schema_hash, shape
        missing: list[int] = []
        shape = shape_of(metadata, missing.append)
        schema_hash = hash_of(shape)
        if missing:
            left_out(sum(missing))
            return schema_hash, shape
        if len(self._recent) >= _NAMES:
            self._recent = {}
        self._recent[step_name] = ((_Outline(metadata), schema_hash, shape), *recent)[:_SHAPES_OF_A_NAME]
        return schema_hash, shape
