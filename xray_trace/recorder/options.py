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
    always: bool = False
    """Whether values are encoded at once, whatever it costs: `snapshot="always"`."""
    pickle: bool | None = None
    """Whether a pickle is kept beside what can only be described; None: as the settings say."""

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
            _names(capture_inputs) if isinstance(capture_inputs, Iterable) else capture_inputs is not False,
            _names(ignore),
            capture_output is not False,
            snapshot == "always",
            pickle if isinstance(pickle, bool) else None,
        )


class TraceOptions(msgspec.Struct, frozen=True):
    """The arguments of `trace`."""

    name: str | None = None
    metadata: Mapping[str, object] | None = None
    sample_rate: float | None = None


def _names(names: object) -> frozenset[str]:
    if isinstance(names, str):
        return frozenset({names})
    return frozenset(name for name in names if isinstance(name, str)) if isinstance(names, Iterable) else frozenset()
