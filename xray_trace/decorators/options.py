"""What the user said of a step or trace, checked once."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal

import msgspec

__all__ = ["MetadataSource", "Snapshot", "StepOptions", "TraceOptions"]

MetadataSource = Mapping[str, object] | Callable[[dict[str, Any], Any], Mapping[str, object]] | None
"""Metadata, or a function of the bound arguments and the result that gives it."""

Snapshot = Literal["auto", "always"]
"""`auto` encodes a very large value in the background; `always` at once, whatever it costs."""


class StepOptions(msgspec.Struct, frozen=True):
    """The arguments of `step`."""

    name: str | None = None
    metadata: MetadataSource = None
    capture_inputs: bool | frozenset[str] = True
    ignore: frozenset[str] = frozenset()
    capture_output: bool = True
    snapshot: Snapshot = "auto"
    pickle: bool | None = None

    @classmethod
    def of(
        cls,
        name: object,
        metadata: MetadataSource,
        capture_inputs: bool | Iterable[str],
        ignore: Iterable[str],
        capture_output: bool,
        snapshot: Snapshot,
        pickle: bool | None,
    ) -> "StepOptions":
        """Check the arguments; one that makes no sense is as if it were not given."""
        return cls(
            name if isinstance(name, str) else None,
            metadata if callable(metadata) or isinstance(metadata, Mapping) else None,
            capture_inputs if isinstance(capture_inputs, bool) else _names(capture_inputs),
            _names(ignore),
            bool(capture_output),
            snapshot,
            pickle,
        )


class TraceOptions(msgspec.Struct, frozen=True):
    """The arguments of `trace`."""

    name: str | None = None
    metadata: Mapping[str, object] | None = None
    sample_rate: float | None = None


def _names(names: Iterable[str]) -> frozenset[str]:
    return frozenset({names}) if isinstance(names, str) else frozenset(names)
