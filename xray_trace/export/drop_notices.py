"""DropNotices: tells the server, with each batch, what this process has lost so far, and what dead ones had."""

import contextlib
from typing import Annotated, NamedTuple

import msgspec

from xray_trace.errors import SpoolError
from xray_trace.export.spool_name import DROPS
from xray_trace.export.storage import StorageAdapter
from xray_trace.stats import Stats

__all__ = ["DropNotice", "DropNotices"]

_MAX_BYTES = 4096  # what the server reads of it


class _Report(msgspec.Struct):
    process: Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{32}\Z")]
    dropped: dict[str, int]


class DropNotice(NamedTuple):
    """What goes with one batch."""

    header: dict[str, str]
    name: str
    """The file that goes once the server was told."""


class DropNotices:
    """What the server was not told lies in a file, for whoever takes over from this process to tell.

    Each notice says all that its process has lost, so that telling it twice adds nothing.
    """

    def __init__(self, storage: StorageAdapter, stats: Stats) -> None:
        self._storage = storage
        self._stats = stats
        self._own = storage.new_name(DROPS)
        self._kept = self._told = b""
        self._inherited: dict[str, bytes] = {}

    def next(self) -> DropNotice:
        """Return what to tell next; what dead processes could not tell any more goes first."""
        name, content = next(iter(self._inherited.items()), (self._own, self._own_content()))
        return DropNotice({"x-xray-stats": content.decode()}, name)

    def told(self, notice: DropNotice) -> None:
        """Know that the server has it."""
        if notice.name == self._own:
            self._told = notice.header["x-xray-stats"].encode()
        elif self._inherited.pop(notice.name, None) is not None:
            with contextlib.suppress(SpoolError):  # it is told once more by the next program then
                self._storage.remove(notice.name)

    def keep(self) -> None:
        """Have what the server was not told yet outlive the process; raises SpoolError where that is not possible."""
        content = b"" if not self._stats.drop_report()[1] else self._own_content()
        wanted = b"" if content == self._told else content
        if wanted == self._kept:
            return
        if wanted:
            self._storage.write(self._own, wanted)
        else:
            self._storage.remove(self._own)
        self._kept = wanted

    def inherit(self, name: str) -> None:
        """Tell what lies under the name, which is ours now; where it cannot be read it is not worth keeping."""
        try:
            report = msgspec.json.decode(self._storage.read(name), type=_Report)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            self._storage.remove(name)
        else:
            self._inherited[name] = _encoded(report)

    def _own_content(self) -> bytes:
        return _encoded(_Report(*self._stats.drop_report()))


def _encoded(report: _Report) -> bytes:
    """Return the header's text; of too many reasons it names those that lost most."""
    reasons = sorted(report.dropped.items(), key=lambda entry: -entry[1])
    while len(text := msgspec.json.encode(_Report(report.process, dict(reasons)))) > _MAX_BYTES:
        reasons.pop()
    return text
