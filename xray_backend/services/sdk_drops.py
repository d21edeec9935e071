"""What the SDK says that it lost, in a header that comes with each batch."""

import re
import threading
from collections import Counter, OrderedDict
from collections.abc import Mapping
from typing import Annotated, Final

import msgspec

from xray_backend.metrics import Metrics

__all__ = ["SdkDrops"]

HEADER_BYTES: Final = 4096
"""Forty reasons of eighty characters; the SDK knows about ten."""

PROCESSES: Final = 10_000
"""Only those that lost something are remembered, a kilobyte each; a large team has fewer of them at work."""

REASONS: Final = 30
"""Three times as many as the SDK knows, so that labels stay few whatever a client sends."""

_OTHER: Final = "other"
_REASON: Final = re.compile(r"[a-z' ]{1,80}")

_Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]


class _Report(msgspec.Struct):
    process: Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{32}\Z")]
    dropped: dict[str, _Count]


_decode: Final = msgspec.json.Decoder(_Report).decode


class SdkDrops:
    """Adds up what processes lost: each says all that it lost so far, and only what is new is counted.

    Safe for any number of threads. A process that was silent while very many others lost something is counted anew.
    """

    def __init__(self, metrics: Metrics, processes: int = PROCESSES) -> None:
        self._metrics = metrics
        self._processes = processes
        self._lock = threading.Lock()
        self._counted: OrderedDict[tuple[str, str], Mapping[str, int]] = OrderedDict()
        self._reasons: set[str] = set()

    def note(self, project_id: str, header: str | None) -> None:
        """Count what is new in a header; one that is missing or malformed is ignored."""
        report = None if header is None else _parsed(header)
        if report is None or not any(report.dropped.values()):
            return
        key = (project_id, report.process)
        with self._lock:
            told = self._told(report.dropped)
            before = self._counted.get(key, {})
            for reason, count in told.items():
                self._metrics.count_sdk_dropped(reason, max(0, count - before.get(reason, 0)))
            self._counted[key] = {reason: max(told[reason], before.get(reason, 0)) for reason in {**told, **before}}
            self._counted.move_to_end(key)
            while len(self._counted) > self._processes:
                self._counted.popitem(last=False)

    def _told(self, dropped: Mapping[str, int]) -> Counter[str]:
        """Return the counts under the few reasons by which they are shown."""
        told = Counter[str]()
        for reason, count in dropped.items():
            if count:
                told[self._shown(reason)] += count
        return told

    def _shown(self, reason: str) -> str:
        if reason in self._reasons:
            return reason
        if len(self._reasons) == REASONS or not _REASON.fullmatch(reason):
            return _OTHER
        self._reasons.add(reason)
        return reason


def _parsed(header: str) -> _Report | None:
    if len(header) > HEADER_BYTES or not header.isascii():
        return None
    try:
        return _decode(header)
    except (msgspec.DecodeError, RecursionError):
        return None
