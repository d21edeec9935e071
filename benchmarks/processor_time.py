"""What a program and the processes that it started have used of the processor, as Linux's `/proc` tells."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

__all__ = ["cpu_seconds", "with_children"]

_CLOCK_TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(process_id: int) -> float:
    """Return what one process has used, all its threads together, to a hundredth of a second."""
    fields = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _CLOCK_TICKS


def with_children(process_id: int) -> Iterator[int]:
    """Yield a process, its children, theirs, and so on."""
    yield process_id
    for task in Path(f"/proc/{process_id}/task").iterdir():
        for child in _children(task):
            yield from with_children(child)


def _children(task: Path) -> list[int]:
    with suppress(FileNotFoundError, ProcessLookupError):  # a thread may have ended since it was listed
        return [int(child) for child in (task / "children").read_text().split()]
    return []
