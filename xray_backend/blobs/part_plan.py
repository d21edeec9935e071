"""How a large value is cut into parts, the same on every store."""

import msgspec

__all__ = ["PartPlan", "plan_parts"]

_MIB = 1024 * 1024
PART_BYTES = 8 * _MIB  # S3 asks for 5 MiB; a part of 8 comes in under a second on most lines, and is soon sent again
MAX_PARTS = 10_000  # S3's number


class PartPlan(msgspec.Struct, frozen=True):
    """Parts of one size, the last one of the rest; they are numbered from 1."""

    size_bytes: int
    part_size_bytes: int

    @property
    def count(self) -> int:
        """Tell how many parts there are."""
        return -(-self.size_bytes // self.part_size_bytes)

    def offset(self, part_number: int) -> int:
        """Tell where a part begins."""
        return (part_number - 1) * self.part_size_bytes

    def length(self, part_number: int) -> int:
        """Tell how many bytes a part has."""
        return min(self.part_size_bytes, self.size_bytes - self.offset(part_number))


def plan_parts(size_bytes: int) -> PartPlan:
    """Cut a value; the parts of one that is very large are larger, so that they do not become too many."""
    least = -(-size_bytes // MAX_PARTS)
    return PartPlan(size_bytes, max(PART_BYTES, -(-least // _MIB) * _MIB))
