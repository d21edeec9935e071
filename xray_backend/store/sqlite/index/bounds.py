"""Two sets that hold a third between them: the positions that match for sure, and those that may match."""

from typing import NamedTuple

__all__ = ["Bounds", "exactly", "perhaps"]


class Bounds(NamedTuple):
    """All that is in `sure` matches, nothing outside `maybe` does; what is between must be looked at."""

    sure: int
    maybe: int

    def __and__(self, other: "Bounds") -> "Bounds":
        return Bounds(self.sure & other.sure, self.maybe & other.maybe)

    def __or__(self, other: "Bounds") -> "Bounds":
        return Bounds(self.sure | other.sure, self.maybe | other.maybe)

    def inverted(self, every: int) -> "Bounds":
        """Return what does not match, of all positions."""
        return Bounds(every & ~self.maybe, every & ~self.sure)

    def unsure_of(self, positions: int) -> "Bounds":
        """Return the same, but of these positions nothing is known."""
        return Bounds(self.sure & ~positions, self.maybe | positions)


def exactly(positions: int) -> Bounds:
    """Return the bounds of a set that is known."""
    return Bounds(positions, positions)


def perhaps(positions: int) -> Bounds:
    """Return the bounds of which only this is known, that nothing else matches."""
    return Bounds(0, positions)
