"""The merged shape of one step name, as its row holds it."""

from collections.abc import Mapping
from typing import Final

import msgspec

from xray_backend.store.metadata_shape import Shape, merge_into

__all__ = ["MergedShape"]

_LARGEST_CHARACTERS: Final = 64 * 1024
"""Some hundred times what people write. To read, add to and write one of this size takes about a millisecond, in which
nobody else writes; one that is larger is not kept, but merged anew at each reading."""


class MergedShape:
    """Grows by one shape after the other; `step` and `finalize` make it an aggregate function of SQLite."""

    def __init__(self, kept: str | None = "{}") -> None:
        self._shape: Shape | None = None if kept is None else msgspec.json.decode(kept)

    def add(self, shape: Mapping[str, object]) -> None:
        """Let it tell of one more shape."""
        if self._shape is not None:
            merge_into(self._shape, shape)

    def step(self, shape: str) -> None:
        """Add an encoded one."""
        self.add(msgspec.json.decode(shape))

    def finalize(self) -> str | None:
        """Return what is to be kept; None, for good, if it became too large."""
        if self._shape is None:
            return None
        text = msgspec.json.encode(self._shape).decode()
        return text if len(text) <= _LARGEST_CHARACTERS else None
