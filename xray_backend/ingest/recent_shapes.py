"""The shapes that steps of one name had lately: to see that a step has one of them costs less than to make it anew."""

from collections.abc import Callable, Mapping
from typing import Final

from xray_backend.store.metadata_shape import Shape, has_shape, hash_of, shape_of, uncounted

__all__ = ["RecentShapes"]

_SHAPES_OF_A_NAME: Final = 4
"""A step mostly has one shape, or a few for its branches; each more that is tried in vain costs a few comparisons."""

_NAMES: Final = 10_000
"""Ten times what a large project has; then all are forgotten, and learned again."""


class RecentShapes:
    """Finds the shape of metadata. Safe for any number of threads: what is known is replaced, never changed."""

    def __init__(self) -> None:
        self._recent: dict[str, tuple[tuple[str, Shape], ...]] = {}

    def find(
        self, step_name: str, metadata: Mapping[str, object], left_out: Callable[[int], None] = uncounted
    ) -> tuple[str, Shape]:
        """Return the hash of the metadata's shape, and the shape; `left_out` is as that of `shape_of`.

        One that leaves out keys is never recognised, so each time they are counted.
        """
        recent = self._recent.get(step_name, ())
        for known in recent:
            if has_shape(metadata, known[1]):
                return known
        shape = shape_of(metadata, left_out)
        found = (hash_of(shape), shape)
        if len(self._recent) >= _NAMES:
            self._recent = {}
        self._recent[step_name] = (found, *recent)[:_SHAPES_OF_A_NAME]
        return found
