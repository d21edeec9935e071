"""The shapes that steps of one name had lately: to see that a step has one of them costs less than to make it anew."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from xray_backend.store.metadata_shape import Shape, hash_of, shape_of, uncounted

__all__ = ["RecentShapes"]

_SHAPES_OF_A_NAME: Final = 4
"""A step mostly has one shape, or a few for its branches; each more that is tried in vain costs a comparison."""

_NAMES: Final = 10_000
"""Ten times what a large project has; then all are forgotten, and learned again."""


@dataclass(frozen=True)
class _Outline:
    """The keys of an object in their order with the types of their values: all that its shape depends on."""

    keys: tuple[str, ...]
    types: tuple[type, ...]
    inner: "tuple[tuple[str, _Outline], ...]"

    @classmethod
    def of(cls, metadata: Mapping[str, object]) -> "_Outline":
        inner = tuple((key, cls.of(value)) for key, value in metadata.items() if isinstance(value, dict))
        return cls(tuple(metadata), tuple(map(type, metadata.values())), inner)

    def fits(self, metadata: Mapping[str, Any]) -> bool:
        return (
            tuple(metadata) == self.keys
            and tuple(map(type, metadata.values())) == self.types
            and all(outline.fits(metadata[key]) for key, outline in self.inner)
        )


class RecentShapes:
    """Finds the shape of metadata. Safe for any number of threads: what is known is replaced, never changed."""

    def __init__(self) -> None:
        self._recent: dict[str, tuple[tuple[_Outline, str, Shape], ...]] = {}

    def find(
        self, step_name: str, metadata: Mapping[str, object], left_out: Callable[[int], None] = uncounted
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
        self._recent[step_name] = ((_Outline.of(metadata), schema_hash, shape), *recent)[:_SHAPES_OF_A_NAME]
        return schema_hash, shape
